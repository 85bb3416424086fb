"""The room a recording was made in: learnt beside the instrument, dropped at export, so that what ships is dry.

Early and late reflections as noise that decays, one level and one decay per band: enough to take the smear of a room
off the decoder's hands, too little to colour a dry sound.
"""

import numpy as np
import torch

from neurorack.engine.bands import noise_shape
from neurorack.words import BANDS, SAMPLE_RATE_HZ

LENGTH = SAMPLE_RATE_HZ // 5
"""0.2 s: what a clip of 0.256 s can show."""


class Room(torch.nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        noise = np.random.default_rng(seed).standard_normal(LENGTH)
        spectrum = np.fft.rfft(noise, 2 * LENGTH)
        f_hz = np.fft.rfftfreq(2 * LENGTH, 1 / SAMPLE_RATE_HZ)
        bands = np.fft.irfft(spectrum * noise_shape(f_hz), 2 * LENGTH)[:, :LENGTH]
        bands /= np.sqrt((bands**2).sum(axis=1, keepdims=True))
        self.register_buffer("bands", torch.from_numpy(bands.astype(np.float32)), persistent=False)
        self.register_buffer("time_s", torch.arange(LENGTH) / SAMPLE_RATE_HZ, persistent=False)
        self.level_bel = torch.nn.Parameter(torch.full((BANDS,), -4.0))
        self.decay_log = torch.nn.Parameter(torch.full((BANDS,), float(np.log(0.05))))

    def forward(self, dry: torch.Tensor) -> torch.Tensor:
        """[batch, samples] → the same with its reflections."""
        size = dry.shape[1] + LENGTH
        tail = torch.exp(-self.time_s / self.decay_log.exp().clamp(0.005, 2.0)[:, None])
        level = 10 ** (self.level_bel.clamp(max=0.0) / 2)
        response = (level[:, None] * tail * self.bands).sum(0)
        wet = torch.fft.irfft(torch.fft.rfft(dry, size) * torch.fft.rfft(response, size), size)
        return dry + wet[:, : dry.shape[1]]

    def energy(self) -> torch.Tensor:
        """Of its reflections, relative to the dry sound []."""
        tail = torch.exp(-self.time_s / self.decay_log.exp().clamp(0.005, 2.0)[:, None])
        return (10 ** self.level_bel.clamp(max=0.0) * (tail * self.bands).square().sum(1)).sum()
