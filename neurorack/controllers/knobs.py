"""Which controller turns which knob, and how notes are taken: a TOML, checked as it is read."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec

from neurorack.errors import BadInput
from neurorack.settings.model import KnobName
from neurorack.statedir import read_plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = Path(__file__).with_name("midi.toml")
BYTES_MAX = 1 << 16

TAKEN = (0, 6, 32, 38, 64, *range(96, 102), *range(120, 128))
"""Controllers with another meaning: banks, data entry and parameter numbers (RPN), sustain, channel mode."""


class Knobs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`channel` 1…16, 0 for all; `cc` has knobs by the number of their controller, as text."""

    channel: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0
    bend_semitones: Annotated[float, msgspec.Meta(ge=0.0, le=96.0)] = 2.0
    legato: bool = True
    velocity: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5
    cc: dict[Annotated[str, msgspec.Meta(pattern="^[0-9]{1,3}$")], KnobName] = {}

    @property
    def paths(self) -> dict[int, str]:
        """What each controller sets, as the socket calls it."""
        return {int(number): f"knob.{knob}.base" for number, knob in self.cc.items()}


def load(path: Path = DEFAULT) -> Knobs:
    """Raises BadInput."""
    try:
        document = tomllib.loads(read_plain(path, BYTES_MAX).decode())
        knobs = msgspec.convert(document, Knobs)
    except OSError as error:
        raise BadInput(f"cannot read the map: {error.strerror}", str(path), "give another --map") from error
    except msgspec.ValidationError as error:
        raise BadInput(f"not a map of controllers: {error}", str(path), f"compare it with {DEFAULT}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not TOML: {error}", str(path), f"compare it with {DEFAULT}") from error
    for number, knob in knobs.cc.items():
        if int(number) in TAKEN or int(number) > 127:
            raise BadInput(f"controller {number} is no controller of a knob", f"{path}, cc", "take another, 1…119")
        if knob == "pitch":
            raise BadInput("no controller plays the pitch", f"{path}, cc", "take octave or fine, or a key")
    return knobs
