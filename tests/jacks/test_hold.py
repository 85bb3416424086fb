"""The encoder held down calls for panic, at power-on for safe mode, and nothing shorter, finer or broken does."""

import pytest

from neurorack.jacks.hold import HELD_S, SAFE_S, HeldAtStart, Hold
from neurorack.panel.encoder import LONG_PRESS_S

LONG_NS = round(HELD_S * 1e9)


@pytest.fixture
def hold() -> Hold:
    made = Hold()
    made.edge(0, "encoder_push", 0)
    return made


def test_a_push_that_lasts_is_told_once(hold: Hold):
    hold.edge(1000, "encoder_push", 1)
    assert not hold.held(1000 + LONG_NS - 1)
    assert hold.held(1000 + LONG_NS)
    assert not hold.held(1000 + 3 * LONG_NS)
    hold.edge(10**11, "encoder_push", 0)
    hold.edge(2 * 10**11, "encoder_push", 1)
    assert hold.held(2 * 10**11 + LONG_NS), "the next one again"


def test_it_takes_five_seconds_more_than_the_way_back(hold: Hold):
    assert HELD_S - LONG_PRESS_S >= 5.0


def test_letting_go_or_turning_begins_anew(hold: Hold):
    hold.edge(0, "encoder_push", 1)
    hold.edge(LONG_NS - 1, "encoder_a", 1)
    assert not hold.held(LONG_NS), "fine steps are made with the encoder pushed"
    hold.edge(LONG_NS + 1, "encoder_push", 0)
    assert not hold.held(10 * LONG_NS)


def test_a_button_that_is_stuck_from_the_start_is_no_panic():
    hold = Hold()
    hold.edge(0, "encoder_push", 1)
    assert not hold.held(10 * LONG_NS)
    hold.edge(10 * LONG_NS, "encoder_push", 0)
    hold.edge(11 * LONG_NS, "encoder_push", 1)
    assert hold.held(12 * LONG_NS)


SAFE_NS = round(SAFE_S * 1e9)
BEGAN_NS = 10**12


def asks(*edges: tuple[int, int], line: str = "encoder_push") -> list[bool]:
    """What each edge (ns after the start, level) says."""
    start = HeldAtStart(BEGAN_NS)
    return [start.edge(BEGAN_NS + t_ns, line, level) for t_ns, level in edges]


def test_held_at_power_on_for_a_second_and_let_go_it_asks_for_safe_mode_once():
    assert asks((5, 1), (5 + SAFE_NS, 0), (10**10, 1), (10**11, 0)) == [False, True, False, False]
    assert asks((5, 1), (4 + SAFE_NS, 0)) == [False, False], "too short"


def test_a_button_that_was_up_at_power_on_asks_for_nothing_later():
    assert not any(asks((5, 0), (10**9, 1), (10**10, 0)))


def test_what_was_held_before_the_start_or_is_another_line_is_not_the_button():
    assert not any(asks((-(10**9), 1), (5, 0)))
    assert not any(asks((5, 1), (10**10, 0), line="gate1"))


def test_a_button_that_is_stuck_takes_nobodys_settings():
    start = HeldAtStart(BEGAN_NS)
    assert not start.edge(BEGAN_NS + 5, "encoder_push", 1) and not start.over
    assert not start.waits(BEGAN_NS + SAFE_NS) and start.waits(BEGAN_NS + 5 + SAFE_NS), "the display says: let go"
    assert not start.edge(BEGAN_NS + 10**11, "encoder_push", 1), "jacks that were started anew say it again"
