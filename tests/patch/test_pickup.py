"""Pick-up: a knob never jumps after a recall, and its pot is never lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.patch.pickup import NEAR, Pickup

NONE = np.full(4, np.nan)


def pots(first: float) -> np.ndarray:
    return np.array([first, 0.5, 0.5, 0.5])


def recalled(first: float) -> Pickup:
    made = Pickup()
    made.follow(pots(0.2))
    made.recall(pots(first), 1)
    return made


def heard(pickup: Pickup, *positions: float) -> list[float]:
    out = []
    for position in positions:
        pickup.follow(pots(position))
        out.append(float(pickup.pots[0]))
    return out


def test_without_a_recall_the_pots_play():
    assert heard(Pickup(), 0.1, 0.9) == [0.1, 0.9]
    made = Pickup()
    made.recall(NONE, 1)
    assert heard(made, 0.1, 0.9) == [0.1, 0.9]


def test_the_stored_value_plays_until_its_pot_passes_it():
    assert heard(recalled(0.7), 0.2, 0.5, 0.1, 0.68, 0.71, 0.3) == [0.7, 0.7, 0.7, 0.7, 0.71, 0.3]


def test_from_above_as_well():
    made = recalled(0.1)
    assert heard(made, 0.2, 0.9, 0.15, 0.05, 0.6) == [0.1, 0.1, 0.1, 0.05, 0.6]


def test_a_pot_that_stands_there_takes_over_at_once():
    assert heard(recalled(0.205), 0.2, 0.9) == [0.2, 0.9]


def test_a_pot_that_jumps_across_takes_over_too():
    assert heard(recalled(0.7), 0.2, 1.0) == [0.7, 1.0]


def test_each_pot_waits_for_itself():
    made = recalled(0.7)
    made.follow(pots(0.2))
    assert list(made.waiting) == [True, False, False, False]


def test_another_recall_makes_all_wait_again_and_the_same_one_does_not():
    made = recalled(0.7)
    assert heard(made, 0.2, 0.8) == [0.7, 0.8]
    made.recall(pots(0.7), 1)
    assert heard(made, 0.3) == [0.3]
    made.recall(pots(0.7), 2)
    assert heard(made, 0.3, 0.75) == [0.7, 0.75]


def test_one_that_starts_again_goes_on_waiting():
    before = recalled(0.7)
    heard(before, 0.2)
    after = Pickup()
    after.resume(before.pots, before.waiting, before.recalled_ns)
    after.recall(pots(0.7), 1)
    assert heard(after, 0.2, 0.4, 0.8) == [0.7, 0.7, 0.8]


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_it_takes_over_when_the_value_has_been_passed_and_only_then(stored, positions):
    made = recalled(stored)
    passed = False
    for before, position in zip([positions[0], *positions], positions, strict=False):
        near = abs(position - stored) <= NEAR
        crossed = (before > stored) != (position > stored)
        passed = passed or near or crossed
        assert heard(made, position) == [position if passed else stored]


@pytest.mark.parametrize("value", [-1.0, 2.0])
def test_a_value_that_cannot_be_is_brought_into_range(value):
    assert heard(recalled(value), 0.5)[0] in (0.0, 1.0)
