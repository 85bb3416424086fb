"""Bring a version onto the module: from an update file, or from the folder that the Debian package holds.

Until the switch nothing that plays is touched, and whatever goes wrong before it leaves all as it was.

    python -m neurorack.update.install FOLDER     for the package's own script: root and dpkg vouch for the folder
"""

import contextlib
import grp
import os
import platform
import pwd
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from neurorack.errors import BadInput
from neurorack.rundir import SERVICE, Held, Lock, holder
from neurorack.statedir import mend_of, read_plain
from neurorack.terminal import complain
from neurorack.update import archive, service, signature, trial
from neurorack.update import manifest as listed
from neurorack.update.home import Home
from neurorack.update.manifest import File, Manifest

PYTHONS = Path("/usr/bin")
USER, GROUPS = "neurorack", ("audio", "i2c", "gpio")
"""Who tries a new version: nobody who could harm the old one."""

SELFTEST_S = 300.0
"""Patience with it; it takes 10 s of a slow core."""

WAIT_S = 2 * (trial.SILENCE_S + trial.KEEP_S)
"""How long the verdict of a trial is waited for."""


def read_head(path: Path, home: Home) -> Manifest:
    """What an update says of itself, signed; its files not looked at."""
    with _opened(path) as opened:
        return opened.verify(_signers(home))


def check_file(path: Path, home: Home, *, older: bool = False) -> Manifest:
    """Prove that an update is whole, signed and for this module, and change nothing."""
    with _opened(path) as opened:
        manifest = opened.verify(_signers(home))
        check_fits(manifest, home, opened.where, older=older)
        for _ in opened.files():
            pass
    return manifest


def install_file(path: Path, home: Home, *, older: bool = False) -> Manifest:
    """Install an update and switch to it; the trial has begun when this returns."""
    with _changing(home), _opened(path) as opened:
        manifest = opened.verify(_signers(home))
        check_fits(manifest, home, opened.where, older=older)
        home.check_room(manifest)
        _bring_in(manifest, opened.manifest_raw, opened.files(), home)
        home.begin_trial(manifest.version)
    _play(home)
    return manifest


def install_folder(folder: Path, home: Home) -> Manifest:
    """Install the version in a trusted `folder`; the first one of all needs no trial. Harmless when it is there; where
    it is there and damaged, or another under the same number, it is laid down again."""
    home.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _changing(home):
        manifest = listed.read_folder(folder)
        raw = read_plain(folder / listed.NAME, listed.BYTES_MAX)
        again = home.good == manifest.version == home.current
        if again and _is_whole(home.folder(manifest.version), raw):
            return manifest
        if not again:
            check_fits(manifest, home, str(folder), older=True)
        home.check_room(manifest)
        proven = again or home.good is None
        _bring_in(manifest, raw, ((file, listed.read_file(folder, file)) for file in manifest.files), home)
        home.begin_trial(manifest.version)
        if proven:
            home.keep()
    _play(home)
    return manifest


def _is_whole(folder: Path, manifest_raw: bytes) -> bool:
    try:
        return (folder / listed.NAME).read_bytes() == manifest_raw and bool(listed.verify_folder(folder))
    except (OSError, BadInput):
        return False


def go_back(home: Home) -> str:
    """Let the former version play again, by hand; it has proved itself before."""
    with _changing(home):
        if (former := home.former) is None or former == home.good:
            raise BadInput("there is no version to go back to", str(home.root), "install an older one with --older")
        home.begin_trial(former)
        home.keep()
    service.restart()
    return former


def await_verdict(version: str, home: Home) -> None:
    """Return once `version` has proved itself. BadInput where it has not, and says why."""
    give_up_s = time.monotonic() + WAIT_S
    while home.on_trial and time.monotonic() < give_up_s:
        time.sleep(0.5)
    if home.on_trial:
        raise BadInput(f"{version} is still on trial", str(home.root), "see `neurorack update`, and the journal")
    if home.current != version:
        raise BadInput(f"{home.returned}: {home.current} plays again", str(home.root), "see `journalctl -u neurorack*`")


def check_fits(manifest: Manifest, home: Home, where: str, *, older: bool) -> None:
    """Raise BadInput where the version is for another machine, or older than the one that plays."""
    machine = platform.machine()
    if manifest.machine != machine:
        raise BadInput(f"it is for {manifest.machine}, this is {machine}", where, f"get the one for {machine}")
    if not (PYTHONS / f"python{manifest.python}").exists():
        have = sorted(path.name for path in PYTHONS.glob("python3.[1-9][0-9]"))
        raise BadInput(
            f"it is for Python {manifest.python}", where, f"get the one for {', '.join(have) or 'another system'}"
        )
    if manifest.version in (home.current, home.good):
        raise BadInput(f"{manifest.version} is installed already", where, "there is nothing to do")
    if home.good is not None and listed.number(manifest.version) <= listed.number(home.good) and not older:
        raise BadInput(
            f"{manifest.version} is older than {home.good}, which plays", where, "add --older if you mean it"
        )


def _bring_in(manifest: Manifest, raw: bytes, files: Iterable[tuple[File, bytes]], home: Home) -> None:
    try:
        aside = home.unpack(manifest, raw, files)
        _compile(aside, home.folder(manifest.version))
        _prove(aside)
        home.place(aside)
    finally:
        home.empty_incoming()


def _compile(aside: Path, final: Path) -> None:
    """Write compiled Python beside the sources, since the service may not; whoever cannot be compiled is not."""
    command = [str(aside / "bin/python"), "-m", "compileall", "-q", "-s", str(aside), "-p", str(final)]
    command += ["--invalidation-mode", "unchecked-hash", str(aside / "lib")]
    subprocess.run(["nice", "-n", "19", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _prove(aside: Path) -> None:
    """Let the new version's own self-test run. BadInput passes on what it says."""
    from neurorack.update.selftest import chips_of

    board = _playing_board()
    command = ["nice", "-n", "19", str(aside / "bin/python"), "-m", "neurorack.update.selftest", str(aside)]
    command += ["--board", str(board)] if board is not None else []
    for chip in chips_of(board):
        command += ["--chip", chip]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=SELFTEST_S, **as_service())
    except subprocess.TimeoutExpired as error:
        what = f"its self-test did not end within {SELFTEST_S:.0f} s"
        raise BadInput(what, str(aside), "the version that plays is as it was") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise BadInput(f"it fails its self-test: {lines[-1][:300]}", "", "the version that plays is as it was")


def as_service() -> dict[str, Any]:
    """Arguments by which a child of root's runs as the service's user."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return {}
    groups = [group.gr_gid for group in grp.getgrall() if group.gr_name in GROUPS]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def _playing_board() -> Path | None:
    """The board file that the playing module was given, None for its default."""
    with contextlib.suppress(OSError, ValueError):
        words = Path(f"/proc/{holder(SERVICE / 'jacks.lock')}/cmdline").read_bytes().split(b"\0")
        return Path(os.fsdecode(words[words.index(b"--board") + 1]))
    return None


def _play(home: Home) -> None:
    """Let what was switched to play: one on trial is started by its watch."""
    if home.on_trial:
        service.begin_watch()
    else:
        service.restart()


def _signers(home: Home) -> bytes:
    return signature.signers(home.folder(home.good) if home.good is not None else home.root)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[archive.Archive]:
    try:
        if not path.is_file():
            raise BadInput("no such update", str(path), "give a file named neurorack-….update")
        with open(path, "rb") as stream:
            yield archive.Archive(stream, str(path))
    except PermissionError as error:
        if error.filename != str(path):
            raise
        raise BadInput("may not read the update", str(path), "run it with sudo") from error


@contextlib.contextmanager
def _changing(home: Home) -> Iterator[None]:
    """One at a time, and none during a trial; what the disk refuses is one line."""
    try:
        with Lock(home.root / "update.lock"):
            if home.good is not None and home.on_trial:
                raise BadInput(f"{home.current} is on trial", str(home.root), "try again in two minutes")
            yield
    except Held as held:
        raise BadInput(f"another update is under way, process {held.pid}", str(home.root), "wait for it") from held
    except FileNotFoundError as error:
        if home.root.exists():
            raise
        mend = "install the Debian package first"
        raise BadInput("neurorack is not installed here", str(home.root), mend) from error
    except PermissionError as error:
        raise BadInput("may not write", str(error.filename or home.root), "run it with sudo") from error
    except OSError as error:
        where = str(error.filename or home.root)
        raise BadInput(f"cannot install: {error.strerror}", where, mend_of(error)) from error


def main() -> int:
    try:
        manifest = install_folder(Path(sys.argv[1]), Home())
    except BadInput as error:
        complain(f"neurorack: {error}")
        return 2
    print(f"neurorack {manifest.version} is installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
