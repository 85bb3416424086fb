"""Pitch is exact where it is steady, follows vibrato, bridges gaps and does not jump by octaves."""

import numpy as np
import pytest

pytest.importorskip("swift_f0")
pytest.importorskip("soxr")

from neurorack.learn.prepare.pitch import track_f0

RATE = 48_000


def tone(f0_hz: np.ndarray | float, seconds: float = 1.5, partials: int = 10) -> np.ndarray:
    n = round(seconds * RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, n)) / RATE
    highest = float(np.max(f0_hz))
    wave = sum(np.sin(k * phase + k) / k for k in range(1, partials + 1) if k * highest < 20_000)
    return (0.2 * wave * np.minimum(np.arange(n) / 500, 1)).astype(np.float32)


def cents(found_hz: np.ndarray, true_hz: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(found_hz / true_hz)


@pytest.mark.parametrize("midi", [26, 31, 40, 57, 72, 88, 100, 106])
def test_a_steady_note_has_one_exact_pitch_even_beyond_the_tracker(midi):
    f0_hz = 440 * 2 ** ((midi - 69 + 0.13) / 12)
    found_hz, voiced = track_f0(tone(f0_hz), "pitched")
    assert len(found_hz) == round(1.5 * RATE) // 64 and found_hz.dtype == np.float32
    assert np.abs(cents(found_hz, f0_hz)).max() < 2
    assert voiced > 0.6


def test_vibrato_is_followed():
    n = np.arange(3 * RATE) / RATE
    f0_hz = 330 * 2 ** (40 / 1200 * np.sin(2 * np.pi * 5 * n))
    found_hz, _ = track_f0(tone(f0_hz, 3.0), "pitched")
    off = cents(found_hz, f0_hz[63::64])[100:-100]
    assert np.median(np.abs(off)) < 8
    assert np.ptp(cents(found_hz, 330)[100:-100]) > 55


def test_gaps_in_speech_are_bridged_without_a_jump():
    n = np.arange(2 * RATE) / RATE
    f0_hz = 150 * 2 ** (0.4 * np.sin(2 * np.pi * 0.7 * n))
    audio = tone(f0_hz, 2.0, 25)
    audio[RATE // 2 : RATE // 2 + 7_000] = 0.02 * np.random.default_rng(0).standard_normal(7_000)
    found_hz, voiced = track_f0(audio, "speaking")
    assert np.abs(np.diff(np.log2(found_hz))).max() < 0.05
    assert np.median(np.abs(cents(found_hz, f0_hz[63::64]))) < 25
    assert 0.5 < voiced < 0.99


def test_noise_has_no_pitch_but_a_number():
    found_hz, voiced = track_f0(0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32), "pitched")
    assert voiced < 0.2
    assert (found_hz > 0).all()


def test_a_drum_has_the_pitch_of_its_mode():
    n = np.arange(RATE // 2) / RATE
    drum = np.exp(-n / 0.1) * (np.sin(2 * np.pi * 121 * n) + 0.3 * np.sin(2 * np.pi * 262 * n))
    found_hz, _ = track_f0(drum.astype(np.float32), "percussive")
    assert np.abs(cents(found_hz, 121)).max() < 15


def test_a_very_short_sound_is_no_trouble():
    for kind in ("pitched", "speaking", "percussive"):
        found_hz, _ = track_f0(tone(300, 0.05), kind)
        assert len(found_hz) == 2400 // 64 and (found_hz > 0).all()
