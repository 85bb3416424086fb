"""On arm64 the package installs and plays what it plays here."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from arm import REPOSITORY, VERSION, Arm

from release import wheels
from release.wheels import GLIBC_MINOR, Target

TAKE = Path(__file__).parent / "take.csv"
"""Onset, brightness, towards the next gesture, towards what is found, a jump of the pitch, release."""

ASSIGNED = "--assign cv1=centroid --assign cv2=morph --assign cv3=find1"
DIFFERENCE_MAX_DB = -80.0

DRAWS = """
import hashlib, numpy
draw = numpy.random.default_rng(7)
drawn = [draw.random(999, "f4"), draw.standard_normal(999, "f4"), draw.standard_normal(999), draw.integers(0, 99, 999)]
print(hashlib.sha256(b"".join(map(bytes, drawn))).hexdigest())
"""

FLUSHES = """
import numpy
from neurorack.realtime import flush_denormals
tiny = numpy.full(8, 1e-39, "f4")
before = (tiny * numpy.float32(0.5)).any()
flush_denormals()
print(before, (tiny * numpy.float32(0.5)).any())
"""

ABI = ("test_realtime.py", "test_shared.py", "test_mailbox.py", "test_rundir.py", "test_statedir.py", "settings")
"""Tests of what depends on layouts, on the order of stores, or on system calls."""

OF_DISKS = "settings/test_disks.py"
"""Not among them: what a full disk does is the kernel's doing, which is this computer's."""

AARCH64 = 183
"""e_machine of an ELF file (the processor's supplement to the System V ABI)."""


def difference_db(one: np.ndarray, other: np.ndarray) -> float:
    """Rms of the difference re the rms of `other`."""
    return float(10 * np.log10(max(np.mean((one - other) ** 2), 1e-30) / np.mean(other**2)))


def test_the_package_is_installed_and_says_so(arm):
    assert arm.say("uname", "-m").strip() == "aarch64"
    assert arm.say("dpkg-query", "-W", "-f=${Status} ${Architecture}", "neurorack") == "install ok installed arm64"
    assert "plays" in arm.say("neurorack", "update")


@pytest.mark.parametrize("instrument", sorted(path.name for path in (REPOSITORY / "models").iterdir()))
def test_an_instrument_sounds_the_same(arm: Arm, instrument: str):
    shutil.copy(TAKE, arm.place)
    given = f"render {instrument} --cv take.csv --seed 7 {ASSIGNED}".split()
    arm.say("neurorack", *given, "--out", f"{instrument}-there.wav")
    here = [sys.executable, "-m", "neurorack", *given, "--out", f"{instrument}-here.wav"]
    subprocess.run(here, cwd=arm.place, check=True)
    there, here = (soundfile.read(arm.place / f"{instrument}-{where}.wav")[0] for where in ("there", "here"))
    assert len(there) == len(here) and np.abs(here).max() > 0.01
    difference = difference_db(there, here)
    print(f"{instrument}: {difference:.1f} dB of {20 * np.log10(np.sqrt(np.mean(here**2))):.1f} dBFS")
    assert difference <= DIFFERENCE_MAX_DB


def test_what_is_drawn_by_a_seed_is_the_same_to_the_bit(arm):
    here = subprocess.run([sys.executable, "-c", DRAWS], capture_output=True, text=True, check=True).stdout
    assert arm.python("-c", DRAWS) == here


def test_denormals_are_flushed_there(arm):
    assert arm.python("-c", FLUSHES).split() == ["True", "False"]


def test_what_depends_on_the_processor_passes_its_own_tests(arm):
    tests = [f"--ignore=/checkout/tests/{OF_DISKS}", *(f"/checkout/tests/{name}" for name in ABI)]
    pytest_there = ["env", "PYTHONPATH=/testers", f"{VERSION}/bin/python", "-m", "pytest"]
    print(arm.say(*pytest_there, "-q", "-p", "no:cacheprovider", "--rootdir=/checkout", *tests))


@pytest.mark.parametrize("python", GLIBC_MINOR)
def test_every_pinned_package_has_a_wheel_for_every_python(python: str, tmp_path: Path):
    site = tmp_path / "site"
    wheels.install(Target("aarch64", python), site, runtime=None)
    compiled = list(site.rglob("*.so*"))
    machines = {int.from_bytes(path.read_bytes()[18:20], "little") for path in compiled}
    assert len(compiled) > 30 and machines == {AARCH64}
