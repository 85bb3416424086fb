"""The other end of the socket: for `neurorack ctl`, the console, and whoever writes a script in Python.

>>> with Client(find_run_dir(None), read_only=True) as client:
...     client.ask("get", paths=["knob.centroid"])["values"]
"""

import json
import select
import socket
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from neurorack.errors import BadInput
from neurorack.mailbox import ANSWER_S, short_path
from neurorack.rundir import SERVICE, default_run_dir, may_enter, stranger

SOCKET, VERSIONS, ANSWER_MAX = "remote.socket", (2, 1), 1 << 18
"""As in `remote.messages`, which a command that only asks does without, and without what that imports."""

_WISHES, WISH_S = ("set", "preset", "gesture", "panic"), ANSWER_S + 3.0
"""What waits for the daemon, and how long at most: as long as the server lets it, which looks for that once a second,
and a little longer, so that the server's own word of what became of it comes first."""

_MEND = "start the module, or give another --run-dir"


def find_run_dir(given: Path | None) -> Path:
    """Where the module meets its consoles: `given`, else one's own, else the service's, also where one may not enter:
    whoever connects is then told how to get in."""
    if given is not None:
        return given
    own = default_run_dir()
    meant = not may_enter(own) or any((own / name).exists() for name in (SOCKET, "panic"))  # the server may be dead
    return own if meant or not SERVICE.is_dir() else SERVICE


class Client:
    """A connection. Raises BadInput where nobody answers, and with what is refused."""

    def __init__(self, run_dir: Path, *, read_only: bool = False) -> None:
        self.run_dir = run_dir
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(ANSWER_S)
        self._inbox = bytearray()
        self._told: deque[dict[str, Any]] = deque()  # of watches, that came while an answer was waited for
        self._number = 0
        try:
            with short_path(run_dir, SOCKET) as path:
                self._socket.connect(path)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
            self.close()
            if (place := run_dir / SOCKET).exists() and not place.is_socket():
                mend = "remove it: a module that runs makes its socket anew"
                raise BadInput("what is there is no socket of a module", str(place), mend) from error
            raise BadInput("no module answers", str(run_dir), _MEND) from error
        except PermissionError as error:
            self.close()
            raise stranger(run_dir) from error
        except OSError as error:
            self.close()
            raise BadInput(
                f"the module does not answer: {error.strerror or error}", str(run_dir), "try again"
            ) from error
        self.server = self.ask("hello", versions=list(VERSIONS), read_only=read_only)

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a message and wait for its answer."""
        self._socket.settimeout(WISH_S if do in _WISHES else ANSWER_S)
        self.send(do, **fields)
        while True:
            answer = self._next()
            if "watch" in answer:
                self._told.append(answer)
            elif answer.get("id") in (self._number, None):
                if (refused := answer.get("error")) is not None:
                    raise BadInput(refused["what"], refused["where"], refused["mend"])
                return answer

    def send(self, do: str, **fields: Any) -> int:
        """Send a message and go on; its answer is one of those that `heard` gives, with this id."""
        self._number += 1
        line = json.dumps({"id": self._number, "do": do, **fields}).encode() + b"\n"
        try:
            self._socket.sendall(line)
        except OSError as error:
            self._say_gone(error)
        return self._number

    def fileno(self) -> int:
        """Readable when there is something for `heard`, or the module has hung up."""
        return self._socket.fileno()

    def heard(self) -> list[dict[str, Any]]:
        """Answers that have come, refusals too. Never waits."""
        answers = []
        while b"\n" in self._inbox or select.select([self._socket], [], [], 0)[0]:
            answers.append(self._next())
        return answers

    def told(self, wait_s: float) -> dict[str, Any] | None:
        """What a watch tells next: path → new value, None for one that is gone; None where nothing changes so long."""
        give_up = time.monotonic() + wait_s
        while not self._told:
            if b"\n" not in self._inbox:
                left_s = give_up - time.monotonic()
                if left_s < 0 or not select.select([self._socket], [], [], left_s)[0]:
                    return None
            message = self._next()
            if "watch" in message:
                self._told.append(message)
        values: dict[str, Any] = self._told.popleft()["values"]
        return values

    def _next(self) -> dict[str, Any]:
        while b"\n" not in self._inbox:
            try:
                came = self._socket.recv(1 << 16)
            except OSError as error:
                self._say_gone(error)
            if not came:
                self._say_gone(None)
            self._inbox += came
            if len(self._inbox) > 2 * ANSWER_MAX:
                raise BadInput("that is no module: its answer has no end", str(self.run_dir), _MEND)
        line, _, self._inbox = self._inbox.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError as error:
            raise BadInput("that is no module: its answer is no JSON", str(self.run_dir), _MEND) from error
        return message if isinstance(message, dict) else {}

    def _say_gone(self, error: OSError | None) -> None:
        what = "the module has hung up" if error is None else f"the module does not answer: {error.strerror or error}"
        raise BadInput(what, str(self.run_dir), "try again") from error

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
