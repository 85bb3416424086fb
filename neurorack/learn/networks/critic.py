"""The critic: tells real clips from swapped ones by what an encoder is shown of them, so that the decoder does not
answer the knobs with a hiss or a whistle that only estimates of descriptors would ask for."""

import torch

from neurorack.ears.features import FEATURES


class Critic(torch.nn.Module):
    """Features [n, frames, FEATURES] → a verdict per frame; least squares (Mao et al. 2017)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(FEATURES, width, 5),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv1d(width, width, 5),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv1d(width, 1, 1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features.transpose(1, 2))

    def error(self, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """What the critic makes small []."""
        return ((self(real) - 1.0) ** 2).mean() + (self(made) ** 2).mean()

    def doubt(self, made: torch.Tensor) -> torch.Tensor:
        """What the decoder makes small [], the critic's own weights held."""
        frozen = {name: value.detach() for name, value in self.named_parameters()}
        return ((torch.func.functional_call(self, frozen, (made,)) - 1.0) ** 2).mean()
