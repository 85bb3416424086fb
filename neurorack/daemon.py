"""The daemon: keeps engine, jacks and the socket's server alive, tells them what the player chose, and runs the panel.

It never stands in the sound's way: killed, it leaves engine and jacks playing, and the next one takes them over. One
loop, asleep until a process ends, a signal comes or the panel is due:

    start ─▶ engine and jacks (adopted or started) ─▶ intent, patch ─▶ panel ─▶ … ─▶ SIGTERM, SIGINT ─▶ end both
"""

import argparse
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurorack import crash
from neurorack.arguments import file, folder
from neurorack.boards import BOARD_HELP, board_file
from neurorack.ending import Ending
from neurorack.engine.guard import Rung
from neurorack.errors import BadInput
from neurorack.jacks.hold import HeldAtStart
from neurorack.keeper import Keeper, Twice, Watcher, describe, end_path, log_path, take_end
from neurorack.notify import Progress
from neurorack.parts import calibration_of, engine_command, jacks_command, listens, remote_command, sheet_of
from neurorack.patch.scale import scale_of, scale_text
from neurorack.realtime import give_back_large
from neurorack.rundir import FALLS, Held, Lock, holder, in_the_way, open_run_dir
from neurorack.statedir import state_dir
from neurorack.terminal import complain
from neurorack.words import BLOCKS, BUNDLE, FIND_SEED_MAX, GATE2_TASKS, GATE_DELAY_S

if TYPE_CHECKING:  # what needs numpy is imported when the engine is on its way
    import numpy as np

    from neurorack.jacks.calibration import Calibration
    from neurorack.panel.panel import Panel
    from neurorack.shared import EdgeRing, Snapshot, Switch

BLOCK = 128
"""Samples a block: the least a Tegra's I2S takes."""

ALIVE_NS = 500_000_000
"""Jacks whose newest volts are no older work."""

TIDY_S = 0.25
"""How often logs are passed on and pulses felt."""

NOTICE_S, SETTINGS_NOTICE_S = 6.0, 30.0
"""How long the panel shows that something was started again, and what is wrong with the settings: that is longer."""

DISK_S = 0.02
"""How often it is felt whether the disk is done, while somebody waits for that."""

PANEL_RETRY_S = 10.0

GONE_S = 3.0
"""After so long without engine or jacks, where systemd starts them, the panel says what they said last."""

REMOTE_S = 2.0
"""After engine and jacks, which need the CPU until they play, comes the socket's server."""

PANIC_S = 1.0
"""From panic to the safe sound: an engine loads an instrument in a third of that."""

SHUT_DOWN = 3
"""Exit status after the panel's "shut down": the service's unit then cuts the power (neurorack-daemon.service)."""

HOPELESS = 4
"""After so many ends in a row the panel says what to do."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that `neurorack run` and the daemon share."""
    parser.add_argument(
        "--rack",
        nargs="?",
        const="",
        metavar="FILE",
        help="play on the virtual rack; FILE is another patch of it, or a name that `neurorack demo` lists",
    )
    parser.add_argument(
        "--specimen",
        type=specimen,
        default=0,
        metavar="N",
        help="with --rack: a module whose parts are off as real ones are, the N-th; 0 is exact (default)",
    )
    parser.add_argument(
        "--bundle",
        metavar="NAME",
        help=f"instrument to play: a name or a folder (default: the last, at first {BUNDLE})",
    )
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="sound device: auto, jack, alsa, null or part of a name"
    )
    parser.add_argument(
        "--block",
        type=int,
        default=BLOCK,
        choices=BLOCKS,
        metavar="N",
        help=f"samples a block: 64, 128, 256 or 512 (default {BLOCK})",
    )
    parser.add_argument(
        "--assign",
        action="append",
        default=[],
        metavar="JACK=KNOB",
        help="patch a jack to a knob, e.g. cv1=centroid; may be repeated (default: the last patch)",
    )
    parser.add_argument(
        "--gate-delay",
        type=gate_delay_ms,
        default=GATE_DELAY_S * 1e3,
        metavar="MS",
        help=f"how long a gate waits for its CV: 0…100 ms (default {GATE_DELAY_S * 1e3:g})",
    )
    parser.add_argument(
        "--intonation",
        type=intonation,
        metavar="I",
        help="how far a gesture's own pitch moves the sound's: 0…2 (default: the last, at first 1)",
    )
    parser.add_argument("--gate2", choices=GATE2_TASKS, help="what gate 2 does (default: the last, at first freeze)")
    parser.add_argument(
        "--scale",
        type=scale_of,
        metavar="SCALE",
        help="notes for voct: off, major, minor, … or 101011010101 from C (default: the last, at first off)",
    )
    parser.add_argument(
        "--find-seed",
        type=find_seed,
        metavar="N",
        help=f"where the knobs find1 and find2 lead: 0…{FIND_SEED_MAX} (default: the last, at first 0)",
    )
    parser.add_argument(
        "--listen", action="store_true", help="play what comes in at the sound card instead of gestures"
    )
    parser.add_argument("--board", type=board_file, metavar="BOARD", help=BOARD_HELP)
    parser.add_argument(
        "--calibration",
        type=file,
        metavar="FILE",
        help="TOML with the measured corrections of the jacks (default: what `neurorack calibrate` saved)",
    )
    parser.add_argument(
        "--run-dir", type=folder, metavar="DIR", help="where the processes meet (default: found by itself)"
    )


def add_run_dir(parser: argparse.ArgumentParser) -> None:
    """For a command that asks a module which runs."""
    parser.add_argument(
        "--run-dir", type=folder, metavar="DIR", help="of the module that is meant (default: found by itself)"
    )


def gate_delay_ms(text: str) -> float:
    """0…100."""
    value = float(text)
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not within 0…100 ms")
    return value


def intonation(text: str) -> float:
    """0…2."""
    value = float(text)
    if not 0.0 <= value <= 2.0:  # patch.voice has the number, and numpy
        raise argparse.ArgumentTypeError(f"{text} is not within 0…2")
    return value


def find_seed(text: str) -> int:
    """0…FIND_SEED_MAX."""
    value = int(text)
    if not 0 <= value <= FIND_SEED_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not within 0…{FIND_SEED_MAX}")
    return value


def specimen(text: str) -> int:
    """0, 1, 2, …"""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is no specimen: give 0, 1, 2, …")
    return value


def to_arguments(options: argparse.Namespace) -> list[str]:
    """The command line that gives these options again."""
    arguments = ["--device", options.device, "--block", str(options.block), "--gate-delay", f"{options.gate_delay:g}"]
    if options.intonation is not None:
        arguments += ["--intonation", f"{options.intonation:g}"]
    if options.gate2 is not None:
        arguments += ["--gate2", options.gate2]
    if options.scale is not None:
        arguments += ["--scale", scale_text(options.scale)]
    if options.find_seed is not None:
        arguments += ["--find-seed", str(options.find_seed)]
    if options.rack is not None:
        arguments += ["--rack", *([options.rack] if options.rack else [])]
    if options.specimen:
        arguments += ["--specimen", str(options.specimen)]
    if options.listen:
        arguments += ["--listen"]
    for name in ("bundle", "board", "calibration", "run_dir"):
        if (value := getattr(options, name)) is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    for assignment in options.assign:
        arguments += ["--assign", assignment]
    return arguments


class Daemon:
    """One module. `run` returns the exit status; raises BadInput where one runs already or an option cannot be.

    `attached`: it belongs to whoever holds the other end of its standard input. It ends when that closes, and with
    status 2 where engine or jacks refuse their input before they have shown a sign of life.
    `keeps`: it starts engine and jacks, and ends them; else systemd does (`service`), and it tells them what to play.
    """

    def __init__(self, options: argparse.Namespace, *, attached: bool, keeps: bool = True) -> None:
        from neurorack.desk import Desk

        self._options, self._attached, self._keeps = options, attached, keeps
        self.run_dir = open_run_dir(options.run_dir)
        try:
            with in_the_way(self.run_dir):
                self._lock = Lock(self.run_dir / "daemon.lock")
        except Held as held:
            raise BadInput(
                f"neurorack runs already, as process {held.pid}",
                str(self.run_dir),
                "stop it, or give another --run-dir",
            ) from held
        if options.calibration is not None:
            _check_calibration(options.calibration)
        sheet = sheet_of(options)
        self._listens = listens(options, sheet)
        self._calibration = calibration_of(options)
        self._desk = Desk(
            state_dir(),
            BUNDLE,
            sound=sheet.sound if sheet else None,
            presets=sheet.presets if sheet else (),
            bundle=options.bundle,
            assignments=options.assign,
            intonation=options.intonation,
            gate2=options.gate2,
            scale=options.scale,
            find_seed=options.find_seed,
        )
        self._keepers = self._make_keepers() if keeps else self._make_watchers()
        self._engine, self._jacks, self._remote = self._keepers
        self._progress = Progress()
        self._meters: Snapshot | None = None
        self._volts: Snapshot | None = None
        self._edges: EdgeRing | None = None
        self._panic: Switch | None = None
        self._calm_s: float | None = None
        """When the sound may come back after a panic."""
        self._panel: Panel | None = None
        self._panel_due_s = self._tidy_due_s = 0.0
        self._notices: list[tuple[float, str]] = []
        self._problems: dict[str, BadInput] = {}
        """What keeps engine, jacks or bundle from working, for the display; until each works again."""
        self._began_ns = 0
        self._at_start: HeldAtStart | None = None
        """Whether safe mode is asked for; None once that is known."""
        self._heeded = 0, int(Rung.OWN)
        """Engine and rung that were last taken note of."""
        self._fell = ""
        """What the engine said, or how it ended, when it last did."""
        self._shelter = "safe sound"
        """Why what plays is safe, for the display."""
        self._kept: tuple[str, str, str] | None = None
        """The crash that was kept last: the same again wears the flash out."""
        self._shutting_down = False

    def _make_keepers(self) -> tuple[Keeper, Keeper, Keeper]:
        bundle, first = self._desk.engine_options
        engine = engine_command(self._options, self.run_dir, bundle, listens=self._listens)
        jacks = jacks_command(self._options, self.run_dir)
        return (
            Keeper("engine", engine, self.run_dir, log, self._engine_pulse, first),
            Keeper("jacks", jacks, self.run_dir, log, self._jacks_pulse),
            Keeper("remote", remote_command(self.run_dir), self.run_dir, log),
        )

    def _make_watchers(self) -> tuple[Keeper, Keeper, Keeper]:
        return (
            Watcher("engine", self.run_dir, log, self._engine_pulse),
            Watcher("jacks", self.run_dir, log, self._jacks_pulse),
            Watcher("remote", self.run_dir, log),
        )

    def run(self) -> int:
        if not self._attached:  # else stderr is that file
            self._keep_lines()
        wake = Ending(signal.SIGHUP).fileno()
        try:
            with in_the_way(self.run_dir):
                self._begin()
            status = self._loop(wake)
        except Exception as error:
            if not isinstance(error, BadInput):
                self._keep_now(crash.crashed("daemon", type(error).__name__, traceback.format_exc().encode()))
            if self._attached or isinstance(error, BadInput):
                self._end()
            raise  # a fault of ours silences nobody: the next daemon takes them over
        self._end()
        return status

    def _keep_lines(self) -> None:
        """Let the journal, or a terminal, and `neurorack ctl log daemon` both have what is said from here on."""
        if sys.stderr is not None:
            path = log_path(self.run_dir, "daemon")
            try:
                sys.stderr = Twice(sys.stderr, path)
            except OSError as error:
                log(f"cannot write {path}: {error.strerror}")

    def _end(self) -> None:
        panel, self._panel = self._panel, None
        if panel is not None and not self._shutting_down:
            panel.close()
        for keeper in self._keepers:
            keeper.signal(signal.SIGTERM)  # all at once, then wait for each
        for keeper in self._keepers:
            keeper.stop()
        self._desk.close()
        if panel is not None and self._shutting_down:
            panel.bid_farewell(saved=self._desk.saved)
        self._lock.release()

    def _begin(self) -> None:
        """Engine first: it takes longest until it sounds, and what it needs from here comes while it loads."""
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported, below: no threads that do nothing
        os.environ["PYTHONFAULTHANDLER"] = "1"  # of those that are started: where a signal struck is kept of a crash
        # An engine that others start takes up what the last daemon has left, so this one does too.
        plays_on = not self._keeps or self._engine.plays_on()
        if not plays_on:  # of an earlier day: the engine would take up the bundle chosen then
            for name in ("intent", FALLS):
                (self.run_dir / name).unlink(missing_ok=True)
        if not (self.run_dir / "intent").exists():  # the power has come, or what stands for it
            self._at_start = HeldAtStart(time.monotonic_ns())
        if (how := take_end(end_path(self.run_dir, "daemon"), "daemon")) and how.startswith("SIG"):
            self._keep(crash.crashed("daemon", how, b""))  # an exception was kept by whom it ended
        self._engine.begin()
        from neurorack.shared import Switch

        if self._options.rack is not None:
            self._set_up_rack()
        delay_s = self._options.gate_delay * 1e-3
        self._desk.begin(self.run_dir, plays_on=plays_on, gate_delay_s=delay_s, listen=self._listens)
        self._jacks.begin()
        self._panic = Switch(self.run_dir / "panic", create=True)
        self._remote.due_s = time.monotonic() + REMOTE_S
        self._began_ns = time.monotonic_ns()
        try:
            self._desk.open(self.run_dir)
        except BadInput as error:
            self._problems["bundle"] = error

    def _set_up_rack(self) -> None:
        """A world for the jacks to find; one in which they play already goes on as it is."""
        from neurorack.rack.plan import find_rack
        from neurorack.rack.state import FileStore
        from neurorack.rack.world import World

        rack = find_rack(self._options.rack).resolve() if self._options.rack else None
        if holder(self._jacks.lock):
            state = FileStore(self.run_dir).read()
            if state is not None and (state.rack, state.specimen) == (str(rack or ""), self._options.specimen):
                return
            if self._keeps:
                self._jacks.begin()  # taken over only to be ended: its cables hang in another world
                self._jacks.stop()
        World.create(
            self.run_dir,
            time.monotonic_ns(),
            path=rack,
            board=self._options.board,
            specimen=self._options.specimen,
        )

    def _loop(self, wake: int) -> int:
        while True:
            self._progress.made()
            self._step_panel()
            self._hear_edges()
            self._desk.follow(self._newest_volts())
            self._hear_panic()
            if self._shutting_down:
                return SHUT_DOWN
            now_s = time.monotonic()
            dues = [keeper.due_s for keeper in self._keepers if keeper.due_s is not None]
            if self._desk.waits:
                dues.append(now_s + DISK_S)
            due_s = min(self._panel_due_s, self._tidy_due_s, *dues)
            watched = [wake, *([0] if self._attached else ()), *(k.pidfd for k in self._keepers if k.pidfd >= 0)]
            watched += self._desk.mail
            ready = select.select(watched, [], [], max(0.0, due_s - now_s))[0]
            if wake in ready or (0 in ready and not os.read(0, 4096)):
                return 0
            if self._lock.gone:  # a second module could start there, and nobody would find this one
                what, mend = "the run directory was removed under the module that played there", "start it again"
                raise BadInput(what, str(self.run_dir), mend)
            for keeper in self._keepers:
                if keeper.pidfd in ready and self._after_end(keeper) == 2 and self._attached and self._unborn(keeper):
                    raise BadInput.parse(keeper.last_words)  # somebody waits to hear what was refused
            for keeper in self._keepers:
                if keeper.due_s is not None and keeper.due_s <= time.monotonic():
                    keeper.begin()
            if any(fd in ready for fd in self._desk.mail):
                self._desk.answer(self._newest_volts())
            elif self._desk.waits:
                self._desk.step(self._newest_volts())
            if self._tidy_due_s <= time.monotonic():
                self._tidy()

    def _unborn(self, keeper: Keeper) -> bool:
        """It has never worked under this daemon: what it refuses was wrong from the start."""
        return keeper.pulse is None or keeper.pulse() < self._began_ns

    def _after_end(self, keeper: Keeper) -> int | None:
        status = keeper.ended()
        if keeper is self._engine:
            self._fell = keeper.last_words
        if keeper is self._remote:
            return None  # whoever looks from afar; that it ended is in the log
        if status == 2 and keeper.last_words:
            self._problems[keeper.name] = BadInput.parse(keeper.last_words)
        elif keeper.ends >= HOPELESS:
            self._problems[keeper.name] = BadInput(
                f"{keeper.name}: does not stay up", keeper.last_words or describe(status), "run `neurorack doctor`"
            )
        else:
            how = f" ({describe(status)})" if self._keeps else ""
            self._notices.append((time.monotonic() + NOTICE_S, f"{keeper.name} ended{how}: started again"))
        return status

    def _take_crash(self, keeper: Keeper) -> None:
        if (ended := keeper.take_crash()) is not None:
            if keeper is self._engine:
                self._fell = ended.why
            self._keep(ended)

    def _keep(self, ended: crash.Crash) -> None:
        """A disk may take a second, and the loop has none."""
        before, self._kept = self._kept, (ended.part, ended.how, ended.why)
        if before != self._kept:
            threading.Thread(target=self._keep_now, args=(ended,), daemon=True).start()

    @staticmethod
    def _keep_now(ended: crash.Crash) -> None:
        try:
            crash.keep(ended, state_dir())
        except OSError as error:
            log(f"the crash is not kept, {error.strerror} ({state_dir()})")

    def _heed_guard(self) -> None:
        """An engine that fell too often plays safely by itself: let patch and settings be safe too, and say why."""
        rung = int(self._meters.record["rung"]) if (pid := self._playing_pid()) and self._meters is not None else 0
        if (pid, rung) == self._heeded:
            return
        self._heeded = pid, rung
        self._problems.pop("tone", None)
        if rung == Rung.OWN:
            return
        self._shelter = f"safe sound, the engine fell: {self._fell}"
        if rung == Rung.TONE:
            mend = "menu, instruments: choose one; system, last crash says more"
            self._problems["tone"] = BadInput("test tone: no instrument stays up", self._fell, mend)
        self._desk.shelter()
        log(f"the engine fell too often ({self._fell}), it plays {Rung(rung).name.lower()}: until another is chosen")

    def _tidy(self) -> None:
        now_s = time.monotonic()
        self._tidy_due_s = now_s + TIDY_S
        for keeper in self._keepers:
            keeper.tail()
            keeper.check_pulse()
            self._take_crash(keeper)
            if keeper is not self._remote and isinstance(keeper, Watcher) and keeper.gone_s > GONE_S:
                what, mend = f"{keeper.name}: does not start", "run `neurorack doctor`"
                self._problems[keeper.name] = BadInput(what, keeper.last_words, mend)
        self._notices = [(until_s, text) for until_s, text in self._notices if until_s > now_s]
        if self._engine.pid and self._playing_pid() == self._engine.pid:
            self._problems.pop("engine", None)
            self._problems.pop("bundle", None)
        if self._jacks.pid and time.monotonic_ns() - self._jacks_pulse() < ALIVE_NS:
            self._problems.pop("jacks", None)
        self._heed_guard()
        self._desk.step(self._newest_volts())
        for text in self._desk.take_notices():
            log(text)
            self._notices.append((now_s + SETTINGS_NOTICE_S, text))

    def _hear_edges(self) -> None:
        """Gate 2 may choose what plays, within a frame of the panel; the encoder held at power-on wants safe mode."""
        from neurorack.shared import EdgeRing

        before: list[tuple[int, str, int]] = []
        if self._edges is None:
            try:
                self._edges = EdgeRing(self.run_dir / "edges")
            except BadInput:
                return  # no jacks yet
            before = self._edges.kept()
        edges = self._edges.read()
        self._desk.hear(edges)
        if self._at_start is not None:
            if any(self._at_start.edge(*edge) for edge in (*before, *edges)):
                self._shelter = "safe mode"
                self._desk.shelter()
                log("the encoder was held at power-on: safe mode, until an instrument is chosen")
            if self._at_start.over:
                self._at_start = None

    @property
    def _shelter_notices(self) -> list[str]:
        if self._at_start is not None and self._at_start.waits(time.monotonic_ns()):
            return ["let go: safe mode"]
        return [f"{self._shelter}. Menu, instruments: back to yours"] if self._desk.sheltered else []

    def _hear_panic(self) -> None:
        """The engine has fallen silent by itself; give it a sound that is known, and let it be heard again."""
        if self._panic is None or not self._panic.on:
            return
        if self._calm_s is None:
            self._calm_s = time.monotonic() + PANIC_S
            self._desk.play_safe()
            log("panic: silent, then as out of the box")
            if self._panel is not None:
                from neurorack.settings.playing import is_safe

                undo = "undo: menu, system, undo panic" if self._desk.panicked else ""
                told = BadInput("Silent for a second, then the factory patch.", "", undo)
                self._panel.tell(told, "⚠ panic", lambda: is_safe(self._desk.sound))
        elif time.monotonic() >= self._calm_s:
            self._panic.on, self._calm_s = False, None

    def _step_panel(self) -> None:
        """The panel must not stand in the way of a restart: what it throws costs it ten seconds."""
        if time.monotonic() < self._panel_due_s:
            return
        try:
            if self._panel is None:
                self._panel = self._make_panel()
            self._panel.notices = [*self._shelter_notices, *(text for _, text in self._notices)]
            self._panel.problem = next(iter(self._problems.values()), None)
            self._panel_due_s = self._panel.step() * 1e-9
        except Exception as error:
            log(f"no panel: {type(error).__name__}: {error}")
            self._panel, self._panel_due_s = None, time.monotonic() + PANEL_RETRY_S

    def _make_panel(self) -> "Panel":
        from neurorack.board import load_board
        from neurorack.clock import MonotonicClock
        from neurorack.jacks.calibration import Calibration
        from neurorack.jacks.nominal import InForce
        from neurorack.jacks.report import uncalibrated_cents
        from neurorack.panel.pages.system import Service
        from neurorack.panel.panel import Panel

        board = load_board(self._options.board, rack=self._options.rack is not None)
        until_s = time.monotonic() + NOTICE_S
        played = Calibration.load(self._calibration, InForce.of_board(board))
        self._notices += [(until_s, notice) for notice in played.notices]
        service = Service(
            self._save_calibration,
            self._forget_calibration,
            self._shut_down,
            self._call_panic,
            lambda: crash.last(state_dir()),
            lambda: uncalibrated_cents(board, beside_reference=self._beside_reference()),
        )
        return Panel(self.run_dir, board, MonotonicClock(), self._desk, service)

    def _beside_reference(self) -> bool:
        volts = self._newest_volts()
        return volts is not None and bool(volts["reference_used"])

    def _save_calibration(self, calibration: "Calibration") -> None:
        calibration.save(self._calibration)

    def _forget_calibration(self) -> None:
        """The generation before first: else a power cut between the two would bring it back."""
        from neurorack.jacks.calibration import former_path

        for path in (former_path(self._calibration), self._calibration):
            path.unlink(missing_ok=True)

    def _call_panic(self) -> None:
        assert self._panic is not None
        self._panic.on = True

    def _shut_down(self) -> None:
        self._shutting_down = True

    def _playing_pid(self) -> int:
        """Process of the engine that has played a sound, 0 where none has."""
        self._engine_pulse()
        return (
            int(self._meters.record["pid"]) if self._meters is not None and self._meters.record["first_sound_ns"] else 0
        )

    def _engine_pulse(self) -> int:
        self._meters = self._meters or _opened(self.run_dir / "meters", "METERS")
        return _newest_ns(self._meters)

    def _jacks_pulse(self) -> int:
        self._volts = self._volts or _opened(self.run_dir / "volts", "VOLTS")
        return _newest_ns(self._volts)

    def _newest_volts(self) -> "np.recarray | None":
        self._jacks_pulse()
        return None if self._volts is None else self._volts.record


def _check_calibration(path: Path) -> None:
    """Raise BadInput where the file that was given is not there, or is something else."""
    from neurorack.jacks.calibration import check_calibration

    try:
        check_calibration(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput("there is no such calibration", str(path), "give another --calibration FILE") from error


def _opened(path: Path, dtype: str) -> "Snapshot | None":
    from neurorack import shared

    try:
        return shared.Snapshot(path, getattr(shared, dtype))
    except BadInput:
        return None


def _newest_ns(snapshot: "Snapshot | None") -> int:
    if snapshot is None:
        return 0
    snapshot.refresh()
    return int(snapshot.record["t_ns"])


def log(text: str) -> None:
    """One line for the journal; whoever read it may be gone."""
    complain(f"neurorack: {text}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.daemon",
        description="Keep engine, jacks and the socket's server alive and run the panel.",
        epilog="example: python -m neurorack.daemon --rack --device null",
    )
    add_options(parser)
    parser.add_argument("--attached", action="store_true", help="end when standard input closes")
    give_back_large()
    try:
        options = parser.parse_args(arguments)
        return Daemon(options, attached=options.attached).run()
    except BadInput as error:
        log(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
