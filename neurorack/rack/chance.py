"""Chance that repeats: numbers that depend on a seed and an index alone (splitmix64)."""

from statistics import NormalDist

_MASK = (1 << 64) - 1
_QUANTILES = tuple(NormalDist().inv_cdf((i + 0.5) / 4096) for i in range(4096))


def _scramble(seed: int, number: int) -> int:
    """64 even bits."""
    x = (seed + number * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def uniform(seed: int, number: int) -> float:
    """The `number`-th value of this seed, even in 0…1."""
    return (_scramble(seed, number) >> 11) * 2.0**-53


def gaussian(seed: int, number: int) -> float:
    """The `number`-th value of this seed, normal with variance 1 (from a table of quantiles, so within ±3.7)."""
    return _QUANTILES[_scramble(seed, number) & 4095]
