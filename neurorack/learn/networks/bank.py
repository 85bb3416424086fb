"""The bank that cuts pulse and noise into bands: grouped bins of one Hann-windowed transform.

A bin is hann(n)·cos(2πj(n − 128)/256), n = 0…256. Bins are 187.5 Hz apart and add up to a pure delay of 128 samples
(2.67 ms), so whatever way neighbours are grouped into bands, equal gains give a flat sum and no seam between bands.
"""

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ

TAPS, DELAY = 257, 128
BIN_HZ = SAMPLE_RATE_HZ / 256
EDGES = (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 37, 45, 55, 66, 79, 97)
"""First bin of every band and, last, the bin after the top: 18 bands up to 18 kHz, a bin wide below 1 kHz."""
BANDS = len(EDGES) - 1


def responses() -> np.ndarray:
    """Impulse responses [BANDS, TAPS] float64, symmetric about tap 128."""
    n = np.arange(TAPS) - DELAY
    shape = 0.5 + 0.5 * np.cos(np.pi * n / DELAY)
    bins = np.cos(2 * np.pi * np.arange(129)[:, None] * n / 256) * (shape / 128)
    bins[[0, 128]] /= 2
    return np.add.reduceat(bins, EDGES, axis=0)[:BANDS]


def band_power() -> np.ndarray:
    """Mean square [BANDS] that unit white noise keeps in each band."""
    power: np.ndarray = (responses() ** 2).sum(axis=1)
    return power


def limits_hz() -> np.ndarray:
    """Lower and upper limit of each band [BANDS, 2]."""
    edges = (np.array(EDGES) - 0.5) * BIN_HZ
    return np.column_stack([np.maximum(edges[:-1], 0.0), edges[1:]])
