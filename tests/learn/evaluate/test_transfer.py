"""The delay that was put in is the delay that is found."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.learn.evaluate.transfer import F0_HZ, figures, jumping, lag_s, tone


def test_a_known_lag_is_found_between_the_steps_too():
    curve = jumping(0.0, 1.0, 48_000, np.random.default_rng(0))
    late = np.roll(curve, 1_000)
    assert lag_s(curve[::64], late[::64], 64 / 48_000) == pytest.approx(1_000 / 48_000, abs=2e-4)
    assert lag_s(curve[::64], curve[::64], 64 / 48_000) == pytest.approx(0, abs=1e-4)


def test_what_does_not_come_has_no_delay():
    random = np.random.default_rng(0)
    assert np.isnan(lag_s(jumping(0.0, 1.0, 48_000, random)[::64], random.standard_normal(750), 64 / 48_000))


def test_the_tone_has_unit_power_whatever_its_colour():
    for tilt in (0.7, 2.5):
        assert np.mean(tone(np.full(48_000, tilt)) ** 2) == pytest.approx(1, abs=0.01)
    spectrum = np.abs(np.fft.rfft(tone(np.full(48_000, 1.0))))
    assert spectrum.argmax() == F0_HZ


def test_the_tiny_bundle_follows_a_level_within_its_window(tiny):
    found = figures(tiny.bundle, 5.0)
    assert 2.7 < found["transfer_onset_ms"] < 30
    assert 2.7 < found["transfer_level_ms"] < 30
