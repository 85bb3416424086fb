"""The services of systemd, as far as an update moves them."""

import subprocess
from pathlib import Path

from neurorack.errors import BadInput

TARGET, GUARD = "neurorack.target", "guard-neurorack.service"


def here() -> bool:
    """Whether systemd runs this machine: not while a package is put into an image."""
    return Path("/run/systemd/system").is_dir()


def restart() -> None:
    """Let `current` play, with the units that came with it."""
    if here():
        _systemctl("daemon-reload")
        _systemctl("restart", TARGET)


def begin_watch() -> None:
    if here():
        _systemctl("restart", "--no-block", GUARD)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or f"status {done.returncode}"
        raise BadInput(f"systemctl {words[0]}: {said}", "", "see `journalctl -u 'neurorack*'`")
