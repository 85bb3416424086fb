"""Training hears the same excitation as the module."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.engine.excitation import HARMONICS, Excitation  # noqa: E402
from neurorack.learn import bank  # noqa: E402
from neurorack.learn.excite import Elements, pulse  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402


@pytest.mark.parametrize("f_hz", [40.0, 131.7, 440.0])
def test_the_pulse_is_the_engines(f_hz):
    engine = Excitation(40, noisy=False)
    engine.render(np.full(40, f_hz))
    phase = np.arange(1, engine.pulse.size + 1) * f_hz / SAMPLE_RATE_HZ
    np.testing.assert_allclose(pulse(np.mod(phase, 1.0), f_hz), engine.pulse.ravel(), atol=2e-5)


@pytest.mark.parametrize("f_hz", [100.0, 3000.0])
def test_harmonics_have_the_engines_spectrum(f_hz):
    engine = Excitation(64, noisy=False)
    engine.render(np.full(64, f_hz))
    ours = Elements(64).make(np.array([f_hz]), np.random.default_rng(0))[0, ..., :HARMONICS].reshape(-1, HARMONICS)
    theirs = engine.harmonics.reshape(-1, HARMONICS)
    np.testing.assert_allclose((ours.numpy() ** 2).mean(axis=0), (theirs**2).mean(axis=0), atol=0.02)


def test_bands_of_pulse_and_noise_have_the_banks_power():
    elements = Elements(192).make(np.array([60.0]), np.random.default_rng(0)).reshape(-1, bank.ELEMENTS)
    power = (elements[:, HARMONICS:] ** 2).mean(axis=0).numpy().reshape(2, bank.BANDS)
    top = slice(14, None)  # narrow bands of 0.25 s of noise are too few numbers to judge
    np.testing.assert_allclose(power[:, top] / bank.band_power()[top], 1.0, atol=0.2)


def test_no_pulse_where_the_harmonics_reach_the_top():
    elements = Elements(16).make(np.array([500.0]), np.random.default_rng(0))
    assert not elements[..., HARMONICS : HARMONICS + bank.BANDS].any()
