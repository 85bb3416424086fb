"""The UDP socket that OSC comes to: so many datagrams a second and no more, whoever sends them."""

import ipaddress
import socket
import time
from collections.abc import Callable, Collection

from neurorack.controllers.osc import BYTES_MAX, Osc, messages
from neurorack.errors import BadInput

RATE, BURST = 1_000, 200
"""Datagrams a second, and at once: ten faders at a display's 100 Hz. What the kernel cannot keep beyond it drops."""

QUEUE_BYTES = 1 << 16
"""What it keeps: more would be heard too late to mean anything."""

IDLE_S = 60.0


class Datagrams:
    """`say` takes a line for whoever reads the log. Raises BadInput where it cannot listen at `address`."""

    def __init__(self, osc: Osc, address: str, port: int, say: Callable[[str], None]) -> None:
        self._osc, self._say = osc, say
        try:
            family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        except ValueError as error:
            raise BadInput(
                f"{address!r} is no address", "--listen", "give one of this machine's, or 0.0.0.0"
            ) from error
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            what = f"cannot listen: {error.strerror}"
            raise BadInput(what, f"{address}, port {port}", "give another --port or --listen") from error
        self._left, self._refilled_s = float(BURST), time.monotonic()
        say(f"listens at {address}, port {self.port}")

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def fds(self) -> Collection[int]:
        """Readable with a datagram: then call `read`. Empty while more have come than may."""
        return [self._socket.fileno()] if self._left >= 1.0 else []

    @property
    def due_s(self) -> float:
        """When to call `look`, in time.monotonic's seconds."""
        return self._refilled_s + (IDLE_S if self._left >= 1.0 else BURST / 2 / RATE)

    def look(self) -> None:
        """Let as many more come as time has passed for."""
        now_s = time.monotonic()
        self._left = min(self._left + (now_s - self._refilled_s) * RATE, BURST)
        self._refilled_s = now_s

    def read(self, fd: int) -> None:
        """Do what has come."""
        while self._left >= 1.0:
            self._left -= 1.0
            try:
                datagram = self._socket.recv(BYTES_MAX + 1)
            except OSError:  # no more
                return
            if len(datagram) > BYTES_MAX:
                self._say(f"a datagram of more than {BYTES_MAX} bytes is not read")
                continue
            try:
                for message in messages(datagram):
                    self._osc.hear(message)
            except BadInput as error:
                self._say(str(error))
            except ValueError as error:
                self._say(f"a datagram that is no OSC: {error}")

    def close(self) -> None:
        self._socket.close()
