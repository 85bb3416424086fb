"""When to try again with a chip that stopped answering."""

from neurorack.clock import Clock

FIRST_S, LONGEST_S = 0.25, 4.0


class Backoff:
    """Waits a quarter of a second after the first failure and twice as long after each further one, at most 4 s.

    A missing chip costs one address byte a try, so even the shortest wait leaves the bus to the others.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wait_s = 0.0
        self._due_ns = 0

    @property
    def failing(self) -> bool:
        """The newest try failed."""
        return self._wait_s > 0

    @property
    def waiting(self) -> bool:
        """The newest try failed and the next is not due yet."""
        return self.failing and self._clock.now_ns() < self._due_ns

    def failed(self) -> None:
        self._wait_s = min(2 * self._wait_s, LONGEST_S) if self._wait_s else FIRST_S
        self._due_ns = self._clock.now_ns() + round(self._wait_s * 1e9)

    def worked(self) -> None:
        self._wait_s = 0.0
