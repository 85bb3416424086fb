"""The list of a version's files, each with its size and sha256; nothing that is not on it is installed.

It has words for plain files alone: no link, no device, no owner and no mode but "may be run" can be asked for.
"""

import hashlib
import os
import re
from pathlib import Path

import msgspec

from neurorack.errors import BadInput
from neurorack.statedir import read_plain

NAME = "manifest.json"
BYTES_MAX = 4 << 20
"""Of the manifest; that of 4,000 files takes 700 kB."""

FILES_MAX, FILES_BYTES_MAX = 20_000, 2 << 30
"""A version is 180 MB; with a GPU's runtime half a gigabyte."""

VERSION = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){1,3}")
_PYTHON = re.compile(r"3\.[1-9][0-9]")
_MACHINE = re.compile(r"[a-z0-9_]{1,32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[ -\[\]-~]{1,128}")  # printable ASCII, and no backslash
_RESERVED = re.compile(rf"{re.escape(NAME)}|bin/python|(.*/)?__pycache__(/.*)?")  # made where it is installed

MEND = "get it again, from who made it"


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`path` is relative to the version's folder."""

    path: str
    bytes: int
    sha256: str
    executable: bool = False


class Packed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of an update, one after the other as .xz: sha256 of each of its pieces of `piece_bytes`."""

    bytes: int
    piece_bytes: int
    sha256: list[str]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`machine` is as `uname -m` has it, `python` the one whose binary packages it holds, e.g. "3.11"."""

    schema: int
    version: str
    machine: str
    python: str
    files: list[File]
    packed: Packed | None = None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def number(version: str) -> tuple[int, ...]:
    """By which versions are compared.

    >>> number("0.10") > number("0.9.1")
    True
    """
    return tuple(map(int, version.split(".")))


def parse(raw: bytes, where: str) -> Manifest:
    """A manifest within bounds. BadInput where it asks for anything a version cannot be."""
    try:
        made = msgspec.json.decode(raw, type=Manifest)
        _check(made)
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors
        raise BadInput(f"not a manifest of neurorack: {error}", where, MEND) from error
    return made


def _check(manifest: Manifest) -> None:
    if manifest.schema != 1:
        raise ValueError(f"its schema is {manifest.schema}, this neurorack knows 1")
    for pattern, text in ((VERSION, manifest.version), (_PYTHON, manifest.python), (_MACHINE, manifest.machine)):
        if not pattern.fullmatch(text):
            raise ValueError(f"{text[:60]!r} is neither version, Python nor machine")
    if len(manifest.files) > FILES_MAX or manifest.bytes > FILES_BYTES_MAX:
        raise ValueError(f"more than {FILES_MAX} files or {FILES_BYTES_MAX >> 20} MiB")
    before = ""
    folders: set[str] = set()
    for file in manifest.files:
        parts = file.path.split("/")
        if not all(_PART.fullmatch(part) and part not in (".", "..") for part in parts) or len(file.path) > 240:
            raise ValueError(f"{file.path[:60]!r} is no path within a version")
        if _RESERVED.fullmatch(file.path):
            raise ValueError(f"{file.path!r} is made where it is installed")
        if file.path <= before:
            raise ValueError(f"{file.path!r} is twice or out of order")
        if file.bytes < 0 or not _SHA256.fullmatch(file.sha256):
            raise ValueError(f"size or sha256 of {file.path!r} is none")
        before = file.path
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if clash := folders.intersection(file.path for file in manifest.files):
        raise ValueError(f"{min(clash)!r} is a file and a folder")
    if (packed := manifest.packed) is not None:
        pieces = -(-packed.bytes // packed.piece_bytes) if 0 < packed.piece_bytes <= 1 << 24 and packed.bytes > 0 else 0
        if len(packed.sha256) != pieces or not pieces or not all(map(_SHA256.fullmatch, packed.sha256)):
            raise ValueError("its pieces do not add up")


def encode(manifest: Manifest) -> bytes:
    """As it is written and signed: JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def list_files(folder: Path) -> list[File]:
    """Every file under `folder` that a manifest lists, in its order. ValueError where something else lies there."""
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if _RESERVED.fullmatch(name):
            continue
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ValueError(f"{path} is a link or a device")
        if path.is_file():
            content = path.read_bytes()
            run = bool(path.stat().st_mode & 0o100)
            found.append(File(name, len(content), hashlib.sha256(content).hexdigest(), executable=run))
    return sorted(found, key=lambda file: file.path)


def read_folder(folder: Path) -> Manifest:
    """The manifest of the version in `folder`, its files not looked at."""
    try:
        return parse(read_plain(folder / NAME, BYTES_MAX), str(folder / NAME))
    except (OSError, ValueError) as error:
        raise BadInput(f"no version of neurorack: {error}", str(folder), "install it again") from error


def read_file(folder: Path, file: File) -> bytes:
    """A listed file's content, proven. BadInput where it is not what the manifest says."""
    path = folder / file.path
    try:
        content = read_plain(path, file.bytes)
    except (OSError, ValueError) as error:
        raise BadInput(f"damaged: {os.strerror(error.errno or 0) if isinstance(error, OSError) else error}",
                       str(path), "install it again") from error  # fmt: skip
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise BadInput("damaged: its sha256 does not agree", str(path), "install it again")
    return content


def verify_folder(folder: Path) -> Manifest:
    """Prove every listed file of an installed version."""
    manifest = read_folder(folder)
    for file in manifest.files:
        read_file(folder, file)
    return manifest
