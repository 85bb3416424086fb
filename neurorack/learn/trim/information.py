"""Mutual information of a unit's activation and a target, from samples, in nats: as published, and done right.

With n samples in few bins a histogram estimate is some way off; with a target of many dimensions every sample lies in a
bin of its own. Then I(X; Y) = H(X) whatever X is: a unit of pure noise scores as high as one that says everything.
So here targets have at most 3 dimensions, in so few bins that samples outnumber them. What is left is taken off twice:

    the bias of few samples   H = H_plugin + (m − 1) / 2n for m bins that hold something (Miller 1955), in all three of
                              I = H(X) + H(Y) − H(X, Y)
    the null of permutation   what the same estimate says of a unit and other clips' targets: two curves that both move
                              slowly go together for a while by chance, and frames of a clip are no samples of their own
"""

from collections.abc import Callable

import numpy as np

from neurorack.errors import BadInput

DIMENSIONS_MAX = 3

_PUBLISHED_BINS = 30
_PER_BIN = 12
"""Samples that a bin of unit and target together should hold in the mean."""
_BINS_MAX = 16
_CLIPS_MIN = 8
_SHUFFLES = 8


def corrected(units: np.ndarray, target: np.ndarray, together: int = 1, seed: int = 0) -> np.ndarray:
    """Of each of `units` [n, units] about `target` [n, at most 3], at least 0; `together` samples in a row are of one
    clip. BadInput where the target has more dimensions, or there are too few clips."""
    _check(units, target)
    samples, clips = len(units), len(units) // together
    if target.shape[1] > DIMENSIONS_MAX:
        what = f"information about {target.shape[1]} dimensions cannot be told from chance"
        raise BadInput(what, "trimming", f"choose at most {DIMENSIONS_MAX} of them, or their first components")
    if clips < _CLIPS_MIN:
        what = f"information in {clips} clips cannot be told from chance"
        raise BadInput(what, "trimming", f"score on {_CLIPS_MIN} or more")
    bins = int(np.clip((samples / _PER_BIN) ** (1 / (1 + target.shape[1])), 2, _BINS_MAX))
    offsets = together * np.random.default_rng(seed).choice(
        np.arange(1, clips), min(_SHUFFLES, clips - 1), replace=False
    )
    y = _joined(np.column_stack([_even_bins(column, bins) for column in target.T]))

    def estimate(unit: np.ndarray) -> float:
        x = _even_bins(unit, bins)
        h_both = _miller_madow(_pairs(x, y))
        h_both_by_chance = np.mean([_miller_madow(_pairs(np.roll(x, offset), y)) for offset in offsets])
        return max(0.0, float(h_both_by_chance) - h_both)  # H(X) and H(Y) are the same in both

    return _of_each(units, estimate)


def published(units: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Of each of `units` [n, units] about `target` [n, any]: a plain histogram of 30 bins of equal width along every
    dimension."""
    _check(units, target)
    y = _joined(np.column_stack([_equal_bins(column) for column in target.T]))

    def estimate(unit: np.ndarray) -> float:
        x = _equal_bins(unit)
        return _plugin(x) + _plugin(y) - _plugin(_pairs(x, y))

    return _of_each(units, estimate)


def _check(units: np.ndarray, target: np.ndarray) -> None:
    if units.ndim != 2 or target.ndim != 2 or len(units) != len(target):
        raise ValueError(f"units {units.shape} and target {target.shape} are no samples of the same")


def _of_each(units: np.ndarray, estimate: Callable[[np.ndarray], float]) -> np.ndarray:
    return np.array([estimate(unit) if np.isfinite(unit).all() else np.nan for unit in units.T])


def _plugin(symbols: np.ndarray) -> float:
    """Entropy of symbols [n], 0 upwards, as often as they come."""
    counts = np.bincount(symbols)
    p = counts[counts > 0] / len(symbols)
    return float(-(p * np.log(p)).sum())


def _miller_madow(symbols: np.ndarray) -> float:
    return _plugin(symbols) + (np.count_nonzero(np.bincount(symbols)) - 1) / (2 * len(symbols))


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x * (int(y.max()) + 1) + y


def _joined(columns: np.ndarray) -> np.ndarray:
    """Rows [n, k] as one symbol each [n], 0 upwards."""
    return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)


def _even_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Bins of equal population; equal values share one."""
    edges = np.quantile(values, np.arange(1, bins) / bins)
    return np.searchsorted(edges, values, side="left")


def _equal_bins(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros(len(values))
    return np.minimum((scaled * _PUBLISHED_BINS).astype(int), _PUBLISHED_BINS - 1)
