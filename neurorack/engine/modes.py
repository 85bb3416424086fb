"""What the decoder of a struck sound shapes: the modes of what is struck, and white noise in bands.

A mode k rings at f·2^p_k, with p_k octaves above the pitch, and stays pure: how it decays the decoder says. With cycles
φ of the pitch since the strike, in float64,

    harmonics[n, k] = w_k · sin(2π·φ·2^p_k)         w_k = clip((1 − f·2^p_k / F_TOP_HZ) / 0.2, 0, 1)

so all modes begin at 0 on the strike's own sample, as what is struck does, and the highest fade before they fold.
"""

from typing import Any

import numpy as np

from neurorack.engine.excitation import F_TOP_HZ, RAMP, Source
from neurorack.words import HOP, SAMPLE_RATE_HZ

FADE = 0.2
"""A mode fades over the last fifth below F_TOP_HZ."""

_TURN_RADIANS = np.array(2 * np.pi, np.float32)
_HIGHEST = np.array(1.0 / FADE, np.float32)
"""What the weight of a mode falls from as its frequency rises."""


class Modes(Source):
    """Modes and noise, hop after hop, with no allocation.

    `strike` in the order of time, then `render(f0_hz)`. `partials` [hops, count] float32, which may be handed in,
    tells the octaves above the pitch that are in force at each hop's end.
    """

    def __init__(
        self, hops: int, seed: int = 0, *, count: int, partials: np.ndarray | None = None, **arrays: Any
    ) -> None:
        """`arrays` as `Source` takes them."""
        self.partials = np.zeros((hops, count), np.float32) if partials is None else partials
        self._octaves = np.zeros(count, np.float32)
        self._ratios, self._slopes = np.ones(count), np.ones(count, np.float32)
        self._strikes: list[tuple[int, np.ndarray]] = []
        super().__init__(hops, seed, count=count, **arrays)
        self._lines, self._f_hz = np.empty((hops, 2)), np.empty((hops, HOP))
        self._f, self._phase = self._f_hz.reshape(hops * HOP), np.empty(hops * HOP)
        self._turns, self._round = np.empty((2, hops * HOP, count))
        self._f32 = np.empty((hops * HOP, 1), np.float32)
        self._tune(self._octaves)

    def reset(self) -> None:
        """As for every source; the newest partials stay."""
        super().reset()
        self._strikes.clear()

    def strike(self, offset: int, partials: np.ndarray) -> None:
        """On sample `offset` of the coming block: φ is 0 there, and modes are `partials` [count] from there on."""
        self._strikes.append((offset, partials))

    def render(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops]: pitch at the end of each hop; it glides there within the hop, or leaps, but for one with a
        strike: what is struck has its pitch from the first."""
        self._glide(f0_hz)
        ends_hz = self._ends_hz
        self._lines[:] = [(begin, end - begin) for begin, end in self._lines_hz]
        self._lines.dot(RAMP, out=self._f_hz)
        self.partials[:] = self._octaves
        for offset, _ in self._strikes:
            hop = offset // HOP
            self._f[offset : (hop + 1) * HOP] = ends_hz[hop]
        np.multiply(self._f, 1.0 / SAMPLE_RATE_HZ, out=self._phase)
        begin = 0
        for offset, partials in self._strikes:
            self._ring(begin, offset)
            self._tune(partials)
            self.partials[offset // HOP :] = partials
            self._phase[offset] = self._cycle = 0.0
            begin = offset
        self._ring(begin, len(self._f))
        self._strikes.clear()
        self._breathe()

    def _tune(self, octaves: np.ndarray) -> None:
        self._octaves[:] = octaves
        np.exp2(self._octaves, out=self._ratios, dtype=np.float64)
        np.multiply(self._ratios, 1.0 / (FADE * F_TOP_HZ), out=self._slopes, casting="same_kind")

    def _ring(self, begin: int, end: int) -> None:
        """Samples `begin` to `end`, between two strikes."""
        if begin == end:
            return
        phase, turns, whole = self._phase[begin:end], self._turns[begin:end], self._round[begin:end]
        out = self._harmonics[begin:end]
        phase[0] += self._cycle
        np.add.accumulate(phase, out=phase)
        self._cycle = float(phase[-1])
        np.multiply(phase[:, None], self._ratios, out=turns)
        np.rint(turns, out=whole)
        np.subtract(turns, whole, out=out, casting="same_kind")  # reduced in float64, then float32 is enough
        out *= _TURN_RADIANS
        np.sin(out, out=out)
        if max(self._begins_hz[0], *self._ends_hz) * self._ratios[-1] > (1.0 - FADE) * F_TOP_HZ:
            f32, weights = self._f32[begin:end], self._weights[begin:end]
            np.copyto(f32[:, 0], self._f[begin:end], casting="same_kind")
            np.multiply(f32, self._slopes, out=weights)
            np.subtract(_HIGHEST, weights, out=weights)
            weights.clip(0.0, 1.0, out=weights)
            out *= weights


def ring(f0_hz: np.ndarray, partials: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same, offline, struck on the first sample: `f0_hz` [N], `partials` [count] → harmonics [N, HOP, count] and
    noise [N, HOP, BANDS], float32."""
    source = Modes(len(f0_hz), seed, count=len(partials))
    source.strike(0, partials)
    source.render(f0_hz)
    return source.harmonics, source.noise
