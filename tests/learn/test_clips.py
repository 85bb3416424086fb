"""Clips: everything that is known of a piece of sound stands where its audio stands."""

import numpy as np
import pytest

pytest.importorskip("tqdm")

from recordings import corpus, hit, sound

from neurorack.ears.descriptors import WINDOW, describe
from neurorack.ears.features import FEATURE_HOP, features
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.clips import CLIP, CLIP_HOPS, FRAMES, Batch, Clips
from neurorack.words import HOP, SAMPLE_RATE_HZ

MARGIN = WINDOW // 2


def draw(*sounds: object, count: int = 100, kind: str = "pitched") -> Batch:
    return Clips(corpus(kind, list(sounds))).draw(count, np.random.default_rng(0))


def counting(length: int = 30_000) -> object:
    """Sample n is n + 1, and so is its pitch, in Hz."""
    n = np.arange(1, length + 1)
    return sound(n / 32767, n.astype(np.float32))


def noise(seconds: float = 1.0, **fields: object) -> object:
    values = np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return sound(0.05 * values, 200.0, **fields)


@pytest.fixture(scope="module")
def counted() -> tuple[Batch, np.ndarray]:
    """Clips of a sound that counts its samples, and which of them each clip begins with [n], below 0 ahead of it."""
    batch = draw(counting())
    begins = []
    for audio in batch.audio.astype(np.float64):
        first, last = np.nonzero(audio)[0][[0, -1]]
        slope = (audio[last] - audio[first]) / (last - first)
        begins.append(round(audio[first] / slope) - 1 - first + MARGIN)
    return batch, np.array(begins)


def test_the_strike_is_the_sample_where_the_sound_starts(counted):
    batch, begins = counted
    np.testing.assert_array_equal(batch.strike, -begins)
    early = batch.strike > 0
    assert early.any() and not early.all()
    for audio, strike in zip(batch.audio[early], batch.strike[early], strict=True):
        assert not audio[: MARGIN + strike].any() and audio[MARGIN + strike] > 0


def test_pitch_is_the_one_at_the_end_of_each_hop(counted):
    batch, begins = counted
    ends = begins[:, None] + HOP * np.arange(1, CLIP_HOPS + 1)
    known = np.clip(ends, HOP, 30_000 // HOP * HOP)  # beyond its ends a sound's pitch stands
    np.testing.assert_array_equal(batch.f0_hz, known)


def test_features_stand_where_the_audio_stands():
    batch = draw(noise(), count=8)
    for audio, shown in zip(batch.audio, batch.features, strict=True):
        heard = features(audio)[MARGIN // FEATURE_HOP :][:FRAMES]
        assert len(shown) == 1 + BEHIND + FRAMES + AHEAD
        apart = np.abs(shown[1 + BEHIND :][:FRAMES] - heard)
        assert np.median(apart) < 0.01 and np.quantile(apart, 0.95) < 0.05  # a dip may lie below what is silent


def test_what_a_clip_says_are_the_descriptors_at_the_end_of_each_hop():
    for audio, said in zip((batch := draw(noise(), count=8)).audio, batch.said, strict=True):
        whole = describe(audio, HOP)[MARGIN // HOP :][:CLIP_HOPS]
        ends = slice(3, None, 4)
        sounding = whole[ends, 0] > -45
        np.testing.assert_allclose(said[ends, 1:][sounding], whole[ends, 1:][sounding], atol=0.01)
        between = said[5:-3:4] - (0.5 * said[3:-5:4] + 0.5 * said[7:-1:4])
        np.testing.assert_allclose(between[:, 1:], 0.0, atol=1e-6)


def test_its_level_follows_an_attack_more_closely_than_the_other_descriptors_and_has_the_clips_gain():
    silent = np.arange(SAMPLE_RATE_HZ) > 12_000
    batch = draw(sound(0.2 * np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ) * silent, 3000.0), count=60)
    seen = 0
    for audio, said in zip(batch.audio, batch.said, strict=True):
        loud = np.nonzero(audio)[0]
        if len(loud) and MARGIN + 1_000 < loud[0] < len(audio) - MARGIN - 4_000:
            first = (loud[0] - MARGIN) // HOP
            assert (said[: first - 5, 0] < -90).all()
            body_db = 20 * np.log10(audio[loud[0] :].std())
            np.testing.assert_allclose(said[first + 5 : first + 50, 0].mean(), body_db, atol=1.0)
            seen += 1
    assert seen


def test_a_hit_is_struck_on_its_first_loud_sample_not_where_its_recording_begins():
    batch = draw(hit(at=100), kind="percussive", count=60)
    early = batch.strike > 0
    assert early.any()
    for audio, strike in zip(batch.audio[early], batch.strike[early], strict=True):
        assert np.argmax(np.abs(audio) > 0.05 * np.abs(audio).max()) == MARGIN + strike


def test_before_a_strike_the_frames_stand_ready_at_its_first_row():
    batch = draw(hit(f0_hz=80.0), kind="percussive", count=60)
    seen = 0
    for said, strike in zip(batch.said, batch.strike, strict=True):
        if strike > 2 * HOP:
            np.testing.assert_array_equal(said[: strike // HOP], np.tile(said[strike // HOP], (strike // HOP, 1)))
            assert said[0, 0] > said[:, 0].max() - 3
            seen += 1
    assert seen > 10


def test_two_in_five_clips_begin_before_their_sound_and_none_far_before():
    strike = draw(noise(6.0), count=400).strike
    assert 0.33 < (strike > 0).mean() < 0.5
    assert strike.max() < 0.05 * SAMPLE_RATE_HZ
    assert strike.min() < -5 * SAMPLE_RATE_HZ


def test_every_clip_has_a_level_of_its_own_about_the_sounds():
    levels = 20 * np.log10([audio[-CLIP // 2 :].std() for audio in draw(noise(6.0, gain=2.0)).audio] / np.float64(0.1))
    assert levels.min() > -12.5 and levels.max() < 3.5
    assert levels.max() - levels.min() > 12


def test_sounds_are_drawn_by_their_length_up_to_two_seconds():
    batch = draw(noise(1.0, bandwidth_hz=1.0), noise(20.0, bandwidth_hz=2.0), count=600)
    assert (batch.bandwidth_hz == 2.0).mean() == pytest.approx(2 / 3, abs=0.06)


def test_a_sound_shorter_than_a_clip_is_in_it_as_a_whole():
    batch = draw(counting(1000), count=40)
    early = batch.strike >= 0
    assert early.sum() > 10
    assert ((batch.audio[early] > 0).sum(axis=1) == 1000).all()


def test_modes_come_with_the_clips_of_their_own_hit():
    hits = [hit(f0_hz=f0_hz, at=0) for f0_hz in (100.0, 200.0)]
    hits[1].partials[:] *= 0.5
    batch = draw(*hits, kind="percussive")
    for octaves, f0_hz in zip(batch.octaves, batch.f0_hz, strict=True):
        np.testing.assert_array_equal(octaves, hits[int(f0_hz[0] > 150)].partials)
    assert len(np.unique(batch.octaves[:, -1])) == 2
