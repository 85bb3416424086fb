"""The adversary: reads pitch and descriptors from the latent, so that the encoder learns to leave them out.

It guesses, frame by frame, into which of 16 equally filled classes each value falls (Devis et al. 2023). The encoder
is rewarded for its doubt, not for its error: doubt ends where all classes are equally likely, error would grow without
bound and teach the encoder to deceive rather than to leave out.
"""

import math

import numpy as np
import torch

from neurorack.words import KNOBS

CLASSES = 16


class Adversary(torch.nn.Module):
    def __init__(self, latent: int, width: int = 96) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(latent, width),
            torch.nn.ELU(),
            torch.nn.Linear(width, width),
            torch.nn.ELU(),
            torch.nn.Linear(width, len(KNOBS) * CLASSES),
        )
        self.register_buffer("edges", torch.zeros(len(KNOBS), CLASSES - 1))

    def fill_equally(self, values: np.ndarray) -> None:
        """Class edges from frames of data [rows, 6]: pitch and descriptors."""
        edges = np.quantile(values, np.arange(1, CLASSES) / CLASSES, axis=0).T
        self.edges.copy_(torch.from_numpy(edges.astype(np.float32)))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """[rows, latent] → log probabilities [rows, 6, CLASSES]."""
        return torch.log_softmax(self.layers(latent).unflatten(-1, (len(KNOBS), CLASSES)), -1)

    def error(self, latent: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Cross-entropy [] in units of pure guessing, of `values` [rows, 6]: what the adversary makes small."""
        truth = (values[..., None] > self.edges).sum(-1)
        chosen = self(latent).gather(-1, truth[..., None])
        return -chosen.mean() / math.log(CLASSES)

    def certainty(self, latent: torch.Tensor) -> torch.Tensor:
        """1 − entropy in units of pure guessing [], 0…1, the adversary's own weights held: what the encoder makes
        small."""
        frozen = {name: value.detach() for name, value in (*self.named_parameters(), *self.named_buffers())}
        logs = torch.func.functional_call(self, frozen, (latent,))
        return 1.0 + (logs.exp() * logs).sum(-1).mean() / math.log(CLASSES)
