"""/opt/neurorack: the versions that lie there, and the links that say which of them plays.

    versions/0.2.0/         a whole version, never half of one: it is unpacked in .incoming and then renamed
    .incoming/              what is being put in or thrown away; whoever comes next empties it
    current → versions/…    plays
    good → versions/…       the last that proved itself: whoever differs from it is on trial
    former → versions/…     the one before, to go back to by hand
    attempts                how often the one on trial has been begun
    returned                a line on why the last one on trial went

Each link is switched by one rename, so power may vanish at any instruction: it finds the step done or not begun.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.statedir import read_plain, replace_file, sync_folder
from neurorack.update import manifest as listed
from neurorack.update.manifest import File, Manifest

ROOT = Path("/opt/neurorack")

ROOM = 1.5
"""A version takes so many times its files: compiled Python, and blocks that are not full."""

_TARGET = re.compile(rf"versions/({listed.VERSION.pattern})")


class Home:
    """What is installed under `root`. Its methods raise OSError where the disk refuses."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root, self._incoming = root, root / ".incoming"

    @property
    def current(self) -> str | None:
        """The version that plays, None where none is installed."""
        return self._linked("current")

    @property
    def good(self) -> str | None:
        """The version that proved itself last."""
        return self._linked("good")

    @property
    def former(self) -> str | None:
        return self._linked("former")

    @property
    def on_trial(self) -> bool:
        return self.current != self.good

    def folder(self, version: str) -> Path:
        return self.root / "versions" / version

    def _linked(self, name: str) -> str | None:
        try:
            found = _TARGET.fullmatch(os.readlink(self.root / name))
        except OSError:
            return None
        return found[1] if found and self.folder(found[1]).is_dir() else None

    # --- putting a version in --------------------------------------------------------------------------------

    def unpack(self, manifest: Manifest, manifest_raw: bytes, files: Iterable[tuple[File, bytes]]) -> Path:
        """Write a version aside and return its folder there; `place` makes it one of the versions."""
        aside = self._fresh_incoming() / manifest.version
        os.mkdir(aside, 0o755)
        for file, content in files:
            path = aside / file.path
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _write(path, content, 0o755 if file.executable else 0o644)
        _write(aside / listed.NAME, manifest_raw, 0o644)
        (aside / "bin").mkdir(exist_ok=True)
        os.symlink(f"/usr/bin/python{manifest.python}", aside / "bin/python")
        return aside

    def place(self, aside: Path) -> None:
        """Make the unpacked version one of the versions, all of it on the disk before its name is."""
        versions = self.root / "versions"
        versions.mkdir(mode=0o755, exist_ok=True)
        target = versions / aside.name
        os.sync()  # thousands of small files: one call for all of them takes seconds, one each minutes
        if os.path.lexists(target):
            os.rename(target, aside.with_name(f"{aside.name}.former"))
        os.rename(aside, target)
        sync_folder(versions)

    def empty_incoming(self) -> None:
        """Throw away what was never put in its place, or was taken out of it."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def _fresh_incoming(self) -> Path:
        self.empty_incoming()
        os.mkdir(self._incoming, 0o755)
        return self._incoming

    # --- switching -------------------------------------------------------------------------------------------

    def begin_trial(self, version: str) -> None:
        """From here on `version` is what plays."""
        self._forget_attempts()
        self._forget_return()
        self._link("current", version)

    def attempt(self) -> int:
        """Count that the version on trial is begun once more, on the disk before it is; how often it was by now."""
        assert self.current is not None
        count = self._attempts() + 1
        replace_file(self.root / "attempts", f"{self.current} {count}\n".encode())
        return count

    def _attempts(self) -> int:
        try:
            version, count = read_plain(self.root / "attempts", 100).split()
            return int(count) if version.decode() == self.current else 0
        except FileNotFoundError:
            return 0

    def keep(self) -> None:
        """The version on trial is good."""
        assert self.current is not None
        if self.good is not None and self.good != self.current:
            self._link("former", self.good)
        self._link("good", self.current)
        self._forget_attempts()
        self.prune()

    def go_back(self, why: str) -> None:
        """The version on trial goes, the good one plays."""
        assert self.good is not None
        replace_file(self.root / "returned", f"{self.current} {why}\n".encode())
        self._link("current", self.good)
        self._forget_attempts()
        self.prune()

    @property
    def returned(self) -> str:
        """Which version went last, and why; "" where none did since the last one came."""
        try:
            return read_plain(self.root / "returned", 1000).decode(errors="replace").strip()
        except (OSError, ValueError):
            return ""

    def _link(self, name: str, version: str) -> None:
        draft = self.root / f".{name}.draft"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        os.symlink(f"versions/{version}", draft)
        os.rename(draft, self.root / name)
        sync_folder(self.root)

    def _forget_attempts(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.root / "attempts")

    def _forget_return(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.root / "returned")

    # --- throwing away ---------------------------------------------------------------------------------------

    def prune(self) -> None:
        """Throw away every version that no link names. Half a version is never left under its name."""
        kept = {self.current, self.good, self.former}
        versions = self.root / "versions"
        incoming = self._fresh_incoming()
        for path in sorted(versions.iterdir()) if versions.exists() else ():
            if path.name not in kept:
                os.rename(path, incoming / path.name)
        self.empty_incoming()

    def check_room(self, manifest: Manifest) -> None:
        """Raise BadInput where the version does not fit beside the others."""
        found = os.statvfs(self.root)
        needed, free = int(manifest.bytes * ROOM), found.f_bavail * found.f_frsize
        if free < needed or found.f_favail < len(manifest.files) * 2 < found.f_files:
            what = f"{needed >> 20} MiB are needed, {free >> 20} MiB are free"
            raise BadInput(what, str(self.root), "free some space there")


def _write(path: Path, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        while content:
            content = content[os.write(fd, content) :]
        os.fchmod(fd, mode)  # whatever the umask says
    finally:
        os.close(fd)
