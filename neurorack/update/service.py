"""The services of systemd, as far as an update moves them."""

import subprocess
from pathlib import Path

from neurorack.errors import BadInput

TARGET, PARTS, GUARD = "neurorack.target", "neurorack-*.service", "guard-neurorack.service"


def here() -> bool:
    """Whether systemd runs this machine: not while a package is put into an image."""
    return Path("/run/systemd/system").is_dir()


def restart() -> None:
    """Let `current` play, with the units that came with it. When this returns no process of another version is left:
    a restart of the target would return before its parts have even been stopped."""
    if here():
        _systemctl("daemon-reload")
        _systemctl("stop", TARGET, PARTS)
        _systemctl("start", TARGET)


def begin_watch() -> None:
    """Let the trial begin; guard-neurorack.path would, too, but not before systemd comes to look."""
    if here():
        _systemctl("start", "--no-block", GUARD)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or f"status {done.returncode}"
        raise BadInput(f"systemctl {words[0]}: {said}", "", "see `journalctl -u 'neurorack*'`")
