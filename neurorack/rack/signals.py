"""What a signal in the rack is: volts as a pure function of time, and where it may jump or turn.

Between two breaks a signal is smooth and only rises or only falls. That makes exact what a chip sees: the mean
over a conversion and the nanosecond at which a comparator trips.
Times count in nanoseconds from the world's epoch.
"""

from typing import Protocol

GATE_ON_V = 1.0
"""A gate's comparator closes above this…"""
GATE_OFF_V = 0.5
"""…and opens below this."""


class Signal(Protocol):
    """One output of a source."""

    def volts(self, t_ns: int) -> float: ...

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        """Times t0 < t ≤ t1, rising, at which the signal may jump or turn. At a jump the new value counts."""
        ...


class Constant:
    """The same volts for ever."""

    def __init__(self, volts: float) -> None:
        self._volts = volts

    def volts(self, t_ns: int) -> float:
        return self._volts

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        return []


def mean_v(signal: Signal, t0_ns: int, t1_ns: int) -> float:
    """Mean volts over [t0, t1): Simpson's rule on every smooth piece."""
    volts = signal.volts
    total, begin = 0.0, t0_ns
    for end in (*signal.breaks(t0_ns, t1_ns), t1_ns):
        if end > begin:
            total += (end - begin) * (volts(begin) + 4.0 * volts((begin + end) >> 1) + volts(end - 1))
            begin = end
    return total / (6.0 * (t1_ns - t0_ns))


def is_on(signal: Signal, t_ns: int) -> bool:
    """What a comparator that has just been powered says."""
    return signal.volts(t_ns) > GATE_ON_V


def edges(signal: Signal, t0_ns: int, t1_ns: int, level: int) -> list[tuple[int, int]]:
    """(t, level) of every trip of a Schmitt comparator with t0 < t ≤ t1 that stands at `level` at t0."""
    found: list[tuple[int, int]] = []
    begin = t0_ns + 1
    for end in (*signal.breaks(t0_ns, t1_ns), t1_ns + 1):
        if end <= begin:
            continue
        if _trips(signal, begin, level):
            level = 1 - level
            found.append((begin, level))
        if _trips(signal, end - 1, level):
            before, after = begin, end - 1
            while after - before > 1:
                middle = (before + after) >> 1
                if _trips(signal, middle, level):
                    after = middle
                else:
                    before = middle
            level = 1 - level
            found.append((after, level))
        begin = end
    return found


def _trips(signal: Signal, t_ns: int, level: int) -> bool:
    volts = signal.volts(t_ns)
    return volts < GATE_OFF_V if level else volts > GATE_ON_V
