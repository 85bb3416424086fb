"""What a recording lost above some frequency is known, whatever rate its file has."""

import numpy as np
import pytest

soxr = pytest.importorskip("soxr")

from neurorack.learn.prepare.bandwidth import find_bandwidth_hz  # noqa: E402

RATE = 48_000


@pytest.mark.parametrize("rate", [8_000, 16_000, 32_000])
def test_an_upsampled_recording_is_found_in_a_file_of_48_khz(rate):
    noise = np.random.default_rng(0).standard_normal(3 * rate) * 0.1
    audio = soxr.resample(noise, rate, RATE)
    assert find_bandwidth_hz(audio, RATE) == pytest.approx(rate / 2, rel=0.1)
    assert find_bandwidth_hz(audio, RATE) <= rate / 2 * 1.02


def test_the_rate_of_the_file_is_a_limit():
    audio = np.random.default_rng(0).standard_normal(RATE)
    assert find_bandwidth_hz(audio, 16_000) < 8_000
    assert find_bandwidth_hz(audio, 96_000) > 22_000


def test_a_dull_note_is_not_taken_for_a_dull_recording():
    n = np.arange(2 * RATE) / RATE
    note = sum(np.sin(2 * np.pi * 440 * k * n) / k**2 for k in range(1, 9)) * 0.1
    assert find_bandwidth_hz(note + 1e-5 * np.random.default_rng(0).standard_normal(len(n)), RATE) > 22_000


def test_a_short_or_silent_sound_is_no_trouble():
    assert find_bandwidth_hz(np.zeros(100), RATE) > 22_000
    assert find_bandwidth_hz(np.zeros(RATE), RATE) > 22_000
