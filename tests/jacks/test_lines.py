"""Edges: order, debounce, header pins, refusals."""

import random
import sys
import types
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import gpiod
import msgspec
import pytest
from gpiod import EdgeEvent
from gpiod.line import Clock as EventClock
from gpiod.line import Direction, Value
from gpiod.line import Edge as LineEdge

from neurorack.board import Gpio, Line, load_board
from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.jacks import lines as lines_module
from neurorack.jacks.lines import KERNEL_EVENTS, Lines, chip_device, header_line, line_faults, open_lines
from neurorack.panel.encoder import Quadrature

RISE, FALL = EdgeEvent.Type.RISING_EDGE.value, EdgeEvent.Type.FALLING_EDGE.value


class Request:
    """A kernel with events up its sleeve, 64 a read; a read without any would block, so it fails."""

    def __init__(self) -> None:
        self.events: list[EdgeEvent] = []
        self.released = False

    def happens(self, t_us: float, offset: int, kind: int) -> None:
        self.events.append(EdgeEvent(kind, round(t_us * 1_000), offset, 0, 0))

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        assert timeout == 0
        return bool(self.events)

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        assert self.events, "would block"
        events, self.events = self.events[:64], self.events[64:]
        return events

    def get_values(self, lines: object = None) -> list[Value]:
        return [Value.ACTIVE, Value.INACTIVE]

    def release(self) -> None:
        self.released = True


@pytest.fixture
def bench():
    request, clock = Request(), SimulatedClock()
    lines = Lines(request, {5: "gate1", 6: "encoder_push"}, {"gate1": 100_000, "encoder_push": 5_000_000}, clock)
    return request, clock, lines


class Kernel:
    """Two GPIO chips as a Jetson has them, whatever order they were found in."""

    def __init__(self, devices: Path) -> None:
        self.devices, self.forbidden = devices, False
        self.used: dict[int, str] = {}
        self.asked: list[int] = []
        self.requested: tuple[str, dict[int, gpiod.LineSettings]] | None = None
        for name in ("gpiochip0", "gpiochip1", "gpiochip-of-nobody"):
            (devices / name).touch()

    def is_chip(self, path: str) -> bool:
        return Path(path).name in ("gpiochip0", "gpiochip1")

    @contextmanager
    def open(self, path: str):
        yield types.SimpleNamespace(
            get_info=lambda: types.SimpleNamespace(
                label="tegra234-gpio" + ("-aon" if path.endswith("0") else ""), num_lines=164
            ),
            get_line_info=self.line,
        )

    def chip(self, path: str):
        if self.forbidden:
            raise PermissionError(13, "Permission denied")
        return self.open(path)

    def line(self, offset: int) -> types.SimpleNamespace:
        self.asked.append(offset)
        return types.SimpleNamespace(used=offset in self.used, consumer=self.used.get(offset, ""))

    def request(self, path: str, *, consumer: str, config: dict, event_buffer_size: int) -> Request:
        assert (consumer, event_buffer_size) == ("neurorack", 1024)
        self.requested = path, config
        return Request()


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(lines_module, "DEVICES", tmp_path)
    monkeypatch.setattr(gpiod, "is_gpiochip_device", made.is_chip)
    monkeypatch.setattr(gpiod, "Chip", made.chip)
    monkeypatch.setattr(gpiod, "request_lines", made.request)
    return made


@pytest.fixture
def with_lines() -> Callable[..., Gpio]:
    """The board's GPIO by lines of its chip; some of them other ones."""

    def made(**other: int) -> Gpio:
        numbers = {"gate1": 105, "gate2": 106, "encoder_a": 41, "encoder_b": 43, "encoder_push": 85} | other
        return msgspec.structs.replace(load_board().gpio, **{name: Line(line=n) for name, n in numbers.items()})

    return made


def told(lines: Lines) -> list[tuple[float, str, int]]:
    return [(t_ns / 1_000, name, level) for t_ns, name, level in lines.edges()]


def test_an_edge_carries_the_kernels_time_at_once(bench):
    request, clock, lines = bench
    request.happens(50, 5, RISE)
    clock.sleep_until_ns(60_000)
    assert told(lines) == [(50, "gate1", 1)]
    assert told(lines) == []


def test_bouncing_is_one_edge_and_costs_no_delay(bench):
    request, clock, lines = bench
    for t_us, kind in ((1_000, RISE), (1_300, FALL), (1_500, RISE), (2_000, FALL), (2_100, RISE)):
        request.happens(t_us, 6, kind)
    clock.sleep_until_ns(3_000_000)
    assert told(lines) == [(1_000, "encoder_push", 1)]
    clock.sleep_until_ns(20_000_000)
    assert told(lines) == []


def test_the_level_at_the_end_of_the_deaf_time_is_never_lost(bench):
    request, clock, lines = bench
    request.happens(1_000, 5, RISE)
    request.happens(1_050, 5, FALL)
    clock.sleep_until_ns(1_060_000)
    assert told(lines) == [(1_000, "gate1", 1)]
    clock.sleep_until_ns(1_200_000)
    assert told(lines) == [(1_100, "gate1", 0)]


def test_a_late_read_tells_both_ends_of_a_short_pulse_and_what_follows(bench):
    request, clock, lines = bench
    for t_us, kind in ((1_000, RISE), (1_050, FALL), (1_400, RISE)):
        request.happens(t_us, 5, kind)
    clock.sleep_until_ns(9_000_000)
    assert told(lines) == [(1_000, "gate1", 1), (1_100, "gate1", 0), (1_400, "gate1", 1)]


def test_a_line_settles_by_all_its_edges_however_many_waited(bench):
    request, clock, lines = bench
    for number in range(32):
        request.happens(1_000 + 1_000 * number, 5, RISE)
        request.happens(1_050 + 1_000 * number, 5, FALL)
    request.happens(32_080, 5, RISE)  # the 65th
    clock.sleep_until_ns(90_000_000)
    assert told(lines)[-3:] == [(31_000, "gate1", 1), (31_100, "gate1", 0), (32_000, "gate1", 1)]
    assert told(lines) == []


def test_a_line_that_never_rests_does_not_keep_the_others_waiting(bench):
    request, clock, lines = bench
    for number in range(2 * KERNEL_EVENTS):
        request.happens(1 + number, 5, RISE if number % 2 == 0 else FALL)
    clock.sleep_until_ns(9_000_000)
    lines.edges()
    assert len(request.events) == KERNEL_EVENTS


def test_edges_of_all_lines_come_in_the_order_of_time(bench):
    request, clock, lines = bench
    for t_us, offset, kind in ((100, 6, RISE), (200, 5, RISE), (230, 5, FALL), (260, 6, FALL)):
        request.happens(t_us, offset, kind)
    clock.sleep_until_ns(10_000_000)
    assert told(lines) == [(100, "encoder_push", 1), (200, "gate1", 1), (300, "gate1", 0), (5_100, "encoder_push", 0)]


def test_a_lost_edge_leaves_the_next_level_right(bench):
    request, clock, lines = bench
    for t_us, kind in ((1_000, RISE), (3_000, RISE), (4_000, FALL)):  # the fall between was lost
        request.happens(t_us, 5, kind)
    clock.sleep_until_ns(10_000_000)
    assert told(lines) == [(1_000, "gate1", 1), (4_000, "gate1", 0)]


def test_the_first_edges_tell_how_the_lines_stand(bench):
    _, _, lines = bench
    assert lines.first() == [(0, "gate1", 1), (0, "encoder_push", 0)]


def test_closing_releases_the_lines(bench):
    request, _, lines = bench
    lines.close()
    assert request.released


def test_a_header_pin_off_a_jetson_is_refused_with_the_mend():
    with pytest.raises(BadInput, match=r"header pin 29.*virtual rack"):
        header_line(29)


def test_on_a_jetson_header_pins_come_from_its_tables(monkeypatch, kernel):
    channels = {pin: types.SimpleNamespace(line_offset=pin + 76) for pin in (15, 29, 31, 32, 33)}
    tables = types.ModuleType("Jetson.GPIO.gpio_pin_data")
    tables.get_data = lambda: ("JETSON_ORIN_NANO", {}, {"BOARD": channels})  # type: ignore[attr-defined]
    package, jetson = types.ModuleType("Jetson.GPIO"), types.ModuleType("Jetson")
    package.gpio_pin_data, jetson.GPIO = tables, package  # type: ignore[attr-defined]
    for name, part in (("Jetson", jetson), ("Jetson.GPIO", package), ("Jetson.GPIO.gpio_pin_data", tables)):
        monkeypatch.setitem(sys.modules, name, part)
    assert header_line(29) == 105
    with pytest.raises(BadInput, match="no GPIO at header pin 7"):
        header_line(7)
    assert [line_faults(load_board().gpio), kernel.asked] == [[], [105, 107, 108, 109, 91]]


def test_a_chip_is_found_by_its_label_whatever_its_number(kernel):
    assert chip_device("tegra234-gpio") == str(kernel.devices / "gpiochip1")


@pytest.mark.parametrize(
    ("chip", "words"),
    [
        (
            "tegra235-gpio",
            r"no GPIO chip with this label .*: tegra234-gpio-aon, tegra234-gpio is here",
        ),
        ("/dev/gpiochip99", r"no such GPIO chip \(/dev/gpiochip99\): .*gpio.chip"),
        ("/dev/null", r"this is no GPIO chip \(/dev/null\): .*gpio.chip"),
    ],
)
def test_a_wrong_chip_is_refused_with_those_that_are_here(kernel, chip, words):
    with pytest.raises(BadInput, match=words):
        chip_device(chip)


def test_a_chip_that_may_not_be_opened_says_which_group_helps(kernel):
    kernel.forbidden = True
    with pytest.raises(BadInput, match=r"may not open the GPIO chip .*group gpio"):
        chip_device("tegra234-gpio")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (164, r"there is no line 164 \(chip tegra234-gpio, gpio.gate1\): the last one is 163"),
        (7, r"line 7 is used by fan \(chip tegra234-gpio, gpio.gate1\): end that, or take another pin"),
        (8, r"line 8 is used by the kernel \(chip tegra234-gpio, gpio.gate1\)"),
        (41, r"line 41 is on the board twice \(chip tegra234-gpio, gpio.encoder_a\)"),
    ],
)
def test_a_wrong_line_is_refused_before_any_is_taken(kernel, with_lines, tmp_path, line, words):
    kernel.used = {7: "fan", 8: ""}
    with pytest.raises(BadInput, match=words):
        open_lines(with_lines(gate1=line), SimulatedClock(), tmp_path)


def test_lines_are_asked_for_with_both_edges_and_monotonic_time(kernel, with_lines, tmp_path):
    open_lines(with_lines(gate1=105), SimulatedClock(), tmp_path)
    device, config = kernel.requested
    assert device == str(kernel.devices / "gpiochip1")
    assert sorted(config) == [41, 43, 85, 105, 106]
    assert {(s.edge_detection, s.event_clock, s.direction) for s in config.values()} == {
        (LineEdge.BOTH, EventClock.MONOTONIC, Direction.INPUT)
    }


def test_every_edge_of_a_contact_that_bounces_for_two_milliseconds_counts_once(bench):
    """Model of a worn encoder (EC11: 2 ms of bounce at most): each contact rings at random before it stands."""
    request, clock, _ = bench
    lines = Lines(request, {5: "encoder_a", 6: "encoder_b"}, {"encoder_a": 500_000, "encoder_b": 500_000}, clock)
    chance, turns, turned, t_us = random.Random(11), Quadrature(), 0, 10_000.0
    for detent in range(300):
        right = chance.random() < 0.6
        first, second = (5, 6) if right else (6, 5)
        turned += 1 if right else -1
        for offset, kind in ((first, RISE), (second, RISE), (first, FALL), (second, FALL)):
            ring_us = sorted(chance.uniform(0, 2_000) for _ in range(2 * chance.randrange(6)))
            for number, at_us in enumerate([0.0, *ring_us]):
                request.happens(t_us + at_us, offset, kind if number % 2 == 0 else RISE + FALL - kind)
            t_us += chance.uniform(2_500, 12_000)  # up to 100 detents a second
        if detent % 7 == 0:  # now and then somebody looks
            clock.sleep_until_ns(round(t_us * 1_000))
            turned -= sum(turns.edge(name, level) for _, name, level in lines.edges())
    clock.sleep_until_ns(round(t_us * 1_000) + 10_000_000)
    turned -= sum(turns.edge(name, level) for _, name, level in lines.edges())
    assert turned == 0
