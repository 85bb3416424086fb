"""Training hears the same excitation as the module."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.engine.excitation import HARMONICS, Excitation  # noqa: E402
from neurorack.engine.modes import ring  # noqa: E402
from neurorack.learn.corpus import MODES  # noqa: E402
from neurorack.learn.networks.excite import Elements  # noqa: E402
from neurorack.words import BAND_EDGES_HZ, BANDS, HOP  # noqa: E402

OCTAVES = np.linspace(0, 5.5, MODES).astype(np.float32)


def steady(f_hz: float, hops: int) -> np.ndarray:
    return np.full((1, hops), f_hz)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


class AtZero:
    """Draws a phase of 0, and noise from its beginning."""

    def random(self, shape):
        return np.zeros(shape)

    def integers(self, low, high, count):
        return np.zeros(count, int)


@pytest.mark.parametrize("f_hz", [40.0, 131.7, 440.0])
def test_harmonics_and_pulse_are_the_engines(f_hz):
    engine = Excitation(40, noisy=False)
    engine.render(np.full(40, f_hz))
    ours = Elements(40).harmonic(steady(f_hz, 40), AtZero())[0].numpy()
    np.testing.assert_allclose(ours[..., :HARMONICS], engine.harmonics, atol=5e-3)
    np.testing.assert_allclose(ours[..., HARMONICS : HARMONICS + BANDS], engine.pulse, atol=0.02)


@pytest.mark.parametrize("f_hz", [100.0, 3000.0])
def test_harmonics_have_the_engines_spectrum(f_hz):
    engine = Excitation(64, noisy=False)
    engine.render(np.full(64, f_hz))
    ours = Elements(64).harmonic(steady(f_hz, 64), random())[0, ..., :HARMONICS].reshape(-1, HARMONICS)
    theirs = engine.harmonics.reshape(-1, HARMONICS)
    np.testing.assert_allclose((ours.numpy() ** 2).mean(axis=0), (theirs**2).mean(axis=0), atol=0.02)


def test_a_gliding_pitch_is_followed_within_the_hop():
    glide = 200.0 * 2 ** np.linspace(0, 1, 64)
    engine = Excitation(64, noisy=False)
    engine.render(glide)
    ours = Elements(64).harmonic(glide[None], random())[0, ..., 0].reshape(-1).numpy()
    theirs = engine.harmonics[..., 0].reshape(-1)
    spectra = [np.abs(np.fft.rfft(x * np.hanning(len(x)))) for x in (ours, theirs)]
    assert np.corrcoef(*spectra)[0, 1] > 0.999


def test_a_leap_is_spent_on_the_lower_pitch_as_in_the_engine():
    leaps_hz = np.array([110.0, 880.0, 880.0, 27.5, 40.0])
    engine = Excitation(5, noisy=False)
    engine.render(leaps_hz)
    cycles = np.cumsum(Elements(5)._glide(leaps_hz[None])[0]) / 48_000
    np.testing.assert_allclose(np.cos(2 * np.pi * cycles), engine.harmonics[..., 0].reshape(-1), atol=1e-5)


def test_modes_are_the_engines_from_the_strike_on():
    f0_hz = 150.0 * 2 ** np.linspace(0.2, 0, 32)
    theirs, _ = ring(f0_hz, OCTAVES)
    ours = Elements(32).modal(f0_hz[None], OCTAVES[None], np.zeros(1, int), random())[0, ..., :MODES].numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-2)


def test_before_the_strike_there_are_no_modes():
    modes = Elements(16).modal(steady(150.0, 16), OCTAVES[None], np.array([300]), random())[0, ..., :MODES]
    flat = modes.reshape(-1, MODES).numpy()
    assert not flat[:300].any()
    assert (np.abs(flat[300 : 300 + HOP]).max(axis=0) > 0.1).all()


def test_bands_of_pulse_and_noise_have_a_mean_square_of_1():
    elements = Elements(192).harmonic(steady(60.0, 192), random())
    power = (elements.flatten(0, 2)[:, HARMONICS:] ** 2).mean(0).numpy().reshape(2, BANDS)
    top = np.array(BAND_EDGES_HZ[:-1]) > 2_500  # narrow bands of 0.25 s of noise are too few numbers to judge
    np.testing.assert_allclose(power[:, top], 1.0, atol=0.2)


def test_no_pulse_where_the_harmonics_reach_the_top():
    elements = Elements(16).harmonic(steady(500.0, 16), random())
    assert not elements[..., HARMONICS : HARMONICS + BANDS].any()
