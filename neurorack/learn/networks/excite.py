"""Elements of the excitation for whole batches of clips, already cut into bands: training's side of
`engine.excitation` and `bank`, equal to them to float32 but for where the phase starts."""

import numpy as np
import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS, schroeder_phases
from neurorack.engine.modes import FADE
from neurorack.learn.corpus import MODES
from neurorack.learn.networks import bank
from neurorack.words import HOP, SAMPLE_RATE_HZ

_POOL_S = 8
_LEAD = 256  # the bank's memory


class Elements:
    """Makes elements [batch, hops, HOP, elements] for clips of `hops`."""

    def __init__(self, hops: int, seed: int = 0, device: str = "cpu") -> None:
        self.hops, self.samples, self._device = hops, hops * HOP, device
        self._length = self.samples + _LEAD
        response = np.fft.rfft(bank.responses(), self._length)
        self._response = torch.from_numpy(response.astype(np.complex64)).to(device)
        noise = np.random.default_rng(seed).standard_normal(_POOL_S * SAMPLE_RATE_HZ)
        bands = np.fft.irfft(np.fft.rfft(noise) * np.fft.rfft(bank.responses(), len(noise)), len(noise))
        self._pool = torch.from_numpy(np.ascontiguousarray(bands.T).astype(np.float32)).to(device)  # [samples, BANDS]

    def harmonic(self, f0_hz: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """`f0_hz` [batch, hops]: pitch at each hop's end; phases and noise are drawn from `random`."""
        f_hz, phase = self._phase(f0_hz, random.random(len(f0_hz)))
        out = torch.empty(len(f0_hz), self.samples, HARMONICS + 2 * bank.BANDS, device=self._device)
        turns = self._device_array(phase[:, _LEAD:, None]) * torch.arange(1.0, HARMONICS + 1, device=self._device)
        turns += self._device_array(schroeder_phases(HARMONICS))
        turns *= 2 * np.pi
        torch.cos_(turns)
        r = F_TOP_HZ / f_hz
        if r.min() < HARMONICS:
            reach = self._device_array(r[:, _LEAD:, None]) - torch.arange(0.0, HARMONICS, device=self._device)
            turns *= reach.clamp_(0.0, 1.0)
        out[..., :HARMONICS] = turns
        middle = out[..., HARMONICS : HARMONICS + bank.BANDS]
        middle.zero_()
        low = np.nonzero(r.max(axis=1) > HARMONICS)[0]
        if len(low):
            spectrum = torch.fft.rfft(self._device_array(pulse(phase[low], f_hz[low])))
            bands = torch.fft.irfft(spectrum[:, None] * self._response, self._length)[..., _LEAD:]
            middle[torch.from_numpy(low).to(self._device)] = bands.transpose(1, 2)
        return self._with_noise(out, random)

    def modal(
        self, f0_hz: np.ndarray, octaves: np.ndarray, start: np.ndarray, random: np.random.Generator
    ) -> torch.Tensor:
        """`octaves` [batch, MODES] of the modes above `f0_hz` [batch, hops]; `start` [batch] is the sample of the
        strike in the clip, before which the modes are silent (a clip that begins later than its strike has it below
        0, where the pitch counts as standing)."""
        f_hz, phase = self._phase(f0_hz, np.zeros(len(f0_hz)), wrapped=False)
        cycles = phase[:, _LEAD:] - (phase[:, _LEAD] - f_hz[:, _LEAD] / SAMPLE_RATE_HZ)[:, None]
        at = np.clip(start, 0, self.samples - 1)
        struck = np.take_along_axis(cycles, at[:, None], axis=1)
        since = cycles - struck + (np.maximum(-start, 0) * f_hz[:, _LEAD] / SAMPLE_RATE_HZ)[:, None]
        ratio = np.exp2(octaves)[:, None, :]
        out = torch.empty(len(f0_hz), self.samples, MODES + 2 * bank.BANDS, device=self._device)
        turns = self._device_array(np.mod(since[:, :, None] * ratio, 1.0))
        fade = np.clip((1.0 - f_hz[:, _LEAD::HOP, None] * ratio / F_TOP_HZ) / FADE, 0.0, 1.0)
        weights = np.repeat(fade, HOP, axis=1) * (np.arange(self.samples) >= start[:, None])[:, :, None]
        out[..., :MODES] = torch.sin(turns * (2 * np.pi)) * self._device_array(weights)
        out[..., MODES : MODES + bank.BANDS] = 0.0
        return self._with_noise(out, random)

    def _phase(self, f0_hz: np.ndarray, begin: np.ndarray, *, wrapped: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Frequency and phase in cycles, both [batch, _LEAD + samples]; pitch glides within a hop."""
        ends = np.concatenate([f0_hz[:, :1], f0_hz], axis=1).astype(np.float64)
        at = np.arange(1, self.samples + 1) / HOP
        hop = np.minimum(np.ceil(at).astype(int) - 1, f0_hz.shape[1] - 1)
        glide = ends[:, hop] + (ends[:, hop + 1] - ends[:, hop]) * (at - hop)
        f_hz = np.concatenate([np.repeat(f0_hz[:, :1], _LEAD, axis=1), glide], axis=1)
        phase = begin[:, None] + np.cumsum(f_hz / SAMPLE_RATE_HZ, axis=1)
        return f_hz, np.mod(phase, 1.0) if wrapped else phase

    def _with_noise(self, out: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        for row, begin in enumerate(random.integers(0, len(self._pool) - self.samples, len(out))):
            out[row, :, -bank.BANDS :] = self._pool[begin : begin + self.samples]
        return out.view(len(out), self.hops, HOP, -1)

    def _device_array(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self._device)


def pulse(phase: np.ndarray, f_hz: np.ndarray | float) -> np.ndarray:
    """The band-limited pulse above the H-th harmonic, at phases in cycles (see `engine.excitation`); shapes agree."""
    r = F_TOP_HZ / f_hz
    whole = np.floor(r)
    angle = np.pi * np.maximum(np.abs(phase - np.rint(phase)), 1e-9)
    lower, upper, first = (np.sin((2 * k + 1) * angle) for k in (whole, whole + 1, HARMONICS))
    kernel: np.ndarray = (lower + (r - whole) * (upper - lower) - first) / (2 * np.sin(angle))
    return np.where(r > HARMONICS, 2.0 * np.sqrt(f_hz / SAMPLE_RATE_HZ) * kernel, 0.0)
