"""The files of takes: one a take, in a folder a bundle, whole or not there.

    gestures/fluid-1f6c9b20/001-5b0c7e21a9d4.gesture       bundle and decoder; order and id

A file is two lines readable by a person, then safetensors:

    neurorack gesture 1 SHA256-OF-THE-REST
    {"name":"take 1","bundle":"fluid"}

Latents mean what one decoder makes of them, so a bundle of another version has a folder, and takes, of its own. Nothing
is written twice but a name: what is damaged is passed over and left where it is.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import safetensors.numpy

from neurorack.bundle import Card, Gesture, read_gestures
from neurorack.errors import BadInput
from neurorack.settings.model import named
from neurorack.statedir import read_plain, replace_file
from neurorack.takes.take import ROWS_MAX

TAKES_MAX = 16
"""Of a bundle, 20 s each: at 16 latent dimensions 28 MB, which the engine keeps in memory."""

BYTES_MAX = ROWS_MAX * 4 * (6 + 64) + (1 << 16)

_NAME = re.compile(r"([0-9]{3,9})-([0-9a-f]{12})\.gesture")
_HEAD = re.compile(rb"neurorack gesture 1 ([0-9a-f]{64})\n(\{[^\n]{0,1000}\})\n")
_UNFIT = re.compile(r"[^\w-]")  # for a folder's name
_ONE = "take"  # what its tensors are called in a file


class Take(NamedTuple):
    """A gesture that is kept. `id` is its own for ever, the name can be changed, `number` orders a bundle's takes."""

    id: str
    number: int
    name: str


class Loaded(NamedTuple):
    """A bundle's takes in their order, their gestures, and a line for each file that cannot be used."""

    takes: list[Take]
    gestures: list[Gesture]
    notices: list[str]


class _Label(msgspec.Struct, frozen=True):
    name: str
    bundle: str


def folder_of(state: Path, card: Card) -> Path:
    """Where the takes of this very decoder lie."""
    return state / "gestures" / f"{_UNFIT.sub('_', card.name)}-{card.decoder.sha256[:8].lower()}"


def load(state: Path, card: Card) -> Loaded:
    """What is there of this very decoder. Never an error."""
    folder, loaded = folder_of(state, card), Loaded([], [], [])
    try:
        found = sorted((match for name in os.listdir(folder) if (match := _NAME.fullmatch(name))), key=_order)
    except FileNotFoundError:
        return loaded
    except OSError as error:
        return Loaded([], [], [f"recorded gestures cannot be read: {error.strerror} ({folder})"])
    names = set(card.gestures.names)
    for match in found:
        path = folder / match[0]
        try:
            gesture = _read(path, card)
            if gesture.name in names:
                raise ValueError(f"another one is called {gesture.name!r}")
            if len(loaded.takes) == TAKES_MAX:
                raise ValueError(f"it is one more than {TAKES_MAX}")
        except OSError as error:
            loaded.notices.append(f"a recorded gesture is passed over: {error.strerror} ({path})")
        except ValueError as error:
            loaded.notices.append(f"a recorded gesture is passed over: {error} ({path})")
        else:
            names.add(gesture.name)
            loaded.takes.append(Take(match[2], int(match[1]), gesture.name))
            loaded.gestures.append(gesture)
    return loaded


def _order(match: re.Match[str]) -> tuple[int, str]:
    return int(match[1]), match[2]


def _read(path: Path, card: Card) -> Gesture:
    """OSError where the file cannot be read, ValueError where it is not whole."""
    raw = read_plain(path, BYTES_MAX)
    head = _HEAD.match(raw)
    if head is None:
        raise ValueError("not a recorded gesture")
    if hashlib.sha256(raw[head.start(2) :]).hexdigest().encode() != head[1]:
        raise ValueError("its checksum does not agree")
    label = msgspec.json.decode(head[2], type=_Label)
    try:
        named(label.name)
        (gesture,) = read_gestures(card, raw[head.end() :], path, {_ONE: label.name})
    except BadInput as error:
        raise ValueError(error.what) from error
    return gesture


def save(state: Path, card: Card, gesture: Gesture, number: int) -> Take:
    """Keep a new gesture; when this returns it outlives the power. OSError where the disk refuses, and then nothing has
    changed."""
    tensors = _tensors(gesture)
    take = Take(hashlib.sha256(tensors).hexdigest()[:12], number, gesture.name)
    _write(_path(state, card, take), card, gesture.name, tensors)
    return take


def rename(state: Path, card: Card, take: Take, name: str) -> None:
    """Give it another name; its id stays. OSError, or ValueError where its file is not whole any more: nothing has
    changed."""
    path = _path(state, card, take)
    _write(path, card, name, _tensors(_read(path, card)))


def remove(state: Path, card: Card, take: Take) -> None:
    """Raises OSError, and then it is there still."""
    _path(state, card, take).unlink(missing_ok=True)


def _path(state: Path, card: Card, take: Take) -> Path:
    return folder_of(state, card) / f"{take.number:03d}-{take.id}.gesture"


def _tensors(gesture: Gesture) -> bytes:
    arrays = {
        "latent": gesture.latent,
        "descriptors": gesture.descriptors,
        "median": gesture.median,
        "pitch": gesture.pitch,
        "marks": np.array([gesture.loop_start, gesture.loop_end], np.int32),
    }
    if gesture.partials is not None:
        arrays["partials"] = gesture.partials
    return safetensors.numpy.save({f"{_ONE}/{part}": np.ascontiguousarray(a) for part, a in arrays.items()})


def _write(path: Path, card: Card, name: str, tensors: bytes) -> None:
    rest = msgspec.json.encode(_Label(name, card.name)) + b"\n" + tensors
    replace_file(path, b"neurorack gesture 1 " + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
