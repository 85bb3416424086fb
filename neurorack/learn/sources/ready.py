"""What all sources share: cut to the sound, brought to a level, chosen evenly, kept in one file for each split."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from neurorack.learn.corpus import LOUD_DB, Corpus, load_corpus
from neurorack.words import HOP, SAMPLE_RATE_HZ

_LEAD_DB, _LEAD = -45.0, SAMPLE_RATE_HZ // 500
"""A sound begins 2 ms before the first millisecond that is this loud against its loudest 10 ms."""
_TAIL_DB = -60.0
"""…and ends with the last 10 ms that are."""
_SOFT_END = SAMPLE_RATE_HZ // 200
_PEAK = 0.9

RUMBLE_HZ = 25.0

Thing = TypeVar("Thing")


def trimmed(audio: np.ndarray, longest_s: float, fade_s: float) -> np.ndarray:
    """[whole hops] int16: `audio` [samples] from its first sound to 60 dB below its loudest, its peak at 0.9.

    What is longer than `longest_s` fades out over `fade_s`; every end is rounded off over 5 ms.
    """
    fine = SAMPLE_RATE_HZ // 1000
    power = np.square(np.pad(audio, (0, -len(audio) % fine)).reshape(-1, fine)).mean(axis=1, dtype=np.float64)
    smooth = np.convolve(power, np.full(10, 0.1), "same")
    level_db = 10 * np.log10(power / smooth.max() + 1e-12)
    begin = max(0, int((level_db > _LEAD_DB).argmax()) * fine - _LEAD)
    end = (int(np.flatnonzero(10 * np.log10(smooth / smooth.max() + 1e-12) > _TAIL_DB)[-1]) + 1) * fine
    cut = audio[begin : min(end, begin + round(longest_s * SAMPLE_RATE_HZ))].astype(np.float64)
    fade = round(fade_s * SAMPLE_RATE_HZ) if end - begin > len(cut) else _SOFT_END
    fade = min(fade, len(cut))
    cut[len(cut) - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    cut = np.pad(cut, (0, -len(cut) % HOP))
    return np.round(cut * (_PEAK * 32767 / np.abs(cut).max())).astype(np.int16)


def without_rumble(audio: np.ndarray) -> np.ndarray:
    """`audio` [samples] without what is below RUMBLE_HZ: steps, handling, a room's traffic. 24 dB an octave, causal."""
    size = len(audio) + SAMPLE_RATE_HZ  # a second of padding holds its ringing
    s = 1j * np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ) / RUMBLE_HZ
    section = s**2 / (s**2 + np.sqrt(2) * s + 1)  # Butterworth
    return np.fft.irfft(np.fft.rfft(audio, size) * section**2, size)[: len(audio)]


def gain(audio: np.ndarray, less_db: float = 0.0) -> float:
    """What brings `audio` [samples] int16, over 32768, to LOUD_DB + `less_db` rms in its loudest 50 ms."""
    window = SAMPLE_RATE_HZ // 20
    energy = np.cumsum(np.concatenate([[0.0], audio.astype(np.float64) ** 2]))
    loudest = (energy[window:] - energy[:-window]).max() if len(audio) > window else energy[-1]
    rms = np.sqrt(loudest / window) / 32768
    return float(10 ** ((LOUD_DB + less_db) / 20) / max(rms, 1e-6))


def evenly(things: Sequence[Thing], most: int) -> list[Thing]:
    """At most that many of them, spread over all."""
    if len(things) <= most:
        return list(things)
    return [things[i] for i in np.linspace(0, len(things) - 1, most).round().astype(int)]


def kept(cache: Path, name: str, made_of: object, make: Callable[[], Corpus]) -> Corpus:
    """The corpus that `make` gives, made once: later calls with an equal `made_of` read `cache`/NAME-CRC.npz."""
    path = cache / f"{name}-{zlib.crc32(repr(made_of).encode()):08x}.npz"
    if not path.is_file():
        make().save(path)
    return load_corpus(path)
