"""The descriptors agree with other people's implementations, on steady synthetic sounds and on recorded notes."""

import numpy as np
import pytest
from hearing import rank_correlation, sounds, tone

librosa = pytest.importorskip("librosa")
mosqito = pytest.importorskip("mosqito")

from neurorack.ears import descriptors  # noqa: E402
from neurorack.ears.loudness import FULL_SCALE_SPL_DB  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402

HOP = 256
INNER = slice(4, -4)
PASCAL = 2e-5 * 10 ** (FULL_SCALE_SPL_DB / 20)
RISE = 4800


@pytest.fixture(scope="module")
def ours() -> np.ndarray:
    """[sounds, 7] means: five descriptors, noisiness, loudness in sone."""
    rows = []
    for sound in sounds():
        loudness = descriptors.loudness_sone(sound)[4 * INNER.start : 4 * INNER.stop]
        frames = np.column_stack([descriptors.describe(sound, HOP), descriptors.noisiness(sound, HOP)])[INNER]
        rows.append([*frames.mean(axis=0), loudness.mean()])
    return np.array(rows)


@pytest.fixture(scope="module")
def theirs() -> np.ndarray:
    """[sounds, 3] by mosqito: sone (ISO 532-1), acum (DIN 45692), boominess of that loudness as log2(0.1 + b)."""
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(RISE) / RISE)  # cut short, a low tone's click would be heard instead
    z = np.arange(0.05, 24, 0.1)
    f_hz = 600 * np.sinh(z / 6)  # Wang, Sekey & Gersho 1992; ours is Zwicker & Terhardt's
    third = 3 * np.log2(f_hz / 25) + 1
    weight = np.where(third < 4, np.interp(third, [1, 2, 3, 4], [0.8, 1.05, 1.1, 1.18]), 2.13 * np.exp(-0.151 * third))
    rows = []
    for sound in sounds():
        gate = np.concatenate([fade, np.ones(len(sound) - 2 * RISE), fade[::-1]])
        sone, specific, _ = mosqito.loudness_zwst(PASCAL * sound * gate / np.sqrt(np.mean(gate**2)), SAMPLE_RATE_HZ)
        b = 10 * np.log10(1 + 0.1 * specific @ weight) * 0.1 * specific[f_hz < 280].sum() / sone
        rows.append([float(sone), mosqito.sharpness_din_from_loudness(sone, specific), np.log2(0.1 + b)])
    return np.array(rows, np.float64)


@pytest.mark.parametrize("which", [0, 7, 19, -1])
def test_rms_centroid_and_bandwidth_are_librosas(which):
    audio = sounds()[which]
    frames = {"n_fft": descriptors.WINDOW, "hop_length": HOP, "center": True, "pad_mode": "constant"}
    magnitude = np.abs(librosa.stft(audio, **frames))[:, 1:]  # its frame 1 is centred where our frame 0 is
    of_magnitude = {"S": magnitude, "sr": SAMPLE_RATE_HZ, "n_fft": descriptors.WINDOW}
    described = descriptors.describe(audio, HOP)
    hops = len(described)
    centroid = librosa.feature.spectral_centroid(**of_magnitude)[0, :hops]
    bandwidth = librosa.feature.spectral_bandwidth(**of_magnitude)[0, :hops]
    np.testing.assert_allclose(2 ** described[INNER, 1], centroid[INNER], rtol=1e-4)
    np.testing.assert_allclose(2 ** described[INNER, 2], bandwidth[INNER], rtol=1e-4)
    rms = librosa.feature.rms(y=audio, frame_length=descriptors.WINDOW, hop_length=HOP)[0]
    assert (10 ** (described[INNER, 0] / 20)).mean() == pytest.approx(rms[INNER].mean(), rel=0.02)


def test_sharpness_is_din_45692s(ours, theirs):
    off_acum = ours[:, 3] - theirs[:, 1]
    assert rank_correlation(ours[:, 3], theirs[:, 1]) > 0.98
    assert abs(np.median(off_acum)) < 0.04
    assert np.median(np.abs(off_acum)) < 0.05
    assert np.abs(off_acum).max() < 0.15


def test_loudness_is_iso_532_1s(ours, theirs):
    ratio = ours[:, 6] / theirs[:, 0]
    assert 0.9 < np.median(ratio) < 1.2
    assert ratio.min() > 0.75
    assert ratio.max() < 1.4


def test_boominess_is_what_its_formula_makes_of_iso_532_1s_loudness(ours, theirs):
    off_oct = ours[:, 4] - theirs[:, 2]
    assert rank_correlation(ours[:, 4], theirs[:, 2]) > 0.95
    assert abs(np.median(off_oct)) < 0.3
    assert np.abs(off_oct).max() < 1.5  # a first harmonic of 290 Hz: of whose loudness a short frame leaks below 280 Hz


def test_noisiness_ranks_sounds_as_flatness_does():
    mixtures = [tone(300, 6, noise) for noise in np.geomspace(0.01, 10, 12)]
    flatness = [librosa.feature.spectral_flatness(y=sound).mean() for sound in mixtures]
    noisiness = [descriptors.noisiness(sound, HOP)[INNER].mean() for sound in mixtures]
    assert rank_correlation(np.array(noisiness), np.array(flatness)) > 0.98
