"""What the decoder shapes: harmonics of the pitch, a pulse train above them, and white noise.

The pitch is the host's: phase is float64 and exact, so the sound is in tune whatever the network does. With cycles φ
and r = F_TOP_HZ / f the weight of harmonic k is w_k = clip(r − k + 1, 0, 1): the top harmonic fades, it never jumps.

    harmonics[n, k-1] = w_k · cos(2πkφ + θ_k)                        k = 1…H, θ_k = −πk(k−1)/H (Schroeder 1970)
    pulse[n]          = 2·sqrt(f/fs) · Σ_{k>H} w_k · cos(2πkφ)       as dense in power as white noise of variance 1
    noise[n]          = white, variance 1

Struck sounds have modes in place of harmonics and no pulse: see `modes`.

The pulse is a difference of Dirichlet kernels, Σ_{k≤N} cos(2πkφ) = (sin((2N+1)πφ) / sin(πφ) − 1) / 2, so its cost does
not grow with the number of harmonics: N = floor(r) and N + 1 are mixed by the fraction of r, less the first H.
"""

from typing import Any

import numpy as np

from neurorack.words import HOP, SAMPLE_RATE_HZ

F_TOP_HZ = 18_000.0
"""Above this nothing is excited harmonically; the top harmonic fades over the last f Hz below it."""

F0_MIN_HZ, F0_MAX_HZ = 8.0, 8_000.0
"""Pitch is clamped to this range."""

HARMONICS = 40
"""H: harmonics the decoder weighs one by one."""

_NEAR_ZERO = 1e-9
"""Cycles. Closer than this to a pulse's peak the kernel is taken here: 0/0 avoided at an error below 1e-11."""


def schroeder_phases(harmonics: int) -> np.ndarray:
    """θ_k / 2π in cycles [H] float64: a chirp instead of a click, about 10 dB less crest."""
    k = np.arange(1, harmonics + 1, dtype=np.float64)
    return np.mod(-k * (k - 1) / (2 * harmonics), 1.0)


class Source:
    """What every excitation has: arrays to fill, a pitch that glides, and noise.

    `harmonics` [hops, HOP, count], `pulse` [hops, HOP] and `noise` [hops, HOP], float32, may be handed in
    (C-contiguous: the decoder's inputs) or are made.
    """

    def __init__(
        self,
        hops: int,
        seed: int = 0,
        *,
        count: int,
        harmonics: np.ndarray | None = None,
        pulse: np.ndarray | None = None,
        noise: np.ndarray | None = None,
        noisy: bool = True,
    ) -> None:
        self.hops, self.count, self._seed, self._noisy = hops, count, seed, noisy
        n = hops * HOP
        self.harmonics = np.zeros((hops, HOP, count), np.float32) if harmonics is None else harmonics
        self.pulse = np.zeros((hops, HOP), np.float32) if pulse is None else pulse
        self.noise = np.zeros((hops, HOP), np.float32) if noise is None else noise
        self._harmonics, self._pulse, self._noise = (
            _flat(self.harmonics, (n, count)),
            _flat(self.pulse, (n,)),
            _flat(self.noise, (n,)),
        )
        self._ramp = np.arange(1, HOP + 1, dtype=np.float64) / HOP
        self._frames = np.empty((hops, 1))  # pitch at the end of each hop
        self._before = np.empty((hops, 1))  # at its beginning
        self._f_hz = np.empty((hops, HOP))
        self._f = self._f_hz.reshape(n)
        self._phase = np.empty(n)
        self._weights = np.empty((n, count), np.float32)
        self._turns, self._round = np.empty((n, count)), np.empty((n, count))
        self.reset()

    def reset(self) -> None:
        """Back to phase 0 and the seed's first noise; the next pitch starts without a glide."""
        self._cycle = 0.0
        self._last_hz = 0.0
        self._random = np.random.Generator(np.random.SFC64(self._seed))

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

    def _hiss(self) -> None:
        if self._noisy:
            self._random.standard_normal(out=self._noise, dtype=np.float32)


class Excitation(Source):
    """Harmonics, pulse and noise, hop after hop, with no allocation: `render(f0_hz)` writes the next `hops` hops."""

    def __init__(self, hops: int, seed: int = 0, *, count: int = HARMONICS, **arrays: Any) -> None:
        """`arrays` as `Source` takes them."""
        super().__init__(hops, seed, count=count, **arrays)
        n = hops * HOP
        self._numbers = np.arange(1, count + 1, dtype=np.float64)
        self._numbers_less_1 = np.arange(count, dtype=np.float32)
        self._theta = schroeder_phases(count)
        self._r, self._whole = np.empty(n), np.empty(n)
        self._r32 = np.empty((n, 1), np.float32)
        self._kernels = np.empty((4, n))  # angles, then sines, of φ times 1, 2N+1, 2N+3 and 2H+1

    def render(self, f0_hz: np.ndarray) -> None:
        """`f0_hz` [hops]: pitch at the end of each hop; within a hop it glides there from the hop before."""
        self._glide(f0_hz)
        self._run_phase()
        low_hz = min(self._frames[:, 0].min(), self._before[0, 0])
        high_hz = max(self._frames[:, 0].max(), self._before[0, 0])
        np.divide(F_TOP_HZ, self._f, out=self._r)
        self._render_harmonics(every=F_TOP_HZ / high_hz >= self.count)
        if F_TOP_HZ / low_hz <= self.count:
            self._pulse.fill(0.0)
        else:
            self._render_pulse()
        self._hiss()

    def _run_phase(self) -> None:
        phase = self._phase
        np.multiply(self._f, 1.0 / SAMPLE_RATE_HZ, out=phase)
        phase[0] += self._cycle
        np.cumsum(phase, out=phase)
        np.rint(phase, out=self._whole)
        phase -= self._whole  # −½…½ cycles
        self._cycle = float(phase[-1])

    def _render_harmonics(self, *, every: bool) -> None:
        turns, out = self._turns, self._harmonics
        np.multiply(self._phase[:, None], self._numbers, out=turns)
        turns += self._theta
        np.rint(turns, out=self._round)
        np.subtract(turns, self._round, out=out, casting="same_kind")  # reduced in float64, then float32 is enough
        out *= np.float32(2 * np.pi)
        np.cos(out, out=out)
        if not every:
            np.copyto(self._r32[:, 0], self._r, casting="same_kind")
            np.subtract(self._r32, self._numbers_less_1, out=self._weights)
            np.clip(self._weights, 0.0, 1.0, out=self._weights)
            out *= self._weights

    def _render_pulse(self) -> None:
        r, whole, angle = self._r, self._whole, self._kernels
        one, lower, upper, first = angle
        np.abs(self._phase, out=one)  # the kernels are even
        np.maximum(one, _NEAR_ZERO, out=one)
        one *= np.pi
        np.floor(r, out=whole)
        np.multiply(whole, 2.0, out=lower)
        np.add(lower, 3.0, out=upper)
        lower += 1.0
        lower *= one
        upper *= one
        np.multiply(one, 2.0 * self.count + 1.0, out=first)
        np.sin(angle, out=angle)
        np.subtract(r, whole, out=whole)  # the fraction
        upper -= lower
        upper *= whole
        lower += upper
        lower -= first
        lower /= one
        np.multiply(self._f, 1.0 / SAMPLE_RATE_HZ, out=first)
        np.sqrt(first, out=first)  # 2·sqrt(f/fs), and the kernel's ½
        np.greater(r, self.count, out=whole)
        first *= whole
        np.multiply(lower, first, out=self._pulse, casting="same_kind")


def excite(f0_hz: np.ndarray, seed: int = 0, *, count: int = HARMONICS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same, offline: `f0_hz` [N] → harmonics [N, HOP, H], pulse [N, HOP], noise [N, HOP], float32.

    Bit for bit what blocks of any size give from the same seed. 10 KB a hop at H = 40.
    """
    total, step = len(f0_hz), 32  # 32 hops of float64 work stay inside a core's cache
    harmonics = np.empty((total, HOP, count), np.float32)
    pulse, noise = np.empty((total, HOP), np.float32), np.empty((total, HOP), np.float32)
    source = Excitation(step, seed, count=count)
    padded = np.concatenate([f0_hz, np.full(-total % step, f0_hz[-1])])
    for at in range(0, total, step):
        source.render(padded[at : at + step])
        rows = slice(at, min(at + step, total))
        kept = rows.stop - at
        harmonics[rows], pulse[rows], noise[rows] = source.harmonics[:kept], source.pulse[:kept], source.noise[:kept]
    return harmonics, pulse, noise


def _flat(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same memory with hops and samples in one axis."""
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        raise ValueError("excitation writes into C-contiguous float32 arrays")
    return array.reshape(shape)
