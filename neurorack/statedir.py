"""The state directory: what outlives the power, and how a file there is replaced.

Settings and calibration lie side by side and know nothing of each other: who resets one keeps the other.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from neurorack.errors import BadInput

SERVICE = Path("/var/lib/neurorack")
"""Made by systemd for the service."""


def state_dir() -> Path:
    """$NEURORACK_STATE, else systemd's $STATE_DIRECTORY, else the service's own where it is ours, else this user's.
    It need not exist."""
    if given := os.environ.get("NEURORACK_STATE"):
        return possible(given, "NEURORACK_STATE")
    if given := os.environ.get("STATE_DIRECTORY", "").partition(":")[0]:  # one of several, in the unit's order
        return Path(given)
    with contextlib.suppress(OSError):
        if SERVICE.stat().st_uid == os.geteuid():  # root may write there too, but the service must go on
            return SERVICE
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # the specification has relative ones ignored
        return Path(given) / "neurorack"
    try:
        return Path.home() / ".local/state/neurorack"
    except RuntimeError:  # nobody's home
        return SERVICE


def possible(given: str, where: str) -> Path:
    """The path that was `given` somewhere, there or not. BadInput where nothing can be called that: a name of more than
    255 bytes, a path of more than 4,095 (path_resolution(7)), a link that leads to itself."""
    try:
        os.stat(given)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            what = f"{error.strerror}: {given[:40]}…"
            raise BadInput(what[0].lower() + what[1:], where, mend_of(error)) from error
    return Path(given)


_MENDS = {
    errno.ENOSPC: "free some space there, or give another place",
    errno.EDQUOT: "free some space there, or give another place",
    errno.EROFS: "the disk is read-only: give another place, or mount it anew",
    errno.EACCES: "chown it to you, or give another place",
    errno.EPERM: "chown it to you, or give another place",
    errno.EISDIR: "a folder stands in its place: give the name of a file",
    errno.ENOTDIR: "a file stands in its folder's place: give another place",
    errno.EEXIST: "a file stands in its folder's place: give another place",
    errno.ENOENT: "make its folder, or give another place",
    errno.ELOOP: "the link leads to itself: remove it, or give another place",
    errno.ENAMETOOLONG: "give a shorter name",
}


def calibration_path(specimen: int | None = None) -> Path:
    """Where the calibration of the soldered module lies, or a virtual `specimen`'s: neither plays by the other's."""
    return state_dir() / ("calibration.toml" if specimen is None else f"calibration-rack-{specimen}.toml")


def read_plain(path: Path, bytes_max: int) -> bytes:
    """The content of a plain file of at most `bytes_max`: what else may stand there, a pipe or a disk's worth of zeros,
    holds up nobody. Raises OSError where it cannot be read, ValueError where it is something else."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a plain file")
        with open(fd, "rb", closefd=False) as file:
            content = file.read(bytes_max + 1)
    finally:
        os.close(fd)
    if len(content) > bytes_max:
        raise ValueError(f"it is longer than {bytes_max >> 10} KiB")
    return content


def mend_of(error: OSError) -> str:
    """What to do about an error of a file."""
    return _MENDS.get(error.errno or 0, "give another place, or see what `dmesg` says of the disk")


def set_aside(path: Path) -> None:
    """Rename what stands at `path`, if anything, to `*.damaged`: one is kept. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, path.with_name(f"{path.name}.damaged"))


def replace_file(path: Path, content: bytes) -> None:
    """Let `path` hold `content`, whole: power may vanish at any instruction, and what was there before is there still.

    Makes the folder. Raises OSError, and then nothing has changed.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")  # one name, so that power cuts leave one at most
    try:
        _write_through(draft, content)
        os.rename(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)  # on a full disk it would take what little room is left
        raise
    sync_folder(path.parent)


def _write_through(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while content:
            content = content[os.write(fd, content) :]
        os.fsync(fd)  # else the name may reach the disk before what it stands for
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """A rename is on the disk once its folder is."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
