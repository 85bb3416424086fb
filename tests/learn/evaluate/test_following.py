"""Curves of another sound: who follows them, where they count, and what the published figure makes of it."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import make_clip
from neurorack.learn.evaluate.following import Follow, figures, follow, partner


def made(heard_of: str, clips: int = 6) -> list[Follow]:
    random = np.random.default_rng(0)
    follows = []
    for _ in range(clips):
        asked = random.random((60, 5)).cumsum(axis=0) % 3.0
        heard = {"asked": asked * 2 + 1, "noise": random.random((60, 5))}[heard_of]
        follows.append(Follow(asked, heard, asked / 3.0))
    return follows


def test_one_that_follows_scores_1():
    found = figures(made("asked"))
    assert found["centroid_follow_spearman"] == pytest.approx(1)
    assert found["centroid_rescaled_correlation"] == pytest.approx(1)
    assert found["centroid_follow_clips"] == 6


def test_one_that_does_not_scores_0_and_half_where_it_is_rescaled():
    found = figures(made("noise", clips=40))
    assert abs(found["centroid_follow_spearman"]) < 0.1
    assert found["centroid_rescaled_correlation"] == pytest.approx(0.5, abs=0.03)


def test_a_curve_that_stands_still_does_not_count():
    still = Follow(np.ones((60, 5)), np.ones((60, 5)), np.full((60, 5), 0.5))
    found = figures([still])
    assert found["rms_follow_clips"] == 0
    assert "rms_follow_spearman" not in found


def test_where_a_curve_rests_noise_has_no_say():
    random = np.random.default_rng(0)
    asked = np.concatenate([np.linspace(0, 1, 20), np.ones(100)])[:, None] + np.zeros(5)
    heard = asked + np.where(np.arange(120) > 24, random.normal(0, 0.01, 120), 0.0)[:, None]
    assert score.spearman(asked[:, 0], heard[:, 0]) < 0.9
    assert Follow(asked, heard, asked).spearman(1) > 0.95


def test_the_rescaled_figure_is_flattered_by_differences_between_clips():
    random = np.random.default_rng(0)
    follows = []
    for level in range(8):
        asked, heard = (level + random.random((60, 5)) for _ in range(2))
        follows.append(Follow(asked, heard, asked))
    found = figures(follows)
    assert abs(found["rms_follow_spearman"]) < 0.15
    assert found["rms_rescaled_correlation"] > 0.95


def test_the_partner_is_the_nearest_in_pitch_of_another_source(tiny, notes):
    clips = [make_clip(tiny, sound) for sound in notes.sounds]
    other = partner(clips[1], clips)
    assert other.sound.source != clips[1].sound.source
    assert other.pitch_oct[0] == pytest.approx(clips[1].pitch_oct[0], abs=0.01)


def test_the_tiny_bundle_follows_a_level_and_nothing_else(tiny, notes):
    clips = [make_clip(tiny, sound) for sound in notes.sounds[::5]]
    found = figures([follow(tiny, clips[0], clips[1]), follow(tiny, clips[1], clips[2])])
    assert found["rms_follow_spearman"] > 0.95
