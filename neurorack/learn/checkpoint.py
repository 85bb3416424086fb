"""A checkpoint: where a training stands, in a file that is there whole or not at all.

The file is what `torch.save` writes, followed by the sha256 of it (32 bytes, which torch passes over: it finds a zip's
end by itself, and checks nothing of what lies before). The one it replaces stays beside it as the generation before.

    recipe, kind, knobs   text, JSON       what was trained
    step                  int
    seconds               float            it took to come there
    state                 dict             as `Training.state` gave it: tensors and plain values
"""

import fcntl
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from neurorack.errors import BadInput

NEWEST, BEFORE = "checkpoint.pt", "checkpoint-before.pt"

_DIGEST_BYTES = hashlib.sha256().digest_size
_PARTS = {"recipe": str, "kind": str, "knobs": str, "step": int, "state": dict}


class Damaged(Exception):
    """The file is not what was written."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A folder in which something is trained, ours alone meanwhile. BadInput where another training is at it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput("another training is at work here", str(folder), "wait for it, or stop it") from error
        yield


def write(folder: Path, checkpoint: Mapping[str, Any]) -> None:
    """Make `checkpoint` the newest of the folder. OSError where there is no room: then all is as it was."""
    buffer = io.BytesIO()  # torch hides why a file could not be written
    torch.save(dict(checkpoint), buffer)
    data = buffer.getvalue()
    part = folder / f"{NEWEST}.part"
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.write(hashlib.sha256(data).digest())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if (folder / NEWEST).exists():
        (folder / NEWEST).replace(folder / BEFORE)
    part.replace(folder / NEWEST)
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)  # the new name, too, outlives a loss of power
    finally:
        os.close(entry)


def read(path: Path, device: str = "cpu") -> dict[str, Any]:
    """The checkpoint in this file. OSError where there is none, Damaged where it is no longer what was written."""
    data = path.read_bytes()
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise Damaged("its checksum is wrong")
    try:
        checkpoint = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
    except Exception as error:  # a stranger's file with a right checksum: torch has many ways to say no
        raise Damaged("it holds more than tensors and plain values, or less") from error
    if not isinstance(checkpoint, dict) or not all(isinstance(checkpoint.get(k), t) for k, t in _PARTS.items()):
        raise Damaged("it holds something else")
    return checkpoint


def read_newest(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The newest whole checkpoint of the folder, None where none was ever written; and what is wrong with a newer one,
    or ''. BadInput where there are some and all are damaged."""
    wrong = ""
    for name in (NEWEST, BEFORE):
        try:
            return read(folder / name), wrong
        except FileNotFoundError:
            continue
        except (Damaged, OSError) as error:
            wrong = wrong or f"{folder / name} is damaged: {error}"
    if wrong:
        raise BadInput(wrong, str(folder), "delete the folder's checkpoints and train again")
    return None, ""
