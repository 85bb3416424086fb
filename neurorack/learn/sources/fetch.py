"""Packages of sounds, fetched by the machine's own clients and unpacked beside each other, never installed."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from neurorack.errors import BadInput


def from_debian(package: str, wanted: str, cache: Path) -> Path:
    """Path of `wanted`, a file or folder of a Debian package: where it is installed, else fetched into `cache`.

    BadInput where apt-get is not there or cannot fetch it.
    """
    for root in (Path("/"), cache):
        if (root / wanted).exists():
            return root / wanted
    cache.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "download", package], package, cache, f"sudo apt-get update && apt-get download {package}")
    for archive in sorted(cache.glob(f"{package}_*.deb")):
        _run(["dpkg-deb", "-x", archive.name, "."], package, cache, "sudo apt-get install dpkg")
        archive.unlink()
    if not (cache / wanted).exists():
        raise BadInput(f"package {package} of this Debian lacks its sounds", wanted, f"unpack {package} there by hand")
    return cache / wanted


def from_npm(package: str, version: str, cache: Path) -> Path:
    """Folder of an npm package, fetched into `cache`. BadInput where npm is not there or cannot fetch it."""
    folder = cache / "npm" / f"{package}-{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = f"{package}-{version}.tgz"
    _run(["npm", "pack", "--silent", f"{package}@{version}"], package, folder.parent, "sudo apt-get install npm")
    part = folder.with_suffix(".part")
    part.mkdir(exist_ok=True)
    _run(["tar", "-xzf", archive, "-C", part.name, "--strip-components=1"], package, folder.parent, "delete it")
    part.replace(folder)
    (folder.parent / archive).unlink()
    return folder


def verify(files: Iterable[Path], root: Path, sha256: str) -> None:
    """BadInput unless the files below `root`, names and contents, are the ones the recipe was written for.

    Packages are rebuilt from release to release: what counts is the sounds in them.
    """
    whole = hashlib.sha256()
    for path in sorted(files):
        one = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                one.update(piece)
        whole.update(path.relative_to(root).as_posix().encode() + one.digest())
    if whole.hexdigest() != sha256:
        mend = f"delete it; if that does not help, its sounds are of another release than {sha256[:12]}…"
        raise BadInput(f"fetched sounds are not the expected ones ({whole.hexdigest()[:12]}…)", str(root), mend)


def _run(command: list[str], package: str, folder: Path, mend: str) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BadInput(f"cannot fetch package {package}", f"{' '.join(command[:2])} in {folder}", mend) from error
