"""Elements of the excitation for whole batches of clips: training's side of `engine.excitation` and `engine.modes`,
equal to them to float32 but for where the phase starts."""

from bisect import bisect_right

import numpy as np
import torch

from neurorack.engine.bands import WIDTHS_HZ, Hiss
from neurorack.engine.excitation import F_TOP_HZ, HARMONICS, LEAP, schroeder_phases
from neurorack.engine.modes import FADE
from neurorack.learn.corpus import MODES
from neurorack.words import BAND_EDGES_HZ, BANDS, HOP, SAMPLE_RATE_HZ

_POOL_S = 8


class Elements:
    """Makes elements [batch, hops, HOP, elements] for clips of `hops`."""

    def __init__(self, hops: int, seed: int = 0, device: str = "cpu") -> None:
        self.hops, self.samples, self._device = hops, hops * HOP, device
        pool = np.empty((_POOL_S * SAMPLE_RATE_HZ, BANDS), np.float32)
        Hiss(seed).read(pool)
        self._pool = torch.from_numpy(pool).to(device)
        self._numbers = torch.arange(1.0, HARMONICS + 1, device=device)
        self._theta = torch.from_numpy(schroeder_phases(HARMONICS).astype(np.float32)).to(device)[None] * (2 * np.pi)
        self._edges_hz = torch.tensor(BAND_EDGES_HZ, dtype=torch.float32, device=device)[:, None]
        self._amplitudes = torch.from_numpy(np.sqrt(2.0 / WIDTHS_HZ).astype(np.float32)).to(device)

    def harmonic(self, f0_hz: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """`f0_hz` [batch, hops]: pitch at each hop's end; phases and noise are drawn from `random`."""
        f_hz = self._glide(f0_hz)
        cycles = random.random((len(f0_hz), 1)) + np.cumsum(f_hz / SAMPLE_RATE_HZ, axis=1)
        phase = cycles - np.rint(cycles)
        out = torch.empty(len(f0_hz), self.samples, HARMONICS + 2 * BANDS, device=self._device)
        ranges_hz = zip(f_hz.min(1), f_hz.max(1), strict=True)  # known here: asked of a GPU, each would wait for it
        clips = zip(out, self._device_array(f_hz), self._device_array(phase), ranges_hz, strict=True)
        for row, pitch_hz, at, (low_hz, high_hz) in clips:  # a clip at a time stays inside a core's cache
            harmonics = torch.addr(self._theta, at, self._numbers, alpha=2 * np.pi).cos_()
            if F_TOP_HZ / high_hz < HARMONICS:
                reach = (F_TOP_HZ / pitch_hz)[:, None] - (self._numbers - 1.0)
                harmonics *= reach.clamp_(0.0, 1.0)
            row[:, :HARMONICS] = harmonics
            # most pitches stand: then a number for each edge will do
            still = pitch_hz[:1] if low_hz == high_hz else pitch_hz
            self._pulse(at, still, low_hz, row[:, HARMONICS : HARMONICS + BANDS])
        return self._with_noise(out, random)

    def modal(
        self, f0_hz: np.ndarray, octaves: np.ndarray, start: np.ndarray, random: np.random.Generator
    ) -> torch.Tensor:
        """`octaves` [batch, MODES] of the modes above `f0_hz` [batch, hops]; `start` [batch] is the sample of the
        strike in the clip, before which the modes are silent (a clip that begins later than its strike has it below
        0, where the pitch counts as standing)."""
        f_hz = self._glide(f0_hz)
        cycles = np.cumsum(f_hz / SAMPLE_RATE_HZ, axis=1)
        cycles -= cycles[:, :1]
        struck = np.take_along_axis(cycles, np.clip(start, 0, self.samples - 1)[:, None], axis=1)
        since = cycles - struck + (np.maximum(-start, 0) * f_hz[:, 0] / SAMPLE_RATE_HZ)[:, None]
        ratio = np.exp2(octaves)[:, None, :].astype(np.float64)
        fade = self._device_array(np.clip((1.0 - f_hz[:, ::HOP, None] * ratio / F_TOP_HZ) / FADE, 0.0, 1.0))
        sounding = self._device_array(np.arange(self.samples) >= start[:, None])
        turns = torch.from_numpy(since).to(self._device)[:, :, None] * torch.from_numpy(ratio).to(self._device)
        out = torch.empty(len(f0_hz), self.samples, MODES + BANDS, device=self._device)
        modes = torch.sin(turns.remainder_(1.0).float().mul_(2 * np.pi))
        out[..., :MODES] = modes * fade.repeat_interleave(HOP, 1) * sounding[..., None]
        return self._with_noise(out, random)

    def _glide(self, f0_hz: np.ndarray) -> np.ndarray:
        """Frequency in Hz [batch, samples]; pitch glides within a hop, a leap is spent on the lower one."""
        ends = f0_hz.astype(np.float64)
        begins = np.concatenate([ends[:, :1], ends[:, :-1]], axis=1)
        low = np.minimum(begins, ends)
        leaps = np.maximum(begins, ends) > LEAP * low
        begins, ends = np.where(leaps, low, begins), np.where(leaps, low, ends)
        part = np.arange(1, HOP + 1) / HOP
        glide: np.ndarray = begins[..., None] + (ends - begins)[..., None] * part
        return glide.reshape(len(f0_hz), self.samples)

    def _with_noise(self, out: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        for row, begin in zip(out, random.integers(0, len(self._pool) - self.samples, len(out)), strict=True):
            row[:, -BANDS:] = self._pool[begin : begin + self.samples]
        return out.view(len(out), self.hops, HOP, -1)

    def _pulse(self, phase: torch.Tensor, f_hz: torch.Tensor, low_hz: float, out: torch.Tensor) -> None:
        """The pulse's bands into `out` [samples, BANDS], at phases −½…½ in cycles and pitches [samples], or [1] that
        stands, of which the lowest is `low_hz`."""
        silent = min(max(bisect_right(BAND_EDGES_HZ, HARMONICS * low_hz) - 1, 0), BANDS)
        out[:, :silent] = 0.0
        if silent == BANDS:
            return
        even = phase.abs().clamp(min=1e-9)
        r = (self._edges_hz[silent:] / f_hz).clamp_(min=HARMONICS)
        whole = r.floor()
        turns = torch.stack([(whole + 0.5) * even, (whole + 1.5) * even])
        lower, upper = torch.sin(turns.sub_(turns.round()).mul_(2 * np.pi))
        kernels = torch.lerp(lower, upper, r - whole)
        slope = 0.5 * f_hz.sqrt() / torch.sin(np.pi * even)
        out[:, silent:] = ((kernels[1:] - kernels[:-1]) * slope).T * self._amplitudes[silent:]

    def _device_array(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self._device)
