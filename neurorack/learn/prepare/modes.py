"""The damped modes of a struck sound: the peaks of one long spectrum taken right after the attack."""

import numpy as np

from neurorack.learn.corpus import MODES
from neurorack.words import SAMPLE_RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 30.0, 16_000.0

_FFT = 1 << 17  # 0.37 Hz a bin
_AFTER_S = 0.008
"""The strike's own click is left out."""
_LONGEST_S = 1.5
_BLUR_HZ, _BLUR = 1.0, 0.004
"""Power is averaged this far to either side (Hz, share): what is left of noise then seldom stands out."""
_STANDS_OUT_DB = 6.0
"""A mode is this much above the dips to both of its sides…"""
_FAINT_DB = 50.0
"""…and less than this below the strongest."""
_LOW_DB, _DULL_HZ = 16.0, 150.0
"""f0 is the lowest mode that is less than this below the strongest one to the ear, which is dull below 150 Hz."""
_HUMP_HZ = 1_000.0
_FILLING = 6
"""So many modes at least go where none stands out: a hit that is half noise has peaks anywhere, by chance."""
_APART_OCT = 0.03
"""Peaks nearer than this are one mode that beats."""


def find_modes(audio: np.ndarray, f0_hz: float | None = None) -> tuple[float, np.ndarray]:
    """(f0 in Hz, partials [MODES] float32: octaves above f0 from 0 on, rising) of a struck sound [samples].

    `f0_hz`, where given, is kept. The strongest modes that stand out are taken, and the widest gaps up to HIGHEST_HZ
    filled evenly in octaves; for a hit that is all noise that is every mode.
    """
    f_hz, level_db = _peaks(audio)
    if f0_hz is None:
        heard_db = level_db + 20 * np.log10(f_hz**2 / (f_hz**2 + _DULL_HZ**2))
        strong = f_hz[heard_db > heard_db.max(initial=-np.inf) - _LOW_DB]
        f0_hz = float(strong.min()) if len(strong) else _low_hump_hz(audio)
    above = f_hz > f0_hz * 2**_APART_OCT
    order = np.argsort(-level_db[above], kind="stable")
    octaves = [0.0]
    for candidate in np.log2(f_hz[above][order] / f0_hz):
        if len(octaves) < MODES - _FILLING and min(abs(candidate - known) for known in octaves) >= _APART_OCT:
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
    spectrum_db = _spectrum_db(audio)
    power = 10 ** (spectrum_db / 10)
    bin_hz = SAMPLE_RATE_HZ / _FFT
    bins = np.arange(len(power))
    half = (np.maximum(_BLUR_HZ, _BLUR * bins * bin_hz) / bin_hz).astype(np.int64)
    summed = np.concatenate([[0.0], np.cumsum(power)])
    low, high = np.maximum(bins - half, 0), np.minimum(bins + half + 1, len(power))
    blurred_db = 10 * np.log10((summed[high] - summed[low]) / (high - low) + 1e-18)
    first, last = round(LOWEST_HZ / bin_hz), round(HIGHEST_HZ / bin_hz)
    top = first + np.array(_prominent(blurred_db[first:last]), np.int64)
    exact = np.array([at - half[at] + power[at - half[at] : at + half[at] + 1].argmax() for at in top], np.int64)
    before, peak, after = spectrum_db[exact - 1], spectrum_db[exact], spectrum_db[exact + 1]
    shift = np.clip(0.5 * (before - after) / np.minimum(before - 2 * peak + after, -1e-9), -0.5, 0.5)
    level_db = blurred_db[top] + 10 * np.log10(2 * half[top] + 1)
    near = level_db > level_db.max(initial=-np.inf) - _FAINT_DB
    return (exact + shift)[near] * bin_hz, level_db[near]


def _prominent(level_db: np.ndarray) -> list[int]:
    """Where there are peaks from which it goes down by _STANDS_OUT_DB to either side before it rises above them."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(level_db)), prepend=0, append=0))
    peaks, rising, at, low_db = [], True, 0, 0.0
    for turn in turns:
        if rising and level_db[turn] > level_db[at]:
            at = int(turn)
        elif rising and level_db[turn] < level_db[at] - _STANDS_OUT_DB:
            peaks.append(at)
            rising, low_db = False, level_db[turn]
        elif not rising and level_db[turn] < low_db:
            low_db = level_db[turn]
        elif not rising and level_db[turn] > low_db + _STANDS_OUT_DB:
            rising, at = True, int(turn)
    return peaks


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
