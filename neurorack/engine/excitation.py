"""What the decoder shapes: harmonics of the pitch, a pulse train above them, and white noise, these two in bands.

The pitch is the host's: phase is float64 and exact, so the sound is in tune whatever the network does. With cycles φ
and r = F_TOP_HZ / f the weight of harmonic k is w_k = clip(r − k + 1, 0, 1): the top harmonic fades, it never jumps.

    harmonics[n, k-1] = w_k · cos(2πkφ + θ_k)                        k = 1…H, θ_k = −πk(k−1)/H (Schroeder 1970)
    pulse[n, b]       = sqrt(2f / width_b) · Σ_{k>H} w_kb · cos(2πkφ)
    noise[n, b]       = a band of white noise                        (see `bands`)

Struck sounds have modes in place of harmonics and no pulse: see `modes`.

A harmonic of the pulse belongs to the band it lies in, w_kb = clip(r_b+1 − k + 1, 0, 1) − clip(r_b − k + 1, 0, 1) with
r_b = edge_b / f, and glides into the next one as the pitch does. Σ_{k≤N} cos(2πkφ) = (sin((2N+1)πφ) / sin(πφ) − 1) / 2
is a Dirichlet kernel, so the cost does not grow with the number of harmonics: at an edge N = floor(r_b) and N + 1 are
mixed by the fraction of r_b, never below H, and a band is what its upper edge has more than its lower one.
"""

from bisect import bisect_right
from typing import Any

import numpy as np

from neurorack.engine.bands import WIDTHS_HZ, Hiss
from neurorack.words import BAND_EDGES_HZ, BANDS, HOP, SAMPLE_RATE_HZ

F_TOP_HZ = float(BAND_EDGES_HZ[-1])
"""Above this nothing is excited harmonically; the top harmonic fades over the last f Hz below it."""

F0_MIN_HZ, F0_MAX_HZ = 8.0, 8_000.0
"""Pitch is clamped to this range."""

HARMONICS = 40
"""H: harmonics the decoder weighs one by one."""

_TURN = 2.0**32
"""A turn in whole numbers: what overflows 32 bits are whole turns, so k·φ reduces itself. Steps of 2e-10 cycles."""
_RADIANS = np.float32(2 * np.pi / _TURN)


def schroeder_phases(harmonics: int) -> np.ndarray:
    """θ_k / 2π in cycles [H] float64: a chirp instead of a click, about 10 dB less crest."""
    k = np.arange(1, harmonics + 1, dtype=np.float64)
    return np.mod(-k * (k - 1) / (2 * harmonics), 1.0)


class Source:
    """What every excitation has: arrays to fill, a pitch that glides, and noise.

    `harmonics` [hops, HOP, count] and `noise` [hops, HOP, BANDS], float32, may be handed in (C-contiguous: the
    decoder's inputs) or are made.
    """

    def __init__(
        self,
        hops: int,
        seed: int = 0,
        *,
        count: int,
        harmonics: np.ndarray | None = None,
        noise: np.ndarray | None = None,
        noisy: bool = True,
    ) -> None:
        self.hops, self.count, self._noisy = hops, count, noisy
        n = hops * HOP
        self.harmonics = np.zeros((hops, HOP, count), np.float32) if harmonics is None else harmonics
        self.noise = np.zeros((hops, HOP, BANDS), np.float32) if noise is None else noise
        self._harmonics, self._noise = flat(self.harmonics, (n, count)), flat(self.noise, (n, BANDS))
        self._hiss = Hiss(seed)
        self._ramp = np.arange(1, HOP + 1, dtype=np.float64) / HOP
        self._frames = np.empty((hops, 1))  # pitch at the end of each hop
        self._before = np.empty((hops, 1))  # at its beginning
        self._f_hz = np.empty((hops, HOP))
        self._f = self._f_hz.reshape(n)
        self._phase = np.empty(n)
        self._weights = np.empty((n, count), np.float32)
        self.reset()

    def reset(self) -> None:
        """Back to phase 0 and the seed's first noise; the next pitch starts without a glide."""
        self._cycle = 0.0
        self._last_hz = 0.0
        self._hiss.reset()

    def _glide(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops] → `_f` [samples]: from one hop's end to the next in a straight line."""
        frames = self._frames
        np.clip(f0_hz, F0_MIN_HZ, F0_MAX_HZ, out=frames[:, 0])
        self._before[0] = self._last_hz or frames[0]
        self._before[1:] = frames[:-1]
        self._last_hz = float(frames[-1, 0])
        np.subtract(frames, self._before, out=frames)
        np.multiply(frames, self._ramp, out=self._f_hz)
        self._f_hz += self._before
        np.add(frames, self._before, out=frames)

    def _breathe(self) -> None:
        if self._noisy:
            self._hiss.read(self._noise)


class Excitation(Source):
    """Harmonics, pulse and noise, hop after hop: `render(f0_hz)` writes the next `hops` hops. Nothing is allocated but
    what numpy's casts take for a moment."""

    def __init__(
        self,
        hops: int,
        seed: int = 0,
        *,
        count: int = HARMONICS,
        pulse: np.ndarray | None = None,
        pulsing: bool = True,
        **arrays: Any,
    ) -> None:
        """`pulse` [hops, HOP, BANDS] may be handed in, and stays as it is unless `pulsing`; `arrays` as `Source` takes
        them."""
        super().__init__(hops, seed, count=count, **arrays)
        n = hops * HOP
        self._pulsing = pulsing
        self.pulse = np.zeros((hops, HOP, BANDS), np.float32) if pulse is None else pulse
        self._pulse = flat(self.pulse, (n, BANDS))
        self._sounding = 0  # bands of the pulse that the newest block wrote, from the top
        self._numbers = np.arange(1, count + 1, dtype=np.int32)
        self._numbers_less_1 = np.arange(count, dtype=np.float32)
        self._theta = _whole(schroeder_phases(count))
        self._scaled, self._wide = np.empty(n), np.empty(n, np.int64)
        self._at = self._wide.view(np.int32)[:: self._wide.itemsize // 4]  # φ in steps: the low half of each
        self._turns = np.empty((n, count), np.int32)
        self._f32 = np.empty(n, np.float32)
        self._r32 = np.empty((n, 1), np.float32)
        self._edges = np.array(BAND_EDGES_HZ, np.float32)[:, None]
        self._amplitudes = np.sqrt(0.5 / WIDTHS_HZ).astype(np.float32)[:, None]
        self._half, self._half_turn = np.empty((2, n), np.int32)
        self._reach = np.empty((BANDS + 1, n), np.float32)
        self._kernel_turns = np.empty((2, BANDS + 1, n), np.int32)
        self._kernels = np.empty((2, BANDS + 1, n), np.float32)
        self._slope, self._sine = np.empty((2, n), np.float32)

    def render(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops]: pitch at the end of each hop; within a hop it glides there from the hop before."""
        self._glide(f0_hz)
        self._run_phase()
        low_hz = min(self._frames[:, 0].min(), self._before[0, 0])
        high_hz = max(self._frames[:, 0].max(), self._before[0, 0])
        self._render_harmonics(every=F_TOP_HZ / high_hz >= self.count)
        if self._pulsing:
            self._render_bands_of_pulse(low_hz)
        self._breathe()

    def _render_bands_of_pulse(self, low_hz: float) -> None:
        silent = bisect_right(BAND_EDGES_HZ, self.count * low_hz) - 1  # of the bands, from the bottom
        silent = min(max(silent, 0), BANDS)
        if BANDS - silent < self._sounding:
            self._pulse[:, BANDS - self._sounding : silent] = 0.0
        self._sounding = BANDS - silent
        if silent < BANDS:
            self._render_pulse(silent)

    def _run_phase(self) -> None:
        phase = self._phase
        np.multiply(self._f, 1.0 / SAMPLE_RATE_HZ, out=phase)
        phase[0] += self._cycle
        np.cumsum(phase, out=phase)
        self._cycle = float(phase[-1]) % 1.0
        np.multiply(phase, _TURN, out=self._scaled)
        np.rint(self._scaled, out=self._scaled)
        np.copyto(self._wide, self._scaled, casting="unsafe")

    def _render_harmonics(self, *, every: bool) -> None:
        turns, out = self._turns, self._harmonics
        np.multiply(self._at[:, None], self._numbers, out=turns)
        turns += self._theta
        np.copyto(out, turns, casting="same_kind")
        out *= _RADIANS
        np.cos(out, out=out)
        if not every:
            np.divide(F_TOP_HZ, self._f, out=self._r32[:, 0], casting="same_kind")
            np.subtract(self._r32, self._numbers_less_1, out=self._weights)
            np.clip(self._weights, 0.0, 1.0, out=self._weights)
            out *= self._weights

    def _render_pulse(self, first: int) -> None:
        """Bands from `first` on; those below lie under the H-th harmonic."""
        reach, turns, kernels = self._reach[first:], self._kernel_turns[:, first:], self._kernels[:, first:]
        half, half_turn, (lower, upper) = self._half, self._half_turn, kernels
        np.copyto(self._f32, self._f, casting="same_kind")
        np.divide(self._edges[first:], self._f32, out=reach)
        np.maximum(reach, self.count, out=reach)
        # (2N+1)πφ is N·φ and φ/2 more, in turns; the kernels are even, so |φ|; and one step at least, for 0/0
        np.right_shift(self._at, 1, out=half)
        np.abs(half, out=half)
        np.maximum(half, 1, out=half)
        np.left_shift(half, 1, out=half_turn)
        np.copyto(turns[0], reach, casting="unsafe")  # N
        np.copyto(lower, turns[0], casting="same_kind")
        reach -= lower
        turns[0] *= half_turn
        turns[0] += half
        np.add(turns[0], half_turn, out=turns[1])
        np.copyto(kernels, turns, casting="same_kind")
        kernels *= _RADIANS
        np.sin(kernels, out=kernels)
        upper -= lower
        upper *= reach
        lower += upper
        bands = reach[1:]
        np.subtract(lower[1:], lower[:-1], out=bands)
        np.multiply(half, _RADIANS, out=self._sine, casting="same_kind")
        np.sin(self._sine, out=self._sine)
        np.sqrt(self._f32, out=self._slope)
        self._slope /= self._sine
        bands *= self._slope
        bands *= self._amplitudes[first:]
        np.copyto(self._pulse[:, first:], bands.T)


def _whole(cycles: np.ndarray) -> np.ndarray:
    """Cycles in steps of a turn, int32."""
    steps: np.ndarray = np.rint(cycles * _TURN).astype(np.int64).astype(np.int32)
    return steps


def excite(f0_hz: np.ndarray, seed: int = 0, *, count: int = HARMONICS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same, offline: `f0_hz` [N] → harmonics [N, HOP, H], pulse and noise [N, HOP, BANDS], float32.

    What blocks of any size give from the same seed, but for where the phase is rounded: within 1e-5 of peaks of some
    20. 19 KB a hop at H = 40.
    """
    total, step = len(f0_hz), 32  # 32 hops of float64 work stay inside a core's cache
    source = Excitation(step, seed, count=count)
    harmonics, pulse, noise = (np.empty((total, HOP, size), np.float32) for size in (count, BANDS, BANDS))
    padded = np.concatenate([f0_hz, np.full(-total % step, f0_hz[-1])])
    for at in range(0, total, step):
        source.render(padded[at : at + step])
        rows = slice(at, min(at + step, total))
        kept = rows.stop - at
        harmonics[rows], pulse[rows], noise[rows] = source.harmonics[:kept], source.pulse[:kept], source.noise[:kept]
    return harmonics, pulse, noise


def flat(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same memory with hops and samples in one axis."""
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        raise ValueError("excitation writes into C-contiguous float32 arrays")
    return array.reshape(shape)
