"""Distances are none between equals and grow with what is between two sounds."""

import importlib.util

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.clips import make_clip
from neurorack.learn.evaluate.resynthesis import Pair, figures, load_cdpam, mel_db, mstft, resynthesise

SOUND = np.random.default_rng(0).standard_normal(48_000) * 0.1


def test_a_sound_is_no_way_from_itself():
    same = Pair("same", SOUND, SOUND)
    assert mstft(same) == pytest.approx(0, abs=1e-3)
    assert mel_db(same) == 0


def test_mel_bands_6_db_louder_are_6_db_off():
    assert mel_db(Pair("louder", SOUND, 2 * SOUND)) == pytest.approx(6.02, abs=0.2)


def test_another_sound_is_farther_than_a_similar_one():
    near, far = Pair("near", SOUND, 1.05 * SOUND), Pair("far", SOUND, np.sin(np.arange(48_000) * 0.06))
    assert mstft(near) < 0.2 * mstft(far)


def test_what_is_shorter_than_a_window_is_measured_too():
    assert np.isfinite(mstft(Pair("short", SOUND[:640], SOUND[:640] * 0.5)))


def test_the_perceptual_distance_is_left_out_where_its_package_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load_cdpam() is None
    assert "cdpam" not in figures([Pair("same", SOUND, SOUND)], None)


@pytest.mark.skipif(importlib.util.find_spec("cdpam") is None, reason="cdpam is not installed")
def test_the_perceptual_distance_knows_equals_from_others():
    distance = load_cdpam()
    assert distance(Pair("same", SOUND, SOUND)) == pytest.approx(0, abs=1e-5)
    assert distance(Pair("far", SOUND, np.sin(np.arange(48_000) * 0.06))) > 0.5


def test_a_clip_is_said_again_at_its_own_length(tiny, notes):
    clip = make_clip(tiny, notes.sounds[4])
    pair = resynthesise(tiny, clip)
    assert len(pair.again) == len(pair.original)
    assert 10 * np.log10(np.mean(pair.again**2) / np.mean(pair.original**2)) == pytest.approx(0, abs=1)
