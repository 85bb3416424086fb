"""Time → samples: which sample was due at which moment of CLOCK_MONOTONIC.

A callback's entry wanders by milliseconds, so its time of day cannot say where in the block an edge belongs.
A second-order delay-locked loop smooths the entries into a straight line (F. Adriaensen, "Using a DLL to filter
time", Linux Audio Conference 2005): with e the error of the newest entry against the line,

    t += √2·ω·e + period        period += ω²·e        ω = 2π · bandwidth · period

Three things are added to the paper's loop:

start       the first gains are 4/n, which forget as n⁻⁴ where the card began, until they have fallen to √2·ω
outliers    an error counts no further than three times the mean one: a callback 5 ms late moves nothing
gap         errors beyond eight times the mean that last for 12 entries are no lateness, the device has skipped:
            the line jumps by the least of them, and whole blocks that were skipped are counted as lost
"""

from collections.abc import Iterator
from math import pi, sqrt
from typing import Protocol

from neurorack.words import SAMPLE_RATE_HZ

BANDWIDTH_HZ = 0.25
"""Of the loop: passes a twelfth of the entries' wander at block 128, follows a card's drift in two seconds."""

GAP_ENTRIES = 12
"""Entries in a row that must be late before the device is believed to have skipped: 32 ms at block 128."""


class Timeline(Protocol):
    """What the callback and `render` ask: where a block begins, and which sample was due when."""

    start: int

    def tick(self, now_ns: int) -> None: ...

    def sample_at(self, t_ns: int) -> float: ...


class LockedTimeline:
    """The delay-locked loop. `tick` once per callback, then `sample_at` maps any moment near it.

    start       index of the first sample of the block that begins now
    period_s    of a block, as the card really plays it
    lateness_s  of the newest entry against the line, negative where it was early
    lost        blocks the device skipped: ideal minus actual, by the clock and the card's own rate
    """

    def __init__(self, block: int, rate_hz: float = SAMPLE_RATE_HZ, bandwidth_hz: float = BANDWIDTH_HZ) -> None:
        self.block = block
        self.start = -block
        self.period_s = block / rate_hz
        self.lateness_s = 0.0
        self.lost = 0
        omega = 2 * pi * bandwidth_hz * self.period_s
        self._b, self._c = sqrt(2) * omega, omega * omega
        self._nominal_s = self.period_s
        self._entries = 0
        self._origin_ns = 0
        self._time_s = 0.0  # of sample `start`, since origin
        self._next_s = 0.0  # of the block after it
        self._wander_s = self.period_s / 4  # mean absolute error
        self._away = 0  # entries in a row that were a gap's worth late
        self._least_s = 0.0

    def tick(self, now_ns: int) -> None:
        """A callback entered at `now_ns`: the block that begins `self.block` samples after the last."""
        self.start += self.block
        self._entries += 1
        if self._entries == 1:
            self._origin_ns, self._time_s, self._next_s = now_ns, 0.0, self.period_s
            return
        now_s = (now_ns - self._origin_ns) * 1e-9
        error_s = self._jump(now_s - self._next_s)
        self.lateness_s = error_s
        limit_s = 3 * self._wander_s + 2e-6
        bent_s = max(-limit_s, min(limit_s, error_s))
        gain = max(self._b, min(0.5, 4 / self._entries))
        self._wander_s += gain * (abs(bent_s) - self._wander_s)
        self._time_s = self._next_s + gain * bent_s
        self.period_s += self._c * bent_s
        self._next_s = self._time_s + self.period_s

    def _jump(self, error_s: float) -> float:
        """Move the line where the device has skipped (or was wrongly believed to have); what is left of the error."""
        far_s = max(self._nominal_s / 8, 8 * self._wander_s)
        if error_s > far_s:
            self._least_s = min(error_s, self._least_s) if self._away else error_s
            self._away += 1
            if self._away < GAP_ENTRIES:
                return error_s
        elif error_s < -far_s:
            self._least_s = error_s  # nobody is early: an earlier jump was a delay that has been caught up
        else:
            self._away = 0
            return error_s
        self._away = 0
        skipped = round(self._least_s / self._nominal_s)
        self.lost = max(0, self.lost + skipped)
        self._next_s += self._least_s
        return error_s - self._least_s

    def sample_at(self, t_ns: int) -> float:
        """Index of the sample that was due at `t_ns`."""
        since_s = (t_ns - self._origin_ns) * 1e-9 - self._time_s
        return self.start + since_s / self.period_s * self.block

    def since_start_s(self, now_ns: int) -> float:
        """How long before `now_ns` the newest block should have begun, in seconds."""
        return (now_ns - self._origin_ns) * 1e-9 - self._time_s


class ExactTimeline:
    """The same for `render`: block k begins exactly k·block samples after `start_ns`, and every edge has its sample."""

    def __init__(self, block: int, start_ns: int = 0, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self.block = block
        self.start = -block
        self._start_ns, self._rate_hz = start_ns, rate_hz

    def tick(self, now_ns: int = 0) -> None:
        self.start += self.block

    def sample_at(self, t_ns: int) -> float:
        return (t_ns - self._start_ns) * self._rate_hz // 1_000_000_000

    def block_ns(self) -> int:
        """When the block of the newest `tick` begins, rounded up so that it lies in its own sample."""
        return self._start_ns - (-self.start * 1_000_000_000 // self._rate_hz)


class GateSchedule:
    """Edges on their way to their own sample, a constant time after they happened.

    An edge at t acts at sample_at(t) + block + delay: one block because it is read when the next one begins, and the
    gate's delay so that a CV that lags its gate has arrived. One that comes too late acts at once and is counted.
    """

    SLOTS = 256

    def __init__(self, block: int, delay_samples: int) -> None:
        self._block = block
        self.delay_samples = delay_samples
        self.count = 0
        self.late = 0
        self.refused = 0
        """Edges dropped because more were waiting than there is room for: noise at a jack, no music."""
        self._waiting: list[tuple[int, str, int]] = []

    def add(self, due_sample: float, jack: str, level: int) -> None:
        """An edge that happened at sample `due_sample` of the timeline."""
        if len(self._waiting) >= self.SLOTS:
            self.refused += 1
            return
        self.count += 1
        self._waiting.append((round(due_sample) + self._block + self.delay_samples, jack, level))

    def take(self, start: int) -> Iterator[tuple[int, str, int]]:
        """Edges that act in the block that begins at sample `start`, in time order: (offset 0…block-1, jack, level)."""
        waiting = self._waiting
        if not waiting:
            return
        waiting.sort(key=_sample)  # stable: two edges on one sample keep their order
        end = start + self._block
        while waiting and waiting[0][0] < end:
            sample, jack, level = waiting.pop(0)
            if sample < start:
                self.late += 1
                sample = start
            yield sample - start, jack, level


def _sample(edge: tuple[int, str, int]) -> int:
    return edge[0]
