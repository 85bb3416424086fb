"""The modes of a struck sound are found where they are, and a hit of noise gets even ones."""

import numpy as np
import pytest

from neurorack.learn.corpus import MODES
from neurorack.learn.prepare.modes import find_modes

RATE = 48_000


def struck(f_hz: list[float], decay_s: float = 0.15, noise: float = 0.05) -> np.ndarray:
    n = np.arange(RATE) / RATE
    rng = np.random.default_rng(0)
    bars = sum(np.sin(2 * np.pi * f * n + i) / (1 + 0.3 * i) * np.exp(-n / decay_s) for i, f in enumerate(f_hz))
    click = noise * rng.standard_normal(len(n)) * np.exp(-n / 0.01)
    return np.concatenate([np.zeros(100), 0.2 * bars + click])


def test_the_modes_of_a_bar_are_found():
    true_hz = [220.0, 220 * 2.756, 220 * 5.404, 220 * 8.933]
    f0_hz, partials = find_modes(struck(true_hz))
    assert abs(1200 * np.log2(f0_hz / 220)) < 5
    for f in true_hz:
        assert np.abs(partials - np.log2(f / 220)).min() * 1200 < 10


def test_partials_are_many_and_rise_from_zero():
    for audio in (struck([80.0, 190.0]), struck([300.0]), np.random.default_rng(1).standard_normal(2_400)):
        _, partials = find_modes(audio)
        assert partials.shape == (MODES,) and partials.dtype == np.float32
        assert partials[0] == 0 and (np.diff(partials) > 0).all()


def test_a_given_pitch_is_kept():
    f0_hz, partials = find_modes(struck([200.0, 500.0]), 100.0)
    assert f0_hz == 100
    assert np.abs(partials - 1.0).min() < 0.01


def test_a_hit_of_noise_gets_modes_over_the_whole_range():
    n = np.arange(RATE // 4) / RATE
    hit = np.random.default_rng(3).standard_normal(len(n)) * np.exp(-n / 0.03)
    f0_hz, partials = find_modes(hit)
    assert np.diff(partials).max() < 1.3
    assert f0_hz * 2 ** partials[-1] > 6_000


@pytest.mark.parametrize("samples", [64, 500, 2_400])
def test_short_sounds_are_no_trouble(samples):
    f0_hz, partials = find_modes(struck([400.0])[100 : 100 + samples])
    assert f0_hz > 0 and np.isfinite(partials).all()
