"""The amplifier moves on its own samples, in straight lines, whatever the block."""

import numpy as np
import pytest

from neurorack.patch.vca import Vca


def gains(block: int, blocks: int, plan: list[tuple[int, float, int]]) -> np.ndarray:
    vca = Vca(block)
    for step in plan:
        vca.go(*step)
    return np.concatenate([vca.render().copy() for _ in range(blocks)])


def test_it_is_closed_until_told() -> None:
    assert not gains(64, 3, []).any()


@pytest.mark.parametrize("offset", [0, 1, 63, 100])
def test_it_opens_on_its_own_sample(offset: int) -> None:
    gain = gains(64, 4, [(offset, 1.0, 48)])
    assert not gain[:offset].any()
    assert gain[offset] == pytest.approx(1 / 48)
    assert gain[offset + 47] == pytest.approx(1.0)
    assert np.all(gain[offset + 48 :] == 1.0)


def test_a_dip_goes_down_and_up_again() -> None:
    gain = gains(64, 8, [(0, 1.0, 48), (200, 0.0, 32), (232, 1.0, 48)])
    assert gain[199] == 1.0
    assert gain[231] == 0.0
    assert gain[279] == pytest.approx(1.0)
    assert np.abs(np.diff(gain)).max() <= 1 / 32 + 1e-6


@pytest.mark.parametrize("block", [64, 128, 256])
def test_the_block_makes_no_difference(block: int) -> None:
    plan = [(3, 1.0, 48), (30, 0.0, 720), (300, 1.0, 48), (333, 0.0, 20)]
    np.testing.assert_allclose(gains(block, 1024 // block, plan), gains(512, 2, plan), atol=1e-6)


def test_a_line_planned_later_for_earlier_replaces_the_one_ahead_of_it() -> None:
    gain = gains(64, 6, [(0, 1.0, 10), (200, 0.0, 100), (150, 1.0, 48)])
    assert np.all(gain[10:] == 1.0)


def test_a_plan_in_the_past_begins_at_once() -> None:
    assert gains(64, 1, [(-20, 1.0, 10)])[0] == pytest.approx(0.1)
