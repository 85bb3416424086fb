"""Small versions, keys to sign them, and a home to install them in."""

import platform
import random
import subprocess
import sys
from pathlib import Path

from neurorack.update import manifest as listed
from neurorack.update.archive import pack
from neurorack.update.manifest import Manifest

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def make_key(folder: Path, name: str = "key") -> Path:
    """A new private key, its public half beside it."""
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


def signer(key: Path) -> str:
    from release.__main__ import public_line

    return public_line(key)


def make_version(folder: Path, version: str, signers: str, *, machine: str = "", python: str = PYTHON) -> Manifest:
    """A version of a few files, each its own."""
    files = {
        "bin/neurorack": f"#!/bin/sh\necho {version}\n",
        "lib/python/neurorack/code.py": f"VERSION = {version!r}\n",
        "lib/python/neurorack/empty.py": "",
        "models/fluid/card.json": random.Random(version).randbytes(8_000).hex(),
        "signers": signers,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "bin/neurorack").chmod(0o755)
    made = Manifest(1, version, machine or platform.machine(), python, listed.list_files(folder))
    (folder / listed.NAME).write_bytes(listed.encode(made))
    return made


def make_update(folder: Path, version: str, key: Path, **more: str) -> Path:
    """An update of such a version, signed."""
    made = folder / f"made-{version}"
    make_version(made, version, signer(key), **more)
    path = folder / f"neurorack-{version}.update"
    pack(made, path, key, piece_bytes=4096)
    return path
