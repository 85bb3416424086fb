"""The run directory, where the processes meet, and the locks that say which of them are there."""

import contextlib
import fcntl
import grp
import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from neurorack.errors import BadInput
from neurorack.statedir import possible

SERVICE = Path("/run/neurorack")
"""Made by systemd for the service."""


FALLS = "engine.falls"
"""In it the engine counts how often it fell; whoever begins a new day removes it."""

ROOM_BYTES = 7 << 20
"""What the run directory must hold: 2.1 MB of files, and four logs of a megabyte each."""


def default_run_dir() -> Path:
    """$NEURORACK_RUN_DIR, else the service's own where it is ours to write, else this user's, in memory."""
    if given := os.environ.get("NEURORACK_RUN_DIR"):
        return possible(given, "NEURORACK_RUN_DIR")
    with contextlib.suppress(OSError):
        if SERVICE.stat().st_uid == os.geteuid():  # root may write there too, but the service must go on
            return SERVICE
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(session) / "neurorack"
    return Path(f"/dev/shm/neurorack-{os.geteuid()}")


def stranger(run_dir: Path) -> BadInput:
    """What to say to whoever may not enter it: join the group that may; where none may, whose it is."""
    for closed in (run_dir, *run_dir.absolute().parents):
        with contextlib.suppress(OSError):  # below one that is closed: that one counts
            status = closed.stat()
            break
    if status.st_mode & stat.S_IXGRP:
        mend = f"join its group: sudo usermod --append --groups {_group(status.st_gid)} $USER, and log in again"
    else:
        mend = f"{closed} is {_user(status.st_uid)}'s alone: ask as that user, or give another --run-dir"
    return BadInput("you may not look after this module", str(run_dir), mend)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def may_enter(run_dir: Path) -> bool:
    """Whether we may look into it; so one may where there is none."""
    try:
        os.stat(f"{run_dir}/.")
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def open_run_dir(path: Path | None = None) -> Path:
    """The run directory, made if missing, for this user alone; one that a stranger could write to is refused.

    Processes believe what they find there, and the fallback lies in a folder everybody may write to.
    """
    path = path or default_run_dir()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"no run directory: {error.strerror}", str(path), "give another with NEURORACK_RUN_DIR"
        ) from error
    return check_run_dir(path)


def check_run_dir(path: Path) -> Path:
    """As `open_run_dir`, and nothing is made: BadInput too where one that is missing could not be."""
    above = _there(path)
    if above != path and not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise BadInput("no run directory, and it cannot be made", str(path), "give another with NEURORACK_RUN_DIR")
    if above != path:
        return path.resolve()
    try:
        status = path.lstat()
    except OSError as error:
        raise BadInput(
            f"no run directory: {error.strerror}", str(path), "give another with NEURORACK_RUN_DIR"
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise BadInput("the run directory is no folder", str(path), "remove it, or give another with NEURORACK_RUN_DIR")
    if status.st_uid != os.geteuid() and not may_enter(path):
        raise stranger(path)
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH:
        raise BadInput("others may write to the run directory", str(path), f"chown it to you, chmod 700 {path}")
    if not os.access(path, os.W_OK | os.X_OK):
        raise BadInput("may not write to the run directory", str(path), "give another with NEURORACK_RUN_DIR")
    return path.resolve()


def _there(path: Path) -> Path:
    """It, or the folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))


def room_bytes(run_dir: Path) -> int:
    """How much the processes may write there: what is free, and what their files have already."""
    room = shutil.disk_usage(_there(run_dir)).free
    for path in run_dir.iterdir() if run_dir.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # a draft, renamed meanwhile
            room += path.lstat().st_blocks * 512
    return room


def check_room(run_dir: Path) -> None:
    """Raise BadInput where the files and logs of the processes have no room."""
    if (room := room_bytes(run_dir)) < ROOM_BYTES:
        what = f"the run directory has room for {room >> 10} KiB, {ROOM_BYTES >> 10} are needed"
        raise BadInput(what, str(run_dir), "free some space there, or give another --run-dir")


@contextlib.contextmanager
def in_the_way(run_dir: Path) -> Iterator[None]:
    """Turn what the operating system refuses, as where a folder stands in a file's place, into BadInput."""
    try:
        yield
    except OSError as error:
        where = str(error.filename or run_dir)
        raise BadInput(
            f"cannot begin: {error.strerror}", where, "remove it if it is in the way, or give another --run-dir"
        ) from error


class Held(Exception):
    """Somebody else holds the lock: `pid` says who, 0 where that cannot be read."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"{path.name} is held by process {pid}")
        self.path, self.pid = path, pid


class Lock:
    """A process's claim to be the one of its kind: an flock with its pid inside, gone the moment it dies.

    >>> with Lock(run_dir / "engine.lock"): ...
    """

    PATIENCE_S = 0.2
    """`holder` takes a shared lock for a moment, so a claim is repeated this long before it is given up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        give_up = time.monotonic() + self.PATIENCE_S
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    os.close(self._fd)
                    raise Held(path, holder(path)) from None
                time.sleep(0.01)
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    @property
    def gone(self) -> bool:
        """Whether its file was removed, or another stands in its place: then nobody sees that we hold it."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._fd))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # not for us to say
            return False

    def release(self) -> None:
        """Let go; harmless twice. The file stays: removing it would let two processes hold 'the' lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder(path: Path) -> int:
    """Pid of the living process that holds the lock at `path`, 0 where nobody does. BadInput where that is not ours to
    know."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise stranger(path.parent) from error
    except OSError:
        return 0
    try:
        give_up = time.monotonic() + Lock.PATIENCE_S
        while time.monotonic() < give_up:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return 0
            except BlockingIOError:
                pass
            with contextlib.suppress(ValueError):
                pid = int(os.pread(fd, 32, 0))
                if _alive(pid):
                    return pid
            time.sleep(0.005)  # taken a moment ago, its pid not yet written
        return 0
    finally:
        os.close(fd)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
