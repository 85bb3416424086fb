"""What a network sees of its controls: pitch and descriptors even, each given those before it; the latent as it is."""

import numpy as np
import torch

from neurorack.learn.networks.decoder import BEFORE_LATENT, whitening


class Standard(torch.nn.Module):
    """Controls [..., 6 + latent] → the same shape. The first column remains the pitch's alone."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(BEFORE_LATENT + latent))
        self.register_buffer("whiten", torch.eye(BEFORE_LATENT + latent))

    def take(self, pitch_oct: np.ndarray, descriptors: np.ndarray) -> None:
        """From frames of data."""
        centre, whiten = whitening(pitch_oct, descriptors)
        n = len(centre)
        self.centre[:n], self.whiten[:n, :n] = torch.from_numpy(centre), torch.from_numpy(whiten)

    def forward(self, controls: torch.Tensor) -> torch.Tensor:
        return (controls - self.centre) @ self.whiten
