"""A running module's mailbox: a command sends one request and gets one answer.

A datagram socket in the run directory, whose permissions say who may write. A request wakes the daemon's `select`,
comes whole or not at all, and leaves nothing behind: no connection that hangs, no file that a dead command forgot.
Of two requests the first is done first, so that two hands at once cannot mix.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.rundir import stranger

SOCKET = "daemon.socket"
BYTES_MAX = 1 << 16
ANSWER_S = 12.0
"""The daemon is at its loop again within milliseconds, on a machine that swaps within a second; but for a preset it may
wait 5 s for the disk (`desk.ON_DISK_S`), and for that of whoever came before."""


class Mailbox:
    """The daemon's end. `fileno` becomes readable with a request; then call `take`."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        (run_dir / SOCKET).unlink(missing_ok=True)  # of a daemon that is dead: there is one at a time
        self._socket = _bound(run_dir)

    def renew(self) -> None:
        """Make the socket anew where somebody has removed it. Never raises."""
        if not (self._run_dir / SOCKET).exists():
            with contextlib.suppress(OSError):
                made = _bound(self._run_dir)
                self._socket.close()
                self._socket = made

    def fileno(self) -> int:
        return self._socket.fileno()

    def take(self) -> tuple[bytes, bytes | None] | None:
        """(request, whom to answer), None where there is none. Who has no address hears no answer."""
        try:
            return self._socket.recvfrom(BYTES_MAX)
        except BlockingIOError:
            return None

    def answer(self, whom: bytes | None, reply: bytes) -> None:
        """Whoever asked may be gone."""
        if whom is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(reply, whom)

    def close(self) -> None:
        self._socket.close()


def _bound(run_dir: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        made.setblocking(False)
        with short_path(run_dir, SOCKET) as path:
            made.bind(path)
    except OSError:
        made.close()
        raise
    return made


class Asking:
    """The other end: one request at a time, one answer. OSError where nobody is there, or its box is full.

    `fileno` becomes readable with the answer; with `wait_s` a call waits so long itself.
    """

    def __init__(self, run_dir: Path, wait_s: float = 0.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind("")  # the kernel gives a name, which is gone with us
            self._socket.settimeout(wait_s)
            with short_path(run_dir, SOCKET) as path:
                self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        self._socket.send(request)

    def take(self) -> bytes:
        return self._socket.recv(BYTES_MAX)

    def close(self) -> None:
        self._socket.close()


def ask(run_dir: Path, request: bytes) -> bytes | None:
    """The answer of the module that runs in `run_dir`, None where none does. BadInput where it does not answer."""
    try:
        with contextlib.closing(Asking(run_dir, ANSWER_S)) as asking:
            asking.send(request)
            return asking.take()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError as error:
        raise stranger(run_dir) from error
    except TimeoutError as error:
        mend = "it may do it yet: look before you ask again, or start it anew"
        raise BadInput(f"the module does not answer within {ANSWER_S:g} s", str(run_dir), mend) from error
    except OSError as error:
        what = f"the module does not answer: {error.strerror or error}"
        raise BadInput(what, str(run_dir), "try again, or start it anew") from error


@contextlib.contextmanager
def short_path(run_dir: Path, name: str) -> Iterator[str]:
    """A socket's path in the run directory, within the 107 bytes that a socket's name may have."""
    fd = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)
