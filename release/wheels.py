"""The Python packages of a version, as the registry has them for another machine and another Python."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

REQUIREMENTS = Path(__file__).parent.parent / "requirements/run.txt"
BUILD_ONLY = {"setuptools"}

GLIBC_MINOR = {"3.10": 35, "3.11": 36, "3.12": 39, "3.13": 41}
"""Of the systems whose own Python that is: Ubuntu 22.04 (JetPack 6), Debian 12, Ubuntu 24.04 (JetPack 7), Debian 13."""

DEBIAN_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""By the name that `uname -m` has."""


@dataclass(frozen=True)
class Target:
    """Where a version is to run."""

    machine: str
    python: str

    @property
    def architecture(self) -> str:
        return DEBIAN_ARCHITECTURES[self.machine]

    @property
    def python_tag(self) -> str:
        """As in the names of packages and updates: "py310"."""
        return f"py{self.python.replace('.', '')}"

    @property
    def platforms(self) -> list[str]:
        """Wheels' platform tags that run there (PEP 600): every glibc up to its own, and the older name of 2.17, which
        pip does not take for the same."""
        minors = range(GLIBC_MINOR[self.python], 16, -1)
        return [*(f"manylinux_2_{minor}_{self.machine}" for minor in minors), f"manylinux2014_{self.machine}"]


def requirements(lock: str, target: Target) -> Iterator[str]:
    """The lines of a hashed lock file that `target` needs, a requirement each.

    pip would judge their markers by the Python that it runs on.
    """
    environment = {
        "implementation_name": "cpython",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
    }
    for line in lock.replace("\\\n", " ").splitlines():
        wanted, *hashes = line.split(" --hash=")
        requirement = Requirement(wanted)
        if requirement.name in BUILD_ONLY or (requirement.marker and not requirement.marker.evaluate(environment)):
            continue
        requirement.marker = None
        yield " --hash=".join([str(requirement), *(given.strip() for given in hashes)])


def install(target: Target, into: Path, *, runtime: Path | None) -> None:
    """Unpack the wheels, each proven by its hash, into the folder `into`; `runtime` takes onnxruntime's place."""
    wanted = list(requirements(REQUIREMENTS.read_text(), target))
    if runtime is not None:
        wanted = [line for line in wanted if not line.startswith("onnxruntime==")]
    listed = into.parent / "requirements.txt"
    listed.write_text("\n".join(wanted) + "\n")
    pip(target, into, "--require-hashes", "-r", str(listed))
    if runtime is not None:
        pip(target, into, str(runtime))
    listed.unlink()
    shutil.rmtree(into / "bin", ignore_errors=True)  # commands whose first line is a path of this machine
    for folder in sorted(into.rglob("tests")):
        shutil.rmtree(folder, ignore_errors=True)
    for path in into.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # some wheels mark their texts as programs; nothing here is one


def pip(target: Target, into: Path, *what: str) -> None:
    """Unpack wheels for `target`, as pip's further words name them, into the folder `into`."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", "install", "--no-deps"]
    command += ["--no-compile", "--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}"]
    command += ["--ignore-requires-python"]  # pip compares with the Python that it runs on; the wheels' tags decide
    command += [f"--platform={platform}" for platform in target.platforms]
    subprocess.run([*command, "--target", str(into), *what], check=True)
