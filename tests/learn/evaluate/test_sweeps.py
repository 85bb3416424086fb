"""A knob that obeys scores 1, a dead one 0, and one that moves another's descriptor is seen in the matrix."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate import sweeps
from neurorack.learn.evaluate.clips import make_clip
from neurorack.learn.evaluate.sweeps import RAMP_POINTS, Sweep, figures, matrix, sweep
from neurorack.words import DESCRIPTORS

WAY = np.linspace(0, 1, RAMP_POINTS)


def made(knob: int, own: np.ndarray, leak: tuple[int, np.ndarray] | None = None) -> Sweep:
    heard = np.full((RAMP_POINTS, 5), 0.5)
    heard[:, knob] = own
    if leak:
        heard[:, leak[0]] = leak[1]
    return Sweep(knob, 0.0, "made", WAY, heard, WAY, own)


def all_of(changed: Sweep) -> dict[str, float]:
    return figures([changed] + [made(k, WAY) for k in range(5) if k != changed.knob])


def test_a_perfect_knob_scores_1_and_errs_by_nothing():
    found = all_of(made(1, WAY))
    assert found["centroid_spearman"] == pytest.approx(1)
    assert found["centroid_slope"] == pytest.approx(1)
    assert found["centroid_error"] == pytest.approx(0)
    assert found["centroid_crosstalk"] == 0


def test_a_dead_knob_fails():
    found = all_of(made(2, np.full(RAMP_POINTS, 0.5)))
    assert found["bandwidth_spearman"] == 0
    assert found["bandwidth_slope"] == pytest.approx(0)
    assert found["bandwidth_error"] == pytest.approx(0.225, abs=0.01)


def test_a_knob_that_goes_half_way_is_not_a_perfect_one_though_it_rises():
    found = all_of(made(3, 0.25 + 0.5 * WAY))
    assert found["sharpness_spearman"] == pytest.approx(1)
    assert found["sharpness_slope"] == pytest.approx(0.5)


def test_a_reversed_knob_scores_minus_1():
    assert all_of(made(4, 1 - WAY))["boominess_spearman"] == pytest.approx(-1)


def test_a_leaking_knob_shows_in_the_matrix():
    leaking = made(1, WAY, leak=(3, 0.3 + 0.4 * WAY))
    found = all_of(leaking)
    assert found["centroid_moves_sharpness"] == pytest.approx(0.4 * 0.82, abs=0.02)
    assert found["centroid_crosstalk"] == found["centroid_moves_sharpness"]
    assert found["bandwidth_crosstalk"] == 0
    assert matrix([leaking] + [made(k, WAY) for k in (0, 2, 3, 4)])[1, 3] > 0.3


def test_what_only_trembles_hardly_leaks():
    noise = 0.5 + 0.05 * np.random.default_rng(0).standard_normal(RAMP_POINTS)
    assert all_of(made(1, WAY, leak=(3, noise)))["centroid_crosstalk"] < 0.12


def test_of_the_tiny_bundle_the_level_obeys_and_the_rest_is_dead(tiny):
    level, colour = (sweep(tiny, knob, 0.0, np.zeros(8)) for knob in (0, 1))
    assert level.spearman > 0.999
    assert level.slope == pytest.approx(1, abs=0.02)
    assert level.error < 0.05
    assert abs(colour.slope) < 0.1


def test_pitched_sounds_are_played_at_every_c_and_others_about_their_own_pitch(tiny, notes):
    clip = make_clip(tiny, notes.sounds[0])
    assert sweeps.pitches("pitched", clip) == [-2, -1, 0, 1, 2, 3, 4]
    own = np.log2(110 / 261.6256)
    assert sweeps.pitches("speaking", clip) == pytest.approx([own - 1, own, own + 1], abs=1e-4)


def test_the_table_has_a_line_for_every_knob(tiny):
    text = sweeps.table([made(k, WAY) for k in range(5)])
    assert [line.split()[0] for line in text.splitlines()[1:]] == list(DESCRIPTORS)
    assert "1.000/1.00" in text
