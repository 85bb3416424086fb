"""Gain and tilt do exactly what they are asked, as far as they reach."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.ears import descriptors
from neurorack.learn import scales
from neurorack.learn.baselines.tilt import Tilt
from neurorack.words import HOP


@pytest.fixture(scope="module")
def tilt(notes) -> Tilt:
    return Tilt(scales.fit(*scales.sample(notes, 0)))


def play(tilt: Tilt, audio: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return tilt.play(np.zeros(len(targets)), targets, tilt.latent(audio))


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(24_000)).astype(np.float32)


def test_asked_for_what_it_is_a_sound_stays_as_it_was(tilt, noise):
    again = play(tilt, noise, descriptors.describe(noise))
    assert np.abs(again - noise)[1024:-1024].max() < 0.05 * np.abs(noise).max()


def test_level_and_centroid_go_where_they_are_asked(tilt):
    phase = 2 * np.pi * 200.0 * np.arange(24_000) / 48_000
    buzz = sum(np.sin(k * phase + k * k) / k for k in range(1, 90)).astype(np.float32)
    asked = descriptors.describe(buzz)
    asked[:, 0], asked[:, 1] = -30.0, np.linspace(11.0, 13.0, len(asked))
    heard = descriptors.describe(play(tilt, buzz, asked))[40:-40]
    assert np.abs(heard[:, 0] + 30).mean() < 0.7
    assert np.abs(heard[:, 1] - asked[40:-40, 1]).mean() < 0.05


def test_silence_stays_silent(tilt):
    targets = np.tile([-10.0, 11.0, 11.0, 1.0, 0.0], (200, 1))
    assert np.abs(play(tilt, np.zeros(200 * HOP, np.float32), targets)).max() < 1e-6


def test_its_latent_is_the_recording(tilt, noise):
    assert np.array_equal(tilt.latent(noise).reshape(-1), noise[: len(noise) // HOP * HOP])
