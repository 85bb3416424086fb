"""What a descriptor does not say: features of a sound → a small latent, for gestures and for transfer.

A latent frame sees AHEAD feature frames beyond its own (5.3 ms each) and BEHIND before it, so it can be had from a
live input. It is drawn from a normal distribution while it learns, and what that costs against N(0, 1) bounds it
(Kingma & Welling 2014): what the descriptors already say is not worth saying twice.
"""

from collections.abc import Sequence

import torch

from neurorack.ears.features import FEATURE_HOP, FEATURES
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.trim.groups import Groups, Probe, Widths, conv
from neurorack.words import SAMPLE_RATE_HZ

WIDTH = 128
"""Of both hidden layers."""

REACH = 4.0
"""Bound of a latent, which it nears softly: four standard deviations."""


class Encoder(torch.nn.Module):
    """[batch, frames, FEATURES] → mean and log variance [batch, frames, latent]; the ends lean on zeros. `width` is of
    both hidden layers, or of each."""

    frames_per_s = SAMPLE_RATE_HZ / FEATURE_HOP

    def __init__(self, latent: int = 8, width: int | Sequence[int] = WIDTH) -> None:
        super().__init__()
        first, second = (width, width) if isinstance(width, int) else width
        self.latent, self.widths = latent, {"layer0": first, "layer1": second}
        self.layers = torch.nn.ModuleList(
            [
                torch.nn.Conv1d(FEATURES, first, BEHIND + AHEAD + 1),
                torch.nn.Conv1d(first, second, 1),
                torch.nn.Conv1d(second, 2 * latent, 1),
            ]
        )
        self.probes = torch.nn.ModuleList(Probe(group, 1) for group in self.widths)
        with torch.no_grad():
            self.layers[2].bias[latent:] = -2.0

    def frame(self, glances: torch.Tensor) -> torch.Tensor:
        """Means [rows, latent] of single frames [rows, BEHIND + 1 + AHEAD, FEATURES]."""
        return self._read(glances.transpose(1, 2))[0][:, 0]

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._read(torch.nn.functional.pad(features.transpose(1, 2), (BEHIND, AHEAD)))

    def _read(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for layer, probe in zip(self.layers[:2], self.probes, strict=True):
            x = probe(torch.nn.functional.elu(layer(x)))
        x = self.layers[2](x).transpose(1, 2)
        mean, log_variance = x[..., : self.latent], x[..., self.latent :].clamp(-8.0, 2.0)
        return REACH * torch.tanh(mean / REACH), log_variance

    def groups(self) -> Groups:
        axes = conv("layers.0", ("layer0",), (FEATURES,), BEHIND + AHEAD + 1)
        axes |= conv("layers.1", ("layer1",), ("layer0",), 1) | conv("layers.2", (2 * self.latent,), ("layer1",), 1)
        return Groups(self.widths, axes)

    def resized(self, widths: Widths) -> "Encoder":
        return Encoder(self.latent, [widths[group] for group in self.widths])

    def rates(self) -> dict[str, float]:
        """Only the means are worked out once it is trained: half of the last layer."""
        often = {f"layers.{i}.weight": self.frames_per_s for i in range(2)}
        return often | {"layers.2.weight": self.frames_per_s / 2}

    def other_macs_per_s(self) -> float:
        return 0.0

    def example(self, frames: int) -> tuple[torch.Tensor, ...]:
        return (torch.randn(1, frames, FEATURES),)
