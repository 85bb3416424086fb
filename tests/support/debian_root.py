"""A Debian in a folder: made from Debian's packages, entered as a container, told from one with an older work tree."""

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class Refused(Exception):
    """Why there is no machine, with the mend."""


def make_debian(place: Path, suite: str, packages: Sequence[str], architecture: str = "") -> None:
    """Make a Debian in `place`, which is there whole or not at all; without `architecture` for this computer."""
    draft = place.with_name(f"{place.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    print(f"Making a Debian {suite} in {place}", flush=True)
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    # Else usrmerge brings 55 MB of Perl: a ninth of the time where each instruction is emulated.
    command += ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
    command += ["--dpkgopt=force-unsafe-io", "--aptopt=APT::Install-Recommends false"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("doc", "man", "locale")]
    command += [f"--architectures={architecture}"] if architecture else []
    run(*command, suite, str(draft))
    draft.rename(place)


def container(place: Path) -> list[str]:
    """systemd-nspawn and the options that every use of it has."""
    if shutil.which("systemd-nspawn") is None:
        raise Refused("systemd-nspawn is missing: apt-get install systemd-container")
    command = ["systemd-nspawn", "--quiet", f"--directory={place}", f"--machine=neurorack-{os.getpid()}"]
    command += ["--private-network", "--link-journal=no", "--register=no"]
    # Without systemd there is no scope to be had; with one that runs us we are in a unit already.
    return command if Path("/run/systemd/system").exists() else [*command, "--keep-unit"]


def packed_files() -> list[str]:
    """What the package is made from, with what is not committed yet."""
    command = ("git", "-C", str(REPOSITORY), "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parts = ("neurorack/", "models/", "systemd/", "release/", "requirements/", "LICENSE")
    return sorted(name for name in said.split("\0") if name.startswith(parts) and (REPOSITORY / name).is_file())


def digest(files: Sequence[str]) -> str:
    """Of the names and contents of files of the project."""
    made = hashlib.sha256()
    for name in files:
        made.update(name.encode() + b"\0" + (REPOSITORY / name).read_bytes())
    return made.hexdigest()


def run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    """What a command prints; Refused with that where it fails."""
    env = {**os.environ, **environment}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd, env=env, check=False
        )
    except FileNotFoundError:
        raise Refused(f"{command[0]} is missing: see the Makefile") from None
    if done.returncode:
        raise Refused(f"{shlex.join(command)[:300]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout
