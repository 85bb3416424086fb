"""The panel on the virtual module: its own chips, a run directory, and a clock that the test holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.panel import screens
from neurorack.panel.panel import CHOICE_S, Panel
from neurorack.panel.state import PanelState
from neurorack.rack.chips.pca9685 import LEDS
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.control import RackControl
from neurorack.shared import CONTROLS, METERS, VOLTS, EdgeRing, Snapshot

GESTURES = ("pluck", "bow", "swell")


@dataclass
class Module:
    """A panel with what the other processes would write beside it."""

    run_dir: Path
    clock: SimulatedClock
    panel: Panel
    chosen: list[int]
    engine_alive: bool = True
    jacks_alive: bool = True
    chip_ok: tuple[int, int, int] = (1, 1, 1)
    bus_low: bool = False
    over: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    meters: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._meters = Snapshot(self.run_dir / "meters", METERS, create=True)
        self._volts = Snapshot(self.run_dir / "volts", VOLTS, create=True)
        self._controls = Snapshot(self.run_dir / "controls", CONTROLS, create=True)
        self.edges = EdgeRing(self.run_dir / "edges", create=True)
        self._oled = Snapshot(self.run_dir / "rack.oled", OLED, create=True)
        self._leds = Snapshot(self.run_dir / "rack.leds", LEDS, create=True)

    def run(self, seconds: float) -> int:
        """Let time pass, everybody writing what they do; returns how often the panel drew."""
        end_ns, frames = self.clock.now_ns() + round(seconds * 1e9), 0
        while self.clock.now_ns() < end_ns:
            self._publish(self.clock.now_ns())
            self.clock.sleep_until_ns(self.panel.step())
            frames += 1
        return frames

    def _publish(self, now_ns: int) -> None:
        if self.engine_alive:
            m = self._meters.record
            m.t_ns, m.pid, m.first_sound_ns = now_ns, 7, 1
            m.bundle, m.device, m.pitch_hz, m.level_rms, m.level_peak = b"fluid", b"dummy", 440.0, 0.1, 0.2
            for name, value in self.meters.items():
                m[name] = value
            self._meters.publish()
        if self.jacks_alive:
            v = self._volts.record
            v.t_ns, v.chip_ok, v.bus_low, v.over = now_ns, self.chip_ok, self.bus_low, self.over
            self._volts.publish()
            self._controls.record.descriptors = 0.5
            self._controls.publish()

    def turn(self, detents: int) -> None:
        """As the jacks process would report a hand at the encoder."""
        lines = ("encoder_a", "encoder_b") if detents > 0 else ("encoder_b", "encoder_a")
        for _ in range(abs(detents)):
            for line, level in ((lines[0], 1), (lines[1], 1), (lines[0], 0), (lines[1], 0)):
                self.edges.push(self.clock.now_ns(), line, level)

    def press(self, seconds: float) -> None:
        self.edges.push(self.clock.now_ns(), "encoder_push", 1)
        self.run(seconds)
        self.edges.push(self.clock.now_ns(), "encoder_push", 0)
        self.run(0.08)

    def seen(self) -> np.ndarray:
        """What the display shows now, bool [64, 128]."""
        self._oled.refresh()
        return pixels(self._oled.record)

    def lit(self) -> np.ndarray:
        """Duty of the LEDs, in the order of `board.LED_NAMES`."""
        self._leds.refresh()
        return self._leds.record.duty[:8]


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Module]:
    clock = SimulatedClock(10**9)
    chosen: list[int] = []
    panel = Panel(tmp_path, load_board(rack=True), clock, chosen.append)
    panel.gestures = GESTURES
    yield Module(tmp_path, clock, panel, chosen)


def header(text_left: str, text_right: str) -> np.ndarray:
    state = PanelState(bundle=text_left, gesture=text_right, pitch_hz=440.0)
    return screens.main(state)[:8]


def test_it_shows_the_splash_first_and_the_sound_soon_after(module: Module) -> None:
    module.run(0.6)
    splash = module.seen()
    assert splash[3:20].any() and not np.array_equal(splash[:8], header("fluid", "pluck"))
    module.run(1.0)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "pluck"))


def test_without_sound_the_splash_stays_and_the_engine_led_breathes(module: Module) -> None:
    module.engine_alive = False
    brightness = []
    for _ in range(30):
        module.run(0.1)
        brightness.append(module.lit()[7])
    assert max(brightness) > 0.9 and min(brightness) < 0.1
    np.testing.assert_array_equal(module.seen()[3:18, :64], screens.splash(PanelState())[3:18, :64])


def test_it_draws_at_most_25_frames_a_second(module: Module) -> None:
    assert 20 <= module.run(1.0) <= 26


def test_a_step_before_its_time_does_nothing(module: Module) -> None:
    module.run(0.5)
    due_ns = module.panel.step()
    assert due_ns > module.clock.now_ns()
    assert module.panel.step() == due_ns


def test_a_turn_chooses_the_gesture_and_says_so_in_large(module: Module) -> None:
    module.run(1.5)
    module.turn(2)
    module.run(0.1)
    assert module.chosen == [1, 2]
    expected = screens.gesture(PanelState(bundle="fluid", gesture="swell", gesture_number=2, gestures=3))
    np.testing.assert_array_equal(module.seen(), expected)
    module.meters["gesture"] = 2
    module.run(CHOICE_S)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "swell"))


def test_turning_back_from_the_first_gesture_comes_to_the_last(module: Module) -> None:
    module.run(1.5)
    module.turn(-1)
    module.run(0.1)
    assert module.chosen == [2]


def test_a_press_is_the_next_gesture(module: Module) -> None:
    module.run(1.5)
    module.press(0.1)
    assert module.chosen == [1]


def test_a_long_press_opens_the_diagnostics_and_the_next_touch_only_closes_them(module: Module) -> None:
    module.run(1.5)
    module.press(0.8)
    module.run(0.1)
    assert module.seen()[0].all(), "the title bar of the diagnostics"
    module.turn(1)
    module.run(0.1)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "pluck"))
    assert module.chosen == []


def test_a_problem_is_shown_until_it_is_gone(module: Module) -> None:
    module.run(1.5)
    problem = BadInput("no bundle", "models", "install one")
    module.panel.problem = problem
    module.run(0.1)
    np.testing.assert_array_equal(module.seen(), screens.error(problem))
    module.panel.problem = None
    module.run(0.1)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "pluck"))


def test_the_engines_notice_takes_its_turn_in_the_header(module: Module) -> None:
    module.meters["notice"] = b"no sound card: playing to file"
    lit = set()
    for _ in range(60):
        module.run(0.15)
        lit.add(bool(module.seen()[0, :100].all()))
    assert lit == {True, False}


def test_a_silent_chip_lights_the_fault_led_and_marks_the_pitch(module: Module) -> None:
    module.run(1.5)
    healthy = module.seen()
    assert module.lit()[5] == 0
    module.chip_ok = (0, 1, 1)
    seen = []
    for _ in range(8):
        module.run(0.12)
        seen.append(module.lit()[5])
    assert 0 in seen and max(seen) == 1
    assert not np.array_equal(module.seen()[9:18, 40:80], healthy[9:18, 40:80])


def notices(module: Module) -> tuple[str, ...]:
    return tuple(module.panel._state(module.clock.now_ns()).notices)


@pytest.mark.parametrize(
    ("over", "lines"),
    [
        ((0, 0, 1, 0, 0), ("cv2 over range: too high",)),
        ((-1, 0, 0, 1, 0), ("voct over range: too low", "cv3 over range: too high")),
        ((1, 1, 1, -1, 1), ("all jacks over range: op-amp supply?",)),
    ],
)
def test_a_jack_that_stays_over_range_is_one_line(module: Module, over: tuple, lines: tuple[str, ...]) -> None:
    module.run(1.5)
    module.over = over
    module.run(1.5)
    assert notices(module) == ()  # a peak is the player's
    module.run(1.0)
    assert notices(module) == lines
    module.over = (0, 0, 0, 0, 0)
    module.run(0.1)
    assert notices(module) == ()


def test_a_bus_held_low_is_one_line_not_three(module: Module) -> None:
    module.run(1.5)
    module.chip_ok, module.bus_low = (0, 0, 0), True
    module.run(0.1)
    assert notices(module) == ("I2C bus held low: all jacks held",)


def test_a_panel_whose_bus_is_held_low_stalls_for_a_fifth_of_the_time_at_most(module: Module) -> None:
    """Display and LEDs ask in turn, and each try blocks for the kernel's 100 ms or, on old kernels, for a second."""
    module.run(1.5)
    RackControl(module.run_dir, module.clock).fault("bus_b", "stuck", seconds=1.0)
    module.run(30.0)
    assert module.run(60.0) >= 0.75 * 60 * 25
    module.turn(1)
    module.run(4.0)
    assert module.chosen == [1], "the encoder is heard all the while"


def test_a_dead_engine_is_said_and_the_panel_lives_on(module: Module) -> None:
    module.run(1.5)
    module.engine_alive = False
    module.run(1.0)
    assert len({float(module.lit()[7]) for _ in range(8) if module.run(0.12)}) == 2, "the engine's LED blinks"
    module.engine_alive = True
    module.run(0.5)
    np.testing.assert_array_equal(module.seen()[10:24, :76], screens.main(PanelState(pitch_hz=440.0))[10:24, :76])


def test_a_display_that_dies_delays_no_led_and_comes_back_by_itself(module: Module) -> None:
    module.run(1.5)
    hands = RackControl(module.run_dir, module.clock)
    hands.fault("oled", "absent")
    assert module.run(2.0) >= 45
    faults = {float(module.lit()[5]) for _ in range(8) if module.run(0.12)}
    assert faults == {0.0, 1.0}, "the fault LED says what the display cannot"
    module.meters["level_rms"] = 1.0
    module.run(0.1)
    assert module.lit()[2] > 0.9
    hands.repair("oled")
    module.run(4.5)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "pluck"))


@pytest.mark.parametrize("what", ["leds", "bus_b"])
def test_whatever_fails_on_the_bus_the_panel_recovers(module: Module, what: str) -> None:
    module.run(1.5)
    hands = RackControl(module.run_dir, module.clock)
    hands.fault(what, "stuck" if what == "bus_b" else "absent")
    module.run(3.0)
    assert what == "bus_b" or module.panel._state(module.clock.now_ns()).notices == ("LED chip silent",)
    hands.repair(what)
    module.meters["level_rms"] = 1.0
    module.run(4.5)
    assert module.lit()[2] > 0.9
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", "pluck"))


def test_it_lives_in_an_empty_run_directory_and_finds_what_appears(tmp_path: Path) -> None:
    clock = SimulatedClock(10**9)
    panel = Panel(tmp_path, load_board(rack=True), clock)
    for _ in range(10):
        clock.sleep_until_ns(panel.step())
    module = Module(tmp_path, clock, panel, [])
    module.run(6.0)
    np.testing.assert_array_equal(module.seen()[:8], header("fluid", ""))


def test_without_its_bus_it_goes_on_asking(tmp_path: Path) -> None:
    clock = SimulatedClock(10**9)
    board = load_board()  # the real one: there is no such bus here
    panel = Panel(tmp_path, board, clock)
    for _ in range(50):
        clock.sleep_until_ns(panel.step())


def test_garbage_in_the_meters_does_not_stop_it(module: Module) -> None:
    module.run(1.5)
    for value in (np.nan, np.inf, -np.inf, -1.0, 1e300):
        names = ("pitch_hz", "level_rms", "level_peak", "load", "period_s", "sample_rate_hz")
        module.meters.update(dict.fromkeys(names, value))
        module.meters["gesture"] = -5
        module.meters["bundle"] = b"\xff\xfe"
        module.run(0.2)


def test_close_darkens_the_panel(module: Module) -> None:
    module.run(1.5)
    module.panel.close()
    assert not module.seen().any() and not module.lit().any()
