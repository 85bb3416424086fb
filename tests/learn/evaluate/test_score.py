"""The statistics are what their names say."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate import score


def test_a_rising_curve_of_any_shape_ranks_as_1_and_a_falling_one_as_minus_1():
    x = np.linspace(0, 1, 50)
    assert score.spearman(x, np.exp(9 * x)) == pytest.approx(1)
    assert score.spearman(x, -(x**3)) == pytest.approx(-1)


def test_what_stands_still_follows_nothing():
    assert score.spearman(np.linspace(0, 1, 50), np.full(50, 3.0)) == 0


def test_equal_values_share_their_rank():
    assert score.ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [1.5, 0.0, 1.5, 3.0]


def test_a_spread_is_of_what_is_known():
    assert score.spread("x", [1.0, float("nan"), 3.0])["x"] == 2
    assert score.spread("x", [float("nan")]) == {}


def test_points_stand_where_pooled_hops_do():
    hops = 40 * score.POINT_HOPS
    level_db = np.linspace(-40, -10, hops)
    audio = np.random.default_rng(0).standard_normal(hops * 64) * np.repeat(10 ** (level_db / 20), 64)
    off = score.points(audio)[3:-3, 0] - score.pooled(level_db)[3:-3]
    assert abs(off.mean()) < 0.3


def test_a_sound_shorter_than_a_point_has_none():
    assert score.points(np.ones(100)).shape[0] == 0
