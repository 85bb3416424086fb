"""What a descriptor does not say: features of a sound → a small latent, for gestures and for transfer.

A latent frame sees AHEAD feature frames beyond its own (5.3 ms each) and BEHIND before it, so it can be had from a
live input. It is drawn from a normal distribution while it learns, and what that costs against N(0, 1) bounds it
(Kingma & Welling 2014): what the descriptors already say is not worth saying twice.
"""

import torch

from neurorack.ears.features import FEATURES
from neurorack.ears.latent import AHEAD, BEHIND

REACH = 4.0
"""Bound of a latent, which it nears softly: four standard deviations."""


class Encoder(torch.nn.Module):
    """[batch, frames, FEATURES] → mean and log variance [batch, frames, latent]; the ends lean on zeros."""

    def __init__(self, latent: int = 8, width: int = 128) -> None:
        super().__init__()
        self.latent = latent
        self.layers = torch.nn.ModuleList(
            [
                torch.nn.Conv1d(FEATURES, width, BEHIND + AHEAD + 1),
                torch.nn.Conv1d(width, width, 1),
                torch.nn.Conv1d(width, 2 * latent, 1),
            ]
        )
        with torch.no_grad():
            self.layers[2].bias[latent:] = -2.0

    def frame(self, glances: torch.Tensor) -> torch.Tensor:
        """Means [rows, latent] of single frames [rows, BEHIND + 1 + AHEAD, FEATURES]."""
        return self._read(glances.transpose(1, 2))[0][:, 0]

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._read(torch.nn.functional.pad(features.transpose(1, 2), (BEHIND, AHEAD)))

    def _read(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for layer in self.layers[:2]:
            x = torch.nn.functional.elu(layer(x))
        x = self.layers[2](x).transpose(1, 2)
        mean, log_variance = x[..., : self.latent], x[..., self.latent :].clamp(-8.0, 2.0)
        return REACH * torch.tanh(mean / REACH), log_variance
