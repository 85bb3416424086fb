"""Jumps pass, rest rests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.jacks.smoothing import Smoother


def test_the_first_reading_is_the_value():
    assert Smoother(0.01, 0.1).take(3.0) == 3.0


@pytest.mark.parametrize("step", [0.01, -0.01, 0.5, -4.0])
def test_a_jump_passes_at_once(step):
    smoother = Smoother(0.01, 0.1)
    for _ in range(100):
        smoother.take(1.0)
    assert smoother.take(1.0 + step) == 1.0 + step


def test_noise_shrinks_at_rest():
    noise = np.random.default_rng(1).normal(0.0, 1e-3, 4_000)
    smoother = Smoother(0.01, 1 / 16)
    values = [smoother.take(reading) for reading in noise]
    assert np.std(values[100:]) < 0.3e-3


def test_one_noisy_reading_after_a_jump_does_not_last():
    smoother = Smoother(0.01, 1 / 64)
    for reading in [0.0] * 200 + [1.003] + [1.0] * 8:
        value = smoother.take(reading)
    assert abs(value - 1.0) < 0.5e-3


def test_a_slow_glide_is_followed_closer_than_a_jump():
    smoother = Smoother(0.01, 1 / 16)
    for number in range(2_000):
        reading = number * 1e-3  # a tenth of a jump with every reading
        assert abs(smoother.take(reading) - reading) < 0.01


def test_a_rest_just_inside_a_jump_is_reached():
    smoother = Smoother(0.01, 1 / 16)
    smoother.take(0.0)
    for _ in range(60):
        smoother.take(0.0)
    for _ in range(100):
        value = smoother.take(0.009)
    assert abs(value - 0.009) < 1e-4


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=50))
def test_the_value_never_leaves_what_was_read(readings):
    smoother = Smoother(0.01, 1 / 16)
    for number, reading in enumerate(readings):
        value = smoother.take(reading)
        assert min(readings[: number + 1]) - 1e-9 <= value <= max(readings[: number + 1]) + 1e-9
