"""Held-out sounds are chosen evenly, always the same, and know where they sound."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.clips import choose, make_clip, scorer_off
from neurorack.words import DESCRIPTORS


def test_every_source_has_its_turn(notes):
    chosen = choose(notes, 6)
    assert sorted(sound.source for sound in chosen) == ["bright", "bright", "middle", "middle", "soft", "soft"]
    assert len(set(chosen)) == 6
    assert chosen == choose(notes, 6)


def test_more_than_there_are_is_all_there_is(notes):
    assert set(choose(notes, 500)) == set(notes.sounds)


def test_the_body_is_where_it_is_loud(tiny, notes):
    clip = make_clip(tiny, notes.sounds[0])
    assert clip.targets[clip.body, 0] > clip.targets[:, 0].max() - 6
    assert clip.sounding[clip.body]


def test_scorer_and_definition_are_compared_on_the_recordings_themselves(tiny, notes):
    off = scorer_off(tiny, [make_clip(tiny, sound) for sound in notes.sounds[::3]])
    assert set(off) == {f"scorer_off_{name}" for name in DESCRIPTORS}
    assert off["scorer_off_rms"] < 0.05
    assert np.isfinite(list(off.values())).all()
