"""Numbers that look like chance and repeat."""

import numpy as np
import pytest

from neurorack.rack.chance import gaussian, uniform


def test_gaussian_is_normal_and_white() -> None:
    samples = np.array([gaussian(12345, n) for n in range(50_000)])
    assert abs(samples.mean()) < 0.02
    assert samples.std() == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(samples) > 2) == pytest.approx(0.0455, abs=0.005)
    assert abs(np.corrcoef(samples[:-1], samples[1:])[0, 1]) < 0.02


def test_uniform_is_even() -> None:
    counts, _ = np.histogram([uniform(7, n) for n in range(20_000)], 20, (0, 1))
    assert counts.sum() == 20_000
    assert np.abs(counts - 1000).max() < 150


def test_seeds_and_numbers_make_the_value() -> None:
    assert gaussian(1, 5) == gaussian(1, 5)
    assert uniform(1, 5) == uniform(1, 5)
    assert uniform(1, 5) != uniform(2, 5)
    assert uniform(1, -5) != uniform(1, 5)
