"""A click is found, a clean change is not one."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.clicks import Jump, excess_db, figures, jumps, standing_still

N = 9_600
TONE = np.sin(2 * np.pi * 1_000 * np.arange(3 * N) / 48_000) * 0.1


def test_a_step_from_one_level_to_another_is_no_click():
    step = TONE * np.where(np.arange(len(TONE)) < N, 1.0, 3.0)
    assert excess_db(step, N) < 0.1


def test_a_burst_is_found_and_so_is_a_gap():
    around = (np.arange(len(TONE)) > N + 200) & (np.arange(len(TONE)) < N + 700)
    assert excess_db(np.where(around, 4 * TONE, TONE), N) == pytest.approx(12, abs=0.3)
    assert excess_db(np.where(around, 0.25 * TONE, TONE), N) == pytest.approx(12, abs=0.3)


def test_a_single_wild_sample_is_found():
    wild = TONE.copy()
    wild[N + 100] = 4.0
    assert excess_db(wild, N) > 6


def test_the_share_counts_what_is_beyond_3_db():
    found = figures([Jump(0, 0.0), Jump(1, 2.9), Jump(2, 3.1), Jump(3, 9.0)])
    assert found["clicks_share"] == 0.5
    assert found["click_excess_db_worst"] == 9


def test_a_gesture_stands_still_for_as_long_as_it_is_held(tiny):
    (gesture,) = standing_still(tiny.bundle, 0).gestures
    assert np.ptp(gesture.latent, axis=0).max() == 0
    assert np.ptp(gesture.descriptors - gesture.median, axis=0).max() == 0
    assert gesture.loop_start < gesture.loop_end


def test_the_players_own_slew_keeps_the_tiny_bundle_from_clicking(tiny):
    found = jumps(tiny.bundle, 0, 12)
    assert {jump.knob for jump in found} == set(range(6))
    assert max(jump.excess_db for jump in found) < 3
