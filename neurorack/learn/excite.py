"""Elements of the excitation for whole batches of steady clips, already cut into bands: training's side of
`engine.excitation` and `bank`, equal to them to float32 but for where the phase starts."""

import numpy as np
import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS, schroeder_phases
from neurorack.learn import bank
from neurorack.words import HOP, SAMPLE_RATE_HZ

_POOL_S = 8
_LEAD = 256  # the bank's memory


class Elements:
    """Makes elements [batch, hops, HOP, ELEMENTS] for clips of `hops` at constant pitches."""

    def __init__(self, hops: int, seed: int = 0) -> None:
        self.hops, self.samples = hops, hops * HOP
        self._length = self.samples + _LEAD
        response = np.fft.rfft(bank.responses(), self._length)
        self._response = torch.from_numpy(response.astype(np.complex64))
        noise = np.random.default_rng(seed).standard_normal(_POOL_S * SAMPLE_RATE_HZ)
        bands = np.fft.irfft(np.fft.rfft(noise) * np.fft.rfft(bank.responses(), len(noise)), len(noise))
        self._pool = torch.from_numpy(np.ascontiguousarray(bands.T).astype(np.float32))  # [samples, BANDS]
        self._numbers = torch.arange(1, HARMONICS + 1, dtype=torch.float32)
        self._theta = torch.from_numpy(schroeder_phases(HARMONICS).astype(np.float32))

    def make(self, f0_hz: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """`f0_hz` [batch]; phases and noise are drawn from `random`."""
        batch = len(f0_hz)
        out = torch.empty(batch, self.samples, bank.ELEMENTS)
        n = np.arange(-_LEAD, self.samples)
        phase = np.mod(random.random(batch)[:, None] + f0_hz[:, None] / SAMPLE_RATE_HZ * n, 1.0)
        turns = torch.from_numpy(phase[:, _LEAD:, None].astype(np.float32)) * self._numbers
        turns += self._theta
        turns *= 2 * np.pi
        weights = torch.from_numpy(np.clip(F_TOP_HZ / f0_hz[:, None] - np.arange(HARMONICS), 0, 1).astype(np.float32))
        torch.mul(torch.cos_(turns), weights[:, None], out=out[..., :HARMONICS])
        low = np.nonzero(F_TOP_HZ / f0_hz > HARMONICS)[0]
        middle = out[..., HARMONICS : HARMONICS + bank.BANDS]
        middle.zero_()
        if len(low):
            pulses = np.stack([pulse(phase[i], f0_hz[i]) for i in low])
            spectrum = torch.fft.rfft(torch.from_numpy(pulses.astype(np.float32)))
            bands = torch.fft.irfft(spectrum[:, None] * self._response, self._length)[..., _LEAD:]
            middle[torch.from_numpy(low)] = bands.transpose(1, 2)
        for row, begin in enumerate(random.integers(0, len(self._pool) - self.samples, batch)):
            out[row, :, HARMONICS + bank.BANDS :] = self._pool[begin : begin + self.samples]
        return out.view(batch, self.hops, HOP, bank.ELEMENTS)


def pulse(phase: np.ndarray, f_hz: float) -> np.ndarray:
    """The band-limited pulse above the H-th harmonic, at phases in cycles [n] (see `engine.excitation`)."""
    r = F_TOP_HZ / f_hz
    whole = np.floor(r)
    angle = np.pi * np.maximum(np.abs(phase - np.rint(phase)), 1e-9)
    lower, upper, first = (np.sin((2 * k + 1) * angle) for k in (whole, whole + 1, HARMONICS))
    kernel: np.ndarray = (lower + (r - whole) * (upper - lower) - first) / (2 * np.sin(angle))
    return 2.0 * np.sqrt(f_hz / SAMPLE_RATE_HZ) * kernel
