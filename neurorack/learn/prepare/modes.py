"""The damped modes of a struck sound: the peaks of one long spectrum taken right after the attack."""

import numpy as np

from neurorack.learn.corpus import MODES
from neurorack.words import SAMPLE_RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 30.0, 16_000.0

_FFT = 1 << 17  # 0.37 Hz a bin
_AFTER_S = 0.008
"""The strike's own click is left out."""
_LONGEST_S = 1.5
_STANDS_OUT_DB = 10.0
"""A mode is this much above the median of the half octave around it…"""
_FAINT_DB = 50.0
"""…and less than this below the strongest."""
_LOW_DB = 20.0
"""f0 is the lowest mode that is less than this below the strongest one."""
_HUMP_HZ = 1_000.0
_APART_OCT = 0.03
"""Peaks nearer than this are one mode that beats."""


def find_modes(audio: np.ndarray, f0_hz: float | None = None) -> tuple[float, np.ndarray]:
    """(f0 in Hz, partials [MODES] float32: octaves above f0 from 0 on, rising) of a struck sound [samples].

    `f0_hz`, where given, is kept. Where fewer modes stand out the widest gaps up to HIGHEST_HZ are filled evenly in
    octaves; for a hit that is all noise that is every mode.
    """
    f_hz, level_db = _peaks(audio)
    if f0_hz is None:
        strong = f_hz[level_db > level_db.max() - _LOW_DB] if len(f_hz) else f_hz
        f0_hz = float(strong.min()) if len(strong) else _low_hump_hz(audio)
    above = f_hz > f0_hz * 2**_APART_OCT
    order = np.argsort(-level_db[above], kind="stable")
    octaves = [0.0]
    for candidate in np.log2(f_hz[above][order] / f0_hz):
        if len(octaves) < MODES and min(abs(candidate - known) for known in octaves) >= _APART_OCT:
            octaves.append(float(candidate))
    return f0_hz, _filled(sorted(octaves), np.log2(HIGHEST_HZ / f0_hz))


def _spectrum_db(audio: np.ndarray) -> np.ndarray:
    """[_FFT // 2 + 1] dB, of what follows the attack, under a window that starts at once and ends softly."""
    first = int(np.abs(audio).argmax())
    body = audio[first + round(_AFTER_S * SAMPLE_RATE_HZ) :][: round(_LONGEST_S * SAMPLE_RATE_HZ)]
    if len(body) < SAMPLE_RATE_HZ // 50:
        body = audio
    rise = min(len(body) // 8, SAMPLE_RATE_HZ // 200)
    shape = np.cos(np.linspace(0, np.pi / 2, len(body))) ** 2
    shape[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    return 20 * np.log10(np.abs(np.fft.rfft(body * shape, _FFT)) + 1e-9)


def _peaks(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Hz, dB) of the peaks that stand out, in rising frequency."""
    spectrum = _spectrum_db(audio)
    bin_hz = SAMPLE_RATE_HZ / _FFT
    low, high = round(LOWEST_HZ / bin_hz), round(HIGHEST_HZ / bin_hz)
    inner = spectrum[low:high]
    top = low + np.flatnonzero((inner > spectrum[low - 1 : high - 1]) & (inner >= spectrum[low + 1 : high + 1]))
    # the median of each third of an octave, read in between on a line
    edges = low * 2 ** np.arange(0, np.log2(high / low), 1 / 3)
    around = [np.median(spectrum[round(edge * 2 ** (-1 / 3)) : round(edge * 2 ** (1 / 3)) + 1]) for edge in edges]
    ground = np.interp(np.log2(top), np.log2(edges), around)
    strongest = spectrum[top].max() if len(top) else 0.0
    top = top[(spectrum[top] > ground + _STANDS_OUT_DB) & (spectrum[top] > strongest - _FAINT_DB)]
    before, peak, after = spectrum[top - 1], spectrum[top], spectrum[top + 1]
    shift = 0.5 * (before - after) / np.minimum(before - 2 * peak + after, -1e-9)
    return (top + shift) * bin_hz, peak


def _low_hump_hz(audio: np.ndarray) -> float:
    """The strongest frequency below _HUMP_HZ: a drum whose pitch falls has a hump there and no peak."""
    low, high = (round(f_hz * _FFT / SAMPLE_RATE_HZ) for f_hz in (LOWEST_HZ, _HUMP_HZ))
    return float(low + _spectrum_db(audio)[low:high].argmax()) * SAMPLE_RATE_HZ / _FFT


def _filled(octaves: list[float], top: float) -> np.ndarray:
    """[MODES] float32: the widest gap up to `top` is halved until there are enough."""
    top = max(top, octaves[-1] + 0.1)
    edges = [*octaves, top]
    while len(edges) <= MODES:
        gaps = np.diff(edges)
        at = int(gaps.argmax())
        edges.insert(at + 1, edges[at] + gaps[at] / 2)
    return np.array(edges[:MODES], np.float32)
