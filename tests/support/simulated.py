"""The module in simulated time: jacks, panel and desk as they are, on one clock that moves when they wait for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
from hands import Hands
from msgspec.structs import replace

from neurorack import bundle
from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.daemon import TIDY_S
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.frontend import Frontend
from neurorack.panel.pages.system import Service
from neurorack.panel.panel import Panel
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.control import RackControl
from neurorack.rack.world import World
from neurorack.settings.model import PRESETS, JackName
from neurorack.shared import METERS, AudioTap, Snapshot
from neurorack.words import GATE2_TASKS

BUNDLES = ("fluid", "skins", "tongues")


class Module:
    """Jacks, panel and desk on one simulated clock, and an engine that takes up what it is told, or refuses it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random, self.clock, self.events = Random(seed), SimulatedClock(10**9), 0
        run_dir = folder / "run"
        run_dir.mkdir()
        World.create(run_dir, self.clock.now_ns())
        self.hands = Hands(RackControl(run_dir, self.clock), self.random, self.run, self.clock.now_ns)
        self.run_dir, self._board = run_dir, load_board(rack=True)
        self.jacks = Frontend(self._board, run_dir, self.clock)
        self.desk = Desk(folder / "state", "fluid", bundle=None, intonation=None, clock=self.clock)
        self.desk.begin(run_dir, plays_on=False, gate_delay_s=0.006, listen=False)
        self.desk.open(run_dir)
        self._meters = Snapshot(run_dir / "meters", METERS, create=True)
        self._tap = AudioTap(run_dir / "tap", create=True)
        self._oled = Snapshot(run_dir / "rack.oled", OLED, create=True)
        self.restarts = 0
        self.visited: set[str] = set()
        self._panel_ns = self._engine_ns = self._desk_ns = 0
        self.slowest_ns = 0
        self.doze_ns = 0
        """Jacks and engine do nothing sooner than so long after they did something last."""
        self._start_panel()

    def _start_panel(self) -> None:
        """As the daemon does; a module that was shut down is switched on again."""
        service = Service(shut_down=self._start_panel, panic=self.desk.play_safe)
        self.panel = Panel(self.run_dir, self._board, self.clock, self.desk, service)
        self.restarts += 1

    def run(self, seconds: float) -> None:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        due_ns = 0
        while (now_ns := self.clock.now_ns()) < end_ns:
            if now_ns >= due_ns:
                due_ns = max(self.jacks.step(), now_ns + self.doze_ns)
            if now_ns >= self._engine_ns:
                self.engine(now_ns)
            if now_ns >= self._desk_ns:
                self._desk_ns = now_ns + round(TIDY_S * 1e9)
                self.tend(now_ns)
            if now_ns >= self._panel_ns:
                began_ns = self.clock.now_ns()
                self._panel_ns = self.panel.step()
                self.slowest_ns = max(self.slowest_ns, self.clock.now_ns() - began_ns)
            self.clock.sleep_until_ns(min(due_ns, self._panel_ns, self._engine_ns, end_ns))

    def tend(self, now_ns: int) -> None:
        """What the daemon does besides."""
        self.desk.step(self.jacks._volts.record)

    def engine(self, now_ns: int) -> None:
        self._engine_ns = now_ns + max(20_000_000, self.doze_ns)
        m, sound = self._meters.record, self.desk.sound
        m.t_ns, m.pid, m.first_sound_ns, m.gesture = now_ns, 7, 1, sound.gesture
        m.bundle, m.pitch_hz, m.level_rms = sound.bundle.encode(), 440 * self.random.uniform(0.5, 2), 0.1
        self._meters.publish()
        self._tap.write(np.full(960, self.random.uniform(-1, 1), np.float32))

    def event(self) -> None:
        """One of all that hands, cables and mishaps can do, and of what comes from elsewhere."""
        self.events += 1
        self.hands.event((1, self.rewire), (1, self.misname), (1, self.pass_time))

    def pass_time(self) -> None:
        self.clock.sleep_until_ns(self.clock.now_ns() + self.random.choice((1, 400, 1300)) * 10**9)

    def rewire(self) -> None:
        """One jack on every knob, a scale with every note or with none, and a task for gate 2."""
        random, sound = self.random, self.desk.sound
        jack, amount = random.choice(get_args(JackName)), random.uniform(-1, 1)
        knobs = {name: replace(knob, attenuverter={jack: amount}) for name, knob in sound.knobs.items()}
        scale, gate2 = random.choice((0, 1, 0xFFF)), random.choice(GATE2_TASKS)
        self.desk.play(replace(sound, knobs=knobs, scale=scale, gate2=gate2))

    def misname(self) -> None:
        with pytest.raises(BadInput):
            self.desk.preset("save", self.random.randint(1, PRESETS), self.random.choice(("", "n" * 300)))

    def seen(self) -> np.ndarray:
        self._oled.refresh()
        return pixels(self._oled.record)


def is_free(module: Module) -> bool:
    """Whether a player finds his way home, and a turn there is heard and seen."""
    module.hands.repair()
    module.run(5.0)
    for _ in range(10):
        module.hands.push(0.7)
        module.run(0.1)
    gesture, before = module.desk.sound.gesture, module.seen()
    module.hands.control.turn_encoder(1)
    module.run(0.1)
    there = module.panel.menu.at_home and module.desk.sound.gesture != gesture
    return there and not np.array_equal(before, module.seen())


@contextmanager
def tiny_bundles(folder: Path, write: Callable[..., Path]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in BUNDLES:
            write(folder / name)
        patch.setattr(bundle, "folders", lambda: [folder])
        yield
