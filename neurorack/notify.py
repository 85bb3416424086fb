"""What systemd hears of a process that it has started: that it is ready, and then that it goes on.

The protocol is a datagram to the socket that $NOTIFY_SOCKET names (sd_notify(3)). Where nobody listens nothing is sent.
"""

import contextlib
import os
import socket
import time

FEED_S = 0.5
"""How often the watchdog hears of progress; the units' WatchdogSec is ten times that."""


class Progress:
    """Call `made` wherever the process has got on with what it is there for: the first call says that it is ready.

    >>> progress = Progress()
    >>> progress.made()
    """

    def __init__(self) -> None:
        self._told_s: float | None = None
        self._socket: socket.socket | None = None
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # without a place in the file system
            self._address = "\0" + self._address[1:]
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)  # a manager that is slow holds up no sound

    def made(self) -> None:
        """Never fails; costs two clock readings, and a system call every FEED_S."""
        if self._socket is None:
            return
        now_s = time.monotonic()
        if self._told_s is not None and now_s - self._told_s < FEED_S:
            return
        words = b"READY=1\nWATCHDOG=1" if self._told_s is None else b"WATCHDOG=1"
        with contextlib.suppress(OSError):  # full, or gone: what is not heard now is told with the next progress
            self._socket.sendto(words, self._address)
            self._told_s = now_s
