"""The pitch of one voice, heard from a stream: a reading every 256 samples, for the audio callback.

The normalised square difference of the newest 2048 samples (McLeod & Wyvill 2005) from two FFTs:

    n(τ) = 2·Σ x[j]·x[j+τ] / Σ (x[j]² + x[j+τ]²)        1 where the sound repeats after τ samples

The period is the first peak of n nearly as high as its highest: the highest may be a multiple of it. Half a window of
silence does not lower n, so a note is known two periods after it begins. While nothing repeats the last pitch stays.
"""

import math

import numpy as np

from neurorack.words import C4_HZ, SAMPLE_RATE_HZ

WINDOW = 2048
LOWEST_HZ, HIGHEST_HZ = 48.0, 2_200.0

VOICED = 0.55
"""Least n of a pitch: white noise reaches 0.15, a breathy voice 0.7."""

NEAR_HIGHEST = 0.97
"""Of the highest peak. Lower, a strong formant passes for the pitch; higher, noise tips it to the octave below."""

FAINTEST = 1e-7
"""Mean square: -70 dBFS, where what is left is a room."""

LEAP_OCT, SAME_OCT = 0.5, 0.06
"""A leap as wide as the first counts when the next reading is as near to it as the second: attacks hold false ones."""

_SMOOTH = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
"""Takes away what is above 8 kHz, whose peaks a lag of whole samples would miss: 7 cents at 2 kHz, else."""
_HEARD = WINDOW - len(_SMOOTH) + 1
_FFT = 3072  # no lag of ours wraps round
_SHORTEST, _LONGEST = int(SAMPLE_RATE_HZ / HIGHEST_HZ), int(SAMPLE_RATE_HZ / LOWEST_HZ)


class PitchTracker:
    """Call `step` with the newest WINDOW samples at even intervals.

    pitch_hz   of the newest reading that was voiced; C4 before the first
    voiced     whether the newest one is
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.pitch_hz, self.voiced = C4_HZ, False
        self._leapt_hz = C4_HZ

    def step(self, window: np.ndarray) -> float:
        """Pitch in Hz after `window` [WINDOW] float64. Some 60 µs."""
        period = _period(window)
        self.voiced = period > 0.0
        if self.voiced:
            hz = SAMPLE_RATE_HZ / period
            if abs(math.log2(hz / self.pitch_hz)) < LEAP_OCT or abs(math.log2(hz / self._leapt_hz)) < SAME_OCT:
                self.pitch_hz = hz
            self._leapt_hz = hz
        return self.pitch_hz


def _period(window: np.ndarray) -> float:
    """In samples; 0 where there is none."""
    x = np.convolve(window, _SMOOTH, "valid")
    x -= x.mean()
    energy = np.cumsum(x * x)
    if energy[-1] < FAINTEST * _HEARD:
        return 0.0
    power = np.abs(np.fft.rfft(x, _FFT))
    power *= power
    n = np.fft.irfft(power, _FFT)[: _LONGEST + 2]
    n[0] = energy[-1]
    both = energy[_HEARD - 1 : _HEARD - 3 - _LONGEST : -1] + energy[-1]
    both[1:] -= energy[: _LONGEST + 1]
    n *= 2.0
    n /= both + 1e-12
    negative = n < 0.0
    begin = max(int(negative.argmax()), _SHORTEST)  # beyond the peak at 0
    if not negative[: _LONGEST + 1].any() or begin >= _LONGEST:
        return 0.0
    n = n[begin - 1 :]
    peaks = np.flatnonzero((n[1:-1] > n[:-2]) & (n[1:-1] >= n[2:])) + 1
    if not len(peaks):
        return 0.0
    before, at, after = n[peaks - 1], n[peaks], n[peaks + 1]
    offset = 0.5 * (before - after) / (before - 2.0 * at + after)  # of a parabola through the three
    heights = at - 0.25 * (before - after) * offset
    highest = float(heights.max())
    if highest < VOICED:
        return 0.0
    first = int((heights >= NEAR_HIGHEST * highest).argmax())
    last = int(np.searchsorted(peaks, 1.2 * (begin + peaks[first]) - begin, "right"))
    first += int(heights[first:last].argmax())  # what came first may be a ripple on its slope
    return float(begin - 1 + peaks[first] + offset[first])
