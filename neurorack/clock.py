"""One clock for the whole road, replaceable: live it is CLOCK_MONOTONIC, in `render` it is simulated."""

import time
from typing import Protocol


class Clock(Protocol):
    """What every layer asks for the time. Nanoseconds, never falling."""

    def now_ns(self) -> int: ...

    def sleep_until_ns(self, t_ns: int) -> None:
        """Return at `t_ns` or, where that is past, at once."""
        ...


class MonotonicClock:
    """CLOCK_MONOTONIC: the clock the kernel stamps GPIO edges with."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_until_ns(self, t_ns: int) -> None:
        remaining_ns = t_ns - time.monotonic_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns * 1e-9)


class SimulatedClock:
    """A clock that moves only when something waits on it: faster than real time and repeatable."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self._now_ns = max(self._now_ns, t_ns)
