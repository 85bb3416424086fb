"""The processes beside the daemon: how each is started. Whoever starts them, the daemon or systemd, asks here."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from neurorack.errors import BadInput
from neurorack.statedir import calibration_path

if TYPE_CHECKING:  # with numpy, for whoever plays on a rack that says how the module is set
    from neurorack.patchsheet import PatchSheet


def calibration_of(options: argparse.Namespace) -> Path:
    """The file that the jacks are calibrated by."""
    given: Path | None = options.calibration
    return given or calibration_path(options.specimen if options.rack is not None else None)


def sheet_of(options: argparse.Namespace) -> "PatchSheet | None":
    """What the file of the virtual rack says of the module itself; None where there is no file, or it says nothing."""
    if not options.rack:
        return None
    from neurorack.patchsheet import read_sheet

    return read_sheet(options.rack)


def listens(options: argparse.Namespace, sheet: "PatchSheet | None") -> bool:
    """Whether to play what comes in at the sound card."""
    return bool(options.listen) or (sheet is not None and sheet.listens is not None)


def engine_command(options: argparse.Namespace, run_dir: Path, bundle: list[str], *, listens: bool) -> list[str]:
    """`bundle` are the arguments that name one."""
    command = [sys.executable, "-m", "neurorack.engine", "--run-dir", str(run_dir), *bundle]
    command += ["--device", options.device, "--block", str(options.block)]
    return command + (["--listen"] if listens else [])


def jacks_command(options: argparse.Namespace, run_dir: Path) -> list[str]:
    command = [sys.executable, "-m", "neurorack.frontend", "--run-dir", str(run_dir)]
    command += ["--calibration", str(calibration_of(options).absolute())]
    if options.rack is not None:
        command += ["--rack"]
    if options.board is not None:
        command += ["--board", str(options.board.resolve())]
    return command


def remote_command(run_dir: Path) -> list[str]:
    return [sys.executable, "-m", "neurorack.remote.server", "--run-dir", str(run_dir)]


def controller_command(name: str, run_dir: Path) -> list[str]:
    """`midi` or `osc`, whose options stand in $NEURORACK_MIDI and $NEURORACK_OSC. Raises BadInput."""
    variable = f"NEURORACK_{name.upper()}"
    try:
        given = shlex.split(os.environ.get(variable, ""))
    except ValueError as error:
        raise BadInput(f"these are no options: {error}", variable, f"see `neurorack {name} --help`") from error
    return [sys.executable, "-m", "neurorack", name, "--run-dir", str(run_dir), *given]
