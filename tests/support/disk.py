"""Settings to save, and a disk whose power can be cut at every call."""

import errno
import itertools
import os
import types
from collections.abc import Iterator
from pathlib import Path

from neurorack.settings.model import Knob, Preset, Settings, Sound


def settings(number: int) -> Settings:
    """Settings like no others: some of everything."""
    knobs = {"centroid": Knob(base=0.25, pot="pot2", attenuverter={"cv1": -0.5}, offset=0.125, curve="s-curve")}
    sound = Sound(bundle="fluid", gesture=number, depth=0.5, knobs=knobs, pots=(0.1, 0.2, 0.3, 0.4))  # type: ignore[arg-type]
    return Settings(playing=sound, presets={1: Preset(name="one", sound=sound), 64: Preset(name="größer", sound=sound)})


class PowerCut(BaseException):
    """Nothing runs any more: not even what catches exceptions."""


class File:
    """An inode: what is in the page cache, and whether the disk has it."""

    def __init__(self, data: bytes, synced: bool) -> None:
        self.data, self.synced = data, synced

    def fates(self) -> list[bytes]:
        """What may be left of it: a file system may give room before it has written what belongs there."""
        return [self.data] if self.synced else [b"", bytes(len(self.data)), self.data[: len(self.data) // 2], self.data]


class Disk(types.SimpleNamespace):
    """`os` for the store, which knows what has reached the disk. After `cut_at` calls the power goes; where the last of
    them was a write, half of it was done.

    Names reach the disk in their order, but no sooner than the folder's fsync for certain.
    """

    def __init__(self, folder: Path, cut_at: int) -> None:
        super().__init__(**{name: getattr(os, name) for name in dir(os) if name.startswith("O_")})
        self.left = cut_at
        self.durable = {path.name: File(path.read_bytes(), True) for path in folder.iterdir()}
        self.pending: list[tuple[str, object]] = []
        self.open_fds: dict[int, File | None] = {}

    def cut(self) -> bool:
        self.left -= 1
        if self.left < 0:
            raise PowerCut
        return self.left == 0

    def names(self, done: int) -> dict[str, File]:
        names = dict(self.durable)
        for name, what in self.pending[:done]:
            if isinstance(what, File):
                names[name] = what
            elif what is None:
                del names[name]
            else:
                names[str(what)] = names.pop(name)
        return names

    def states(self) -> Iterator[dict[str, bytes]]:
        """All folders that may be found when the power is back."""
        for done in range(len(self.pending) + 1):
            names = self.names(done)
            for fates in itertools.product(*(file.fates() for file in names.values())):
                yield dict(zip(names, fates, strict=True))

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        self.cut()
        fd = os.open(path, flags, mode)
        if flags & os.O_CREAT:
            file = File(b"", False)
            self.pending.append((path.name, file))
            self.open_fds[fd] = file
        else:
            self.open_fds[fd] = None  # the folder
        return fd

    def write(self, fd: int, data: bytes) -> int:
        half = self.cut()
        written = os.write(fd, data[: len(data) // 2] if half else data)  # and a short one is gone on with
        file = self.open_fds[fd]
        assert file is not None
        file.data, file.synced = file.data + data[:written], False
        return written

    def fsync(self, fd: int) -> None:
        self.cut()
        file = self.open_fds[fd]
        if file is None:
            self.durable, self.pending = self.names(len(self.pending)), []
        else:
            file.synced = True

    def rename(self, old: Path, new: Path) -> None:
        self.cut()
        os.rename(old, new)
        self.pending.append((old.name, new.name))

    def unlink(self, path: Path) -> None:
        self.cut()
        os.unlink(path)
        self.pending.append((path.name, None))

    def close(self, fd: int) -> None:
        os.close(fd)
        self.cut()


class Refusing:
    """`os` with one function that fails: a full disk, one that cannot be written, one that is broken."""

    def __init__(self, function: str, number: int) -> None:
        self.function, self.number = function, number

    def __getattr__(self, name: str) -> object:
        if name == self.function:
            return self.refuse
        return getattr(os, name)

    def refuse(self, *arguments: object) -> None:
        raise OSError(self.number, os.strerror(self.number))


FULL, READ_ONLY, BROKEN = errno.ENOSPC, errno.EROFS, errno.EIO
