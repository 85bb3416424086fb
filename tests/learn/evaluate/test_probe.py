"""The probe finds what was planted in a latent, and nothing where there is nothing."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.clips import make_clip
from neurorack.learn.evaluate.probe import Frames, figures, gather, held_out, read_source, read_values

SOUNDS, EACH = 60, 24
SOUND = np.repeat(np.arange(SOUNDS), EACH)
SOURCE = np.arange(SOUNDS) % 4


def frames(latent: np.ndarray, values: np.ndarray) -> Frames:
    return Frames(latent.astype(np.float32), values, SOUND, SOURCE)


def noise(columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((SOUNDS * EACH, columns))


def test_planted_information_is_found_though_it_is_bent():
    z = noise(8)
    values = np.column_stack([np.sin(z[:, 0]) + z[:, 1] ** 2, noise(1, 1)])
    r2 = np.median(read_values(frames(z, values)), axis=0)
    assert r2[0] > 0.9
    assert r2[1] < 0.02


def test_in_noise_nothing_is_found():
    assert read_values(frames(noise(8), noise(6, 1)), seeds=(0,)).max() < 0.05
    assert read_source(frames(noise(8), noise(1, 1)), seeds=(0,))[0] < 0.35


def test_a_latent_that_only_knows_its_sounds_by_heart_tells_nothing_of_new_ones():
    random = np.random.default_rng(2)
    z = random.standard_normal((SOUNDS, 8))[SOUND] + 0.01 * noise(8)
    values = random.standard_normal((SOUNDS, 1))[SOUND]
    assert read_values(frames(z, values), seeds=(0,)).max() < 0.3


def test_a_planted_source_is_read():
    z = np.eye(8)[SOURCE[SOUND]] + 0.2 * noise(8)
    assert read_source(frames(z, noise(1)), seeds=(0,))[0] > 0.95


def test_the_same_seed_reads_the_same():
    z = noise(8)
    first, again = (read_values(frames(z, z[:, :1] + noise(1, 1)), seeds=(5,)) for _ in range(2))
    assert first == pytest.approx(again, abs=0)


def test_every_second_sound_of_a_source_is_held_out():
    assert held_out(np.array([0, 0, 1, 0, 1])).tolist() == [False, True, False, False, True]


def test_clips_are_gathered_with_descriptors_and_pitch(tiny, notes):
    found = gather([make_clip(tiny, sound) for sound in notes.sounds])
    assert found.latent.shape == (12 * EACH, 8)
    assert np.unique(found.values[:, 5]) == pytest.approx(np.log2(np.array([110, 196, 311, 523]) / 261.6256), abs=1e-4)
    assert sorted(found.source.tolist()) == [0] * 4 + [1] * 4 + [2] * 4
    assert figures(found, seeds=(0,)).keys() >= {"probe_r2_rms", "probe_r2_pitch", "probe_source_accuracy"}


def test_of_sources_with_one_sound_each_nothing_is_said():
    alone = Frames(noise(4).astype(np.float32), noise(6, 1), SOUND, np.arange(SOUNDS))
    assert figures(alone, (0,)) == {}
