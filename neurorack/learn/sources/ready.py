"""What all sources share: a matched level, and one kept file for each split."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurorack.learn.corpus import Corpus, load_corpus
from neurorack.learn.levels import LOUD_DB
from neurorack.words import SAMPLE_RATE_HZ


def gain(audio: np.ndarray, less_db: float = 0.0) -> float:
    """What brings `audio` [samples] int16, over 32768, to LOUD_DB + `less_db` rms in its loudest 50 ms."""
    window = SAMPLE_RATE_HZ // 20
    energy = np.cumsum(np.concatenate([[0.0], audio.astype(np.float64) ** 2]))
    loudest = (energy[window:] - energy[:-window]).max() if len(audio) > window else energy[-1]
    rms = np.sqrt(loudest / window) / 32768
    return float(10 ** ((LOUD_DB + less_db) / 20) / max(rms, 1e-6))


def kept(cache: Path, name: str, made_of: object, make: Callable[[], Corpus]) -> Corpus:
    """The corpus that `make` gives, made once: later calls with an equal `made_of` read `cache`/NAME-CRC.npz."""
    path = cache / f"{name}-{zlib.crc32(repr(made_of).encode()):08x}.npz"
    if not path.is_file():
        make().save(path)
    return load_corpus(path)
