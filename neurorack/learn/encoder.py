"""What a descriptor does not say: log-mel frames → a small latent, for gestures. Never runs in the module."""

import torch

from neurorack.learn.decoder import LATENT
from neurorack.learn.levels import MEL_BANDS

REACH = 4
"""Frames to each side that a latent frame sees."""


class Encoder(torch.nn.Module):
    """[batch, frames, MEL_BANDS] → [batch, frames, LATENT] within ±2. The outer `REACH` frames lean on zeros."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(MEL_BANDS, width, 5, padding=2),
            torch.nn.ELU(),
            torch.nn.Conv1d(width, width, 5, padding=2),
            torch.nn.ELU(),
            torch.nn.Conv1d(width, LATENT, 1),
        )

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return 2.0 * torch.tanh(0.5 * self.layers(log_mel.transpose(1, 2)).transpose(1, 2))
