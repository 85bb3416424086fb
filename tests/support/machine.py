"""A fresh Debian with the Debian package alone on it, booted in a container: `make test-boot`, `-update`, `-kill`.

    debian ──────▶ installed ───▶ Machine: boot ─▶ … ─▶ cut the power ─▶ boot ─▶ …
    (mmdebstrap)  (make deb, dpkg)  (an overlay of its own, systemd-nspawn)

The first two are made once, below `out/boot`; the second anew when a file that the package is made from has changed. In
place of converters there is the virtual rack, in place of a card jackd with its dummy driver. The kernel is this
computer's: what a kernel does with real buses and cards is `make test-kernel`'s.
"""

import contextlib
import functools
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jack
from debian_root import REPOSITORY, Refused, container, digest, make_debian, packed_files, run
from rig import wait_for
from versions import make_key, signer

from neurorack import __version__
from neurorack.errors import BadInput
from neurorack.shared import METERS, Snapshot
from neurorack.update.home import Home
from release.package import depends
from release.wheels import Target

OUT = REPOSITORY / "out/boot"

SUITE, PYTHON = "bookworm", "3.11"
"""Debian 12: systemd 252."""

RIG = ("systemd-sysv", "dbus", "jackd2", "exfat-fuse", "exfatprogs", "openssh-server")
"""What makes it a computer; its card; exFAT where the kernel knows none; who lets others in, off until a test asks."""

NEXT = f"{__version__}.1"
"""A version later than this work tree's, and otherwise the same."""

USER = "neurorack"
HOME = Path("/opt/neurorack")
UNITS_FOLDER = Path("/usr/lib/systemd/system")
PARTS = ("engine", "jacks", "daemon", "remote")
UNITS = tuple(f"neurorack-{part}.service" for part in PARTS)

ENDS_S = 5.0
"""How long processes may take to be gone after SIGKILL."""


def root() -> Path:
    """Folder with a Debian that has the package installed as systemd/updating.md says; nobody writes to it."""
    if os.geteuid() != 0:
        raise Refused("containers are for root: sudo make test-boot")
    installed = OUT / "installed"
    stamp = installed / "etc/installed-from"
    now = made_from()
    if not stamp.exists() or stamp.read_text() != now:
        package = make("deb")
        shutil.rmtree(installed, ignore_errors=True)
        run("cp", "-a", "--reflink=auto", str(debian()), str(installed))
        print(f"Installing {package.name}", flush=True)
        # No apt: it would fetch what the package forgot to ask for. dpkg refuses to configure it instead.
        there = "/root/neurorack.deb"
        run(*container(installed), f"--bind-ro={package}:{there}", "--as-pid2", "dpkg", "-i", there)
        stamp.write_text(now)
    return installed


def debian() -> Path:
    """Folder with a Debian that has what the package depends on."""
    needed = depends(Target(platform.machine(), PYTHON)).split(", ")
    packages = sorted({*RIG, *(package.split()[0] for package in needed)})
    place = OUT / f"debian-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    if not place.exists():
        make_debian(place, SUITE, packages)
    return place


def make(what: str, version: str = __version__, *options: str) -> Path:
    """`make deb` or `make release` of this work tree, as `version`; made once."""
    place = OUT / f"{what}-{version}"
    stamp = place / "made-from"
    if not stamp.exists() or stamp.read_text() != made_from():
        shutil.rmtree(place, ignore_errors=True)
        tree = place / "tree"
        tree.mkdir(parents=True)
        for name in packed_files():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, tree / name)
        code = tree / "neurorack/__init__.py"
        code.write_text(code.read_text().replace(f'"{__version__}"', f'"{version}"'))
        print(f"Making {what} of {version}", flush=True)
        wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(_wheels())}
        command = [sys.executable, "-m", "release", what, "--python", PYTHON, "--out", str(place), *options]
        run(*command, cwd=tree, **wheels)
        stamp.write_text(made_from())
    return next(path for path in place.iterdir() if path.suffix in (".deb", ".update"))


def _wheels() -> Path:
    """Folder with the pinned packages, downloaded once."""
    pinned = REPOSITORY / "requirements/run.txt"
    wheels = OUT / f"wheels-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:8]}"
    if not wheels.exists():
        print("Downloading Python packages", flush=True)
        draft = OUT / "wheels.draft"
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--require-hashes"]
        command += ["--only-binary=:all:", "--python-version", PYTHON, "-d", str(draft)]
        run(*command, "-r", str(pinned))
        draft.rename(wheels)
    return wheels


@functools.cache
def made_from() -> str:
    """A sum of all that the package is made from."""
    return digest(packed_files())


def waited_s(pid: int) -> float:
    """How long a process's main thread stood ready and got no processor: on a busy computer that is the computer's
    time, not the module's, and is taken off what is measured."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) * 1e-9
    except OSError:
        return 0.0


def children(pid: int) -> list[int]:
    """Pids of a process's children; none where it has ended."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Machine:
    """A computer with the package installed. What it writes stays below `place` through cuts of its power."""

    def __init__(self, base: Path, place: Path) -> None:
        self._place, self.root = place, place / "root"
        for name in ("root", "written", "work"):
            (place / name).mkdir(parents=True)
        layers = f"lowerdir={base},upperdir={place / 'written'},workdir={place / 'work'}"
        # redirect_dir: without it a folder of the layer below cannot be renamed, as an update renames versions.
        run("mount", "-t", "overlay", "overlay", "-o", f"{layers},redirect_dir=on", str(self.root))
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.pid = 0
        """Of its process 1, as seen from here."""
        self.began_ns = 0
        """CLOCK_MONOTONIC when the container was started; the clock is the same inside."""

    def write(self, path: str, content: str) -> None:
        """Make a file while it is off."""
        there = self.root / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(content)

    def boot(self, *, read_only: bool = False, devices: Sequence[Path] = ()) -> None:
        """Returns when process 1 is there. With `read_only` nothing of the root can be written; the state has a place
        of its own, as on another partition. `devices` of this computer are there, too."""
        command = [*container(self.root), "--boot", "--capability=CAP_IPC_LOCK", "--console=pipe"]
        command += [f"--bind={device}" for device in devices]
        if read_only:
            state = self._place / "state"
            state.mkdir(exist_ok=True)
            command += ["--read-only", f"--bind={state}:/var/lib/neurorack"]
        log = (self._place / "console").open("ab")
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        self.began_ns = time.monotonic_ns()
        self._nspawn = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        log.close()
        self.pid = wait_for(self._find_init, 60.0)

    def _find_init(self) -> int:
        assert self._nspawn is not None
        if self._nspawn.poll() is not None:
            raise Refused(f"the container does not start:\n{(self._place / 'console').read_text()[-2000:]}")
        for child in children(self._nspawn.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return child
        return 0

    def cut_the_power(self) -> None:
        """All its processes end at one instruction. What the kernel has of its files in memory is not lost: that part
        of a power cut is tests/settings' business."""
        if self._nspawn is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)  # takes with it all that live in its process namespace
        try:
            self._nspawn.wait(ENDS_S)
        except subprocess.TimeoutExpired:  # it reads a pipe that nobody closes
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn, self.pid = None, 0

    def remove(self) -> None:
        self.cut_the_power()
        run("umount", str(self.root))
        shutil.rmtree(self._place)

    def inside(self, *command: str, user: str = "root", patience_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Run a command in the machine."""
        begun = self.begin(*command, user=user)
        try:
            out, err = begun.communicate(timeout=patience_s)
        except BaseException:
            begun.kill()
            begun.communicate()
            raise
        return subprocess.CompletedProcess(command, begun.returncode, out, err)

    def begin(self, *command: str, user: str = "root") -> "subprocess.Popen[str]":
        """Begin a command in the machine; `first_child` of its pid is the command's own."""
        enter = ["nsenter", "--target", str(self.pid), "--all", "env", "--chdir=/"]
        if user != "root":
            enter += ["runuser", "-u", user, "--"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        pipe = subprocess.PIPE
        return subprocess.Popen([*enter, *command], stdout=pipe, stderr=pipe, text=True, env=environment)

    def say(self, *command: str, user: str = "root") -> str:
        """What a command in the machine prints; it must succeed."""
        done = self.inside(*command, user=user)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def neurorack(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.inside("neurorack", *arguments, user=USER)

    def unit(self, name: str) -> dict[str, str]:
        """All properties of a unit."""
        lines = self.say("systemctl", "show", name).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def home(self) -> Home:
        """What is installed, as it looks from here; may be changed while it is off."""
        return Home(self.root / HOME.relative_to("/"))

    @property
    def run_dir(self) -> Path:
        """The module's, as it looks from here."""
        return Path(f"/proc/{self.pid}/root/run/neurorack")

    def process(self, part: str) -> int:
        """Pid, as seen from here, of "engine", "jacks", "daemon" or "jackd"; 0 where there is none."""
        unit = f"neurorack-{part}.service" if part in PARTS else f"{part}.service"
        path = Path(f"/proc/{self.pid}/root/sys/fs/cgroup/system.slice/{unit}/cgroup.procs")
        try:
            return min(map(int, path.read_text().split()), default=0)
        except OSError:
            return 0

    def active_since_ns(self, part: str) -> int:
        """CLOCK_MONOTONIC when a part's unit became active, 0 while it is not."""
        unit = self.unit(f"neurorack-{part}.service")
        return int(unit["ActiveEnterTimestampMonotonic"]) * 1000 if unit["ActiveState"] == "active" else 0

    def meters(self) -> Any:
        """The engine's newest, None before the first."""
        try:
            snapshot = Snapshot(self.run_dir / "meters", METERS)
        except (BadInput, OSError):
            return None
        for _ in range(10):  # the engine may be writing just now
            if snapshot.refresh():
                break
            time.sleep(0.001)
        record = snapshot.record.copy() if snapshot.record["pid"] else None
        snapshot.close()
        return record

    def first_sound_ns(self) -> int:
        """CLOCK_MONOTONIC of the first block that the living engine has played unmuted, 0 before."""
        meters = self.meters()
        if meters is None or time.monotonic_ns() - int(meters["t_ns"]) > 200_000_000:
            return 0
        return int(meters["first_sound_ns"])

    def sounds(self, after_ns: int = 0, patience_s: float = 30.0) -> int:
        """Wait for an engine whose first sound is later than `after_ns`; when that was."""
        return int(wait_for(lambda: ns if (ns := self.first_sound_ns()) > after_ns else 0, patience_s))

    def journal(self, *arguments: str) -> str:
        return self.inside("journalctl", "--no-pager", "-o", "short-monotonic", *arguments).stdout


JACKD = f"""
[Unit]
Description=the card: jackd with the dummy driver
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup-dev.service
Before=neurorack-engine.service
StartLimitIntervalSec=0
[Service]
User={USER}
ExecStart=/usr/bin/jackd -S -d dummy -r 48000 -p 128
ExecStartPost=/bin/sh -c 'until ls /dev/shm/jack_default_*_0 >/dev/null 2>&1; do sleep 0.02; done'
# It tells of every cycle that this computer was too busy for.
StandardOutput=null
StandardError=null
Restart=always
RestartSec=0
AmbientCapabilities=CAP_SYS_NICE CAP_IPC_LOCK
[Install]
WantedBy=multi-user.target
"""

RACK = """
name = "one held note"
[sources.rest]
kind = "constant"
volts = 0.25
[sources.on]
kind = "constant"
volts = 5.0
[cables]
voct = "rest.out"
gate1 = "on.out"
"""


def key() -> Path:
    """That the owner of each machine trusts."""
    path = OUT / "key"
    return path if path.exists() else make_key(OUT)


@contextmanager
def module(place: Path) -> Iterator[Machine]:
    """A machine, off, on which the module plays one held note to jackd when it is switched on."""
    machine = Machine(root(), place)
    try:
        machine.write("/etc/neurorack/rack.toml", RACK)
        options = "--rack /etc/neurorack/rack.toml --device jack --block 128"
        machine.write("/etc/neurorack/environment", f'NEURORACK_OPTIONS="{options}"\n')
        machine.write("/etc/neurorack/signers", signer(key()))
        machine.write("/etc/systemd/system/jackd.service", JACKD)
        for file in ("jack.py", "_jack.py"):  # of the tests' own environment
            shutil.copy(Path(jack.__file__).parent / file, machine.root / "opt")
        shutil.copy(REPOSITORY / "tests/boot/capture.py", machine.root / "opt")
        wanted = machine.root / "etc/systemd/system/multi-user.target.wants"
        (wanted / "jackd.service").symlink_to("../jackd.service")
        (wanted / "ssh.service").unlink()
        yield machine
    finally:
        machine.remove()
