"""The state directory: what outlives the power, settings among it."""

import contextlib
import os
from pathlib import Path

SERVICE = Path("/var/lib/neurorack")
"""Made by systemd for the service."""


def default_state_dir() -> Path:
    """$NEURORACK_STATE, else systemd's $STATE_DIRECTORY, else the service's own where it is ours, else this user's."""
    if given := os.environ.get("NEURORACK_STATE"):
        return Path(given)
    if given := os.environ.get("STATE_DIRECTORY", "").partition(":")[0]:  # one of several, in the unit's order
        return Path(given)
    with contextlib.suppress(OSError):
        if SERVICE.stat().st_uid == os.geteuid():  # root may write there too, but the service must go on
            return SERVICE
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # the specification has relative ones ignored
        return Path(given) / "neurorack"
    try:
        return Path.home() / ".local/state/neurorack"
    except RuntimeError:  # nobody's home
        return SERVICE
