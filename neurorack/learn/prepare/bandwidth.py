"""The highest frequency that was really recorded: a phone's 4 kHz is found in a file of 48 kHz too."""

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ

_WINDOW = 4096
_FRAMES = 2_000
_LOWEST_HZ = 2_500.0
"""No recording is so dull that its own end would lie below."""
_STEP_HZ = 100.0
_CLIFF_DB = 18.0
"""What was cut off falls by this much within _WIDE of a frequency…"""
_WIDE = 0.08
_BELOW = 0.25
"""…all of it: most bins of the quarter below stand out, so that the last harmonic of a note is not taken for an end."""
_PASS = 0.95
"""Share of half the sample rate that converters let through."""


def find_bandwidth_hz(audio: np.ndarray, rate_of_file_hz: float) -> float:
    """Of `audio` [samples] at 48 kHz, whose file has that sample rate; at most 22.8 kHz."""
    limit_hz = _PASS * min(rate_of_file_hz, SAMPLE_RATE_HZ) / 2
    if len(audio) < _WINDOW:
        return limit_hz
    last = len(audio) - _WINDOW
    starts = np.linspace(0, last, min(_FRAMES, last // (_WINDOW // 2) + 1)).astype(np.int64)
    highest = np.zeros(_WINDOW // 2 + 1)
    shape = np.blackman(_WINDOW)
    for at in starts:
        np.maximum(highest, np.abs(np.fft.rfft(audio[at : at + _WINDOW] * shape)), out=highest)
    level_db = 20 * np.log10(highest + 1e-9)
    f_hz = np.arange(len(level_db)) * (SAMPLE_RATE_HZ / _WINDOW)
    for end_hz in np.arange(limit_hz, _LOWEST_HZ, -_STEP_HZ):
        below = level_db[(f_hz > end_hz * (1 - _BELOW)) & (f_hz <= end_hz)]
        above = level_db[(f_hz > end_hz * (1 + _WIDE)) & (f_hz < 23_000)]
        edge = level_db[(f_hz > end_hz * (1 - _WIDE)) & (f_hz <= end_hz)]
        if len(above) > 8 and min(np.percentile(below, 25), np.median(edge)) > above.max() + _CLIFF_DB:
            quarter = f_hz > end_hz * (1 - _BELOW)
            inside = quarter & (f_hz <= end_hz * (1 + _WIDE)) & (level_db > np.median(below) - _CLIFF_DB / 2)
            return min(float(f_hz[inside].max()), limit_hz)
    return limit_hz
