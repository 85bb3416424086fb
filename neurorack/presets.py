"""The presets, asked for from outside: what a request does, and the command that makes one.

A running module is asked through its mailbox, since it alone owns its settings and must play what is recalled. Where
none runs, the command does the same to the settings in the state directory; what is recalled plays at the next start.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from neurorack.errors import BadInput
from neurorack.mailbox import ask
from neurorack.rundir import default_run_dir, open_run_dir
from neurorack.settings.memory import Memory
from neurorack.settings.model import Settings
from neurorack.statedir import state_dir

Deed = Literal["list", "save", "recall", "rename", "clear"]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: Deed
    number: int = 0
    name: Annotated[str, msgspec.Meta(max_length=1_000)] = ""

    def apply(self, settings: Settings) -> Settings:
        """The settings afterwards. Raises BadInput where that cannot be."""
        if self.do == "save":
            return settings.store(self.number, self.name)
        if self.do == "recall":
            return settings.recall(self.number)
        if self.do == "rename":
            return settings.rename(self.number, self.name)
        if self.do == "clear":
            return settings.clear(self.number)
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


def read_request(raw: bytes) -> Request:
    """Raises BadInput where it is none."""
    try:
        return msgspec.json.decode(raw, type=Request)
    except ValueError as error:
        raise BadInput(f"not a request: {error}", "mailbox", "use the same version as the module") from error


def request(wanted: Request, run_dir: Path | None) -> tuple[list[Row], bool]:
    """(the presets afterwards, whether a running module did it). Raises BadInput."""
    run_dir = run_dir or default_run_dir()
    raw = ask(open_run_dir(run_dir), msgspec.json.encode(wanted)) if run_dir.exists() else None
    if raw is None:
        return _at_rest(wanted), False
    reply = msgspec.json.decode(raw, type=Reply)
    if reply.refusal is not None:
        raise BadInput(*reply.refusal)
    return reply.presets, True


def _at_rest(wanted: Request) -> list[Row]:
    folder = state_dir()
    memory = Memory(folder)
    if wanted.do == "list":
        return Reply.of(memory.settings).presets
    memory.take_notices()  # of damage, which the save mends
    memory.remember(wanted.apply(memory.settings))
    memory.close()
    if notices := memory.take_notices():
        raise BadInput(notices[0], "", "give --run-dir of the module that runs, or mend the folder")
    return Reply.of(memory.settings).presets
