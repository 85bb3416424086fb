"""Mistuning and dirt are measured where they are."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.clips import make_clip
from neurorack.learn.evaluate.purity import figures, off_harmonic_db, pitch_error_cents, sweeping
from neurorack.words import SAMPLE_RATE_HZ

T_S = np.arange(round(1.92 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def tone(f0_hz: float) -> np.ndarray:
    return sum(np.sin(2 * np.pi * k * f0_hz * T_S) / k for k in range(1, 9)) * 0.2


def test_a_detuned_tone_is_off_by_as_much():
    assert pitch_error_cents(tone(220 * 2 ** (7 / 1200)), 220) == pytest.approx(7, abs=0.4)
    assert pitch_error_cents(tone(220), 220) < 0.3


def test_noise_has_no_pitch_to_be_off():
    assert np.isnan(pitch_error_cents(np.random.default_rng(0).standard_normal(len(T_S)), 1_000))


def test_dirt_between_harmonics_is_found():
    clean = off_harmonic_db(tone(220), 220)
    dirty = off_harmonic_db(tone(220) + 0.002 * np.sin(2 * np.pi * 333 * T_S), 220)
    assert clean < -80
    assert dirty == pytest.approx(-43, abs=2)


def test_the_tiny_bundle_is_in_tune_while_every_knob_sweeps(tiny, notes):
    found = figures(tiny, [make_clip(tiny, notes.sounds[0])], (-1.0, 1.0))
    assert found["pitch_error_cents_worst"] < 0.5
    assert found["off_harmonic_db_worst"] < -60
    assert found["pitch_clear_share"] == 1


def test_all_knobs_do_sweep():
    knobs = sweeping()
    assert knobs.min() >= 0
    assert knobs.max() <= 1
    assert (np.ptp(knobs, axis=0) > 0.45).all()
