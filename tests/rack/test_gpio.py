"""Lines of the virtual module behave as libgpiod's do."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from gpiod import EdgeEvent
from gpiod.line import Value

from neurorack.clock import MonotonicClock, SimulatedClock
from neurorack.rack.control import RackControl
from neurorack.rack.gpio import KEPT, RackLines, open_rack_lines
from neurorack.rack.world import World

MS = 1_000_000
S = 1_000 * MS
RISING = EdgeEvent.Type.RISING_EDGE

NAMES = {105: "gate1", 106: "gate2", 41: "encoder_a", 43: "encoder_b", 7: "encoder_push"}


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.csv"
    path.write_text("t,gate1,gate2\n0,0,0\n0.1,5,\n0.2,0,8\n0.3,5,\n0.30001,0,0\n")
    return path


@pytest.fixture
def world(take: Path) -> World:
    return World.from_volts_file(take)


@pytest.fixture
def lines(world: World, clock: SimulatedClock) -> RackLines:
    return open_rack_lines(NAMES, clock, world)


def told(events: list[EdgeEvent]) -> list[tuple[int, str, int]]:
    return [(event.timestamp_ns, NAMES[event.line_offset], int(event.event_type is RISING)) for event in events]


def test_edges_carry_the_time_at_which_the_gate_crossed(lines: RackLines, clock: SimulatedClock) -> None:
    clock.sleep_until_ns(150 * MS)
    assert told(lines.read_edge_events()) == [(100 * MS, "gate1", 1)]
    clock.sleep_until_ns(S)
    assert told(lines.read_edge_events()) == [
        (200 * MS, "gate1", 0),
        (200 * MS, "gate2", 1),
        (300 * MS, "gate1", 1),
        (300_010_000, "gate1", 0),
        (300_010_000, "gate2", 0),
    ]
    assert lines.read_edge_events() == []


def test_edges_do_not_depend_on_how_often_one_looks(world: World) -> None:
    seen = []
    for step_ns in (S, 7 * MS, 999_983):
        clock = SimulatedClock()
        lines = RackLines(world, clock, NAMES)
        events = []
        while clock.now_ns() < S:
            clock.sleep_until_ns(clock.now_ns() + step_ns)
            events += told(lines.read_edge_events())
        seen.append(events)
    assert seen[0] == seen[1] == seen[2]


def test_edges_are_numbered(lines: RackLines, clock: SimulatedClock) -> None:
    clock.sleep_until_ns(S)
    events = lines.read_edge_events()
    assert [event.global_seqno for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.line_seqno for event in events if event.line_offset == 106] == [1, 2]


def test_one_can_take_a_few_at_a_time(lines: RackLines, clock: SimulatedClock) -> None:
    clock.sleep_until_ns(S)
    assert len(lines.read_edge_events(4)) == 4
    assert len(lines.read_edge_events(4)) == 2


def test_a_slow_reader_loses_the_oldest(tmp_path: Path, clock: SimulatedClock) -> None:
    rows = "".join(f"{n / 1000},{5 * (n % 2)}\n" for n in range(KEPT + 501))
    (tmp_path / "fast.csv").write_text("t,gate1\n" + rows)
    lines = RackLines(World.from_volts_file(tmp_path / "fast.csv"), clock, NAMES)
    clock.sleep_until_ns(3 * S)
    events = lines.read_edge_events()
    assert len(events) == KEPT
    assert events[-1].global_seqno == KEPT + 500
    assert events[0].global_seqno == 501


def test_values_are_the_levels_now(lines: RackLines, clock: SimulatedClock) -> None:
    assert lines.get_values() == [Value.INACTIVE] * 5
    clock.sleep_until_ns(150 * MS)
    assert lines.get_value(105) is Value.ACTIVE
    assert lines.get_values([106, 105]) == [Value.INACTIVE, Value.ACTIVE]
    assert told(lines.read_edge_events()) == [(100 * MS, "gate1", 1)], "looking takes no edge away"


def test_a_gate_that_is_on_when_the_lines_are_opened_gives_no_edge(world: World, clock: SimulatedClock) -> None:
    clock.sleep_until_ns(150 * MS)
    lines = RackLines(world, clock, NAMES)
    assert lines.get_value(105) is Value.ACTIVE
    clock.sleep_until_ns(250 * MS)
    assert told(lines.read_edge_events()) == [(200 * MS, "gate1", 0), (200 * MS, "gate2", 1)]


def test_waiting_ends_with_the_edge(lines: RackLines, clock: SimulatedClock) -> None:
    assert not lines.wait_edge_events(0)
    assert not lines.wait_edge_events(0.05)
    assert clock.now_ns() == 50 * MS
    assert lines.wait_edge_events(timedelta(seconds=10))
    assert clock.now_ns() == 100 * MS
    assert lines.wait_edge_events(0), "still unread"
    assert len(lines.read_edge_events()) == 1
    assert lines.wait_edge_events(None)
    assert clock.now_ns() == 200 * MS


def test_a_turn_of_the_encoder_arrives_edge_by_edge(lines: RackLines, world: World, clock: SimulatedClock) -> None:
    clock.sleep_until_ns(S)
    lines.read_edge_events()
    RackControl(world, clock).turn_encoder(-1)
    seen = []
    for _ in range(40):
        clock.sleep_until_ns(clock.now_ns() + MS)
        events = told(lines.read_edge_events())
        assert all(t_ns <= clock.now_ns() for t_ns, _, _ in events), "nothing before its time"
        seen += events
    assert [(name, level) for _, name, level in seen] == [
        ("encoder_b", 1),
        ("encoder_a", 1),
        ("encoder_b", 0),
        ("encoder_a", 0),
    ]
    assert lines.get_values([41, 43]) == [Value.INACTIVE] * 2


def test_turns_of_before_are_not_told_again(world: World, clock: SimulatedClock) -> None:
    hands = RackControl(world, clock)
    hands.turn_encoder(1)
    clock.sleep_until_ns(50 * MS)
    hands.press_encoder(True)
    clock.sleep_until_ns(60 * MS)
    lines = RackLines(world, clock, NAMES)
    assert lines.read_edge_events() == []
    assert lines.get_value(7) is Value.ACTIVE


def test_a_cable_that_moves_trips_the_gate_at_that_moment(clock: SimulatedClock) -> None:
    world = World.from_toml()
    hands = RackControl(world, clock)
    hands.unplug("gate1")
    hands.unplug("gate2")
    lines = RackLines(world, clock, NAMES)
    clock.sleep_until_ns(100 * MS)
    lines.read_edge_events()
    clock.sleep_until_ns(101 * MS)
    hands.patch("gate1", "half.out")  # high since 0
    clock.sleep_until_ns(103 * MS)
    world.refresh()  # whoever notices first
    ((t_ns, name, level),) = told(lines.read_edge_events())
    assert (name, level) == ("gate1", 1)
    assert 0 <= t_ns - 101 * MS <= 1
    hands.unplug("gate1")
    clock.sleep_until_ns(104 * MS)
    assert [(name, level) for _, name, level in told(lines.read_edge_events())] == [("gate1", 0)]


def test_a_key_that_is_told_late_is_not_lost(clock: SimulatedClock) -> None:
    world = World.from_toml()
    hands = RackControl(world, clock)
    hands.patch("gate1", "keys.gate")
    hands.unplug("gate2")
    lines = RackLines(world, clock, NAMES)
    lines.read_edge_events()
    clock.sleep_until_ns(10 * MS)
    key_ns = clock.now_ns()
    clock.sleep_until_ns(11 * MS)
    lines.read_edge_events()  # looked past the key before it was written
    late = RackControl(world, SimulatedClock(key_ns))
    late.key(0.5, True)
    clock.sleep_until_ns(12 * MS)
    ((t_ns, name, level),) = told(lines.read_edge_events())
    assert (name, level) == ("gate1", 1)
    assert 11 * MS < t_ns <= 12 * MS


def test_a_waiting_reader_hears_a_press_in_another_thread(tmp_path: Path) -> None:
    clock = MonotonicClock()
    hands = RackControl(tmp_path, clock)
    hands.unplug("gate1")
    hands.unplug("gate2")
    lines = open_rack_lines(NAMES, clock, tmp_path)
    before_ns = time.monotonic_ns()
    timer = threading.Timer(0.05, hands.press_encoder, (True,))
    timer.start()
    assert lines.wait_edge_events(5.0)
    timer.join()
    ((t_ns, name, level),) = told(lines.read_edge_events())
    assert (name, level) == ("encoder_push", 1)
    assert before_ns < t_ns <= time.monotonic_ns()
    lines.release()
