"""How a process that sleeps in a loop hears that it is asked to end."""

import os
import signal


class Ending:
    """From here on SIGTERM and SIGINT, and `more`, end nothing by themselves: they make `asked` true and let whoever
    waits for this, as for a file, wake up. One a process, and in its main thread.

    >>> ending = Ending()
    >>> ending.asked
    False
    """

    def __init__(self, *more: signal.Signals) -> None:
        self.asked = False
        # A signal that comes between a look at `asked` and the sleep would be slept over; what lies in a pipe is not.
        self._woken, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(ring)
        for number in (signal.SIGTERM, signal.SIGINT, *more):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def fileno(self) -> int:
        """Readable once it was asked, for good."""
        return self._woken
