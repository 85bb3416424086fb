"""Gestures keep what makes a note: its attack, a loop that meets itself, its release."""

import numpy as np
import pytest

from neurorack.learn import gestures, scales
from neurorack.patch.knobs import Scales
from neurorack.words import HOP, SAMPLE_RATE_HZ

HELD_S = 1.3


def note(attack_s: float, decay_s: float = 1e9, silence_s: float = 0.1) -> np.ndarray:
    t = np.arange(round(1.7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    since = t - silence_s
    shape = np.clip(since / attack_s, 0, 1) * np.exp(-np.maximum(since, 0) / decay_s)
    shape *= np.clip(1 - (t - HELD_S) / 0.2, 0, 1)
    return 0.3 * shape * (np.sin(2 * np.pi * 300 * t) + 0.3 * np.sin(2 * np.pi * 900 * t))


@pytest.fixture(scope="module")
def cut():
    random = np.random.default_rng(0)
    rows = random.standard_normal((2000, 5)) * [8, 1, 0.6, 0.5, 1] + [-20, 10.5, 11, 1.3, 0]
    fitted = Scales(scales.fit(random.uniform(-3, 4, len(rows)), rows))

    def make(audio: np.ndarray) -> gestures.Cut:
        return gestures.cut("x", audio, 0.2, fitted, lambda mel: mel[:, :8], HELD_S)  # any encoder will do

    return make


def test_a_gesture_begins_with_its_attack(cut):
    fast, slow = cut(note(0.005)), cut(note(0.2))
    level_fast, level_slow = fast.descriptors[:, 0], slow.descriptors[:, 0]
    assert int(np.argmax(level_fast > level_fast.max() - 3)) * HOP / SAMPLE_RATE_HZ < 0.012
    assert 0.05 < int(np.argmax(level_slow > level_slow.max() - 3)) * HOP / SAMPLE_RATE_HZ < 0.2


def test_the_loop_lies_in_the_held_part_and_meets_itself(cut):
    held = cut(note(0.05))
    start, end = held.marks
    assert 0 < start < end < len(held.latent)
    assert (end - start) * HOP / SAMPLE_RATE_HZ >= 0.25
    assert np.abs(held.descriptors[start] - held.descriptors[end - 1])[0] < 0.5
    assert np.abs(held.descriptors[start] - held.descriptors[end - 1])[1:].max() < 0.05


def test_after_the_loop_comes_the_release_at_once(cut):
    held = cut(note(0.05))
    release = held.descriptors[held.marks[1] :, 0]
    assert release[0] > held.median[0] - 3
    assert release[-1] < held.median[0] - 60
    assert len(release) == pytest.approx(0.4 * SAMPLE_RATE_HZ / HOP, abs=2)


def test_a_decaying_note_decays_before_it_loops(cut):
    plucked = cut(note(0.003, decay_s=0.25))
    assert plucked.descriptors[plucked.marks[0], 0] < plucked.descriptors[:, 0].max() - 8


def test_medians_are_those_of_the_body_not_of_the_tail(cut):
    plucked = cut(note(0.003, decay_s=0.25))
    assert plucked.descriptors[:, 0].max() - plucked.median[0] < 6


def test_all_of_it_is_finite_and_within_the_knobs(cut):
    for audio in (note(0.01), note(0.3), note(0.003, 0.05)):
        made = cut(audio)
        assert np.isfinite(made.latent).all() and np.isfinite(made.descriptors).all()
        assert (made.descriptors[:, 1:] >= 0).all() and (made.descriptors[:, 1:] <= 1).all()
