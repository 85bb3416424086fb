"""Volt per octave."""

import pytest

from neurorack.patch.pitch import HIGHEST_HZ, LOWEST_HZ, pitch_hz, tuning_v


@pytest.mark.parametrize(("volts", "hz"), [(0.0, 261.6256), (-2.0, 65.4064), (4.0, 4186.009), (0.75, 440.0)])
def test_volts_are_octaves_from_c4(volts, hz):
    assert pitch_hz(volts) == pytest.approx(hz, rel=1e-6)


def test_pitch_stays_within_what_can_be_played():
    assert pitch_hz(-20.0) == LOWEST_HZ
    assert pitch_hz(20.0) == HIGHEST_HZ


def test_tuning_counts_octaves_and_cents():
    assert tuning_v(1, 0.0) == 1.0
    assert pitch_hz(tuning_v(0, 100.0)) / pitch_hz(0.0) == pytest.approx(2 ** (1 / 12))
    assert tuning_v() == 0.0
