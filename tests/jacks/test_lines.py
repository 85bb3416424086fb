"""Edges: order, debounce, header pins, refusals."""

import sys
import types

import pytest
from gpiod import EdgeEvent
from gpiod.line import Value

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.jacks.lines import Lines, header_line, open_lines

RISE, FALL = EdgeEvent.Type.RISING_EDGE.value, EdgeEvent.Type.FALLING_EDGE.value


class Request:
    """A kernel with events up its sleeve; a read without any would block, so it fails."""

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
        events, self.events = self.events, []
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


def test_on_a_jetson_header_pins_come_from_its_tables(monkeypatch, tmp_path):
    """With the tables of Jetson.GPIO in place the refusal comes from libgpiod, which knows no such chip here."""
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
    gpio = load_board().gpio
    with pytest.raises(BadInput, match=r"gpiochip|GPIO chip"):
        open_lines(gpio, SimulatedClock(), tmp_path)
