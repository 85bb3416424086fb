"""Of the lock file each machine and each Python gets what it needs, every wheel by its hash."""

import re
import zipfile
from pathlib import Path

import pytest

from release.wheels import GLIBC_MINOR, REQUIREMENTS, Target, pip, requirements

LOCK = """\
everywhere==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
old==2 ; python_full_version < '3.11' \\
    --hash=sha256:cc
new==3 ; python_full_version >= '3.11' and implementation_name != 'PyPy' \\
    --hash=sha256:dd
elsewhere==4 ; sys_platform == 'win32' \\
    --hash=sha256:ee
setuptools==5 \\
    --hash=sha256:ff
"""


@pytest.mark.parametrize(
    ("python", "second"), [("3.10", "old==2 --hash=sha256:cc"), ("3.13", "new==3 --hash=sha256:dd")]
)
def test_markers_are_judged_by_the_python_of_the_module(python, second):
    assert list(requirements(LOCK, Target("aarch64", python))) == [
        "everywhere==1 --hash=sha256:aa --hash=sha256:bb",
        second,
    ]


@pytest.mark.parametrize("python", GLIBC_MINOR)
def test_every_python_of_the_module_gets_one_of_each_with_hashes(python):
    lines = list(requirements(REQUIREMENTS.read_text(), Target("aarch64", python)))
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)) and {"numpy", "onnxruntime", "msgspec", "sounddevice"} < set(names)
    assert all(re.search(r" --hash=sha256:[0-9a-f]{64}", line) and ";" not in line for line in lines)


def test_a_wheel_for_a_newer_glibc_is_not_taken():
    platforms = Target("aarch64", "3.10").platforms
    assert platforms[0] == "manylinux_2_35_aarch64"
    assert platforms[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"], "two names for the same"


def test_a_package_for_a_newer_python_than_the_one_that_packs_is_unpacked(tmp_path: Path):
    wheel = tmp_path / "newer-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        told = "Metadata-Version: 2.1\nName: newer\nVersion: 1\nRequires-Python: >=3.99\n"
        file.writestr("newer-1.dist-info/METADATA", told)
        file.writestr("newer-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("newer-1.dist-info/RECORD", "")
        file.writestr("newer.py", "")
    pip(Target("aarch64", "3.13"), tmp_path / "site", "--no-index", str(wheel))
    assert (tmp_path / "site/newer.py").exists()
