"""What an encoder is shown of a sound: 64 mel bands without their level, and how noisy it is; a frame every 5.3 ms.

Each frame is computed from its own 1024 samples alone, so that a file and a live input give the same numbers.
"""

from functools import cache

import numpy as np

from neurorack.ears import descriptors

BANDS, FEATURE_HOP = 64, 256
FEATURES = BANDS + 1

DEEPEST_BEL, SILENT_BEL = 7.0, -9.0
"""What lies 70 dB below its frame's loudest band, or 90 dB below full scale, counts as silence."""


@cache
def mel_bank() -> np.ndarray:
    """[BINS, BANDS] triangles, even on a mel scale from 30 Hz to 18 kHz, each of unit sum."""
    low, high = 2595 * np.log10(1 + np.array([30.0, 18_000.0]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    rising = (descriptors.BIN_HZ[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - descriptors.BIN_HZ[:, None]) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(rising, falling))
    narrow = bank.sum(axis=0) < 0.5  # below the bins' spacing: take the nearest bin
    nearest = np.abs(descriptors.BIN_HZ[:, None] - edges[1:-1]).argmin(axis=0)
    bank[nearest[narrow], np.nonzero(narrow)[0]] = 1.0
    scaled: np.ndarray = bank / bank.sum(axis=0)
    return scaled


def log_mel(power: np.ndarray) -> np.ndarray:
    """|X|² [frames, BINS] → [frames, BANDS] in bels, each frame's own level taken out."""
    bels = np.log10(power * descriptors.POWER_SCALE @ mel_bank() + 10**SILENT_BEL)
    bels = np.maximum(bels, bels.max(axis=1, keepdims=True) - DEEPEST_BEL)
    return bels - bels.mean(axis=1, keepdims=True)


def features(audio: np.ndarray) -> np.ndarray:
    """[samples // FEATURE_HOP, FEATURES] float32 of `audio` [samples] at 48 kHz; frame t is centred on the sample
    (t + 1)·FEATURE_HOP."""
    power = descriptors.spectra(audio, FEATURE_HOP)
    noisy = descriptors.noisiness(audio, FEATURE_HOP)
    return np.column_stack([log_mel(power), noisy]).astype(np.float32)
