"""One value of a sound, by its path: what scripts and consoles change.

    bundle, gesture, depth, intonation, morph_to, gate2, scale, enveloped, find_seed, found
    knob.NAME.base, knob.NAME.pot, knob.NAME.offset, knob.NAME.curve, knob.NAME.attenuverter.JACK

`base` is where the knob stands without a cable. Where a pot sets it, the value stands in for the pot until that passes
it, as after a recall. `found` can only be dropped, by None: it is found by `find1` and `find2`, and kept by presets.
"""

import re
from typing import Any

import msgspec

from neurorack.errors import BadInput
from neurorack.patch.scale import scale_of
from neurorack.settings.model import Sound
from neurorack.words import KNOBS, PATCHABLE, POTS

Value = float | int | str | bool | list[str] | None

PLAIN = (
    "bundle", "gesture", "depth", "intonation", "morph_to", "gate2", "scale", "enveloped", "find_seed", "found",
)  # fmt: skip
SETTABLE = re.compile(
    rf"{'|'.join(PLAIN)}|knob\.({'|'.join(PATCHABLE)})\.(base|pot|offset|curve|attenuverter\.(voct|cv[1-4]))"
)


def edit(sound: Sound, path: str, value: Value) -> Sound:
    """`sound` with this value at this path. Raises BadInput where there is none, or it may not be that."""
    if not SETTABLE.fullmatch(path):
        raise BadInput("that cannot be set", repr(path[:60]), "see `neurorack ctl set --help` for what can")
    document = msgspec.to_builtins(sound)
    if path in PLAIN:
        document[path] = _plain(path, value)
        if path == "gesture":
            document["found"] = None  # as on the panel: to choose a gesture is to begin anew from it
        if path == "bundle" and value != sound.bundle:
            document |= {"gesture": 0, "depth": 1.0}  # another instrument has other gestures
    else:
        _, name, *way = path.split(".")
        knob = document["knobs"].setdefault(name, {"base": _rest(name)})
        if way == ["base"]:
            _set_base(document, knob, name, value, path)
        elif way[0] == "attenuverter":
            knob.setdefault("attenuverter", {})[way[1]] = value
        else:
            knob[way[0]] = value
    try:
        return msgspec.convert(document, Sound)
    except msgspec.ValidationError as error:
        raise BadInput(_told(error), path, "see `neurorack ctl set --help`") from error


def _plain(path: str, value: Value) -> Value:
    if path == "found" and value is not None:
        raise BadInput("that is what find1 and find2 found", path, "give null to drop it")
    return scale_of(value) if path == "scale" and isinstance(value, str) else value


def _rest(name: str) -> float:
    """Where a knob stands that nobody has touched."""
    from neurorack.patch.performance import REST  # numpy, for a knob that somebody has taken out of a file

    return float(REST[PATCHABLE.index(name)])


def _set_base(document: dict[str, Any], knob: dict[str, Any], name: str, value: Value, path: str) -> None:
    low, high = (-10.0, 10.0) if name == KNOBS[0] else (0.0, 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadInput(f"{value!r} is no place of a knob", path, f"give a number, {low:g}…{high:g}")
    if (pot := knob.get("pot")) is None:
        knob["base"] = value
    elif document["pots"] is None:
        raise BadInput("its pot has not been read yet", path, "try again in a second")
    else:
        document["pots"] = [value if name == pot else p for name, p in zip(POTS, document["pots"], strict=True)]


def _told(error: msgspec.ValidationError) -> str:
    """msgspec's words without its own paths: "Expected `float` <= 4.0 - at `$.depth`" → "expected `float` <= 4.0"."""
    text = str(error).partition(" - at ")[0]
    return text[0].lower() + text[1:]
