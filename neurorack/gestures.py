"""Gestures recorded live, asked for from outside: what a request does, and the command that makes one.

Only a module that runs can record. To list, rename and remove takes the command does without one, in the state
directory.
A recording outlasts a letter, so who waits for one asks again and again how far it is.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from neurorack.errors import BadInput
from neurorack.mailbox import ask
from neurorack.rundir import default_run_dir, open_run_dir
from neurorack.settings.model import named
from neurorack.statedir import state_dir

if TYPE_CHECKING:
    from neurorack.takes.shelf import Shelf

Deed = Literal["list", "record", "stop", "cancel", "rename", "remove"]

ASK_S = 0.2
"""How often it is asked how far a recording is."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="gestures"):
    do: Deed
    gesture: str = ""
    name: str = ""

    def apply(self, shelf: "Shelf", frames: Path) -> None:
        """Begin it. Raises BadInput, and nothing has changed, where that cannot be. `frames` is the engine's."""
        if self.do == "record":
            shelf.record(frames, self.name)
        elif self.do == "stop":
            shelf.stop()
        elif self.do == "cancel":
            shelf.cancel()
        elif self.do == "rename":
            shelf.rename(self.gesture, self.name)
        elif self.do == "remove":
            shelf.remove(self.gesture)


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gate can play now and how far the newest deed is; or what, where and mend of a refusal."""

    bundle: str = ""
    own: list[str] = []
    takes: list[str] = []
    stage: str = "idle"
    left_s: float = 0.0
    name: str = ""
    fault: str = ""
    refusal: tuple[str, str, str] | None = None

    @property
    def goes_on(self) -> bool:
        return self.stage in ("waiting for a gate", "recording", "keeping")

    @classmethod
    def of(cls, shelf: "Shelf", bundle: str, own: list[str]) -> "Reply":
        progress = shelf.progress
        takes = [take.name for take in shelf.takes]
        return cls(bundle, own, takes, progress.stage.value, progress.left_s, progress.name, progress.fault)

    @classmethod
    def refused(cls, error: BadInput) -> "Reply":
        return cls(refusal=(error.what, error.where, error.mend))


def request(wanted: Request, run_dir: Path | None, bundle: str, tell: Callable[[Reply], None]) -> Reply:
    """Let the module of `run_dir` do it to its end, or do it in the state directory, to the takes of the remembered
    instrument, at first `bundle`. `tell` hears how far it is. Interrupted, a recording ends there and is kept.
    Raises BadInput."""
    if wanted.name:  # what no letter can carry is refused in the same words
        named(wanted.name)
    place = run_dir or default_run_dir()
    reply = _ask(wanted, place)
    if reply is None:
        if wanted.do == "record":
            raise BadInput("no module runs", str(place), "start it with `neurorack run`, or give its --run-dir")
        reply = _at_rest(wanted, bundle)
    while reply.goes_on:
        tell(reply)
        try:
            time.sleep(ASK_S)
            again = _ask(Request("list"), place)
        except KeyboardInterrupt:
            again = _ask(Request("stop"), place)
        if again is None:
            raise BadInput(
                "the module has ended", str(place), "start it again, and look with `neurorack gestures list`"
            )
        reply = again
    if reply.fault and wanted.do != "list":
        raise BadInput(reply.fault, "gestures", "nothing was changed; `neurorack doctor` looks at the folder")
    return reply


def _ask(wanted: Request, place: Path) -> Reply | None:
    raw = ask(open_run_dir(place), msgspec.json.encode(wanted)) if place.exists() else None
    if raw is None:
        return None
    reply = msgspec.json.decode(raw, type=Reply)
    if reply.refusal is not None:
        raise BadInput(*reply.refusal)
    return reply


def _at_rest(wanted: Request, bundle: str) -> Reply:
    import numpy as np

    from neurorack.bundle import find, read_card
    from neurorack.settings.memory import Memory
    from neurorack.takes.shelf import Shelf

    playing = Memory(state_dir()).settings.playing
    card = read_card(find(bundle if playing is None else playing.bundle))
    shelf = Shelf(state_dir())
    notices = shelf.turn_to(card)
    wanted.apply(shelf, default_run_dir() / "frames")
    shelf.finish(None)
    shelf.step(lambda: np.full(5, 0.5))
    reply = Reply.of(shelf, card.name, list(card.gestures.names))
    return msgspec.structs.replace(reply, fault=reply.fault or "; ".join(notices))
