"""An update file: one line, the manifest as readable JSON, its signature, and the files.

    neurorack update 1 MANIFEST-BYTES SIGNATURE-BYTES SHA256-OF-THOSE-TWO
    {…}
    signature, raw; then the contents of all files in the manifest's order, one .xz stream

There are no entries, so nothing in the file but the manifest says what is written where, and how much. The sum in the
first line tells damage from forgery. The manifest has a sha256 of every piece of the packed stream, so no byte is
unpacked before the signature has vouched for it; and one of every file, so no file is installed that is not right.
"""

import hashlib
import lzma
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from neurorack.errors import BadInput
from neurorack.update import manifest as listed
from neurorack.update import signature
from neurorack.update.manifest import File, Manifest, Packed

SUFFIX = ".update"
_HEAD = re.compile(rb"neurorack update ([1-9]) ([1-9][0-9]{0,7}) ([1-9][0-9]{0,4}) ([0-9a-f]{64})\n")
HEAD_BYTES_MAX = 100

PIECE_BYTES = 1 << 20
XZ_MEMORY_MAX = 80 << 20
"""What unpacking may take; the strongest preset, -9, asks for 65 MiB."""

GET_AGAIN = "copy it again"


class Archive:
    """An update file, opened for reading at its first byte. Every method raises BadInput where it is not right.

    >>> archive = Archive(stream, "stick/neurorack-0.2.0.update")
    >>> archive.verify(signers)
    >>> for file, content in archive.files(): ...
    """

    def __init__(self, stream: IO[bytes], where: str) -> None:
        self._stream, self.where = stream, where
        line = self._readline()
        head = _HEAD.fullmatch(line)
        if head is None:
            raise BadInput("not an update of neurorack", where, "give a file named neurorack-….update")
        if head[1] != b"1":
            raise BadInput(f"an update of a later kind, {int(head[1])}", where, "install one in between first")
        manifest_bytes, signature_bytes = int(head[2]), int(head[3])
        if manifest_bytes > listed.BYTES_MAX or signature_bytes > signature.BYTES_MAX:
            raise BadInput("its manifest or signature is too big", where, listed.MEND)
        self._signed = self._exactly(manifest_bytes)
        self._signature = self._exactly(signature_bytes)
        if hashlib.sha256(self._signed + self._signature).hexdigest().encode() != head[4]:
            raise BadInput("damaged: the sum of its manifest does not agree", where, GET_AGAIN)
        self._manifest: Manifest | None = None

    def verify(self, allowed: bytes) -> Manifest:
        """Its manifest, of which nothing is read before one of the `allowed` has vouched for it."""
        signature.verify(self._signed, self._signature, allowed, self.where)
        manifest = listed.parse(self._signed, self.where)
        if manifest.packed is None:
            raise BadInput("its manifest is of no update", self.where, listed.MEND)
        self._manifest = manifest
        return manifest

    def files(self) -> Iterator[tuple[File, bytes]]:
        """Every file with its content, proven; the end of the update file has been seen after the last."""
        assert self._manifest is not None and self._manifest.packed is not None, "verify comes first"
        packed = _Unpacked(self._pieces(self._manifest.packed), self._damaged)
        for file in self._manifest.files:
            content = packed.read(file.bytes)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise self._damaged(f"{file.path} is not what its manifest says")
            yield file, content
        packed.finish()
        if self._read(1):
            raise self._damaged("there is more in it than its manifest says")

    @property
    def manifest_raw(self) -> bytes:
        return self._signed

    def _pieces(self, packed: Packed) -> Iterator[bytes]:
        left = packed.bytes
        for sha256 in packed.sha256:
            piece = self._exactly(min(packed.piece_bytes, left))
            left -= len(piece)
            if hashlib.sha256(piece).hexdigest() != sha256:
                raise self._damaged("the sum of one of its pieces does not agree")
            yield piece

    def _damaged(self, what: str) -> BadInput:
        return BadInput(f"damaged: {what}", self.where, GET_AGAIN)

    def _exactly(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) < count:
            raise self._damaged("it ends too early")
        return data

    def _readline(self) -> bytes:
        try:
            return self._stream.readline(HEAD_BYTES_MAX + 1)
        except OSError as error:
            raise self._unreadable(error) from error

    def _read(self, count: int) -> bytes:
        try:
            return self._stream.read(count)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> BadInput:
        return BadInput(f"cannot be read: {error.strerror}", self.where, "leave the stick plugged in, or copy it again")


class _Unpacked:
    """Reads an .xz stream from its pieces in bounded memory."""

    def __init__(self, pieces: Iterator[bytes], damaged: Callable[[str], BadInput]) -> None:
        self._pieces, self._damaged = pieces, damaged
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_MAX)

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            if not (got := self._some(count - len(data))) and self._unpacker.eof:
                raise self._damaged("its files end too early")
            data += got
        return bytes(data)

    def finish(self) -> None:
        """See its end, and that nothing follows."""
        while not self._unpacker.eof:
            if self._some(1):
                raise self._damaged("its files are longer than its manifest says")
        if self._unpacker.unused_data or next(self._pieces, None) is not None:
            raise self._damaged("something follows its files")

    def _some(self, count: int) -> bytes:
        if self._unpacker.eof:
            return b""
        piece = b""
        if self._unpacker.needs_input and not (piece := next(self._pieces, b"")):
            raise self._damaged("its files end too early")
        try:
            return self._unpacker.decompress(piece, count)
        except lzma.LZMAError as error:
            raise self._damaged(str(error)) from error


def pack(folder: Path, out: Path, key: Path, *, piece_bytes: int = PIECE_BYTES) -> None:
    """Write the version in `folder` as an update, signed by the private `key`."""
    manifest = listed.read_folder(folder)
    # sha256 is kept of every file. A higher preset takes five times as long for a tenth less.
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_NONE, preset=1)
    packed = b"".join([*(packer.compress(listed.read_file(folder, file)) for file in manifest.files), packer.flush()])
    pieces = [packed[at : at + piece_bytes] for at in range(0, len(packed), piece_bytes)]
    sums = [hashlib.sha256(piece).hexdigest() for piece in pieces]
    signed = listed.encode(msgspec.structs.replace(manifest, packed=Packed(len(packed), piece_bytes, sums)))
    signed_by = signature.sign(signed, key)
    total = hashlib.sha256(signed + signed_by).hexdigest()
    head = f"neurorack update 1 {len(signed)} {len(signed_by)} {total}\n".encode()
    out.write_bytes(head + signed + signed_by + packed)
