"""The level of a recorded sound, read closely enough that an attack stays one, and widely enough that it does not
follow each wave of a low pitch. What training hears and what gestures say is read through the same windows."""

import numpy as np

from neurorack.learn.corpus import Sound
from neurorack.words import HOP, SAMPLE_RATE_HZ

WINDOW = {"pitched": 512, "percussive": 128, "speaking": 512}
"""Samples a level is read through at least, shorter than the descriptors'."""
LONGEST_WINDOW = 2048
"""A level is read through two periods of a low pitch, or it would follow each of them; of a hit through one, at most
half of this."""
CREST_DB = 3.0
"""How far WINDOW of a low hit stands above its mean where it holds the crest of a wave; a click stands higher."""
ONSET_DB = {"pitched": -25.0, "percussive": -30.0, "speaking": -40.0}
"""A sound begins where it first comes this near to its loudest: a hit's peak, or the level of the others."""


def levelled(sound: Sound) -> np.ndarray:
    """[samples] at the level that all sounds are brought to."""
    audio: np.ndarray = sound.audio * (sound.gain / 32768.0)
    return audio


def onset(audio: np.ndarray, kind: str) -> int:
    """The sample at which a sound begins; of a hit it is the very first."""
    if kind == "percussive":
        size = np.abs(audio)
        return int(np.argmax(size >= size.max() * 10 ** (ONSET_DB[kind] / 20)))
    level_db = _read(audio**2, np.arange(0, len(audio), HOP), WINDOW[kind] // 2)
    return max(int(np.argmax(level_db > level_db.max() + ONSET_DB[kind])) - 1, 0) * HOP


def level_db(audio: np.ndarray, sound: Sound, kind: str, at: np.ndarray) -> np.ndarray:
    """dBFS [rows] of a note or phrase `audio` [samples], which is `sound` at some gain, around the samples `at`."""
    lowest_hz = float(np.quantile(sound.f0_hz, 0.1))
    half = int(np.clip(SAMPLE_RATE_HZ / lowest_hz, WINDOW[kind] // 2, LONGEST_WINDOW // 2))
    return _read(audio**2, at, half)


def hit_level_db(hit: np.ndarray, sound: Sound, at: np.ndarray) -> np.ndarray:
    """The same of a hit that begins with its first sample, whose power is mirrored there: no silence is read.

    A decaying sine of 60 Hz has its mean power only over a period; a click is over in 2.7 ms.
    """
    lowest_hz = float(np.median(sound.f0_hz)) * 2 ** float(sound.partials[0])
    short = WINDOW["percussive"] // 2
    half = int(np.clip(SAMPLE_RATE_HZ / lowest_hz / 2, short, LONGEST_WINDOW // 4))
    power = np.concatenate([hit[half:0:-1], hit]) ** 2
    at = at + (len(power) - len(hit))
    return np.maximum(_read(power, at, half), _read(power, at, short) - CREST_DB)


def _read(power: np.ndarray, at: np.ndarray, half: int) -> np.ndarray:
    """Mean [rows] in dB of `power` [samples] under a Hann window of `half` samples to each side of the samples `at`."""
    window = np.hanning(2 * half + 3)[1:-1]
    views = np.lib.stride_tricks.sliding_window_view(np.pad(power, half), len(window))
    level: np.ndarray = 10 * np.log10(views[at] @ (window / window.sum()) + 1e-12)
    return level
