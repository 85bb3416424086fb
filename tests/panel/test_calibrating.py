"""The wizard on the virtual module's own display: real jacks, real panel, a hand at the encoder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hardware.screens import Shown
from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.frontend import Frontend
from neurorack.jacks.calibration import Calibration
from neurorack.panel import screens
from neurorack.panel.pages.system import CalibrationPage, Service
from neurorack.panel.panel import Panel
from neurorack.panel.state import CalibrationView
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.control import RackControl
from neurorack.rack.world import World
from neurorack.shared import Snapshot
from neurorack.words import CV_JACKS

RACK = """
[sources.one]
kind = "constant"
volts = 1.0
[sources.three]
kind = "constant"
volts = 3.0
[sources.lfo]
kind = "lfo"
shape = "sine"
rate_hz = 0.7
low_v = -1.0
high_v = 1.0
"""
ASK_ZERO = CalibrationView(
    title="0 V", lines=("on voct and cv1-4, or", "pull all their cables"), choices=("measure", "leave")
)


class Module:
    """Jacks and panel of specimen 5 on one simulated clock; `saved` is what the wizard gave to be saved."""

    def __init__(self, run_dir: Path) -> None:
        self.clock = SimulatedClock(10**9)
        (run_dir / "rack.toml").write_text('name = "bench"\n' + RACK)
        World.create(run_dir, self.clock.now_ns(), path=run_dir / "rack.toml", specimen=5)
        self.hands = RackControl(run_dir, self.clock)
        board = load_board(rack=True)
        self.jacks = Frontend(board, run_dir, self.clock)
        self.saved: list[Calibration] = []
        self.instrument = Shown()
        self.panel = Panel(run_dir, board, self.clock, self.instrument, Service(self._save))
        self.full = False
        self._oled = Snapshot(run_dir / "rack.oled", OLED, create=True)
        self.run(0.3)

    def _save(self, calibration: Calibration) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append(calibration)

    def run(self, seconds: float) -> None:
        end_ns, panel_ns = self.clock.now_ns() + round(seconds * 1e9), 0
        while self.clock.now_ns() < end_ns:
            due_ns = self.jacks.step()
            if self.clock.now_ns() >= panel_ns:
                panel_ns = self.panel.step()
            self.clock.sleep_until_ns(min(due_ns, panel_ns))

    def press(self, seconds: float = 0.1) -> None:
        self.hands.press_encoder(True)
        self.run(seconds)
        self.hands.press_encoder(False)
        self.run(0.15)

    def seen(self) -> np.ndarray:
        self._oled.refresh()
        return pixels(self._oled.record)

    def shows(self, view: CalibrationView) -> bool:
        return np.array_equal(self.seen(), screens.calibration(view))

    @property
    def stage(self) -> str:
        page = self.panel.menu.page
        return page.calibrating._wizard.stage.value if isinstance(page, CalibrationPage) else ""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Module]:
    made = Module(tmp_path)
    yield made
    made.jacks.close()


def opened(module: Module) -> None:
    """As a player finds it: push, turn to "calibrate", push."""
    module.press()
    module.hands.turn_encoder(-2)
    module.run(0.2)
    module.press()


def calibrated(module: Module) -> None:
    opened(module)
    for output in (None, "one.out", "three.out"):
        if output:
            module.hands.patch("voct", output)
        module.press()
        module.run(4.0)


def test_it_is_found_in_the_menu(module: Module) -> None:
    opened(module)
    assert module.stage == "ask" and module.shows(ASK_ZERO)


def test_encoder_and_three_voltages_bring_the_module_in_tune(module: Module) -> None:
    calibrated(module)
    assert module.stage == "result"
    assert module.saved == []
    module.press()
    assert module.stage == "saved"
    (calibration,) = module.saved
    assert set(calibration.corrections) == set(CV_JACKS)
    module.jacks.scan.calibrate(calibration)
    module.run(0.5)
    assert 1_200 * abs(module.jacks.scan.volts[0] - 3.0) < 0.5
    module.press()
    assert module.stage == ""


def test_a_turn_chooses_leaving_and_a_push_does_it(module: Module) -> None:
    calibrated(module)
    module.hands.turn_encoder(1)
    module.run(0.2)
    module.press()
    assert module.stage == "" and module.saved == []


@pytest.mark.parametrize("pushes", [0, 1])
def test_a_long_press_leaves_at_any_time_and_holding_on_does_no_more(module: Module, pushes: int) -> None:
    opened(module)
    for _ in range(pushes):
        module.press()
    module.press(3.0)
    assert module.stage == "" and module.saved == []
    assert type(module.panel.menu.page).__name__ == "Wheel", "back in the menu"


@pytest.mark.parametrize(
    ("jack", "step", "said"), [("cv3", 0, "cv3 moves: pull it"), ("voct", 1, "voct moves: leave it alone")]
)
def test_a_jack_that_is_not_still_is_named_with_the_mend(module: Module, jack: str, step: int, said: str) -> None:
    opened(module)
    for _ in range(step):
        module.press()
        module.run(4.0)
    module.hands.patch(jack, "lfo.out")
    module.press()
    module.run(2.0)
    page = module.panel.menu.page
    assert isinstance(page, CalibrationPage) and page.calibrating.view().moving == said
    module.hands.unplug(jack)
    module.run(1.5)
    assert page.calibrating.view().moving == ""


def test_a_wrong_voltage_is_refused_and_can_be_put_right(module: Module) -> None:
    opened(module)
    module.press()
    module.run(4.0)
    module.hands.patch("voct", "three.out")
    module.press()
    module.run(4.0)
    assert module.stage == "refused"
    module.hands.patch("voct", "one.out")
    module.press()
    module.run(4.0)
    assert module.stage == "ask"


def test_a_full_disk_is_said_and_another_push_tries_again(module: Module) -> None:
    calibrated(module)
    module.full = True
    module.press()
    assert module.stage == "result"
    full = CalibrationView(
        step=3, lines=("cannot save: No space left on device",), warn=True, choices=("save", "leave")
    )
    assert module.shows(full)
    module.full = False
    module.press()
    assert module.stage == "saved" and len(module.saved) == 1


def test_a_converter_that_falls_silent_is_said(module: Module) -> None:
    opened(module)
    module.press()
    module.hands.fault("adc_cv", "absent")
    module.run(2.0)
    assert module.stage == "refused"
    assert "silent" in module.panel.menu.page.calibrating.view().lines[0]
