"""Descriptors: known sounds give known numbers."""

import numpy as np
import pytest

from neurorack.ears import descriptors
from neurorack.ears.loudness import FULL_SCALE_SPL_DB
from neurorack.words import DESCRIPTORS, SAMPLE_RATE_HZ

N = np.arange(SAMPLE_RATE_HZ // 2)
INNER = slice(20, -20)  # away from where frames reach over the ends


def sine(f_hz: float, rms_db: float) -> np.ndarray:
    return np.sqrt(2) * 10 ** (rms_db / 20) * np.sin(2 * np.pi * f_hz * N / SAMPLE_RATE_HZ)


def noise_between(low_hz: float, high_hz: float, rms_db: float) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(len(N)))
    f_hz = np.fft.rfftfreq(len(N), 1 / SAMPLE_RATE_HZ)
    spectrum[(f_hz < low_hz) | (f_hz > high_hz)] = 0
    noise = np.fft.irfft(spectrum, len(N))
    return noise * 10 ** (rms_db / 20) / noise.std()


def mean(audio: np.ndarray) -> dict[str, float]:
    return dict(zip(DESCRIPTORS, descriptors.describe(audio)[INNER].mean(axis=0), strict=True))


@pytest.mark.parametrize("level_db", [-60.0, -20.0, -3.0])
def test_rms_of_a_sine_is_its_level(level_db):
    assert mean(sine(1000, level_db))["rms"] == pytest.approx(level_db, abs=0.01)


@pytest.mark.parametrize("f_hz", [200.0, 1000.0, 8000.0])
def test_centroid_of_a_sine_is_its_frequency(f_hz):
    assert 2 ** mean(sine(f_hz, -20))["centroid"] == pytest.approx(f_hz, rel=0.01)


def test_bandwidth_of_two_equal_sines_is_half_their_distance():
    pair = sine(4000, -20) + sine(8000, -20)
    assert 2 ** mean(pair)["bandwidth"] == pytest.approx(2000, rel=0.01)


def test_narrow_noise_at_1_khz_and_60_db_is_1_acum():
    assert mean(noise_between(920, 1080, 60 - FULL_SCALE_SPL_DB))["sharpness"] == pytest.approx(1.0, abs=0.05)


# DIN 45692, tables A.2 and A.3: noises of 4 sone, one critical band wide about a frequency or from there to 10 kHz
NARROW_ACUM = {250: 0.38, 450: 0.60, 700: 0.82, 1000: 1.00, 1600: 1.35, 2500: 1.78, 4000: 2.82, 7000: 5.52}
BROAD_ACUM = {250: 2.70, 570: 2.85, 1000: 3.05, 1850: 3.42, 3400: 4.12, 5800: 5.69}


def at_4_sone(low_hz: float, high_hz: float) -> np.ndarray:
    levels_db = np.arange(-60.0, -20.0, 0.5)
    noise = noise_between(low_hz, high_hz, 0.0)
    piece = noise[:9600]
    sone = [descriptors.loudness_sone(piece * 10 ** (db / 20))[INNER].mean() for db in levels_db]
    return noise * 10 ** (np.interp(4.0, sone, levels_db) / 20)


@pytest.mark.parametrize(("f_hz", "acum"), NARROW_ACUM.items())
def test_narrow_noises_are_as_sharp_as_din_45692_says(f_hz, acum):
    width_hz = 25 + 75 * (1 + 1.4 * (f_hz / 1000) ** 2) ** 0.69  # Zwicker & Terhardt 1980
    assert mean(at_4_sone(f_hz - width_hz / 2, f_hz + width_hz / 2))["sharpness"] == pytest.approx(acum, rel=0.12)


@pytest.mark.parametrize(("f_hz", "acum"), BROAD_ACUM.items())
def test_broad_noises_are_as_sharp_as_din_45692_says(f_hz, acum):
    assert mean(at_4_sone(f_hz, 10_000))["sharpness"] == pytest.approx(acum, rel=0.1)


@pytest.mark.parametrize(("spl_db", "sone"), [(40, 1.0), (60, 4.0)])
def test_loudness_of_1_khz_doubles_every_10_db(spl_db, sone):
    loudness = descriptors.loudness_sone(sine(1000, spl_db - FULL_SCALE_SPL_DB))[INNER].mean()
    assert loudness == pytest.approx(sone, rel=0.1)


def test_high_noise_is_sharper_than_low_noise():
    bands = [noise_between(f, 1.2 * f, -40) for f in (250, 1000, 4000, 10_000)]
    sharpness = [mean(band)["sharpness"] for band in bands]
    assert sharpness == sorted(sharpness)
    assert sharpness[-1] > 3 * sharpness[1]


def test_low_sounds_boom_and_high_ones_do_not():
    boominess = [mean(sine(f, -20))["boominess"] for f in (100, 200, 300, 1000)]
    assert boominess == sorted(boominess, reverse=True)
    assert boominess[-1] == pytest.approx(np.log2(descriptors.BOOM_NONE), abs=0.01)


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 96_000])
def test_a_sound_has_the_same_descriptors_at_every_sample_rate(rate_hz):
    def swept(at_hz: int) -> np.ndarray:  # known exactly at any rate: seven partials whose pitch and brightness move
        t = np.arange(round(0.6 * at_hz)) / at_hz
        phase = 2 * np.pi * (150 * t + 200 * t**2)
        return 0.1 * sum(np.sin(k * phase) * (0.3 + t) ** k for k in range(1, 8))

    ours = descriptors.describe(swept(SAMPLE_RATE_HZ))
    other = descriptors.describe(swept(rate_hz), sample_rate_hz=rate_hz)
    assert len(other) == len(ours)
    np.testing.assert_allclose(other[INNER], ours[INNER], atol=0.01)
    assert np.ptp(ours[INNER], axis=0).min() > 0.1  # there was something to get wrong


def test_silence_has_finite_descriptors():
    silent = descriptors.describe(np.zeros(4096))
    assert np.isfinite(silent).all()
    assert (silent[:, 0] <= descriptors.RMS_FLOOR_DB + 0.01).all()


def test_long_sounds_are_described_in_pieces_without_a_seam():
    audio = np.random.default_rng(1).standard_normal(64 * 5000) * 0.1
    piece = slice(64 * 3900, 64 * 4300)
    np.testing.assert_allclose(
        descriptors.describe(audio)[3950:4250], descriptors.describe(audio[piece])[50:350], atol=1e-9
    )


def noisiness(audio: np.ndarray) -> float:
    return float(np.median(descriptors.noisiness(audio, 256)[6:-6]))


def harmonic(f0_hz: float) -> np.ndarray:
    return sum(sine(k * f0_hz, -30 - 20 * np.log10(k)) for k in range(1, 1 + int(20_000 / f0_hz)))


@pytest.mark.parametrize("f0_hz", [65.4, 110.0, 440.0, 1318.5, 4186.0])
def test_what_repeats_is_not_noisy_at_any_pitch(f0_hz):
    assert noisiness(harmonic(f0_hz)) < -3
    assert noisiness(sine(f0_hz, -20)) < -3


@pytest.mark.parametrize("f0_hz", [65.4, 440.0, 1318.5])
def test_noisiness_is_the_ratio_of_noise_to_tone(f0_hz):
    tone = harmonic(f0_hz)
    level_db = 10 * np.log10(np.mean(tone**2))
    for ratio in (-2.0, -1.0):
        noisy = tone + noise_between(20, 20_000, level_db + 10 * ratio)
        assert noisiness(noisy) == pytest.approx(ratio, abs=0.25)


def test_noise_is_noisy_whatever_its_colour():
    assert noisiness(noise_between(20, 20_000, -20)) > 0.5
    assert noisiness(noise_between(20, 3_000, -20)) > 0.0
    assert noisiness(sine(60, -20)) < noisiness(noise_between(20, 500, -20)) - 1.0
    assert noisiness(noise_between(20, 250, -20)) > -1.0  # slow as it is, it does not repeat


def test_silence_is_as_noisy_as_can_be_and_so_is_what_is_all_but_silent():
    np.testing.assert_allclose(descriptors.noisiness(np.zeros(9600), 256), descriptors.NOISIEST)
    assert noisiness(sine(440, -120)) > 0.9
    assert len(descriptors.noisiness(np.zeros(0), 256)) == 0


def test_the_first_and_the_last_frames_of_a_tone_are_not_taken_for_noise():
    noisy = descriptors.noisiness(sine(440, -20), 256)
    assert noisy.max() < 0.0


def test_noisiness_does_not_depend_on_level_or_offset():
    tone = harmonic(220) + noise_between(20, 20_000, -50)
    ours = descriptors.noisiness(tone, 256)
    np.testing.assert_allclose(descriptors.noisiness(tone * 0.03 + 0.01, 256)[6:-6], ours[6:-6], atol=0.01)
