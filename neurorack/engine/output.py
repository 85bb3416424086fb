"""The last stage before the card: DC block, output gain, soft limit, fades, and a guard against what is not a number.

All of it works on whole blocks in place, without allocation, and is exact: cut into blocks of any size it gives the
same sound as one long pass.
"""

from math import pi, tanh

import numpy as np
from numpy.typing import NDArray

from neurorack.words import SAMPLE_RATE_HZ

DC_CUTOFF_HZ = 5.0
"""Corner of the DC block: −0.14 dB at 27.5 Hz, the lowest A."""

THRESHOLD = 10 ** (-3 / 20)
"""Where the soft limit begins to bend (−3 dBFS); below it nothing is changed."""

FADE_S = 0.012
"""Of start, stop, mute and recovery."""

GAIN_RAMP_S = 0.02
"""In which a new output gain is reached."""


class DcBlock:
    """y = x − m, with m a one-pole mean: m[n] = r·m[n−1] + (1−r)·x[n].

    numpy has no recursion, but m[n] = rⁿ·(r·m[−1] + (1−r)·Σ x[k]·r⁻ᵏ) is a running sum between two fixed curves. Its
    curves reach 1.4 at 512 samples with a 5 Hz corner, so in float64 this is the recursion itself, to 1e-15.
    """

    def __init__(self, block: int, rate_hz: float = SAMPLE_RATE_HZ) -> None:
        pole = np.exp(-2 * pi * DC_CUTOFF_HZ / rate_hz)
        n = np.arange(block)
        self._grow = (1 - pole) * pole**-n
        self._decay = pole**n
        self._pole = float(pole)
        self._mean = 0.0
        self._work = np.zeros(block)

    def process(self, samples: NDArray[np.float64]) -> None:
        """Take the mean away from `samples` [block], in place."""
        work = self._work
        np.multiply(samples, self._grow, out=work)
        work[0] += self._pole * self._mean
        np.add.accumulate(work, out=work)
        np.multiply(work, self._decay, out=work)
        self._mean = float(work[-1])
        np.subtract(samples, work, out=samples)

    def reset(self) -> None:
        self._mean = 0.0


class SoftLimit:
    """Transparent up to −3 dBFS, above it T + (1−T)·tanh((|x|−T)/(1−T)): slope and curvature join,
    and full scale is never passed.

    `process` counts in `bent` how many samples of the block came out more than 1 dB below what went in.
    """

    def __init__(self, block: int) -> None:
        self.bent = 0
        self._work = np.zeros(block)
        self._mask = np.zeros(block, bool)
        self._one_db = _level_bent_by_db(1.0)

    def process(self, samples: NDArray[np.float64]) -> float:
        """Limit `samples` [block] in place; the peak after it, 0…1."""
        work = self._work
        np.abs(samples, out=work)
        peak = float(np.maximum.reduce(work))
        self.bent = 0
        if peak <= THRESHOLD:
            return peak
        if peak > self._one_db:
            np.greater(work, self._one_db, out=self._mask)
            self.bent = int(np.count_nonzero(self._mask))
        np.subtract(work, THRESHOLD, out=work)
        np.divide(work, 1 - THRESHOLD, out=work)
        np.greater(work, 0.0, out=self._mask)
        np.tanh(work, out=work)
        np.multiply(work, 1 - THRESHOLD, out=work)
        np.add(work, THRESHOLD, out=work)
        np.copysign(work, samples, out=work)
        np.copyto(samples, work, where=self._mask)
        return THRESHOLD + (1 - THRESHOLD) * tanh((peak - THRESHOLD) / (1 - THRESHOLD))


def _level_bent_by_db(amount_db: float) -> float:
    """Input level, 1.0 full scale, that the soft limit lowers by `amount_db`."""
    low, high = THRESHOLD, 10 ** (amount_db / 20)
    for _ in range(50):
        level = (low + high) / 2
        bent = THRESHOLD + (1 - THRESHOLD) * tanh((level - THRESHOLD) / (1 - THRESHOLD))
        low, high = (level, high) if bent > level * 10 ** (-amount_db / 20) else (low, level)
    return low


class Ramp:
    """A gain that reaches each new target along a straight line of fixed length; `shaped` rounds both its ends."""

    def __init__(
        self, block: int, seconds: float, value: float, *, shaped: bool = False, rate_hz: float = SAMPLE_RATE_HZ
    ) -> None:
        self.value = self.target = value
        self._length = max(1, round(seconds * rate_hz))
        self._step = 0.0
        self._shaped = shaped
        self._count = np.arange(1.0, block + 1)
        self._curve = np.zeros(block)
        self._work = np.zeros(block)

    def aim(self, target: float) -> None:
        if target != self.target:
            self.target = target
            self._step = (target - self.value) / self._length

    def jump(self, value: float) -> None:
        self.value = self.target = value

    def process(self, samples: NDArray[np.float64]) -> None:
        """Multiply `samples` [block] by the gain, in place."""
        if self.value == self.target:
            if self.value != 1.0:
                np.multiply(samples, self.value, out=samples)
            return
        curve = self._curve
        np.multiply(self._count, self._step, out=curve)
        np.add(curve, self.value, out=curve)
        if self._step > 0:
            np.minimum(curve, self.target, out=curve)
        else:
            np.maximum(curve, self.target, out=curve)
        self.value = float(curve[-1])
        if self._shaped:  # 3p² − 2p³
            np.multiply(curve, -2.0, out=self._work)
            np.add(self._work, 3.0, out=self._work)
            np.multiply(curve, curve, out=curve)
            np.multiply(curve, self._work, out=curve)
        np.multiply(samples, curve, out=samples)


class OutputStage:
    """From what a player rendered to what the card gets.

    `process(audio, out)` returns False where `audio` was not finite: the block then slides from the last good sample
    to silence, and the stage stays muted until `open`.

    Of the newest block: `peak` and `rms` (1.0 full scale), `bent` (samples the limit lowered by more than 1 dB).
    """

    def __init__(self, block: int, gain_db: float = 0.0, *, rate_hz: float = SAMPLE_RATE_HZ) -> None:
        self.peak = self.rms = 0.0
        self.bent = 0
        self._gain = Ramp(block, GAIN_RAMP_S, 10 ** (gain_db / 20), rate_hz=rate_hz)
        self._fade = Ramp(block, FADE_S, 0.0, shaped=True, rate_hz=rate_hz)
        self._dc = DcBlock(block, rate_hz)
        self._limit = SoftLimit(block)
        self._work = np.zeros(block)
        self._last = 0.0
        self._slide = np.cos(np.linspace(0, pi, block)) / 2 + 0.5
        self._block = block

    def set_gain_db(self, gain_db: float) -> None:
        self._gain.aim(10 ** (gain_db / 20))

    def open(self) -> None:
        """Fade in, if closed."""
        self._fade.aim(1.0)

    def close(self) -> None:
        """Fade out and stay silent."""
        self._fade.aim(0.0)

    @property
    def silent(self) -> bool:
        """Closed, and faded all the way."""
        return self._fade.value == 0.0 and self._fade.target == 0.0

    def process(self, audio: NDArray[np.float32], out: NDArray[np.float32]) -> bool:
        """`audio` [block] to `out` [block], both float32; they may be the same array."""
        work = self._work
        work[:] = audio
        energy = float(work.dot(work))
        if not energy < 1e30:  # not a number, infinite, or so wild that it soon will be
            self._recover(out)
            return False
        self._dc.process(work)
        self._gain.process(work)
        self.peak = self._limit.process(work)
        self.bent = self._limit.bent
        if self._fade.value != 1.0 or self._fade.target != 1.0:
            self._fade.process(work)
            self.peak = float(max(work.max(), -work.min()))
        self.rms = (float(work.dot(work)) / self._block) ** 0.5
        self._last = float(work[-1])
        out[:] = work
        return True

    def _recover(self, out: NDArray[np.float32]) -> None:
        np.multiply(self._slide, self._last, out=self._work)
        out[:] = self._work
        self.peak, self.rms, self.bent, self._last = abs(self._last), abs(self._last) * 0.6, 0, 0.0
        self._fade.jump(0.0)
        self._dc.reset()
