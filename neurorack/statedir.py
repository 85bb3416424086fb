"""Where the module keeps what outlives a power cut, and how a file there is replaced."""

import os
from pathlib import Path


def state_dir() -> Path:
    """$NEURORACK_STATE, else the service's $STATE_DIRECTORY, else $XDG_STATE_HOME/neurorack, else
    ~/.local/state/neurorack. It need not exist."""
    if given := os.environ.get("NEURORACK_STATE"):
        return Path(given)
    if service := os.environ.get("STATE_DIRECTORY"):  # systemd separates several with colons
        return Path(service.split(":")[0])
    home = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not home.is_absolute():  # the specification of XDG's base directories says to ignore a relative one
        home = Path(os.path.expanduser("~")) / ".local" / "state"  # Path.home() raises where there is none
    return home / "neurorack"


def calibration_path(specimen: int | None = None) -> Path:
    """Where the calibration of the soldered module lies, or a virtual `specimen`'s: neither plays by the other's."""
    return state_dir() / ("calibration.toml" if specimen is None else f"calibration-rack-{specimen}.toml")


def replace_file(path: Path, content: bytes) -> None:
    """Let `path` hold `content`, whole: power may vanish at any instruction and what was there before is there still.

    Makes the folder. Raises OSError, and then nothing has changed.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")  # one name, so that power cuts leave one at most
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else the name may reach the disk before what it stands for
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # the name
    finally:
        os.close(folder)
