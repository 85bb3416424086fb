"""The teller: says what a frame's spectrum looks like from its pitch, its descriptors and its latent, so that the
encoder learns to put into the latent what the others leave open. It learns beside them, and nothing of it ships."""

import torch

from neurorack.ears.features import FEATURES
from neurorack.words import KNOBS


class Teller(torch.nn.Module):
    def __init__(self, latent: int, width: int = 128) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(len(KNOBS) + latent, width),
            torch.nn.ELU(),
            torch.nn.Linear(width, width),
            torch.nn.ELU(),
            torch.nn.Linear(width, FEATURES),
        )

    def missed(self, latent: torch.Tensor, known: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Share of the variance of `features` [rows, FEATURES] that it misses [], from `latent` [rows, latent] and
        `known` [rows, 6], which are standardised."""
        said = self.layers(torch.cat([known, latent], -1))
        spread = features.var(0).mean()
        missed: torch.Tensor = ((said - features) ** 2).mean() / (spread + 1e-6)
        return missed
