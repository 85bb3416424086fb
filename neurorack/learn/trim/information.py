"""Mutual information of a unit's activation and a target, from samples, in nats: as published, and done right.

With n samples in few bins a histogram estimate is some way off; with a target of many dimensions every sample lies in a
bin of its own. Then I(X; Y) = H(X) whatever X is: a unit of pure noise scores as high as one that says everything.
So here targets have at most 3 dimensions, in so few bins that samples outnumber them. What is left is taken off twice:

    the bias of few samples   H = H_plugin + (m − 1) / 2n for m bins that hold something (Miller 1955), in all three of
                              I = H(X) + H(Y) − H(X, Y)
    the null of permutation   what the same estimate says of a unit and other clips' targets: two curves that both move
                              slowly go together for a while by chance, and frames of a clip are no samples of their own
"""

import numpy as np

from neurorack.errors import BadInput

DIMENSIONS_MAX = 3

_PUBLISHED_BINS = 30
_PER_BIN = 12
"""Samples that a bin of unit and target together should hold in the mean."""
_BINS_MAX = 16
_CLIPS_MIN = 8
_SHUFFLES = 8


def corrected(unit: np.ndarray, target: np.ndarray, together: int = 1, seed: int = 0) -> float:
    """Of `unit` [n] about `target` [n, at most 3], at least 0; `together` samples in a row are of one clip. BadInput
    where the target has more dimensions, or there are too few clips."""
    _check(unit, target)
    clips = len(unit) // together
    if target.shape[1] > DIMENSIONS_MAX:
        what = f"information about {target.shape[1]} dimensions cannot be told from chance"
        raise BadInput(what, "trimming", f"choose at most {DIMENSIONS_MAX} of them, or their first components")
    if clips < _CLIPS_MIN:
        what = f"information in {clips} clips cannot be told from chance"
        raise BadInput(what, "trimming", f"score on {_CLIPS_MIN} or more")
    if not np.isfinite(unit).all():
        return float("nan")
    bins = int(np.clip((len(unit) / _PER_BIN) ** (1 / (1 + target.shape[1])), 2, _BINS_MAX))
    x = _even_bins(unit, bins)
    y = _joined(np.column_stack([_even_bins(column, bins) for column in target.T]))
    offsets = np.random.default_rng(seed).choice(np.arange(1, clips), min(_SHUFFLES, clips - 1), replace=False)
    null = np.mean([_miller_madow(np.roll(x, together * offset), y) for offset in offsets])
    return max(0.0, _miller_madow(x, y) - float(null))


def published(unit: np.ndarray, target: np.ndarray) -> float:
    """Of `unit` [n] about `target` [n, any]: a plain histogram of 30 bins of equal width along every dimension."""
    _check(unit, target)
    if not np.isfinite(unit).all():
        return float("nan")
    x = _equal_bins(unit)
    y = _joined(np.column_stack([_equal_bins(column) for column in target.T]))
    return _entropy(x) + _entropy(y) - _entropy(_joined(np.column_stack([x, y])))


def _check(unit: np.ndarray, target: np.ndarray) -> None:
    if unit.ndim != 1 or target.ndim != 2 or len(unit) != len(target):
        raise ValueError(f"unit {unit.shape} and target {target.shape} are no samples of two things")


def _miller_madow(x: np.ndarray, y: np.ndarray) -> float:
    both = x.astype(np.int64) * (int(y.max()) + 1) + y
    counts = [np.bincount(part)[np.unique(part)] for part in (x, y, both)]
    h_x, h_y, h_both = (_plugin(count) + (len(count) - 1) / (2 * len(x)) for count in counts)
    return h_x + h_y - h_both


def _plugin(counts: np.ndarray) -> float:
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())


def _entropy(symbols: np.ndarray) -> float:
    return _plugin(np.unique(symbols, return_counts=True)[1])


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
