"""OSC 1.0 over UDP: datagrams → messages → keys, knobs, presets.

Datagrams come from a network and are decoded here in a few lines: python-osc 1.10.2, which would do it, never returns
from a bundle of 24 bytes whose element has a negative size, and its other errors have many names.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any

from neurorack.controllers.keys import C4, STILL, Keys
from neurorack.controllers.player import Player
from neurorack.errors import BadInput
from neurorack.settings.edit import SETTABLE
from neurorack.settings.model import PRESETS

BYTES_MAX = 2048
"""Of a datagram; what a network carries whole has 1,472."""
DEPTH_MAX = 8
"""Of bundles inside bundles."""
ARGUMENTS_MAX = 8
TEXT_MAX = 200
"""Characters in all of them, so that they fit into a line of the socket, however they are written there."""

_BUNDLE = b"#bundle\0"
_TIMED = len(_BUNDLE) + 8
_NUMBERS = {"i": struct.Struct(">i"), "f": struct.Struct(">f"), "h": struct.Struct(">q"), "d": struct.Struct(">d")}
_PLAIN = {"T": True, "F": False, "N": None, "I": True}

_WHOLE = ("gesture", "morph_to")
"""Paths whose numbers are whole; surfaces send fractions for everything."""

Message = tuple[str, list[Any]]


def messages(datagram: bytes, depth: int = 0) -> Iterator[Message]:
    """(address, arguments) of each message, bundles unpacked and their times passed over: what comes plays now.

    Raises ValueError where it is none, after the whole ones before it.
    """
    if not datagram.startswith(_BUNDLE):
        yield _message(datagram)
        return
    if depth >= DEPTH_MAX:
        raise ValueError("bundles in bundles in bundles")
    at = _TIMED
    while at < len(datagram):
        (size,) = _NUMBERS["i"].unpack_from(datagram.ljust(at + 4, b"\0"), at)
        at += 4
        if not 0 < size <= len(datagram) - at:
            raise ValueError("an element of a bundle has another size than it says")
        yield from messages(datagram[at : at + size], depth + 1)
        at += size


def _message(raw: bytes) -> Message:
    address, at = _text(raw, 0)
    if not address.startswith("/"):
        raise ValueError("an address begins with /")
    tags, at = _text(raw, at) if at < len(raw) else (",", at)
    if not tags.startswith(",") or len(tags) > ARGUMENTS_MAX + 1:
        raise ValueError("no types of arguments, or too many")
    arguments: list[Any] = []
    for tag in tags[1:]:
        if tag in _NUMBERS:
            if at + _NUMBERS[tag].size > len(raw):
                raise ValueError("it ends too early")
            arguments += _NUMBERS[tag].unpack_from(raw, at)
            at += _NUMBERS[tag].size
        elif tag == "s":
            text, at = _text(raw, at)
            arguments.append(text)
        elif tag in _PLAIN:
            arguments.append(_PLAIN[tag])
        else:
            raise ValueError(f"arguments of type {tag!r} mean nothing here")
    return address, arguments


def _text(raw: bytes, at: int) -> tuple[str, int]:
    """Text that ends with a zero and is filled up to four bytes, and where the next thing begins."""
    end = raw.find(b"\0", at)
    if end < 0:
        raise ValueError("a text has no end")
    return raw[at:end].decode(), end + 4 - (end - at) % 4


class Osc:
    """Does what messages say. `hear` raises BadInput where an address or its arguments mean nothing."""

    def __init__(self, player: Player, keys: Keys) -> None:
        self._player, self._keys = player, keys

    def hear(self, message: Message) -> None:
        address, arguments = message
        if any(isinstance(a, float) and not math.isfinite(a) for a in arguments):
            raise BadInput("that is no number", address[:60], "send another")
        if sum(len(a) for a in arguments if isinstance(a, str)) > TEXT_MAX:
            raise BadInput("so long a name nothing has", address[:60], "send a shorter one")
        path = address[1:].replace("/", ".")
        if path == "note":
            self._note(address, arguments)
        elif path == "notes.off":
            self._keys.let_go("notes", "volts")
        elif path == "gate":
            self._gate(_number(address, arguments))
        elif path == "volts":
            self._keys.bend("volts", 12 * min(max(_number(address, arguments), -10.0), 10.0))
        elif path == "preset":
            number = _number(address, arguments)
            if not 1 <= number <= PRESETS:
                raise BadInput(f"there is no preset {number:g}", address, f"give 1…{PRESETS}")
            self._player.recall(round(number))
        elif path == "panic":
            self._keys.let_go("notes", "volts")
            self._player.panic()
        else:
            self._set(path, address, arguments)

    def _note(self, address: str, arguments: list[Any]) -> None:
        """Pitch in semitones, fractions too, and velocity, 0 for its end."""
        pitch, velocity = _number(address, arguments[:1]), _number(address, arguments[1:2] or [STILL])
        if not 0 <= pitch <= 127:
            raise BadInput(f"there is no note {pitch:g}", address, f"give 0…127, {C4} is C4")
        if velocity > 0:
            self._keys.press("notes", pitch, pitch, min(max(round(velocity), 1), 127))
        else:
            self._keys.release("notes", pitch)

    def _gate(self, level: float) -> None:
        """A note whose pitch is that of /volts, as a pair of cables has it."""
        if level:
            self._keys.press("volts", "gate", C4)
        else:
            self._keys.release("volts", "gate")

    def _set(self, path: str, address: str, arguments: list[Any]) -> None:
        if path.startswith("knob.") and path.count(".") == 1:
            path += ".base"
        if not SETTABLE.fullmatch(path):
            raise BadInput("there is no such address", repr(address[:60]), "see the page on playing")
        value = list(map(str, arguments)) if path == "enveloped" else _one(address, arguments)
        if path in _WHOLE and isinstance(value, float):
            value = round(min(max(value, -1.0), 1e9))
        self._player.set(path, value)


def _one(address: str, arguments: list[Any]) -> Any:
    if len(arguments) != 1:
        raise BadInput(f"{len(arguments)} arguments came", address[:60], "send one")
    return arguments[0]


def _number(address: str, arguments: list[Any]) -> float:
    value = _one(address, arguments)
    if not isinstance(value, int | float):
        raise BadInput("that is no number", address[:60], "send one")
    return float(value)
