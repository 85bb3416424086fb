"""The movement of a note's pitch is followed; a steady note stays steady."""

import numpy as np
import pytest

from neurorack.learn.sources.vibrato import track_vibrato
from neurorack.words import HOP, SAMPLE_RATE_HZ

TIME_S = np.arange(round(1.7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def note(f0_hz: float, cents: np.ndarray | float, noise: float = 1e-3) -> np.ndarray:
    cycles = np.cumsum(f0_hz * 2 ** (cents / 1200) * np.ones(len(TIME_S))) / SAMPLE_RATE_HZ
    harmonics = [k for k in range(1, 21) if k * f0_hz < 20_000]
    audio = sum(np.sin(2 * np.pi * k * cycles + k) / k for k in harmonics) * 0.1
    return audio + np.random.default_rng(0).normal(0, noise, len(audio))


@pytest.mark.parametrize("f0_hz", [65.4, 261.6, 880.0, 2093.0])
def test_a_vibrato_is_followed(f0_hz):
    cents = 25 * np.sin(2 * np.pi * 5.5 * TIME_S)
    found = 1200 * track_vibrato(note(f0_hz, cents), f0_hz)
    truth = cents[HOP - 1 :: HOP]
    body = slice(100, -100)
    assert len(found) == len(TIME_S) // HOP
    assert found[body] @ truth[body] / (truth[body] @ truth[body]) == pytest.approx(1, abs=0.15)
    assert np.sqrt(np.mean((found - truth)[body] ** 2)) < 4


@pytest.mark.parametrize("f0_hz", [65.4, 261.6, 880.0, 2093.0, 4186.0])
def test_a_steady_note_does_not_move(f0_hz):
    assert not track_vibrato(note(f0_hz, 0.0, noise=0.01), f0_hz).any()


def test_noise_does_not_move():
    noise = np.random.default_rng(1).normal(0, 0.1, len(TIME_S))
    assert not track_vibrato(noise, 440.0).any()


def test_a_chorus_whose_harmonics_disagree_does_not_move():
    random = np.random.default_rng(2)
    voices = [
        note(220.0 * 2 ** (random.normal(0, 8) / 1200), 12 * np.sin(2 * np.pi * (4 + i) * TIME_S)) for i in range(6)
    ]
    moved = track_vibrato(sum(voices), 220.0)
    assert 1200 * np.abs(moved).max() < 20
