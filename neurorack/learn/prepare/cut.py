"""A recording → its sounds: notes, hits, phrases.

Sound stands out from silence by its level. What silence leaves in one piece is parted again where something new
begins, unless it is speech, whose phrases belong together.
"""

from itertools import pairwise

import numpy as np

from neurorack.ears import descriptors
from neurorack.ears.features import mel_bank
from neurorack.words import SAMPLE_RATE_HZ

SHORTEST_S, LONGEST_S = 0.05, 8.0

_STEP = SAMPLE_RATE_HZ // 200  # 5 ms
_DEEP_DB = 60.0
"""A tail ends this far below the loudest…"""
_ABOVE_FLOOR_DB = 8.0
"""…or this little above the recording's own noise."""
_ALIVE_DB, _FLAT_DB = 30.0, 4.0
"""Noise is 30 dB below the loudest and even: the softest fifth within 4 dB. Otherwise it is sound, or its tail."""
_NOTHING_DB = -75.0
"""Below this, in dBFS, nothing is a sound."""
_START_DB = 6.0
"""A sound starts where the level passes the end's threshold by this much."""
_BRIDGE_S = 0.12
"""Gaps shorter than this part nothing: the closure before a `t` lasts some 0.1 s."""
_LEAD = SAMPLE_RATE_HZ // 500  # 2 ms ahead of the first sound

_ONSET_HOP = 256
_ONSET_DB = 5.0
"""Rise, averaged over the mel bands, that begins a new sound…"""
_RISE_DB = 3.0
"""…if the level rises with it by this much…"""
_FAINT_DB = 30.0
"""…to less than this below the loudest of its piece."""
_APART_S = 0.08


def cut_sounds(audio: np.ndarray, kind: str | None = None) -> list[slice]:
    """Where the sounds of `audio` [samples] lie, in order, each of SHORTEST_S…LONGEST_S and without overlap."""
    shortest, longest = round(SHORTEST_S * SAMPLE_RATE_HZ), round(LONGEST_S * SAMPLE_RATE_HZ)
    if len(audio) < shortest:
        return []
    level_db = _level_db(audio)
    found = []
    for begin, end in _loud_parts(audio, level_db):
        inner = [] if kind == "speaking" else _onsets(audio[begin:end])
        edges = [begin, *(begin + at for at in inner), end]
        for a, b in pairwise(edges):
            found += _shortened(level_db, a, b, longest)
    return [slice(a, b) for a, b in found if b - a >= shortest]


def loudest_db(audio: np.ndarray) -> float:
    """rms of the loudest 50 ms, in dBFS (floor −120)."""
    width = min(len(audio), SAMPLE_RATE_HZ // 20)
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    return float(10 * np.log10((energy[width:] - energy[:-width]).max() / width + 1e-12))


def _level_db(audio: np.ndarray) -> np.ndarray:
    """[steps] dBFS over 10 ms, every 5 ms: step i begins at sample i · _STEP."""
    steps = np.pad(audio, (0, -len(audio) % _STEP)).reshape(-1, _STEP)
    power = np.square(steps, dtype=np.float64).mean(axis=1)
    power[:-1] = (power[:-1] + power[1:]) / 2
    return 10 * np.log10(power + 1e-12)


def _loud_parts(audio: np.ndarray, level_db: np.ndarray) -> list[tuple[int, int]]:
    """(first sample, sample after the last) of what stands out from silence."""
    loud_db = float(level_db.max())
    if loud_db < _NOTHING_DB:
        return []
    softest_db, floor_db, soft_db = np.percentile(level_db, [2, 10, 20])
    end_db = loud_db - _DEEP_DB
    if floor_db < loud_db - _ALIVE_DB and soft_db - softest_db < _FLAT_DB:
        end_db = max(end_db, float(floor_db) + _ABOVE_FLOOR_DB)
    sounding = level_db > end_db
    edges = np.flatnonzero(np.diff(sounding, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    started = [bool((level_db[a:b] > end_db + _START_DB).any()) for a, b in zip(begins, ends, strict=True)]
    parts: list[tuple[int, int]] = []
    for a, b in zip(begins[started], ends[started], strict=True):
        start = a + int((level_db[a:b] > end_db + _START_DB).argmax())
        begin = _first_sound(audio, start, 10 ** ((end_db + _START_DB) / 10))
        end = min(int(b + 1) * _STEP, len(audio))
        if parts and begin - parts[-1][1] < _BRIDGE_S * SAMPLE_RATE_HZ:
            parts[-1] = (parts[-1][0], end)
        elif end > begin:
            parts.append((begin, end))
    return parts


def _first_sound(audio: np.ndarray, step: int, power: float) -> int:
    """2 ms ahead of the first millisecond, from 10 ms before a step on, that has this power."""
    width = SAMPLE_RATE_HZ // 1000
    begin = max(0, (step - 2) * _STEP)
    near = audio[begin : (step + 3) * _STEP]
    near = near[: len(near) // width * width].reshape(-1, width)
    loud = np.square(near, dtype=np.float64).mean(axis=1) > power
    return max(0, begin + int(loud.argmax()) * width - _LEAD)


def _onsets(audio: np.ndarray) -> list[int]:
    """Samples where something new begins inside a sound."""
    if len(audio) < 2 * _APART_S * SAMPLE_RATE_HZ:
        return []
    bands = descriptors.spectra(audio, _ONSET_HOP) * descriptors.POWER_SCALE @ mel_bank()
    bands_db = 10 * np.log10(bands + bands.max() * 1e-6 + 1e-14)
    level_db = 10 * np.log10(bands.sum(axis=1) + 1e-14)
    back = 3  # 16 ms
    before = np.maximum.reduce([bands_db[i : len(bands_db) - back + i] for i in range(back - 1)])
    rise_db = np.maximum(bands_db[back:] - before, 0).mean(axis=1)
    apart = round(_APART_S * SAMPLE_RATE_HZ / _ONSET_HOP)
    found: list[int] = []
    for frame in np.flatnonzero(rise_db > _ONSET_DB) + back:
        near = rise_db[max(0, frame - back - apart) : frame - back + apart + 1]
        ahead_db = level_db[max(0, frame - 2 * back) : frame].min()
        after_db = level_db[frame : frame + apart].max()
        loud = after_db > max(ahead_db + _RISE_DB, level_db.max() - _FAINT_DB)
        if rise_db[frame - back] < near.max() or not loud:
            continue
        at = _steepest(audio, (int(frame) + 1) * _ONSET_HOP)
        if at - (found[-1] if found else 0) >= _APART_S * SAMPLE_RATE_HZ:
            found.append(at)
    return found


def _steepest(audio: np.ndarray, at: int) -> int:
    """2 ms ahead of where the level, over 2 ms, rises most within 25 ms before `at` and 10 ms after it."""
    width = SAMPLE_RATE_HZ // 500
    begin = max(0, at - 25 * SAMPLE_RATE_HZ // 1000)
    near = audio[begin : at + 10 * SAMPLE_RATE_HZ // 1000]
    near = near[: len(near) // width * width].reshape(-1, width)
    level = np.log10(np.square(near, dtype=np.float64).mean(axis=1) + 1e-9)
    return begin + (int(np.diff(level).argmax()) + 1) * width - _LEAD


def _shortened(level_db: np.ndarray, begin: int, end: int, longest: int) -> list[tuple[int, int]]:
    """The span, parted at its quietest places until no part is longer than `longest`."""
    parts = []
    while end - begin > longest:
        low, high = begin + longest // 2, min(begin + longest, end - longest // 16)
        steps = level_db[low // _STEP : high // _STEP]
        smooth = np.convolve(10 ** (steps / 10), np.ones(10), "same")
        at = (low // _STEP + int(smooth.argmin())) * _STEP
        parts.append((begin, at))
        begin = at
    return [*parts, (begin, end)]
