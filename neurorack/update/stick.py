"""A USB stick is plugged in: its updates and instruments are installed. Nothing on it is ever run.

    neurorack/neurorack-*.update    the newest is installed if it is newer than what plays
    neurorack/models/               instruments, as `neurorack models install` takes them, that are not there yet

`stick-neurorack@.service` starts this with the device; its mounts are its own, and go when it ends.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.terminal import complain
from neurorack.update import install
from neurorack.update import manifest as listed
from neurorack.update.home import Home

FOLDER, MODELS = "neurorack", "neurorack/models"
KINDS = ("vfat", "exfat")
"""What sticks carry. A journalled file system would be written to, read-only or not."""

OPTIONS = "ro,noexec,nosuid,nodev,umask=022"
FILES_MAX = 100
"""Looked at of each folder."""


def mount(device: str, place: Path) -> None:
    for kind in KINDS:
        done = subprocess.run(["mount", "-t", kind, "-o", OPTIONS, device, str(place)], capture_output=True)
        if done.returncode == 0:
            return
    raise BadInput("cannot be mounted", device, f"format the stick as {' or '.join(KINDS)}")


def take(stick: Path, home: Home) -> list[str]:
    """Install what lies in the stick's folders; a line on each thing done or refused."""
    return [*_models(stick), *_updates(stick, home)]


def _updates(stick: Path, home: Home) -> list[str]:
    said, newer = [], []
    for path in _plain(stick / FOLDER, "neurorack-*.update"):
        try:
            manifest = install.read_head(path, home)
            install.check_fits(manifest, home, str(path), older=True)
            if home.returned.startswith(f"{manifest.version} "):  # a stick left plugged in is here at every start
                raise BadInput(f"tried already, {home.returned}", str(path), "`neurorack update FILE` tries it again")
            if home.good is None or listed.number(manifest.version) > listed.number(home.good):
                newer.append((listed.number(manifest.version), path))
        except BadInput as error:
            said.append(str(error))
    if newer:
        try:
            manifest = install.install_file(max(newer)[1], home)
            said.append(f"{manifest.version} is installed and on trial")
        except BadInput as error:
            said.append(str(error))
    return said


def _models(stick: Path) -> list[str]:
    """As the service's user: of all that is read from a stick this alone is not signed."""
    said = []
    for path in _plain(stick / MODELS, "*"):
        command = [sys.executable, "-m", "neurorack", "models", "install", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **install.as_service())
        said += (done.stdout + done.stderr).strip().splitlines()[-1:]
    return said


def _plain(folder: Path, pattern: str) -> list[Path]:
    """Files of a folder by their names; none where it is missing, or the stick has gone."""
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())[:FILES_MAX]
    except OSError:
        return []


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="neurorack-stick-") as place:
        try:
            mount(sys.argv[1], Path(place))
        except BadInput as error:
            complain(f"neurorack: {error}")
            return 2
        try:
            for line in take(Path(place), Home()):
                complain(f"neurorack: {line}")
        finally:
            subprocess.run(["umount", "--lazy", place], capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
