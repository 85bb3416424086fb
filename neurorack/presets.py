"""The settings, asked for from outside: what a request does to presets and sound, and the command for presets.

A running module is asked through its mailbox, since it alone owns its settings and must play what is recalled. Where
none runs, the command does the same to the settings in the state directory; what is recalled plays at the next start.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from neurorack import gestures
from neurorack.errors import BadInput
from neurorack.mailbox import ask
from neurorack.rundir import default_run_dir, open_run_dir
from neurorack.settings.edit import Value, edit
from neurorack.settings.memory import Memory
from neurorack.settings.model import Settings, check_number, named
from neurorack.statedir import state_dir

Deed = Literal["list", "save", "recall", "rename", "clear"]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="presets"):
    """`number` and `name` are a preset's; `set` gives the sound that plays another `value` at `path`; `undo panic` is
    for a running module alone."""

    do: Literal[Deed, "set", "undo panic"]
    number: int = 0
    name: str | None = None
    path: str = ""
    value: Value = None

    def apply(self, settings: Settings) -> Settings:
        """The settings afterwards. Raises BadInput where that cannot be."""
        if self.do == "save":
            return settings.store(self.number, self.name)
        if self.do == "recall":
            return settings.recall(self.number)
        if self.do == "rename":
            return settings.rename(self.number, self.name or "")
        if self.do == "clear":
            return settings.clear(self.number)
        if self.do == "set":
            if settings.playing is None:
                raise BadInput("nothing has been played yet", self.path, "start the module first")
            return msgspec.structs.replace(settings, playing=edit(settings.playing, self.path, self.value))
        return settings


class Row(msgspec.Struct, frozen=True):
    """A preset in a list."""

    number: int
    name: str
    bundle: str
    gesture: int


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The presets afterwards, or what, where and mend of a refusal."""

    presets: list[Row] = []
    refusal: tuple[str, str, str] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Reply":
        rows = settings.presets.items()
        return cls([Row(number, p.name, p.sound.bundle, p.sound.gesture) for number, p in rows])

    @classmethod
    def refused(cls, error: BadInput) -> "Reply":
        return cls(refusal=(error.what, error.where, error.mend))


def read_request(raw: bytes) -> Request | gestures.Request:
    """Raises BadInput where it is none."""
    try:
        return msgspec.json.decode(raw, type=Request | gestures.Request)  # type: ignore[arg-type]
    except ValueError as error:
        raise BadInput(f"not a request: {error}", "mailbox", "use the same version as the module") from error


class Done(NamedTuple):
    """`presets` afterwards; whether a running module did it; what to tell besides, one line each."""

    presets: list[Row]
    live: bool
    notices: list[str]


def request(wanted: Request, run_dir: Path | None) -> Done:
    """Let the module of `run_dir` do it, or do it to the settings in the state directory. Raises BadInput."""
    if wanted.do != "list":  # what no letter can carry is refused in the same words
        check_number(wanted.number)
    if wanted.name is not None:
        named(wanted.name)
    place = run_dir or default_run_dir()
    raw = ask(open_run_dir(place), msgspec.json.encode(wanted)) if place.exists() else None
    if raw is None:
        rows, notices = _at_rest(wanted)
        if run_dir is not None:
            notices.insert(0, f"no module runs there: {run_dir}; these are the presets in {state_dir()}")
        return Done(rows, False, notices)
    reply = msgspec.json.decode(raw, type=Reply)
    if reply.refusal is not None:
        raise BadInput(*reply.refusal)
    return Done(reply.presets, True, [])


def _at_rest(wanted: Request) -> tuple[list[Row], list[str]]:
    """(presets, notices)."""
    memory = Memory(state_dir())
    notices = memory.take_notices()
    if wanted.do != "list":
        faults = ["the disk is not done in time"]
        memory.save(wanted.apply(memory.settings), lambda fault: faults.__setitem__(0, fault))
        memory.close()
        if faults[0]:
            mend = "give --run-dir of the module that runs, or see what `neurorack doctor` says of the folder"
            raise BadInput(f"cannot save: {faults[0]}", str(memory.folder), mend)
    return Reply.of(memory.settings).presets, notices
