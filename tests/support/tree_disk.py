"""A disk with folders whose power can be cut at every call: what `disk.Disk` is for one folder, for a tree."""

import os
import random
import types
from collections.abc import Iterator
from pathlib import Path

from disk import PowerCut

Node = bytes | str
"""Of a path: a file's content, or where a link leads. Folders are there when anything in them is."""


class File:
    """What was written to a new file, and whether the disk has it."""

    def __init__(self) -> None:
        self.data, self.synced = b"", False


class TreeDisk(types.SimpleNamespace):
    """`os` for who installs, which knows what has reached the disk; after `cut_at` calls that change it the power goes.

    Names reach the disk in their order, as far as they do; what a file holds does for certain once it is synced.
    """

    def __init__(self, root: Path, cut_at: int) -> None:
        super().__init__(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
        self._root, self.left, self._fds = root, cut_at, {}
        self._durable: dict[str, Node | File] = scan(root)
        self._pending: list[tuple[str, str, Node | File | None]] = []
        self.path = os.path
        for name in ("open", "write", "fsync", "sync", "rename", "symlink", "unlink"):
            setattr(self, name, getattr(self, f"_{name}"))

    def cut(self) -> bool:
        self.left -= 1
        if self.left < 0:
            raise PowerCut
        return self.left == 0

    def _name(self, path: object) -> str:
        return os.path.relpath(os.fspath(path), self._root)  # type: ignore[call-overload]

    def _open(self, path: Path, flags: int, mode: int = 0o777, **more: object) -> int:
        changes = bool(flags & os.O_CREAT)
        if changes:
            self.cut()
        fd = os.open(path, flags, mode, **more)  # type: ignore[arg-type]
        if changes:
            self._fds[fd] = file = File()
            self._pending.append(("put", self._name(path), file))
        elif flags & os.O_DIRECTORY:
            self._fds[fd] = None
        return fd

    def _write(self, fd: int, data: bytes) -> int:
        half = self.cut()
        written = os.write(fd, data[: len(data) // 2] if half else data)
        if self._fds.get(fd) is not None:
            self._fds[fd].data += data[:written]
        return written

    def _fsync(self, fd: int) -> None:
        self.cut()
        if self._fds.get(fd) is None:
            self._durable, self._pending = self.tree(len(self._pending)), []
        else:
            self._fds[fd].synced = True

    def _sync(self) -> None:
        self.cut()
        self._durable, self._pending = self.tree(len(self._pending)), []
        for node in self._durable.values():
            if isinstance(node, File):
                node.synced = True

    def _rename(self, old: object, new: object) -> None:
        self.cut()
        os.rename(old, new)  # type: ignore[call-overload]
        self._pending.append(("move", self._name(old), self._name(new)))

    def _symlink(self, to: object, path: object) -> None:
        self.cut()
        os.symlink(to, path)  # type: ignore[call-overload]
        self._pending.append(("put", self._name(path), str(to)))

    def _unlink(self, path: object, **more: object) -> None:
        self.cut()
        os.unlink(path, **more)  # type: ignore[call-overload]
        self._pending.append(("drop", self._name(path), None))

    def tree(self, done: int) -> dict[str, "Node | File"]:
        names = dict(self._durable)
        for what, name, node in self._pending[:done]:
            if what == "put":
                assert node is not None
                names[name] = node
            elif what == "drop":
                names.pop(name, None)
            else:
                for path in [path for path in names if path == name or path.startswith(f"{name}/")]:
                    names[str(node) + path[len(name) :]] = names.pop(path)
        return names

    def states(self, chance: random.Random) -> Iterator[dict[str, Node]]:
        """What may be found when the power is back: any number of the names, and of each file that is not synced
        nothing, zeros, its first half or all, drawn by chance but for the worst, all empty."""
        for done in {0, len(self._pending), *(chance.randrange(len(self._pending) + 1) for _ in range(3))}:
            for draw in (lambda fates: fates[0], chance.choice):
                yield {name: _fate(node, draw) for name, node in self.tree(done).items()}


def _fate(node: "Node | File", draw: object) -> Node:
    if not isinstance(node, File) or node.synced:
        return node.data if isinstance(node, File) else node
    return draw([b"", bytes(len(node.data)), node.data[: len(node.data) // 2], node.data])  # type: ignore[operator]


def scan(root: Path) -> dict[str, "Node | File"]:
    """Every file and link below `root`."""
    found: dict[str, Node | File] = {}
    for path in root.rglob("*"):
        if path.is_symlink():
            found[path.relative_to(root).as_posix()] = os.readlink(path)
        elif path.is_file():
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def lay_out(root: Path, tree: dict[str, "Node"]) -> None:
    """Make the empty folder `root` hold this."""
    for name, node in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, bytes):
            path.write_bytes(node)
        else:
            path.symlink_to(node)
