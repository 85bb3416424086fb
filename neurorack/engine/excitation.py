"""What the decoder shapes: harmonics of the pitch, a pulse train above them, and white noise, these two in bands.

The pitch is the host's: phase is float64 and exact, so the sound is in tune whatever the network does. Within a hop it
glides, but for leaps of more than an octave. With cycles φ
and r = F_TOP_HZ / f the weight of harmonic k is w_k = clip(r − k + 1, 0, 1): the top harmonic fades, it never jumps.

    harmonics[n, k-1] = w_k · cos(2πkφ + θ_k)                        k = 1…H, θ_k = −πk(k−1)/H (Schroeder 1970)
    pulse[n, b]       = sqrt(2f / width_b) · Σ_{k>H} w_kb · cos(2πkφ)
    noise[n, b]       = a band of white noise                        (see `bands`)

Struck sounds have modes in place of harmonics and no pulse: see `modes`.

A harmonic of the pulse belongs to the band it lies in, w_kb = clip(r_b+1 − k + 1, 0, 1) − clip(r_b − k + 1, 0, 1) with
r_b = edge_b / f, and glides into the next one as the pitch does. Σ_{k≤N} cos(2πkφ) = (sin((2N+1)πφ) / sin(πφ) − 1) / 2
is a Dirichlet kernel, so the cost does not grow with the number of harmonics: at an edge N = floor(r_b) and N + 1 are
mixed by the fraction of r_b, never below H, and a band is what its upper edge has more than its lower one. With
M = N + 1, and by the sine of a sum, what the two mixed are is sin(2πMφ) · cot(πφ) / 2 + (r_b + ½ − M) · cos(2πMφ).
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

LEAP = 2.0
"""Pitches farther apart than this, as a ratio, are not glided between within a hop; see `_line`."""

HARMONICS = 40
"""H: harmonics the decoder weighs one by one."""

_TURN = 2.0**32
"""A turn in whole numbers: what overflows 32 bits are whole turns, so k·φ reduces itself. Steps of 2e-10 cycles."""
_RADIANS = np.array(2 * np.pi / _TURN, np.float32)
_HALF_RADIANS = np.array(np.pi / _TURN, np.float32)
_ODD = np.array(1, np.int32)
"""Arrays, for numpy makes one of any other number at every call: 0.2 µs."""

_SAMPLE = np.arange(1.0, HOP + 1)
RAMP = np.stack([np.ones(HOP), _SAMPLE / HOP])
"""[2, HOP]: a hop's straight line is (value at its beginning, rise) @ RAMP."""
_LINES = np.zeros((3, 2 * HOP))
_LINES[0, :HOP] = _TURN
_LINES[1:, :HOP] = np.cumsum(RAMP, axis=1) * (_TURN / SAMPLE_RATE_HZ)
_LINES[1:, HOP:] = RAMP
"""(cycles so far, pitch at the beginning, rise in Hz) @ _LINES: of every sample the phase in steps, then the pitch."""


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
        self._begins_hz = [0.0] * hops  # pitch at the beginning of each hop
        self._ends_hz = [0.0] * hops
        self._lines_hz = [(0.0, 0.0)] * hops  # the pitch of each hop: a straight line
        self._weights = np.empty((n, count), np.float32)
        self.reset()

    def reset(self) -> None:
        """Back to phase 0 and the seed's first noise; the next pitch starts without a glide."""
        self._cycle = 0.0
        self._last_hz = 0.0
        self._hiss.reset()

    def _glide(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops]: where each hop arrives, and the next one sets out."""
        ends = [min(max(hz, F0_MIN_HZ), F0_MAX_HZ) for hz in f0_hz.tolist()]
        self._begins_hz, self._ends_hz = [self._last_hz or ends[0], *ends[:-1]], ends
        self._lines_hz = list(map(_line, self._begins_hz, ends))
        self._last_hz = ends[-1]

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
        self._pulses = False  # whether the newest block wrote any
        self._numbers = np.arange(1, count + 1, dtype=np.int32)
        self._numbers_less_1 = np.arange(count, dtype=np.float32)
        self._theta = np.tile(_whole(schroeder_phases(count)), (n, 1))  # a sum of like arrays takes half the time
        self._lines = np.empty((hops, 3))
        self._steps_and_hz = np.empty((hops, 2 * HOP))
        self._wide = np.empty((hops, HOP), np.int64)
        self._low = self._wide.reshape(n).view(np.int32)[:: self._wide.itemsize // 4]  # what is left of whole turns
        self._at = np.empty(n, np.int32)  # φ in steps, an odd number of them: never 0
        self._turns = np.empty((n, count), np.int32)
        self._f32 = np.empty((hops, HOP), np.float32)
        self._r32 = np.empty((n, 1), np.float32)
        self._f = self._f32.reshape(n)
        work = np.empty((5, BANDS + 1, n), np.float32)
        self._trains = [_Train(first, count, work) for first in range(BANDS)]

    def render(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops]: pitch at the end of each hop; within a hop it glides there, or leaps, from the hop before."""
        self._glide(f0_hz)
        self._run_phase()
        low_hz, high_hz = min(self._begins_hz[0], *self._ends_hz), max(self._begins_hz[0], *self._ends_hz)
        self._render_harmonics(every=F_TOP_HZ / high_hz >= self.count)
        if self._pulsing:
            first = min(max(bisect_right(BAND_EDGES_HZ, self.count * low_hz) - 1, 0), BANDS)
            if first < BANDS:
                self._trains[first].render(self._at, self._f, self._pulse)
            elif self._pulses:
                self._pulse.fill(0.0)
            self._pulses = first < BANDS
        self._breathe()

    def _run_phase(self) -> None:
        lines, cycle = [], self._cycle
        for begin_hz, end_hz in self._lines_hz:
            lines.append((cycle, begin_hz, end_hz - begin_hz))
            cycle = (cycle + (begin_hz * (HOP - 1) + end_hz * (HOP + 1)) / (2 * SAMPLE_RATE_HZ)) % 1.0
        self._cycle = cycle
        self._lines[:] = lines
        self._lines.dot(_LINES, out=self._steps_and_hz)
        self._wide[:] = self._steps_and_hz[:, :HOP]
        self._f32[:] = self._steps_and_hz[:, HOP:]
        np.bitwise_or(self._low, _ODD, out=self._at)

    def _render_harmonics(self, *, every: bool) -> None:
        turns, out = self._turns, self._harmonics
        np.multiply(self._at[:, None], self._numbers, out=turns)
        np.add(turns, self._theta, out=turns)
        out[:] = turns
        np.multiply(out, _RADIANS, out=out)
        np.cos(out, out=out)
        if not every:
            weights = self._weights
            np.divide(F_TOP_HZ, self._f32.reshape(-1, 1), out=self._r32)
            np.subtract(self._r32, self._numbers_less_1, out=weights)
            weights.clip(0.0, 1.0, out=weights)
            np.multiply(out, weights, out=out)


class _Train:
    """The pulse in bands from `first` on, and 0 below: those lie under the H-th harmonic, H = `count`.

    `work` [5, BANDS + 1, samples] float32 is shared, so that what the cache holds is of use whatever the pitch.
    """

    def __init__(self, first: int, count: int, work: np.ndarray) -> None:
        edges, n = BANDS + 1 - first, work.shape[2]
        self._edges_and_half = np.array([(edge_hz, 0.5) for edge_hz in BAND_EDGES_HZ[first:]], np.float32)
        self._lowest = np.full((edges, n), count + 0.5, np.float32)
        self._reach, self._number, turns = work[:3, :edges]
        self._turns = turns.view(np.int32)
        self._waves = work[3:].reshape(-1)[: 2 * edges * n].reshape(2, edges, n)
        self._sines, self._cosines = self._waves
        self._columns = self._waves.reshape(2 * edges, n).T
        self._periods_and_one, self._scales = np.ones((2, n), np.float32), np.empty((2, 1, n), np.float32)
        self._periods, self._half, self._slope = self._periods_and_one[0], *self._scales[:, 0]
        bands = np.eye(edges, BANDS, first - 1) - np.eye(edges, BANDS, first)
        bands[:, :first] = 0.0
        bands *= np.sqrt(2.0 / WIDTHS_HZ)
        self._to_bands = np.concatenate([bands / 2, bands]).astype(np.float32)
        """From sin(2πMφ) · cot(πφ) and (r_b + ½ − M) · cos(2πMφ) at every edge, whose sum is the kernel there."""

    def render(self, at: np.ndarray, f_hz: np.ndarray, out: np.ndarray) -> None:
        """`at` [samples] is φ in steps, `f_hz` the pitch there; into `out` [samples, BANDS]."""
        reach, number, turns, sines, cosines = self._reach, self._number, self._turns, self._sines, self._cosines
        slope, half = self._slope, self._half
        np.reciprocal(f_hz, out=self._periods)
        self._edges_and_half.dot(self._periods_and_one, out=reach)
        np.maximum(reach, self._lowest, out=reach)
        np.rint(reach, out=number)  # M
        np.subtract(reach, number, out=reach)
        turns[:] = number
        np.multiply(turns, at, out=turns)
        cosines[:] = turns
        np.multiply(cosines, _RADIANS, out=cosines)
        np.sin(cosines, out=sines)
        np.cos(cosines, out=cosines)
        np.multiply(cosines, reach, out=cosines)
        np.sqrt(f_hz, out=slope)
        half[:] = at
        np.multiply(half, _HALF_RADIANS, out=half)
        np.tan(half, out=half)
        np.divide(slope, half, out=half)
        np.multiply(self._waves, self._scales, out=self._waves)
        self._columns.dot(self._to_bands, out=out)


def _line(before_hz: float, arrived_hz: float) -> tuple[float, float]:
    """Where the pitch begins and ends in a hop that leads from one to another.

    The gains cross over in that hop. On a glide down by a ratio r, the coming ones already have a share x where the
    pitch, and with it the slope of every partial, is still r − (r − 1)·x times the one that they are for. Their slope
    so passes the one to come by up to r² / (4r − 4): 2.5 dB at two octaves, 12.6 at four, and none up to LEAP; upwards
    it is the same of those that go. So a leap is spent on the lower pitch, where neither are too steep.
    """
    low_hz = min(before_hz, arrived_hz)
    return (low_hz, low_hz) if max(before_hz, arrived_hz) > LEAP * low_hz else (before_hz, arrived_hz)


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
