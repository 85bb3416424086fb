"""What the figures are scored with, and the statistics they are made of.

The scorer is `judge`: another implementation than training's, behind a longer window. It gives descriptors in the
card's units; a knob's *position* is what `patch.knobs.Scales` reads from them at the pitch that was played. Positions
go on beyond 0…1. Nothing is fitted between the two implementations: how far apart they are on recordings is a figure of
its own, `scorer_off_NAME`, below which no error can be told from the scorer's.
"""

import numpy as np

from neurorack.learn.evaluate.judge import judge
from neurorack.words import DESCRIPTORS, HOP

SCORE_HOP = 512
POINT = 2
"""Frames of the scorer that are averaged into one point: 21 ms, about the period of the lowest notes' ripple."""
POINT_HOPS = POINT * SCORE_HOP // HOP

WINDOW_HOPS = 32
"""What the scorer's window spans."""


def points(audio: np.ndarray) -> np.ndarray:
    """Scored descriptors [points, 5] of a sound [samples], a point every POINT_HOPS hops."""
    frames = judge(audio, SCORE_HOP)[:, : len(DESCRIPTORS)]
    whole = len(frames) // POINT
    averaged: np.ndarray = frames[: whole * POINT].reshape(whole, POINT, frames.shape[1]).mean(axis=1)
    return averaged


def pooled(values: np.ndarray) -> np.ndarray:
    """[hops, …] → means [points, …] over the same hops as `points`."""
    whole = len(values) // POINT_HOPS
    averaged: np.ndarray = values[: whole * POINT_HOPS].reshape(whole, POINT_HOPS, *values.shape[1:]).mean(axis=1)
    return averaged


def ranks(values: np.ndarray) -> np.ndarray:
    """Of [n], from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: np.ndarray = (np.cumsum(counts) - (counts + 1) / 2)[inverse]
    return mean


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of [n] and [n]; 0 where one of them stands still."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else 0.0


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's of the ranks."""
    return pearson(ranks(a), ranks(b))


def spread(name: str, values: np.ndarray | list[float]) -> dict[str, float]:
    """{NAME: median, NAME_p10, NAME_p90} over clips; nothing of nothing."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return {}
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9])
    return {name: float(middle), f"{name}_p10": float(low), f"{name}_p90": float(high)}
