"""A Debian for arm64 with the Debian package alone on it, run by QEMU on a computer of another kind: `make test-arm`.

    debian ──────▶ installed ──────▶ Arm: one command after the other
    (mmdebstrap)   (make deb, dpkg)       (systemd-nspawn, each instruction emulated)

Both are made once, below `out/arm`; the second anew when a file of the project has changed. QEMU emulates programs, not
a machine: the kernel is this computer's, which hands every arm64 program to it (binfmt_misc). So what is tried is the
code: compilers' and libraries' for arm64, layouts, rounding. How soon it plays, and in which order a real processor
makes stores visible, is not.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from debian_root import REPOSITORY, Refused, container, digest, make_debian, packed_files, run

from release import wheels
from release.package import depends
from release.wheels import Target

OUT = REPOSITORY / "out/arm"

SUITE, TARGET = "bookworm", Target("aarch64", "3.11")
"""Debian 12."""

CPU = "cortex-a76"
"""Armv8.2 with half precision and dot products, as the Cortex-A78AE of an Orin. Left to itself QEMU offers all it knows
and libraries choose code that an Orin never runs (SVE, int8 and bfloat16 matrices)."""

CPUINFO = REPOSITORY / "tests/arm/cpuinfo"
"""What an Arm's kernel says of that processor. This computer's would be read instead, and ONNX Runtime dies of the
contradiction (QEMU 7.2)."""

VERSION = Path("/opt/neurorack/current")

TESTERS = {"pytest", "hypothesis", "iniconfig", "pluggy", "packaging", "pygments", "sortedcontainers"}
"""Of requirements/test.txt, what runs the tests of what depends on the processor."""

HANDLER = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
HANDLERS = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
"""Of Debian's qemu-user-static; systemd registers it where it runs the computer."""


def installed() -> Path:
    """Folder with an arm64 Debian on which the package is installed, and beside it, in `/testers`, pytest."""
    if os.geteuid() != 0:
        raise Refused("containers are for root: sudo make test-arm")
    _let_the_kernel_run_arm64()
    debian, place = OUT / "debian", OUT / "installed"
    stamp, now = place / "etc/installed-from", digest(packed_files())
    if stamp.exists() and stamp.read_text() == now:
        return place
    if not debian.exists():
        needed = [package.split()[0] for package in depends(TARGET).split(", ")]
        make_debian(debian, SUITE, needed, TARGET.architecture)
    package = _package()
    shutil.rmtree(place, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", str(debian), str(place))
    print(f"Installing {package.name}, emulated: minutes", flush=True)
    shutil.copy(CPUINFO, place / "etc")
    run(*_inside(place), f"--bind-ro={package.parent}:/given", "dpkg", "--install", f"/given/{package.name}")
    _install_testers(place / "testers")
    stamp.write_text(now)
    return place


def _let_the_kernel_run_arm64() -> None:
    if platform.machine() == TARGET.machine or HANDLER.exists():
        return
    if not HANDLERS.exists():
        raise Refused("QEMU is missing: apt-get install qemu-user-static")
    if not HANDLER.parent.joinpath("register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", str(HANDLER.parent))
    run("/usr/lib/systemd/systemd-binfmt", HANDLERS.name)


def _package() -> Path:
    """`make deb` for arm64 of this work tree."""
    place = OUT / "package"
    shutil.rmtree(place, ignore_errors=True)
    print("Making the package for arm64", flush=True)
    options = ["--machine", TARGET.machine, "--python", TARGET.python, "--out", str(place)]
    run(sys.executable, "-m", "release", "deb", *options, cwd=REPOSITORY)
    return next(place.glob("*.deb"))


def _install_testers(into: Path) -> None:
    lines = wheels.requirements((REPOSITORY / "requirements/test.txt").read_text(), TARGET)
    wanted = [line for line in lines if line.partition("==")[0] in TESTERS]
    into.mkdir()
    listed = into / "requirements.txt"
    listed.write_text("\n".join(wanted) + "\n")
    wheels.pip(TARGET, into, "--require-hashes", "-r", str(listed))


def _inside(place: Path) -> list[str]:
    as_arm = ["--bind-ro=/etc/cpuinfo:/proc/cpuinfo", f"--setenv=QEMU_CPU={CPU}"]  # the first path is one in there
    return [*container(place), *as_arm, "--as-pid2"]


class Arm:
    """A computer with another processor. What `place` holds of this one is its folder /shared."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._root = installed()

    def run(self, *command: str, patience_s: float = 3600.0) -> "subprocess.CompletedProcess[str]":
        """Run a command; what it writes elsewhere than into /shared is gone afterwards."""
        enter = [*_inside(self._root), "--volatile=overlay", f"--bind={self.place}:/shared", "--chdir=/shared"]
        enter += [f"--bind-ro={REPOSITORY}:/checkout"]
        return subprocess.run(
            [*enter, *command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=patience_s,
            check=False,
        )

    def say(self, *command: str) -> str:
        """What a command prints; it must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def python(self, *arguments: str) -> str:
        """What the installed version's Python prints."""
        return self.say(f"{VERSION}/bin/python", *arguments)
