"""Install a stranger's bundle: copied aside under bounds, proven whole, then moved into place at once.

Only the files that the card names are taken, as plain bytes of bounded size; links, folders, modes and owners are not.
"""

import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn

from neurorack import bundle
from neurorack.errors import BadInput
from neurorack.place import put_in_place

ARCHIVE_BYTES_MAX = bundle.CARD_BYTES_MAX + 2 * bundle.ONNX_BYTES_MAX + bundle.GESTURES_BYTES_MAX + (1 << 20)
"""Of an archive, packed, and unpacked as well: every part of a bundle at its largest, and headers."""

ENTRIES_MAX = 1_000
DIRECTORY_BYTES_MAX = 1 << 20
"""Of a zip's directory, which Python's reader holds in memory at about twenty times its size."""

XZ_MEMORY_MAX = 80 << 20
"""What unpacking .xz may take; the strongest preset, -9, asks for 65 MiB."""

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

Read = Callable[[str, int], bytes]
"""(file name, most bytes) → its bytes; raises BadInput."""


def install(source: Path, *, replace: bool = False) -> Path:
    """Install the bundle in a folder or archive (.zip, .tar, .tar.gz, .tar.xz) under its card's name.

    Its decoder must play (`engine.proof`) before anything is replaced. Returns its new folder.
    """
    models = bundle.folders()[0]
    aside = models / ".installing" / str(os.getpid())
    try:
        aside.mkdir(parents=True)
        try:
            _take(_reader(source), aside, source)
            loaded = _prove(aside, source)
            return _move(aside, models, loaded.name, source, replace=replace)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            if not any(aside.parent.iterdir()):
                aside.parent.rmdir()
    except OSError as error:
        where = str(error.filename or models)
        raise BadInput(f"cannot install: {error.strerror}", where, "check space and permissions") from error


def _take(read: Read, aside: Path, source: Path) -> None:
    """Write card.json and every file it names into `aside`."""
    (aside / bundle.CARD).write_bytes(read(bundle.CARD, bundle.CARD_BYTES_MAX))
    try:
        card = bundle.read_card(aside)
    except BadInput as error:
        raise BadInput(error.what, f"{source}, {bundle.CARD}", "get the bundle again") from error
    wanted = [(card.gestures.file, bundle.GESTURES_BYTES_MAX)]
    wanted += [(network.file, bundle.ONNX_BYTES_MAX) for network in card.networks]
    for name, limit in wanted:
        if name != os.path.basename(name) or name in ("", ".", "..", bundle.CARD) or "\\" in name or "\0" in name:
            raise BadInput(f"the card names a file outside the bundle, {name[:60]!r}", str(source), "do not trust it")
        (aside / name).write_bytes(read(name, limit))


def _prove(aside: Path, source: Path) -> bundle.Bundle:
    """The copied bundle: whole, and its decoder has run."""
    from neurorack.engine.proof import prove  # the runtime: only once there is something to run

    try:
        loaded = bundle.load(aside)
        prove(loaded)
    except BadInput as error:
        raise BadInput(error.what, error.where.replace(str(aside), str(source)), "get the bundle again") from error
    return loaded


def _move(aside: Path, models: Path, name: str, source: Path, *, replace: bool) -> Path:
    """Put the proven folder in its place; at no moment is there half a bundle under its name."""
    if not NAME.fullmatch(name):
        raise BadInput(f"the bundle's name {name[:60]!r} is no folder name", str(source), "use a-z, 0-9, _ and -")
    target = models / name
    if os.path.lexists(target) and not replace:
        raise BadInput(f"{name} is installed already", str(target), "add --replace, or remove it first")
    former = put_in_place(aside, target)
    if former is not None:
        shutil.rmtree(former, ignore_errors=True)
    return target


def _reader(source: Path) -> Read:
    try:
        status = source.stat()
    except OSError as error:
        raise BadInput(
            f"cannot read the bundle: {error.strerror}", str(source), "give a folder or an archive"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        return lambda name, limit: _from_folder(source, name, limit)
    if not stat.S_ISREG(status.st_mode):
        raise BadInput("neither a folder nor an archive", str(source), "give a folder, .zip, .tar, .tar.gz or .tar.xz")
    if status.st_size > ARCHIVE_BYTES_MAX:
        raise BadInput(f"too big: {status.st_size} bytes, at most {ARCHIVE_BYTES_MAX}", str(source), "do not trust it")
    with open(source, "rb") as file:
        head = file.read(6)
    damaged = (
        zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, ValueError,
        RecursionError,  # tarfile follows a chain of long names that way
    )  # fmt: skip
    try:
        files = _unzip(source) if head[:2] == b"PK" else _untar(source, head)
    except damaged as error:
        mend = "get it again (.zip, .tar, .tar.gz or .tar.xz)"
        raise BadInput(f"not a whole archive: {error}", str(source), mend) from error
    return lambda name, limit: _from_archive(files, source, name, limit)


def _from_folder(folder: Path, name: str, limit: int) -> bytes:
    try:
        return bundle.read_file(folder, name, limit)
    except BadInput as error:
        raise BadInput(error.what, error.where, "get the bundle again, each file a plain file") from error


def _from_archive(files: dict[str, bytes], source: Path, name: str, limit: int) -> bytes:
    if name not in files:
        raise BadInput(f"there is no {name} in it", str(source), "pack the files of one bundle, in one folder or none")
    if len(files[name]) > limit:
        raise BadInput(f"{name} is too big: at most {limit} bytes", str(source), "do not trust it")
    return files[name]


def _bounded(file: IO[bytes], limit: int, where: str) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise BadInput(f"too big: more than {limit} bytes", where, "do not trust it")
    return data


class _Gathered:
    """Files of an archive by their paths, none beyond the bounds."""

    def __init__(self, source: Path) -> None:
        self._files: dict[str, bytes] = {}
        self._source, self._entries, self._bytes = source, 0, 0

    def refuse(self, what: str) -> NoReturn:
        raise BadInput(f"refused: {what}", str(self._source), "do not trust it")

    def admit(self, path: str, size: int) -> None:
        """Look at an entry before it is unpacked."""
        parts = path.rstrip("/").split("/")
        if path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
            self.refuse(f"{path[:60]!r} leads out of the archive")
        self._entries += 1
        self._bytes += size
        if self._entries > ENTRIES_MAX or self._bytes > ARCHIVE_BYTES_MAX:
            self.refuse(f"more than {ENTRIES_MAX} files or {ARCHIVE_BYTES_MAX} bytes in it")

    def add(self, path: str, data: bytes) -> None:
        path = path.removeprefix("./")
        if path in self._files:
            self.refuse(f"{path[:60]!r} lies there twice")
        self._files[path] = data

    def bundle(self) -> dict[str, bytes]:
        """By their names, the files of the folder with the card; pictures and the like in folders below are left."""
        cards = [path for path in self._files if path.rpartition("/")[2] == bundle.CARD]
        if len(cards) > 1:
            self.refuse("several bundles lie in it")
        folder = cards[0].removesuffix(bundle.CARD) if cards else ""
        return {path[len(folder) :]: data for path, data in self._files.items() if path.startswith(folder)}


def _unzip(source: Path) -> dict[str, bytes]:
    with open(source, "rb") as file:
        file.seek(max(0, source.stat().st_size - 65_557))  # the end record with its longest comment
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    gathered = _Gathered(source)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it has no end")
    if tail[max(0, at - 20) : at].startswith(b"PK\6\7"):  # zip64: its sizes lie elsewhere, and no bundle needs it
        gathered.refuse("it is a zip64 archive")
    if struct.unpack_from("<I", tail, at + 12)[0] > DIRECTORY_BYTES_MAX:
        gathered.refuse("its directory is too big")
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            kind = entry.external_attr >> 16
            if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_IFMT(kind) == 0):
                gathered.refuse(f"{entry.filename[:60]!r} is a link or a device")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                gathered.refuse(f"{entry.filename[:60]!r} is encrypted or packed in an unusual way")
            gathered.admit(entry.filename, entry.file_size)
            if not entry.is_dir():
                with archive.open(entry) as packed:
                    gathered.add(entry.filename, _bounded(packed, entry.file_size, str(source)))
    return gathered.bundle()


class _Bounded:
    """What tarfile reads from: ends in an error where more comes out than a bundle can be."""

    def __init__(self, stream: IO[bytes], gathered: _Gathered) -> None:
        self._stream, self._gathered, self._left = stream, gathered, 2 * ARCHIVE_BYTES_MAX

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            self._gathered.refuse("it unpacks to far more than a bundle")
        return data


class _Unxz:
    """Reads .xz in bounded memory, which Python's own reader does not promise."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed, self._unpacker = packed, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_MAX)

    def read(self, size: int) -> bytes:
        data = b""
        while not data and not self._unpacker.eof:
            packed = self._packed.read(1 << 16) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not packed:
                raise EOFError("it ends too early")
            data = self._unpacker.decompress(packed, size)
        return data


def _untar(source: Path, head: bytes) -> dict[str, bytes]:
    gathered = _Gathered(source)
    with gzip.open(source, "rb") if head[:2] == b"\x1f\x8b" else open(source, "rb") as stream:
        bounded = _Bounded(_Unxz(stream) if head == b"\xfd7zXZ\0" else stream, gathered)  # type: ignore[arg-type]
        with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
            for entry in archive:
                gathered.admit(entry.name, entry.size)
                if entry.isdir():
                    continue
                if not entry.isreg() or entry.sparse is not None:
                    gathered.refuse(f"{entry.name[:60]!r} is a link or a device")
                file = archive.extractfile(entry)
                assert file is not None
                gathered.add(entry.name, file.read())
    return gathered.bundle()
