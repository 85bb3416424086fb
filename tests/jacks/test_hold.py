"""The encoder held down calls for panic, and nothing shorter, finer or broken does."""

import pytest

from neurorack.jacks.hold import HELD_S, Hold
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
