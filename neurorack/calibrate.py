"""`neurorack calibrate`: the wizard in a terminal, and on the virtual rack by itself.

It reads what the jacks process publishes, running totals of nominal readings, so a module that plays is calibrated as
it plays, and takes the new file up within a second; where none runs, the command starts the jacks alone. The display's
wizard reads the same totals. Readings of its own would need the converters to itself: the sound would have to stop.
"""

import argparse
import json
import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from neurorack.board import Board, load_board
from neurorack.clock import Clock, MonotonicClock, SimulatedClock
from neurorack.errors import BadInput
from neurorack.frontend import calibrated_by
from neurorack.jacks.calibration import Calibration, check_calibration
from neurorack.jacks.measure import Totals
from neurorack.jacks.report import PLAYED_V, before_cents, describe, left_cents, report
from neurorack.jacks.tolerance import CENTS_PER_V
from neurorack.jacks.wizard import POINTS_V, Stage, Wizard, parse_points
from neurorack.rundir import holder, open_run_dir
from neurorack.shared import VOLTS, Snapshot
from neurorack.statedir import calibration_path, mend_of
from neurorack.terminal import plain, tell
from neurorack.words import CV_JACKS

LOOK_S = 0.05
PATIENCE_S = 5.0
"""Until the jacks of this command must have read something."""

BAR = 20


class Source(Protocol):
    """Where readings come from."""

    def apply(self, jacks: tuple[str, ...], volts: float) -> None:
        """Put the voltage there, as far as that is not the player's to do."""
        ...

    def totals(self, seconds: float) -> Totals | None:
        """Wait so long, then look; None where nothing has been read yet."""
        ...


class Running:
    """The jacks process of a run directory."""

    def __init__(self, run_dir: Path) -> None:
        self._volts = Snapshot(run_dir / "volts", VOLTS)

    def apply(self, jacks: tuple[str, ...], volts: float) -> None:
        """The player has."""

    def totals(self, seconds: float) -> Totals | None:
        time.sleep(seconds)
        self._volts.refresh()
        return Totals.of_record(time.monotonic_ns(), self._volts.record)


def run(options: argparse.Namespace, *, asks: bool) -> int:
    """The command; its exit status. `asks`: somebody sits at the terminal."""
    if options.picture is not None:
        _check_picture(options.picture)
    board = load_board(options.board, rack=options.rack)
    points_v = POINTS_V if options.points is None else parse_points(options.points)
    if not options.rack:
        if not asks:
            where = "--json" if options.json else "no terminal"
            mend = "run it in a terminal without --json, or use the display"
            raise BadInput("somebody has to apply the voltages", where, mend)
        with _running(options) as (source, path):
            return _calibrate(options, board, points_v, source, options.out or path, asks=True)
    from neurorack.rack.bench import Bench

    if options.specimen < 0:
        raise BadInput(f"there is no specimen {options.specimen}", "--specimen", "give 0 (exact parts), 1, 2, …")
    asks = asks and options.points is None
    clock: Clock = MonotonicClock() if asks else SimulatedClock()
    bench = Bench(board, clock, options.specimen, options.board)
    path = options.out or calibration_path(options.specimen)
    return _calibrate(options, board, points_v, bench, path, asks=asks)


def _calibrate(
    options: argparse.Namespace, board: Board, points_v: Sequence[float], source: Source, path: Path, *, asks: bool
) -> int:
    _check_place(path, given=options.out is not None)

    def save(calibration: Calibration) -> None:
        try:
            calibration.save(path)
        except OSError as error:
            raise BadInput(f"cannot save: {error.strerror}", str(path), mend_of(error)) from error

    wizard = Wizard(board, save, points_v)
    player: _Player = _Person() if asks else _Script()
    if asks:
        tell(_welcome(board, len(points_v), options.rack))
    try:
        found = _walk(options, board, wizard, player, source)
    except KeyboardInterrupt:
        if not options.json and wizard.stage is not Stage.SAVED:
            tell("\nNothing was changed.")
        raise
    if wizard.stage is Stage.LEFT:
        tell("Nothing was changed.")
        return 0
    found["saved"] = str(path)
    if options.picture is not None:
        _draw(board, wizard, options.picture)
        found["picture"] = str(options.picture)
    if options.json:
        tell(json.dumps(found, indent=1))
    else:
        more = f"; picture: {options.picture}" if options.picture is not None else ""
        tell(plain(f"Saved {path}{more}."))
        if options.rack:
            tell(f"Play it: neurorack run --rack --specimen {options.specimen}")
    return 0


def _walk(
    options: argparse.Namespace, board: Board, wizard: Wizard, player: "_Player", source: Source
) -> dict[str, Any]:
    """Go with the player through the wizard until it is over; what was found."""
    found: dict[str, Any] = {}
    while not wizard.over:
        if wizard.stage is Stage.ASK:
            if not player.asked(wizard):
                wizard.leave()
                continue
            source.apply(wizard.jacks, wizard.true_v)
            wizard.go_on()
        elif wizard.stage is Stage.MEASURE:
            if (totals := source.totals(LOOK_S)) is not None:
                wizard.take(totals)
            player.measuring(wizard)
        elif wizard.stage is Stage.REFUSED:
            if not player.refused(wizard):
                wizard.leave()
                continue
            wizard.go_on()
        elif wizard.stage is Stage.RESULT:
            found = report(board, wizard.points, wizard.calibration)
            if options.rack:
                found["after_cents"] = _played(source, wizard.calibration)
            if not options.json:
                tell("\n" + describe(found) + "\n")
            if not player.keeps(wizard):
                wizard.leave()
                continue
            wizard.go_on()
    return found


def _check_place(path: Path, *, given: bool) -> None:
    """Raise BadInput where a calibration must not be saved at `path`, before anybody has measured. What is damaged
    beyond recognition in the module's own place is set aside; in a place that was `given` it may be anything."""
    try:
        check_calibration(path)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise BadInput(f"cannot save: {error.strerror}", str(path), mend_of(error)) from error
    except BadInput as refused:
        if isinstance(refused.__cause__, OSError):
            raise
        if given:
            raise BadInput(refused.what, refused.where, "it stays as it is: give another --out FILE") from refused


def _check_picture(path: Path) -> None:
    """Raise BadInput where no picture can be written: the voltages are not measured in vain."""
    fault = ""
    if path.is_dir():
        fault = "that is a folder"
    elif not path.parent.is_dir():
        fault = "there is no such folder"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        fault = "that may not be written"
    if fault:
        raise BadInput(f"cannot write the picture: {fault}", str(path), "give another --picture FILE.png")


def _played(bench: Any, calibration: Calibration) -> dict[str, float]:
    """Cents between what the calibrated virtual module plays and what it is given."""
    bench.calibrate(calibration)
    return {f"{v:+g}": round(CENTS_PER_V * (bench.voct_v(v) - v), 2) for v in PLAYED_V}


def _draw(board: Board, wizard: Wizard, path: Path) -> None:
    from neurorack.panel.plot import DARK, PALE, RED, Plot

    correction = wizard.calibration.corrections[CV_JACKS[0]]
    grid = [v / 20 for v in range(-40, 81)]
    before = [before_cents(correction, v) for v in grid]
    left = [left_cents(board, wizard.points, v) for v in grid]
    reach = 1.5 * max(map(abs, (*before, *left)))
    plot = Plot("Error of voct before and after calibration", "volts at the jack", "cents", (-2, 4), (-reach, reach))
    plot.band(grid, [-c for c in left], left, "after: within", PALE)
    plot.line(grid, before, "before", RED)
    plot.dots([p.true_v for p in wizard.points], [p.error_cents for p in wizard.points], "measured", DARK)
    plot.save(path)


class _Player(Protocol):
    """Who answers."""

    def asked(self, wizard: Wizard) -> bool: ...

    def measuring(self, wizard: Wizard) -> None: ...

    def refused(self, wizard: Wizard) -> bool: ...

    def keeps(self, wizard: Wizard) -> bool: ...


class _Script:
    """Says yes to everything; what is refused ends the command."""

    def asked(self, wizard: Wizard) -> bool:
        return True

    def measuring(self, wizard: Wizard) -> None:
        pass

    def refused(self, wizard: Wizard) -> bool:
        raise BadInput(wizard.fault, f"step {wizard.step + 1}", "nothing was saved; check the module and try again")

    def keeps(self, wizard: Wizard) -> bool:
        return True


class _Person:
    """Reads, plugs and presses Enter. Leaves with q, Ctrl-D or Ctrl-C."""

    def asked(self, wizard: Wizard) -> bool:
        step = f"Step {wizard.step + 1} of {len(wizard.steps_v)}."
        if wizard.true_v == 0.0:
            what = "0 V on every jack: pull the cables out of voct and cv1…cv4, or plug 0 V in."
        else:
            octave = 4 + wizard.true_v
            note = f" (a keyboard's C{octave:g})" if octave.is_integer() else ""
            what = f"{wizard.true_v:g} V into voct{note}."
        return _enter(f"{step} {what} Enter when it is there, q to leave: ")

    def measuring(self, wizard: Wizard) -> None:
        if wizard.stage is Stage.MEASURE:
            line = _live(wizard)
        else:
            point = wizard.points[-1] if wizard.stage is not Stage.REFUSED else None
            line = "" if point is None else f"read {point.read_v:+.4f} V, {point.error_cents:+.1f} cents off"
        sys.stdout.write(f"\r\x1b[K  {line}" + ("" if wizard.stage is Stage.MEASURE else "\n"))
        sys.stdout.flush()
        if wizard.stage is Stage.MEASURE and select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line or line.strip():  # an Enter too many says nothing
                wizard.leave()

    def refused(self, wizard: Wizard) -> bool:
        return _enter(f"  {wizard.fault}. Enter to try again, q to leave: ")

    def keeps(self, wizard: Wizard) -> bool:
        return _enter("Enter to save it, q to leave everything as it was: ")


def _enter(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("", "y", "yes")
    except EOFError:
        tell("")
        return False


def _live(wizard: Wizard) -> str:
    """The reading and how well it is known, e.g. `+1.0132 V  ±0.4 cents  ■■■■■·····`."""
    estimate = wizard.estimate
    if estimate is None or math.isnan(estimate.mean_v):
        return "reading …"
    cents = CENTS_PER_V * estimate.confidence_v
    if math.isinf(cents):
        return f"{estimate.mean_v:+.4f} V  settling …"
    full = round(BAR * wizard.progress)
    return f"{estimate.mean_v:+.4f} V  ±{cents:.2f} cents  {'■' * full}{'·' * (BAR - full)}"


def _welcome(board: Board, steps: int, rack: bool) -> str:
    lines = [
        f"Calibrating {board.name}: {steps} voltages, a minute, and voct is in tune to the cent.",
        "Take them from what you will play it with: its output and the jack's 100 kΩ share the voltage, and that is",
        "measured along. Let the module warm up for a quarter of an hour. You may leave at any time.",
    ]
    return "\n".join([*lines, "This is a virtual module: its cables move by themselves."] if rack else lines) + "\n"


@contextmanager
def _running(options: argparse.Namespace) -> Iterator[tuple[Running, Path]]:
    """The module's jacks process, or one for as long as this lasts; and the file that it is calibrated by."""
    run_dir = open_run_dir(options.run_dir)
    if holder(run_dir / "jacks.lock"):
        yield Running(run_dir), calibrated_by(run_dir) or calibration_path()
        return
    path = calibration_path()
    command = [sys.executable, "-m", "neurorack.frontend", "--run-dir", str(run_dir), "--calibration", str(path)]
    if options.board is not None:
        command += ["--board", str(options.board.resolve())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield Running(_started(process, run_dir)), path
    finally:
        process.terminate()
        process.wait()


def _started(process: "subprocess.Popen[str]", run_dir: Path) -> Path:
    """`run_dir`, once the process has made its files there. Raises BadInput with its last words."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            assert process.stderr is not None
            words = process.stderr.read().strip().splitlines()
            raise BadInput.parse((words or ["jacks: ended without a word"])[-1])
        if holder(run_dir / "jacks.lock") and (run_dir / "volts").exists():
            return run_dir
        time.sleep(LOOK_S)
    raise BadInput("the jacks are not read", str(run_dir), "run `neurorack doctor`")
