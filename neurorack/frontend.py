"""The jacks process: chips and lines → volts → patch → knob targets, and edges with their times.

`python -m neurorack.frontend --run-dir DIR [--board BOARD] [--rack] [--calibration FILE]`

It publishes `controls` with every reading that changes them, `volts` for the panel a hundred times a second, and
every edge. A calibration file that changes is taken up within a second. A note that comes from afar (`patch.note`) goes
the same way as one that is patched to `voct` and `gate1`. It needs nobody: without a daemon it plays the
patch it finds, or the default one, and goes on when the daemon dies. Nor does panic need one: the encoder held down
turns its switch on, and the engine falls silent. SIGTERM ends it.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy is imported

import numpy as np

from neurorack.board import Board, load_board
from neurorack.boards import BOARD_HELP, board_file
from neurorack.clock import Clock, MonotonicClock
from neurorack.errors import BadInput
from neurorack.jacks.bus import open_bus
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.hold import Hold
from neurorack.jacks.lines import open_lines
from neurorack.jacks.nominal import InForce
from neurorack.jacks.scan import Scan
from neurorack.notify import Progress
from neurorack.patch.matrix import Matrix, default_patch
from neurorack.patch.note import GATE, Gate1
from neurorack.patch.pickup import Pickup
from neurorack.realtime import PRIORITY, lock_memory, make_fifo, settle
from neurorack.rundir import Held, Lock, holder
from neurorack.shared import CONTROLS, NOTE, PATCH, VOLTS, EdgeRing, Snapshot, Switch
from neurorack.words import CV_JACKS, DESCRIPTORS

if TYPE_CHECKING:
    from neurorack.rack.world import World

VOCT, RMS = CV_JACKS.index("voct"), DESCRIPTORS.index("rms")

BELOW_ENGINE = 10
"""How far the jacks stand below the audio callback in SCHED_FIFO."""

VOLTS_NS = 10_000_000
"""How often the panel's view of the volts is renewed, and a new patch looked for."""

FILE_NS = 1_000_000_000
"""How often the calibration file is looked at."""

CALIBRATION = "calibration"
"""A link in the run directory to the file that the jacks are calibrated by: whoever calibrates writes there."""


class Frontend:
    """Scan and patch, and what the other processes read of them.

    `calibration` is the file to correct by, `place` where the virtual rack's world is, if the board names one.
    """

    def __init__(
        self,
        board: Board,
        run_dir: Path,
        clock: Clock,
        calibration: Path | None = None,
        place: "Path | World | None" = None,
    ) -> None:
        self._clock, self._run_dir = clock, run_dir
        self._calibration, self._calibration_ns = calibration, 0
        self._file_seen: tuple[int, int, InForce] | None = None
        self._in_force: InForce | None = None
        self._said: tuple[str, ...] = ()
        self._bus = open_bus(board.bus_of(board.adc.voct).device, clock, place or run_dir)
        self._lines = open_lines(board.gpio, clock, place or run_dir)
        self.scan = Scan(board, self._bus, self._lines, clock)
        self._controls = Snapshot(run_dir / "controls", CONTROLS, create=True)
        self._volts = Snapshot(run_dir / "volts", VOLTS, create=True)
        self._ring = EdgeRing(run_dir / "edges", create=True)
        self._t_ns, self._pitch_hz, self._descriptors, self._performance, self._envelope = map(
            self._controls.field, ("t_ns", "pitch_hz", "descriptors", "performance", "envelope")
        )
        self._pickup = Pickup()
        self._hold = Hold()
        if self._volts.refresh():  # of one that ended: what no chip has said anew stays as it was heard last
            before = self._volts.record
            self.scan.volts[:], self.scan.pots[:] = before.cv_v, before.pot
            self._pickup.resume(before.picked, before.waiting, int(before.recalled_ns))
        record = self._volts.record
        record.pid = os.getpid()
        record.gain = [jack.gain for jack in board.jacks.in_order()]
        record.offset_v = [jack.offset_v for jack in board.jacks.in_order()]
        record.reference_v = 0.0 if board.reference is None else board.reference.volts
        self._patch: Snapshot | None = None
        self._note: Snapshot | None = None
        self._gate1 = Gate1()
        self._played = self._gate1.played
        self._inputs_v = np.zeros(len(CV_JACKS))
        self._matrix = Matrix(default_patch())
        self._volts_ns = 0
        self._progress, self._readings = Progress(), 0

    def step(self) -> int:
        """Do what is due; returns when to be called next, in the clock's nanoseconds."""
        scan = self.scan
        due_ns = scan.step()
        for t_ns, line, level in scan.take_edges():
            self._push(t_ns, line, self._gate1.turn(level) if line == GATE else (level,))
            self._hold.edge(t_ns, line, level)
        now_ns = self._clock.now_ns()
        if self._note is not None and (self._note.refresh() or self._gate1.held):
            self._push(now_ns, GATE, self._gate1.note(self._note.record, now_ns))
        if scan.fresh or self._gate1.played != self._played:
            self._play()
        if self._hold.held(now_ns):
            self._panic()
        if now_ns >= self._volts_ns:
            self._volts_ns = now_ns + VOLTS_NS
            self._show(now_ns)
            self._find_note()
            if self._find_patch():
                self._play()
            if now_ns >= self._calibration_ns or scan.in_force is not self._in_force:
                self._calibration_ns = now_ns + FILE_NS
                self._find_calibration()
        return due_ns

    def close(self) -> None:
        for part in (self._lines, self._bus, self._controls, self._volts, self._ring, self._patch, self._note):
            if part is not None:
                part.close()

    def _push(self, t_ns: int, line: str, levels: Sequence[int]) -> None:
        for level in levels:
            self._ring.push(t_ns, line, level)

    def _panic(self) -> None:
        with contextlib.suppress(BadInput):  # no switch: nobody has started an engine here
            switch = Switch(self._run_dir / "panic")
            switch.on = True
            switch.close()

    def _play(self) -> None:
        """Publish the knob targets for the volts of now."""
        scan = self.scan
        if scan.pots_known:
            self._pickup.follow(scan.pots)
        matrix = self._matrix
        volts, level = self._played = self._gate1.played
        self._inputs_v[:] = scan.volts
        if volts is not None:
            self._inputs_v[VOCT] = volts
        self._pitch_hz[0], descriptors, self._performance[0] = matrix.play(self._inputs_v, self._pickup.pots)
        if level:
            descriptors[RMS] = min(max(descriptors[RMS] + level, 0.0), 1.0)
        self._descriptors[0], self._envelope[0] = descriptors, matrix.envelope
        self._t_ns[0] = scan.converted_ns
        self._controls.publish()

    def _show(self, now_ns: int) -> None:
        scan, pickup, record = self.scan, self._pickup, self._volts.record
        record.t_ns = now_ns
        record.cv_v, record.over, record.pot, record.gate = scan.volts, scan.over, scan.pots, scan.gates
        _, record.count, record.sum_v, _ = scan.totals
        record.reference_used = scan.reference is not None and scan.reference.used
        record.reference_lost = scan.reference_lost
        record.picked, record.waiting, record.recalled_ns = pickup.pots, pickup.waiting, pickup.recalled_ns
        record.chip_ok = [reader.ok for reader in scan.readers]
        record.bus_low = scan.held_low
        record.readings = [reader.readings for reader in scan.readers]
        record.i2c_errors = scan.i2c_errors
        self._volts.publish()
        readings = sum(reader.readings for reader in scan.readers)
        if readings != self._readings or not any(record.chip_ok):  # chips that are unplugged are no fault of ours
            self._readings = readings
            self._progress.made()

    def _find_calibration(self) -> None:
        """Take up the calibration file where it, or what readings count in, is new, and say what is wrong with it."""
        now = self._in_force = self.scan.in_force
        if self._calibration is None:
            return
        try:
            status = self._calibration.stat()
            seen = status.st_ino, status.st_mtime_ns, now
        except OSError:
            seen = (0, 0, now)  # not there
        if seen == self._file_seen:
            return
        self._file_seen = seen
        calibration = Calibration.load(self._calibration, now)
        self.scan.calibrate(calibration)
        for notice in calibration.notices:
            if notice not in self._said:
                print(f"jacks: {notice}", file=sys.stderr, flush=True)
        self._said = calibration.notices

    def _find_note(self) -> None:
        """Look for whoever serves those who play from afar, who comes after us."""
        if self._note is None and (self._run_dir / "note").exists():
            with contextlib.suppress(BadInput):  # its writer is just making it
                self._note = Snapshot(self._run_dir / "note", NOTE)

    def _find_patch(self) -> bool:
        """Take up a new patch; whether there was one."""
        if self._patch is None:
            if not (self._run_dir / "patch").exists():
                return False
            try:
                self._patch = Snapshot(self._run_dir / "patch", PATCH)
            except BadInput:
                return False  # its writer is just making it
        if not self._patch.refresh():
            return False
        patch = self._patch.record
        self._matrix.load(patch)
        self._pickup.recall(patch["recalled"], int(patch["recalled_ns"]))
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status: 0, or 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.frontend",
        description="The jacks process: reads chips and lines, plays the patch, publishes knob targets and edges.",
        epilog="example: python -m neurorack.frontend --run-dir /run/neurorack --rack",
    )
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="where the processes meet")
    parser.add_argument("--board", type=board_file, metavar="BOARD", help=BOARD_HELP)
    parser.add_argument("--rack", action="store_true", help="use the virtual rack in place of buses and lines")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="measured corrections of the jacks; need not be there yet"
    )
    options = parser.parse_args(arguments)
    try:
        with Lock(options.run_dir / "jacks.lock"):
            return _run(options)
    except Held as held:
        error = BadInput(f"the jacks are read already, by process {held.pid}", str(options.run_dir), "stop it first")
    except BadInput as bad:
        error = bad
    except OSError as failed:
        error = BadInput(f"cannot run: {failed.strerror}", str(failed.filename or options.run_dir), "check --run-dir")
    print(f"jacks: {error}", file=sys.stderr)
    return 2


def _run(options: argparse.Namespace) -> int:
    board = load_board(options.board, rack=options.rack)
    clock = MonotonicClock()
    ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    frontend = Frontend(board, options.run_dir, clock, options.calibration)
    _link_calibration(options.run_dir, options.calibration)
    try:
        frontend.step()
        settle()
        for refusal in (lock_memory(), make_fifo(PRIORITY - BELOW_ENGINE)):
            if refusal:
                print(f"jacks: {refusal}", file=sys.stderr)
        sys.stderr.flush()
        while not ended:
            clock.sleep_until_ns(frontend.step())
    finally:
        frontend.close()
    return 0


def calibrated_by(run_dir: Path) -> Path | None:
    """The file that the jacks running there are calibrated by. None where none run, or without one."""
    link = run_dir / CALIBRATION
    return Path(os.readlink(link)) if holder(run_dir / "jacks.lock") and link.is_symlink() else None


def _link_calibration(run_dir: Path, calibration: Path | None) -> None:
    link = run_dir / CALIBRATION
    link.unlink(missing_ok=True)
    if calibration is not None:
        link.symlink_to(calibration.absolute())


if __name__ == "__main__":
    sys.exit(main())
