"""Plays a module through its socket, and comes back by itself when the module does.

One note and one wish are on their way at a time; what comes meanwhile is put together: of a note and of each knob the
newest goes next. So nothing piles up, however much comes in, and a note does not wait for the daemon and its disk.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurorack.errors import BadInput
from neurorack.remote.client import Client

RETRY_S = 1.0

NOTES = 2
"""The version of the protocol that has them."""

LOOK_S = 0.5
"""How often is looked at what kind of instrument it is."""


class Player:
    """Call `step` when `fileno` becomes readable, after anything was asked for, and every second.

    `say` takes a line for whoever reads the log.
    """

    def __init__(self, run_dir: Path, say: Callable[[str], None]) -> None:
        self._run_dir, self._say = run_dir, say
        self._client: Client | None = None
        self._note: dict[str, Any] | None = None
        self._wishes: dict[str, tuple[str, dict[str, Any]]] = {}  # what it is about → what to do, how
        self._note_id = self._wish_id = 0  # on their way, 0: none
        self._panics = False
        self.struck = False
        """Whether the instrument is of things that are struck: each key begins a hit."""
        self._due_s = 0.0
        self._missing = ""

    def play(self, volts: float, *, gate: bool, strike: bool, level: float) -> None:
        """As the protocol's `note`. A strike that was not sent yet is not lost to a note that ends before."""
        strike = strike or (self._note is not None and self._note["strike"])
        self._note = {"volts": volts, "gate": gate, "strike": strike, "level": level}

    def set(self, path: str, value: Any) -> None:
        """A value of the sound, as `neurorack ctl set` does it."""
        self._wishes[path] = "set", {"path": path, "value": value}

    def recall(self, number: int) -> None:
        self._wishes["preset"] = "preset", {"deed": "recall", "number": number}

    def panic(self) -> None:
        """At once, whatever else is on its way."""
        self._panics = True

    def fileno(self) -> int:
        """-1 while there is no module."""
        return -1 if self._client is None else self._client.fileno()

    def step(self) -> None:
        """Send what waits, as far as it may go now. Never raises, waits only for a module that is just being found."""
        try:
            if self._client is None:
                self._connect()
            if self._client is not None:
                self._take_answers(self._client)
                self._send(self._client)
        except BadInput as error:
            self._hang_up()
            self._tell_missing(str(error))

    def _connect(self) -> None:
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + RETRY_S
        client = Client(self._run_dir)
        if client.server["version"] < NOTES:
            client.close()
            raise BadInput("this module takes no notes yet", str(self._run_dir), "update it")
        client.send("watch", paths=["kind"], every_s=LOOK_S)
        self._client, self._missing = client, ""
        self._say(f"plays the module of {self._run_dir}")

    def _take_answers(self, client: Client) -> None:
        for answer in client.heard():
            if "values" in answer:
                self.struck = answer["values"].get("kind", "") == "percussive"
            elif answer.get("id") == self._note_id:
                self._note_id = 0
            elif answer.get("id") in (self._wish_id, None):  # None: no message at all, in the server's eyes
                self._wish_id = 0
            if (refused := answer.get("error")) is not None:
                self._say(str(BadInput(refused["what"], refused["where"], refused["mend"])))

    def _send(self, client: Client) -> None:
        if self._panics:
            client.send("panic")
            self._panics = False
        if self._note is not None and not self._note_id:
            self._note_id, self._note = client.send("note", **self._note), None
        if self._wishes and not self._wish_id:
            do, fields = self._wishes.pop(next(iter(self._wishes)))
            self._wish_id = client.send(do, **fields)

    def _hang_up(self) -> None:
        """What was wished of a module that is gone is not meant for the next."""
        if self._client is not None:
            self._client.close()
        self._client, self._note, self._wishes, self._panics = None, None, {}, False
        self._note_id = self._wish_id = 0

    def _tell_missing(self, what: str) -> None:
        if what != self._missing:
            self._missing = what
            self._say(f"waits: {what}")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
