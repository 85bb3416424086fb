"""Glances: frames that sound, each with what an encoder sees of it and what it is."""

import numpy as np
import pytest

pytest.importorskip("tqdm")

from recordings import corpus, sound

from neurorack.ears.descriptors import describe
from neurorack.ears.features import FEATURE_HOP, features
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.clips import Clips
from neurorack.learn.glances import PER_SOUND, Glances
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ


def test_a_glance_is_a_sounding_frame_with_what_an_encoder_sees_of_it_and_what_it_is():
    silent_then_loud = np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ) * (np.arange(SAMPLE_RATE_HZ) > 20_000)
    one = sound(0.05 * silent_then_loud, 200.0)
    seen, known = Clips(corpus("pitched", [one])).glances.draw(60, np.random.default_rng(0))
    audio = np.pad(one.audio / 32768, (2048, 4096))
    heard, described = features(audio), describe(audio, FEATURE_HOP)
    assert seen.shape == (60, BEHIND + 1 + AHEAD, heard.shape[1])
    for glance, (pitch_oct, *values) in zip(seen, known, strict=True):
        frame = int(np.abs(described - values).sum(axis=1).argmin())
        np.testing.assert_allclose(described[frame], values, atol=0.01)
        assert np.median(np.abs(heard[frame - BEHIND : frame + 1 + AHEAD] - glance)) < 0.01
        assert pitch_oct == pytest.approx(np.log2(200 / C4_HZ), abs=1e-5)
        assert values[0] > -45
    assert len(np.unique(known[:, 1])) > 20


def test_every_sound_has_as_many_glances_however_long_it_is():
    glances = Glances()
    for value, seconds in ((1.0, 1), (2.0, 4)):
        audio = 0.05 * np.random.default_rng(1).standard_normal(seconds * SAMPLE_RATE_HZ // 256 * 256)
        frames = len(audio) // FEATURE_HOP
        shown = np.full((BEHIND + 1 + frames + AHEAD, 65), value, np.float16)
        glances.add(audio, shown, np.full(frames * 4, 300.0))
    seen, _ = glances.draw(4_000, np.random.default_rng(0))
    assert (seen[:, 0, 0] == 2.0).mean() == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(seen[:, 0, 0])) == 2 and PER_SOUND < 100


def test_silence_is_not_glanced_at():
    glances = Glances()
    glances.add(np.zeros(4_096), np.zeros((BEHIND + 1 + 16 + AHEAD, 65), np.float16), np.full(64, 300.0))
    assert not glances._seen
