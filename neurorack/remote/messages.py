"""The protocol's messages and limits: see README.md in this folder. Everything from outside is decoded here."""

from typing import Annotated, Any

import msgspec

from neurorack import gestures
from neurorack.errors import BadInput
from neurorack.presets import Deed
from neurorack.settings.edit import Value

SOCKET = "remote.socket"
VERSIONS = (2, 1)
"""That this side speaks, the best first."""

LINE_MAX = 4096
"""Bytes of a request, its newline included."""
ANSWER_MAX = 1 << 18
"""Of an answer. The whole tree takes 14 KB, with 64 presets 25."""
PATHS_MAX = 16
FASTEST_S, SLOWEST_S = 0.1, 60.0
"""Between two looks of a watch."""

_Id = int | Annotated[str, msgspec.Meta(max_length=64)] | None
Path = Annotated[str, msgspec.Meta(max_length=80)]
Paths = Annotated[list[Path], msgspec.Meta(max_length=PATHS_MAX)]


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    id: _Id = None


class Hello(_Asked, frozen=True, tag="hello"):
    versions: Annotated[list[int], msgspec.Meta(min_length=1, max_length=16)]
    read_only: bool = False


class Get(_Asked, frozen=True, tag="get"):
    paths: Paths = []


class Watch(_Asked, frozen=True, tag="watch"):
    """No paths: all. A second one takes the place of the first; `every_s` 0 ends it."""

    paths: Paths = []
    every_s: Annotated[float, msgspec.Meta(ge=0.0, le=SLOWEST_S)] = FASTEST_S


class Set(_Asked, frozen=True, tag="set"):
    path: Path
    value: Value


class Note(_Asked, frozen=True, tag="note"):
    """Of version 2. `volts` is the pitch, 0 is C4; `level` is added to where the knob `rms` stands."""

    volts: Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)]
    gate: bool
    strike: bool = False
    level: Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)] = 0.0


class Presets(_Asked, frozen=True, tag="preset"):
    deed: Deed
    number: int = 0
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Gestures(_Asked, frozen=True, tag="gesture"):
    """`gesture` is the name of a recorded one, `name` what it shall be called."""

    deed: gestures.Deed
    gesture: Annotated[str, msgspec.Meta(max_length=200)] = ""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Panic(_Asked, frozen=True, tag="panic"):
    """With `undo`, of version 2, what played before the last one plays again; once more, what was changed since."""

    undo: bool = False


class Metrics(_Asked, frozen=True, tag="metrics"):
    """With `history` the records of the last day and month besides."""

    history: bool = False


class Log(_Asked, frozen=True, tag="log"):
    of: Annotated[str, msgspec.Meta(pattern="^(daemon|engine|jacks|remote|crash)$")]


Message = Hello | Get | Watch | Set | Note | Presets | Gestures | Panic | Metrics | Log
_DECODER = msgspec.json.Decoder(Message)
_ENCODER = msgspec.json.Encoder()


def read_message(line: bytes) -> Message:
    """Raises BadInput where it is none."""
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not a message: {error}", "", "see the protocol's page") from error


def changes(message: Message) -> bool:
    """Whether it is for those who may do more than look."""
    if isinstance(message, Presets | Gestures):
        return message.deed != "list"
    return isinstance(message, Set | Note | Panic)


def write(message: dict[str, Any]) -> bytes:
    """One line, without whitespace."""
    return _ENCODER.encode(message) + b"\n"


def refusal(error: BadInput, code: str = "refused") -> dict[str, Any]:
    """The `error` of an answer."""
    return {"code": code, "what": error.what, "where": error.where, "mend": error.mend}
