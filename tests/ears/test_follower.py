from pathlib import Path

import numpy as np
import pytest

from neurorack.bundle import Bundle, load
from neurorack.ears import descriptors, features
from neurorack.ears.follower import FAINT_DB, TIMBRE_DELAY, Follower
from neurorack.ears.latent import encode
from neurorack.patch.knobs import Scales
from neurorack.words import BLOCKS, C4_HZ, HOP, SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def bundle(hearing_bundle: Path) -> Bundle:
    return load(hearing_bundle)


def follow(bundle: Bundle, audio: np.ndarray, block: int = 128) -> np.ndarray:
    follower, audio = Follower(bundle, block), audio[: len(audio) // 512 * 512].astype(np.float32)
    return np.concatenate([follower.hear(part).copy() for part in audio.reshape(-1, block)])


def tone(f0_hz: float, samples: int) -> np.ndarray:
    n = np.arange(samples) / SAMPLE_RATE_HZ
    harmonics = [np.cos(2 * np.pi * k * f0_hz * n + 0.3 * k * k) / k for k in range(1, 20)]
    sound: np.ndarray = 0.05 * np.sum(harmonics, axis=0)
    return sound


@pytest.fixture(scope="module")
def phrase() -> np.ndarray:
    """Tones, noise, pauses."""
    noise = 0.1 * np.random.default_rng(0).normal(size=9_600)
    return np.concatenate([tone(220, 9_600), noise, np.zeros(4_800), tone(660, 9_600), 0.01 * noise])


@pytest.mark.parametrize("block", [block for block in BLOCKS if block != 64])
def test_blocks_of_any_size_give_the_same_rows(block: int, bundle: Bundle, phrase: np.ndarray):
    np.testing.assert_array_equal(follow(bundle, phrase, block), follow(bundle, phrase, 64))


def test_latent_is_the_encoders_of_the_whole_sound_a_little_later(bundle: Bundle, phrase: np.ndarray):
    audio = phrase.astype(np.float32).astype(float)
    rows = follow(bundle, audio)[:, 6:]
    whole = encode(bundle, features.features(audio))
    loud = descriptors.describe(audio, features.FEATURE_HOP)[:, 0] > FAINT_DB
    # row t stands for sample (t + 1) · FEATURE_HOP and is reached TIMBRE_DELAY later
    reached = ((np.arange(len(whole)) + 1) * features.FEATURE_HOP + TIMBRE_DELAY) // HOP - 1
    inside = loud & (reached < len(rows))
    inside[:3] = False  # the stream hears the sound come nearer, the whole begins with it
    assert inside.sum() > 50
    np.testing.assert_allclose(rows[reached[inside]], whole[inside], atol=1e-4)


def test_descriptors_are_offsets_of_the_knobs_from_the_middle(bundle: Bundle):
    audio = tone(330.0, 24_000)
    row = follow(bundle, audio)[-1]
    described = np.median(descriptors.describe(audio)[100:-20], axis=0)
    pitch_oct = np.log2(330.0 / C4_HZ)
    scales = Scales.from_card(bundle.card)
    assert row[0] == pytest.approx(pitch_oct, abs=5 / 1200)
    assert row[1] == pytest.approx(described[0] - scales.physical(0.0, [0.5] * 5)[0], abs=0.2)
    np.testing.assert_allclose(row[2:6], np.array(scales.position(pitch_oct, described.tolist()))[1:] - 0.5, atol=0.02)


def test_the_timbre_of_silence_is_the_last_that_was_heard(bundle: Bundle):
    rows = follow(bundle, np.concatenate([tone(330.0, 24_064), np.zeros(24_064)]))
    np.testing.assert_allclose(rows[-1][2:6], rows[370][2:6], atol=0.35)
    assert rows[-1][0] == pytest.approx(rows[370][0], abs=0.02)
    assert (rows[-100:] == rows[-1]).all()
    assert rows[-1][1] < rows[370][1] - 60


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf, 1e38, -1.0])
def test_garbage_gives_finite_rows_and_is_forgotten(junk: float, bundle: Bundle):
    follower = Follower(bundle, 128)
    with np.errstate(all="ignore"):
        for _ in range(20):
            assert np.isfinite(follower.hear(np.full(128, junk, np.float32))).all()
        mixed = np.where(np.arange(128) % 7, np.random.default_rng(0).normal(size=128), junk).astype(np.float32)
        for _ in range(20):
            assert np.isfinite(follower.hear(mixed)).all()
    sound = tone(330.0, 128 * 100).astype(np.float32).reshape(-1, 128)
    rows = [follower.hear(part).copy() for part in sound][-1]
    np.testing.assert_allclose(rows[-1], follow(bundle, sound.ravel())[-1], atol=1e-3)


def test_an_encoder_that_gives_no_number_leaves_the_latent_as_it_was(bundle: Bundle):
    follower = Follower(bundle, 128)
    follower._latent.step = lambda features: np.full(8, np.nan, np.float32)  # type: ignore[method-assign]
    for part in tone(330.0, 12_800).astype(np.float32).reshape(-1, 128):
        rows = follower.hear(part)
    assert (rows[:, 6:] == 0.0).all() and np.isfinite(rows).all()


def test_after_a_reset_it_hears_as_a_new_one(bundle: Bundle, phrase: np.ndarray):
    follower, parts = Follower(bundle, 128), phrase[:25_600].astype(np.float32).reshape(-1, 128)
    first = np.array([follower.hear(part).copy() for part in parts])
    follower.reset()
    np.testing.assert_array_equal(np.array([follower.hear(part).copy() for part in parts]), first)
