"""The engine's process: everything ready before the first block, then a main thread that mostly sleeps.

Its only other thread is the audio callback's. The main thread takes up what the player of the instrument chose, hands
over files that appear later, and sees that sound goes on: a JACK server that dies leaves PortAudio hanging in its
close, so where no callback has come for half a second the process ends itself and is started again by its keeper.

Exit status: 0 ended by a signal, 2 bad input or a second instance, 3 the card stood still, 4 the card that was missing
is there now (PortAudio looks for cards only when a process begins, so the next one finds it), or its input is wanted
and was not opened, 5 a block was begun and never done, 6 the instrument gives no numbers. After too many falls in a row
it begins with a safer sound (`guard`).
"""

import argparse
import contextlib
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from neurorack.engine.callback import AudioCallback, Player, Wishes
from neurorack.engine.device import STDERR, Device, NullDevice, Refused, open_device
from neurorack.engine.guard import FALLS_MAX, WELL_S, Guard, Rung
from neurorack.engine.meters import Meters
from neurorack.engine.testtone import TestTone
from neurorack.errors import BadInput
from neurorack.notify import Progress
from neurorack.patch.found import ROOM, Kept
from neurorack.patch.voice import DEEPEST, FARTHEST
from neurorack.realtime import WATCH_PRIORITY, computing, give_back_large, lock_memory, make_fifo, settle
from neurorack.rundir import Held, Lock, default_run_dir, open_run_dir
from neurorack.shared import CONTROLS, FOUND, INTENT, METERS, VOLTS, AudioTap, EdgeRing, FrameTap, Snapshot, Switch
from neurorack.words import BLOCKS, BUNDLE, GATE2_TASKS, GATE_JACKS, POINTS_MAX, SAMPLE_RATE_HZ

TICK_S = 0.05
"""Between two looks of the main thread."""

STILL_TICKS = 10
"""Looks without a callback between them after which sound stands still. Counted in looks, not seconds: a process that
was stopped and goes on has not lost its card."""

FIRST_TICKS = 60
"""The same before the first callback: a server may take its time."""

CLOSE_S = 0.3
"""Given to PortAudio to close."""

SEARCH_S = 4.0
"""While the null device stands in for a card: how often a process of its own looks whether the card has come."""

SEARCH_REFUSED_S = 60.0
"""The same after a card that is there has refused to start: each look that finds it costs a silence."""

FRESH_NS = 200_000_000
"""Volts older than this were written by jacks that live no more."""

SPOILT_TICKS, SPOILT_RESETS = 40, 50
"""With so many resets within so many looks, one in 40 ms of which 20 are muted, an instrument is silent more than it
sounds: it falls, and counts as fallen."""

EXIT_STILL, EXIT_CARD, EXIT_HUNG, EXIT_SPOILT = 3, 4, 5, 6

MakePlayer = Callable[[str, int, int], tuple[str, Player]]
"""(bundle's name or folder, block, seed) → (name to show, a warm player)."""


@dataclass(frozen=True)
class Options:
    """The command line."""

    run_dir: Path | None
    bundle: str
    device: str = "auto"
    block: int = 128
    cpu: int | None = None
    gain_db: float = 0.0
    gate_delay_s: float = 0.006
    seed: int = 0
    client: str = "neurorack"
    listen: bool = False
    first: str = ""


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message, self.prog, "see --help")


def parse(arguments: Sequence[str]) -> Options:
    parser = _Parser(
        prog="python -m neurorack.engine",
        description="The sound of the module, in a process of its own.",
        epilog="example: python -m neurorack.engine --bundle fluid --device jack --block 128",
    )
    parser.add_argument("--run-dir", type=Path, help=f"where the processes meet (default: {default_run_dir()})")
    parser.add_argument("--bundle", required=True, help="name or folder of the instrument")
    parser.add_argument("--first", default="", help="the instrument to begin with, --bundle where it cannot play")
    parser.add_argument("--device", default="auto", help="auto, null, jack, alsa or words of a card's name")
    parser.add_argument("--block", type=int, default=128, choices=BLOCKS, help="samples the card asks for at once")
    parser.add_argument("--cpu", type=int, help="keep the audio callback on this CPU")
    parser.add_argument("--gain-db", type=float, default=0.0, help="output gain, -60…+24")
    parser.add_argument("--gate-delay", type=float, default=6.0, help="milliseconds a gate waits for its CV")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--client", default="neurorack", help="name under which JACK lists the module")
    parser.add_argument("--listen", action="store_true", help="play what comes in at the card instead of gestures")
    given = parser.parse_args(arguments)
    if not -60.0 <= given.gain_db <= 24.0:
        raise BadInput(f"gain {given.gain_db} dB is out of range", "--gain-db", "give -60…+24")
    if not 0.0 <= given.gate_delay <= 100.0:
        raise BadInput(f"gate delay {given.gate_delay} ms is out of range", "--gate-delay", "give 0…100")
    return Options(
        given.run_dir, given.bundle, given.device, given.block, given.cpu, given.gain_db, given.gate_delay * 1e-3,
        given.seed, given.client, given.listen, given.first,
    )  # fmt: skip


def log(text: str) -> None:
    with STDERR, contextlib.suppress(OSError):  # whoever read it may have died; the sound has not
        print(f"engine: {text}", file=sys.stderr, flush=True)


class Engine:
    """One engine, from lock to exit. `start`, then `watch` until the status to exit with is known, then `end`."""

    def __init__(self, options: Options, make_player: MakePlayer) -> None:
        self._options, self._make_player = options, make_player
        self.run_dir = open_run_dir(options.run_dir)
        try:
            self._lock = Lock(self.run_dir / "engine.lock")
        except Held as held:
            raise BadInput(
                "an engine runs already", f"{self.run_dir}, process {held.pid}", "stop it, or give another --run-dir"
            ) from held
        self._guard = Guard(self.run_dir)
        rung = self._guard.begin()
        self._meters = Meters(Snapshot(self.run_dir / "meters", METERS, create=True), options.block)
        self._meters.describe(rung=rung)
        self._tap = AudioTap(self.run_dir / "tap", create=True)
        self._found = Snapshot(self.run_dir / "found", FOUND, create=True)
        self._frames = FrameTap(self.run_dir / "frames", create=True)
        self._takes = 0  # of the intent: another number, and there are others
        self._intent: Snapshot | None = None
        self._finding = 0, 0, (0.5, 0.5), b""  # gesture, seed, where what is kept was found, its numbers
        self._inodes: dict[str, int] = {}
        self._wishes = Wishes(options.gain_db, round(options.gate_delay_s * SAMPLE_RATE_HZ), listen=options.listen)
        self._asked = ""
        self._awaited: Player | None = None
        self._notice = ""
        self._search: subprocess.Popen[bytes] | None = None
        self._search_due_s = 0.0
        self._search_s = SEARCH_S
        self._health = _Health()
        self._logged: set[str] = set()

    def start(self) -> None:
        """Everything that must be there before the first block, then the first block."""
        options = self._options
        chosen = ""
        self._open_intent()
        if self._guard.rung is not Rung.OWN:
            self._wishes = replace(self._wishes, listen=False)
        if self._intent is not None and self._intent.refresh() and self._guard.rung is Rung.OWN:
            chosen = self._take_intent(self._intent)
        self._with_input = self._wishes.listen
        device_opener = _Opener(options, self._with_input)
        player = self._first_player(chosen)
        device = device_opener.device()
        self._make_callback(player, device)
        if refusal := lock_memory():
            log(refusal)
        settle()
        try:
            device.start(self._callback)
        except Refused as refusal:
            device = NullDevice(options.block, f"no sound card: {refusal}")
            self._search_s = SEARCH_REFUSED_S
            self._make_callback(player, device)
            device.start(self._callback)
        self._device: Device = device
        make_fifo(WATCH_PRIORITY)
        self._say(device.notice)
        self._say_deaf()
        rate = "" if device.rate_hz == SAMPLE_RATE_HZ else f", converted to {device.rate_hz} Hz"
        log(f"plays to {device.name}, {options.block} samples a block{rate}")

    def _make_callback(self, player: Player, device: Device) -> None:
        self._meters.describe(device=device.name)
        self._meters.play_at(device.rate_hz)
        self._callback = AudioCallback(
            player,
            self._options.block,
            self._meters,
            channels=device.channels,
            rate_hz=device.rate_hz,
            wishes=self._wishes,
            cpu=self._options.cpu,
        )
        self._callback.tap, self._callback.frames = self._tap, self._frames
        for name in ("controls", "edges", "panic"):
            self._inodes.pop(name, None)
        self._hand_over_files()

    def _first_player(self, chosen: str) -> Player:
        """The bundle last chosen, else the ones of the command line; after too many falls what is safe."""
        if self._guard.rung is Rung.TONE:
            self._meters.describe(bundle="test tone")
            self._say("test tone: the safe sound fell, too")
            return TestTone(self._options.block)
        if self._guard.rung is Rung.SAFE:
            player = self._load(BUNDLE)
            self._say(f"the engine fell {FALLS_MAX} times: plays safely")
            return player
        first = chosen or self._options.first
        if first and first != self._options.bundle:
            try:
                return self._load(first)
            except BadInput as fault:
                self._say(str(fault))
        return self._load(self._options.bundle)

    def _load(self, bundle: str) -> Player:
        self._asked = bundle
        name, player = self._make_player(bundle, self._options.block, self._options.seed)
        self._meters.describe(bundle=name)
        self._let_listen(player)
        self._let_find(player)
        if not player.complete:
            self._say(f"{name} is too slow to play live: its gestures are rendered ahead, the chosen one first")
        return player

    def _let_listen(self, player: Player) -> None:
        """Where it is to listen and cannot, it plays its gestures, and the panel says why."""
        if self._wishes.listen:
            try:
                player.listen()
            except BadInput as fault:
                self._say(str(fault))

    def _let_find(self, player: Player) -> None:
        """Outside of the callback, what its knobs lead to: between two blocks they only have to look."""
        gesture, seed, at, numbers = self._finding
        try:
            player.find(gesture, seed, Kept(at, np.frombuffer(numbers, "f2").astype(np.float32)))
        except BadInput as fault:
            self._say(str(fault))

    def _tell_found(self, player: Player) -> None:
        """What is found, for whoever stores it; and where nothing can be, that."""
        found, record = player.found, self._found.record
        number = 0 if self._intent is None else self._intent.number
        size = len(found.change)
        if not player.finds and any(abs(at - 0.5) > ROOM for at in found.at):
            self._say("find1 and find2 do nothing: this instrument has no space of gestures")
        change = found.change.astype("f2")
        as_before = record["intent"] == number and record["size"] == size and tuple(record["at"]) == found.at
        if not as_before or not np.array_equal(record["change"][:size], change):
            record["intent"], record["at"], record["size"] = number, found.at, size
            record["change"][:size] = change
            self._found.publish()

    def _say_deaf(self) -> None:
        if self._wishes.listen and not self._device.notice:
            self._say(self._device.deaf)

    def _say(self, notice: str) -> None:
        """A notice goes to the log once, and to the panel until the next."""
        if notice and notice != self._notice:
            log(notice)
            self._meters.describe(notice=notice)
            self._notice = notice

    def watch(self) -> int:
        """Until a signal comes or the sound stands still; the status to exit with."""
        seen, still, progress = 0, 0, Progress()
        while True:
            if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, TICK_S) is not None:
                self._guard.dismiss()
                return 0
            entries = self._callback.entries
            still = 0 if entries != seen else still + 1
            if still >= (STILL_TICKS if entries else FIRST_TICKS):
                return self._give_up(still * TICK_S)
            if entries != seen:
                progress.made()
                if self._health.sounds(self._meters.nan_resets):
                    self._guard.well()
            seen = entries
            if self._health.spoilt:
                log(f"{self._asked} gives no numbers, ends")
                return EXIT_SPOILT
            self._tick()
            if self._wishes.listen and not self._with_input and not isinstance(self._device, NullDevice):
                log("starts anew to open the card's input")
                self._guard.excuse()
                return EXIT_CARD
            if isinstance(self._device, NullDevice) and self._options.device != "null" and self._card_has_come():
                log("the card is there now, starts anew to play to it")
                self._guard.excuse()
                return EXIT_CARD

    def _give_up(self, still_s: float) -> int:
        """Sound stands still: within a callback by the instrument's fault, between two by the card's."""
        if self._callback.inside:
            log(f"a block of {self._asked or 'the test tone'} is not done after {still_s:.1f} s, ends")
            faulthandler.dump_traceback(all_threads=True)
            return EXIT_HUNG
        log(f"no callback from {self._device.name} for {still_s:.1f} s, ends")
        self._guard.excuse()
        return EXIT_STILL

    def _tick(self) -> None:
        callback = self._callback
        self._hand_over_files()
        self._open_intent()
        self._prepare()
        if self._intent is not None and self._intent.refresh():
            listened, finding, others = self._wishes.listen, self._finding, False
            chosen = self._take_intent(self._intent)
            if self._wishes.listen and not listened:
                self._say_deaf()
                with computing():
                    self._let_listen(self._newest)
            if self._takes != (takes := int(self._intent.record["takes"])):
                self._takes, others = takes, True
                with computing():
                    self._newest.offer_takes(takes)
            if (others or self._finding != finding) and chosen in ("", self._asked):
                with computing():
                    self._let_find(self._newest)
            callback.wishes = self._wishes  # they may choose one of those
            if self._guard.rung is not Rung.OWN:
                self._leave_shelter(chosen)
            elif chosen and chosen != self._asked:
                self._change(chosen)
        if self._newest is callback.player:
            self._tell_found(callback.player)
        if callback.outgoing is not None:
            callback.outgoing = None
            gc.collect()
        for fault in (callback.realtime_refused, callback.fault):
            if fault is not None and str(fault) not in self._logged and len(self._logged) < 20:
                self._logged.add(str(fault))
                self._say(str(fault) if isinstance(fault, str) else f"{type(fault).__name__} in the callback: {fault}")

    @property
    def _newest(self) -> Player:
        """What plays, or what is about to."""
        return self._awaited or self._callback.player

    def _card_has_come(self) -> bool:
        if self._search is not None:
            status = self._search.poll()
            if status is None:
                return False
            self._search = None
            return status == 0
        now_s = time.monotonic()
        if self._search_due_s == 0.0:
            self._search_due_s = now_s + self._search_s
        elif now_s >= self._search_due_s:
            self._search_due_s = now_s + self._search_s
            command = [sys.executable, "-m", "neurorack.engine.device", self._options.device]
            path = os.pathsep.join(filter(None, sys.path))
            self._search = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
            )
        return False

    def _take_intent(self, intent: Snapshot) -> str:
        """Wishes from the newest intent; the bundle it names."""
        record = intent.record
        self._wishes = Wishes(
            min(24.0, max(-60.0, float(record["gain_db"]))),
            round(min(0.1, max(0.0, float(record["gate_delay_s"]))) * SAMPLE_RATE_HZ),
            bool(record["muted"]),
            int(record["gesture"]),
            min(DEEPEST, max(0.0, float(record["depth"]))),
            min(FARTHEST, max(0.0, float(record["intonation"]))),
            bool(record["listen"]) and self._guard.rung is Rung.OWN,
            int(record["morph_to"]),
            GATE2_TASKS[int(record["gate2"]) % len(GATE2_TASKS)],
            int(record["takes"]),
        )
        size = min(max(int(record["found_size"]), 0), POINTS_MAX)
        first, second = record["found_at"].tolist() if size else (0.5, 0.5)
        numbers = record["found"][:size].tobytes()
        self._finding = int(record["gesture"]), int(record["find_seed"]), (first, second), numbers
        return bytes(record["bundle"]).decode(errors="replace")

    def _leave_shelter(self, chosen: str) -> None:
        """Play what the player has chosen since it fell, if it can be had. What the daemon says to be safe, nobody has
        chosen."""
        assert self._intent is not None
        if not chosen or self._intent.record["sheltered"]:
            return
        plays = self._guard.rung is Rung.SAFE and chosen == self._asked == BUNDLE
        if plays or self._change(chosen):
            self._guard.chosen()
            self._health = _Health()
            self._meters.describe(rung=self._guard.rung)
            self._take_intent(self._intent)  # with the card's input, if that was wanted
            self._callback.wishes = self._wishes
            log("plays what was chosen again")
            self._notice = self._device.notice  # that it plays safely is over, and needs no notice of its own
            self._meters.describe(notice=self._notice)

    def _change(self, bundle: str) -> bool:
        """Load and warm another instrument while this one plays, then, once its gesture is there, let the callback fade
        over to it. Whether that can be."""
        try:
            with computing():
                self._awaited = self._load(bundle)
        except BadInput as fault:
            self._say(str(fault))
            return False
        self._prepare()
        return True

    def _prepare(self) -> None:
        """Go on with what is to be rendered ahead, the chosen gesture first, for as long as between two looks."""
        player, first = self._awaited or self._callback.player, self._wishes.gesture
        until_s = time.monotonic() + TICK_S
        with computing() if not player.complete else contextlib.nullcontext():
            while not player.complete and time.monotonic() < until_s:
                player.prepare(first)
        if self._awaited is not None and player.prepare(first):
            self._callback.incoming, self._awaited = self._awaited, None

    def _open_intent(self) -> None:
        path = self.run_dir / "intent"
        if self._is_new(path):
            with contextlib.suppress(BadInput):
                self._intent = Snapshot(path, INTENT)

    def _hand_over_files(self) -> None:
        """Files of others may appear, or be made anew, while the engine plays; the callback never opens one."""
        callback = self._callback
        with contextlib.suppress(BadInput):
            if self._is_new(self.run_dir / "controls"):
                callback.controls = Snapshot(self.run_dir / "controls", CONTROLS)
            if self._is_new(self.run_dir / "edges"):
                edges = EdgeRing(self.run_dir / "edges")
                callback.held, callback.edges = self._held(edges), edges
            if self._is_new(self.run_dir / "panic"):
                callback.panic = Switch(self.run_dir / "panic")

    def _held(self, edges: EdgeRing) -> tuple[str, ...]:
        """Gates that were up when `edges` was opened, if the jacks live: the note that an engine which died was playing
        goes on in this one."""
        try:
            volts = Snapshot(self.run_dir / "volts", VOLTS)
        except BadInput:
            return ()
        alive = volts.refresh() and time.monotonic_ns() - int(volts.record["t_ns"]) < FRESH_NS
        volts.close()
        levels = edges.levels() if alive else {}
        return tuple(jack for jack in GATE_JACKS if levels.get(jack))

    def _is_new(self, path: Path) -> bool:
        """There is a file at `path` that this has not said of before."""
        try:
            inode = path.stat().st_ino
        except OSError:
            return False
        if self._inodes.get(path.name) == inode:
            return False
        self._inodes[path.name] = inode
        return True

    def end(self, status: int) -> NoReturn:
        """Fade out, close the card as far as it lets us, and leave without further ceremony."""
        callback = self._callback
        callback.ending = True
        give_up = time.monotonic() + 0.1
        while not callback.silent and time.monotonic() < give_up:
            time.sleep(0.002)
        if self._search is not None:
            self._search.kill()
        watchdog = threading.Timer(CLOSE_S, os._exit, (status,))
        watchdog.daemon = True
        watchdog.start()
        time.sleep(3 * self._options.block / SAMPLE_RATE_HZ)  # the card still plays what it was given
        self._device.stop()
        os._exit(status)


class _Health:
    """Hears of every look that saw a callback: is the engine well, and is what it plays any sound?"""

    def __init__(self) -> None:
        self._looks = self._resets = 0
        self.spoilt = False

    def sounds(self, resets: int) -> bool:
        """True once, after WELL_S. `resets` is how often so far something was no number."""
        if self._looks % SPOILT_TICKS == 0:
            self.spoilt, self._resets = self._looks > 0 and resets - self._resets >= SPOILT_RESETS, resets
        self._looks += 1
        return self._looks == round(WELL_S / TICK_S)


class _Opener(threading.Thread):
    """Looks for cards while the main thread loads the network: 0.1 s each."""

    def __init__(self, options: Options, listen: bool) -> None:
        super().__init__(daemon=True)
        self._options, self._listen = options, listen
        self._device: Device = NullDevice(options.block, "no sound card: the search failed")
        self.start()

    def run(self) -> None:
        options = self._options
        self._device = open_device(options.device, options.block, options.client, listen=self._listen)

    def device(self) -> Device:
        self.join()
        return self._device


def make_player(bundle: str, block: int, seed: int) -> tuple[str, Player]:
    """A warm player of the bundle called, or in the folder, `bundle`."""
    from neurorack.bundle import load
    from neurorack.engine.player import Player as BundlePlayer

    loaded = load(bundle)
    player = BundlePlayer(loaded, block, seed)
    player.offer_takes()
    return loaded.name, player


def main(arguments: Sequence[str], make_player: MakePlayer = make_player) -> int:
    """The process from its command line to its status; where it has played it does not return but exits."""
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT}
    )  # before any thread: `watch` waits for them
    give_back_large()
    try:
        engine = Engine(parse(arguments), make_player)
        engine.start()
    except BadInput as fault:
        log(str(fault))
        return 2
    engine.end(engine.watch())
