"""What a window hears of descriptors that move."""

import numpy as np
import pytest

from neurorack.ears.descriptors import describe
from neurorack.learn.heard import as_heard, ripple_hops
from neurorack.words import HOP, SAMPLE_RATE_HZ


def rows(hops: int = 60) -> np.ndarray:
    return np.tile([-20.0, 10.0, 9.0, 1.0, 0.0], (hops, 1))


@pytest.mark.parametrize("window_hops", [16, 32])
def test_what_rests_is_heard_as_it_is(window_hops):
    np.testing.assert_allclose(as_heard(rows(), window_hops), rows(), atol=1e-9)


def test_a_sudden_sound_is_heard_as_the_descriptors_hear_it():
    """Noise that begins at full level: the reference reads the audio, this the levels of its hops."""
    audio = np.random.default_rng(0).standard_normal((40, 60 * HOP)) * (np.arange(60 * HOP) >= 30 * HOP)
    heard_db = 10 * np.log10(np.mean([10 ** (describe(0.1 * x)[:, 0] / 10) for x in audio], axis=0))
    asked = rows()
    asked[:, 0] = np.where(np.arange(60) >= 30, -20.0, -100.0)  # of the hop that ends there: half a hop early
    known = slice(26, 50)
    np.testing.assert_allclose(as_heard(asked, 16)[known, 0], heard_db[known], atol=2.5)


def test_what_is_louder_weighs_more():
    asked = rows()
    asked[30:, 0] = -60.0
    asked[30:, 1] = 12.0
    heard = as_heard(asked, 16)
    assert heard[29, 1] < 10.01 and heard[32, 1] < 10.1
    assert heard[40, 1] == pytest.approx(12.0)


def test_low_notes_are_averaged_over_two_periods_and_high_ones_over_13_ms():
    assert ripple_hops(40.0) == 38
    assert ripple_hops(1000.0) == 10
    assert ripple_hops(10.0) == 64


def test_the_ripple_of_a_low_note_is_no_movement():
    t = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    low = sum(np.cos(2 * np.pi * 40 * k * t) / k for k in range(1, 60))
    rows = describe(0.1 * low)[100:-100]
    smooth = as_heard(rows, ripple_hops(40.0))
    assert np.ptp(smooth[20:-20, 1]) < 0.25 * np.ptp(rows[:, 1])


def test_batches_are_heard_row_by_row():
    random = np.random.default_rng(0)
    asked = random.uniform(-40, 0, (3, 50, 5))
    np.testing.assert_allclose(as_heard(asked, 16)[1], as_heard(asked[1], 16))
    assert SAMPLE_RATE_HZ == 750 * HOP
