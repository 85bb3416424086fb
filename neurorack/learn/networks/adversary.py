"""The adversary: reads pitch and descriptors from the latent, so that the encoder learns to leave them out.

A reader that learns beside the encoder is always late: what it has not found yet stays, and an encoder that turns about
deceives it. This one is at its best at every step: the least-squares reader of the latent itself and of random cosines
of it (Rahimi & Recht 2007), solved in closed form over frames of many sounds. The encoder is made to lessen the share
of variance that it explains, R²: bounded by 0 and 1, and lessened only by telling less.
"""

import math

import numpy as np
import torch

from neurorack.words import KNOBS

COSINES = 96
_SPEEDS = (0.4, 1.0)
"""Deviation of the cosines' frequencies, in radians for a deviation of the latent, from the slowest to the fastest."""
_RIDGE = 1e-3
_LEAST = 1e-3
_FARTHEST = 3.0
"""Deviations from the mean that a value counts for: a few strange frames must not decide."""


class Adversary(torch.nn.Module):
    """Has no weights: what it knows is in the frames it is shown."""

    def __init__(self, latent: int, seed: int = 0) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        constants = {
            "speeds": random.standard_normal((latent, COSINES)) * np.linspace(*_SPEEDS, COSINES),
            "turns": random.uniform(0, 2 * np.pi, COSINES),
            "centre": np.zeros(len(KNOBS)),
            "spread": np.ones(len(KNOBS)),
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))

    def standardise(self, values: np.ndarray) -> None:
        """From frames of data [rows, 6]: pitch and descriptors."""
        self.centre.copy_(torch.from_numpy(values.mean(axis=0).astype(np.float32)))
        self.spread.copy_(torch.from_numpy(values.std(axis=0).astype(np.float32)))

    def standard(self, values: torch.Tensor) -> torch.Tensor:
        """Values [rows, 6] in deviations from their means."""
        return ((values - self.centre) / self.spread).clamp(-_FARTHEST, _FARTHEST)

    def told(self, latent: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Share of variance [6], 0…1, that `latent` [rows, latent] explains of `values` [rows, 6]. Of latents that tell
        nothing it says some 100 / rows: so much a reader with 100 features finds in chance."""
        known = self.standard(values).double()
        heard = (latent - latent.mean(0)) / (latent.std(0) + _LEAST)  # nothing is won by a latent that only grows
        cosines = torch.cos(heard @ self.speeds + self.turns) * math.sqrt(2.0)
        shown = torch.cat([heard, cosines], -1).double()
        known, shown = known - known.mean(0), shown - shown.mean(0)
        ridge = _RIDGE * torch.eye(shown.shape[1], dtype=shown.dtype, device=shown.device)
        within = shown.T @ shown / len(shown) + ridge
        across = shown.T @ known / len(shown)
        explained = (across * torch.linalg.solve(within, across)).sum(0)
        return (explained / (known**2).mean(0).clamp(min=1e-6)).clamp(0.0, 1.0).float()
