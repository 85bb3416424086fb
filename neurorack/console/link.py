"""The console's two connections: one that watches, in a thread, and one for wishes. Both come back by themselves."""

import threading
from pathlib import Path
from typing import Any

from neurorack.errors import BadInput
from neurorack.remote.client import Client
from neurorack.terminal import plain

LOOK_S = 0.1
"""From news to news, at the fastest."""

RETRY_S = 1.0
WAIT_S = 0.25
"""How long the watching thread sleeps where nothing changes; so long the end of the console may take."""


class Link:
    """`values` is the newest of everything, another dictionary after every change; `problem` why nothing comes."""

    def __init__(self, run_dir: Path, *, read_only: bool) -> None:
        self.run_dir, self.read_only = run_dir, read_only
        self.values: dict[str, Any] = {}
        self.problem = "connecting …"
        self._asking: Client | None = None
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                with Client(self.run_dir, read_only=True) as client:
                    self.values = _printable(client.ask("watch", every_s=LOOK_S)["values"])
                    self.problem = ""
                    while not self._ended.is_set():
                        if (news := client.told(WAIT_S)) is not None:
                            self.values = self.values | _printable(news)
            except BadInput as error:
                self.problem = str(error)
                self._ended.wait(RETRY_S)

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a wish and wait for its answer; not in the thread that draws. Raises BadInput."""
        with self._turn:
            try:
                if self._asking is None:
                    self._asking = Client(self.run_dir, read_only=self.read_only)
                return self._asking.ask(**message)
            except BadInput as error:
                if error.where == str(self.run_dir) and self._asking is not None:  # the connection, not the wish
                    self._asking.close()
                    self._asking = None
                raise

    def close(self) -> None:
        self._ended.set()
        self._thread.join(2 * WAIT_S + RETRY_S)
        if self._asking is not None:
            self._asking.close()


def _printable(values: dict[str, Any]) -> dict[str, Any]:
    """Texts come from cards and their makers: none moves this terminal."""
    return {at: _plain(value) for at, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return plain(value) if isinstance(value, str) else value
