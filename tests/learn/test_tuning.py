"""The pitch of a note is found to a fraction of a cent."""

import numpy as np
import pytest

from neurorack.learn.tuning import measure_f0
from neurorack.words import SAMPLE_RATE_HZ


def tone(f0_hz: float, partials: int = 12, decay_s: float = 1.0) -> np.ndarray:
    n = np.arange(round(1.7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    numbers = [k for k in range(1, partials + 1) if k * f0_hz < 20_000]
    return sum(np.sin(2 * np.pi * k * f0_hz * n + k * k) / k for k in numbers) * np.exp(-n / decay_s) * 0.2


@pytest.mark.parametrize("midi", [24, 36, 60, 84, 108])
@pytest.mark.parametrize("off_cents", [-31.0, 0.0, 4.5])
def test_a_detuned_tone_is_measured(midi, off_cents):
    nominal_hz = 440 * 2 ** ((midi - 69) / 12)
    f0_hz, cents, clear = measure_f0(tone(nominal_hz * 2 ** (off_cents / 1200)), nominal_hz, held_s=1.3)
    assert cents == pytest.approx(off_cents, abs=0.5)
    assert f0_hz == pytest.approx(nominal_hz * 2 ** (cents / 1200))
    assert clear > 0.9


def test_a_missing_fundamental_does_not_mislead():
    n = np.arange(round(1.7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    audio = sum(np.sin(2 * np.pi * k * 111.0 * n) for k in range(3, 12)) * 0.05
    assert measure_f0(audio, 110.0, held_s=1.3)[0] == pytest.approx(111.0, rel=3e-4)


def test_noise_is_not_clear():
    noise = np.random.default_rng(0).standard_normal(round(1.7 * SAMPLE_RATE_HZ))
    assert measure_f0(noise, 1000.0, held_s=1.3)[2] < 0.3
