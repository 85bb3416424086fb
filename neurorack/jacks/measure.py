"""One jack at one voltage that stands still: averaged until its mean is known well enough, or refused with a reason.

Readings come as running totals, so whoever looks rarely misses none. They are taken together in tenths of a second,
five periods of 50 Hz and six of 60 Hz, so that hum averages out; the scatter of those means, not of the readings,
gives the confidence. A converter's own noise of a third of a step leaves 0.04 steps of quantisation in the mean.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from neurorack.jacks.nominal import InForce, Nominal

BATCH_NS = 100_000_000

SETTLED_V, SETTLED_BATCHES, SETTLE_S = 1e-3, 3, 10.0
"""It has settled when three tenths of a second agree within a millivolt; ten seconds are enough for every cable."""

JUMP_V = 5e-3
"""A tenth of a second this far from the mean so far: somebody touched the cable."""

DRIFT = 4.0
"""A slope that makes more than so many limits over the measurement, and is that many times its own error, drifts."""

FEWEST, LONGEST_S = 10, 20.0
"""Batches to trust a scatter; and the patience with a noisy one."""

SILENT_S = 1.0

VOCT_LIMIT_V, CV_LIMIT_V = 0.15 / 1_200, 0.5e-3
"""Half width of the interval of confidence to reach: 0.15 cents; where nobody hears cents, half a millivolt."""


class Totals(NamedTuple):
    """Readings of all jacks since the converters were set up, in the order of `CV_JACKS`, nominally converted: in what
    that is, `nominals` says."""

    t_ns: int
    counts: tuple[int, ...]
    sums_v: tuple[float, ...]
    nominals: tuple[Nominal, ...]

    @classmethod
    def of_record(cls, t_ns: int, volts: Any) -> "Totals | None":
        """Those of a record of `shared.VOLTS`, looked at at `t_ns`; None where the jacks have never written one."""
        now = InForce.of_record(volts)
        if now is None:
            return None
        return cls(t_ns, tuple(volts["count"].tolist()), tuple(volts["sum_v"].tolist()), now.nominals)


class Estimate(NamedTuple):
    """`confidence_v` is the half width within which the true mean lies in 95 of 100 cases, inf at first."""

    mean_v: float
    confidence_v: float


class Measurement:
    """Feed it with `take` until `done` or `fault`."""

    def __init__(self, limit_v: float) -> None:
        self._limit_v = limit_v
        self._means: list[float] = []
        self._settled = False
        self._began_ns = self._last_ns = -1
        self._count, self._sum_v = 0, 0.0
        self.newest_v = math.nan
        """Mean of the newest tenth of a second."""
        self.done = False
        self.fault = ""
        """Why it cannot be measured, as a clause about the voltage."""

    @property
    def estimate(self) -> Estimate:
        if len(self._means) < SETTLED_BATCHES:
            return Estimate(self.newest_v, math.inf)
        return Estimate(float(np.mean(self._means)), confidence(self._means))

    @property
    def moves(self) -> bool:
        """It is not still enough to be averaged."""
        return not self._settled and len(self._means) == SETTLED_BATCHES

    @property
    def progress(self) -> float:
        """0…1: batches taken and confidence reached, whichever is further behind."""
        if self.done:
            return 1.0
        if not self._settled:
            return 0.0
        known = self._limit_v / max(self.estimate.confidence_v, self._limit_v)
        return min(len(self._means) / FEWEST, known)

    def take(self, t_ns: int, count: int, sum_v: float) -> None:
        """The jack's totals at `t_ns`."""
        if self.done or self.fault:
            return
        if self._last_ns < 0 or count < self._count:  # the first, or its process was started anew
            self._began_ns = self._last_ns = t_ns
            self._count, self._sum_v = count, sum_v
            self._means.clear()
            self._settled = False
            return
        if count == self._count:
            if t_ns - self._last_ns > SILENT_S * 1e9:
                self.fault = "is not read: its converter is silent"
            return
        if t_ns - self._last_ns < BATCH_NS:
            return
        self.newest_v = (sum_v - self._sum_v) / (count - self._count)
        self._last_ns, self._count, self._sum_v = t_ns, count, sum_v
        self._judge(self.newest_v, (t_ns - self._began_ns) * 1e-9)

    def _judge(self, mean_v: float, since_s: float) -> None:
        if not self._settled:
            self._means = [*self._means, mean_v][-SETTLED_BATCHES:]
            span_v = max(self._means) - min(self._means)
            self._settled = len(self._means) == SETTLED_BATCHES and span_v < SETTLED_V
            if not self._settled and since_s > SETTLE_S:
                self.fault = f"does not settle: it still moves by {1e3 * span_v:.1f} mV"
            return
        if abs(step_v := mean_v - self.estimate.mean_v) > JUMP_V:
            self.fault = f"jumped by {1e3 * step_v:+.0f} mV: leave the cable alone"
            return
        self._means.append(mean_v)
        if len(self._means) < FEWEST:
            return
        drift_v, error_v = _drift(self._means)
        if abs(drift_v) > DRIFT * max(self._limit_v, error_v):
            if since_s < SETTLE_S:
                del self._means[: FEWEST // 2]  # it may have been creeping up: what comes now counts
                return
            self.fault = f"drifts by {1e3 * drift_v / (len(self._means) * BATCH_NS * 1e-9):+.1f} mV a second"
        elif self.estimate.confidence_v <= self._limit_v:
            self.done = True
        elif since_s > LONGEST_S:
            self.fault = f"is too noisy: ±{1e3 * self.estimate.confidence_v:.2f} mV after {since_s:.0f} s"


def confidence(means: list[float]) -> float:
    """Half width of the 95 % interval of their mean: Student's quantile over the standard error.

    The quantile by the first terms of its expansion in 1/ν (Abramowitz and Stegun, 26.7.5), 0.2 % off at ν = 9.
    """
    z, freedom = 1.959964, len(means) - 1
    quantile = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return float(quantile * np.std(means, ddof=1) / math.sqrt(len(means)))


def _drift(means: list[float]) -> tuple[float, float]:
    """(volts from the first to the last along the fitted line, its standard error)."""
    t = np.linspace(-0.5, 0.5, len(means))
    slope = float(np.dot(t, means) / np.dot(t, t))
    rest = np.asarray(means) - np.mean(means) - slope * t
    return slope, float(np.sqrt(np.sum(rest**2) / (len(means) - 2) / np.dot(t, t)))
