"""When to try again with a chip that stopped answering."""

from neurorack.clock import Clock

FIRST_S, LONGEST_S = 0.25, 4.0


class Backoff:
    """Waits a quarter of a second after the first failure and twice as long after each further one, at most 4 s.

    A missing chip costs one address byte a try, so even the shortest wait leaves the bus to the others. On a bus that
    is held low a try blocks for as long as the kernel has patience: then the wait is at least ten times that.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wait_s = 0.0
        self._due_ns = self._began_ns = 0

    @property
    def failing(self) -> bool:
        """The newest try failed."""
        return self._wait_s > 0

    def begin(self) -> bool:
        """Whether to try now; `failed` or `worked` ends the try."""
        self._began_ns = self._clock.now_ns()
        return not self.failing or self._began_ns >= self._due_ns

    def failed(self) -> None:
        now_ns = self._clock.now_ns()
        self._wait_s = min(2 * self._wait_s, LONGEST_S) if self._wait_s else FIRST_S
        self._due_ns = now_ns + max(round(self._wait_s * 1e9), 10 * (now_ns - self._began_ns))

    def worked(self) -> None:
        self._wait_s = 0.0
