"""The bands of noise: flat together, each in its place, without a seam, and never the same again."""

import itertools
import tracemalloc

import numpy as np

from neurorack.engine.bands import LOOPS, Hiss, noise_shape
from neurorack.words import BAND_EDGES_HZ, BANDS, SAMPLE_RATE_HZ


def read(samples: int, seed: int = 0, piece: int = 0) -> np.ndarray:
    hiss, out = Hiss(seed), np.empty((samples, BANDS), np.float32)
    for at in range(0, samples, piece or samples):
        hiss.read(out[at : at + (piece or samples)])
    return out


def test_equal_gains_give_a_flat_spectrum() -> None:
    f_hz = np.linspace(50.0, 17_000.0, 5_000)
    np.testing.assert_allclose((noise_shape(f_hz) ** 2).sum(axis=0), 1.0, atol=1e-12)
    assert noise_shape(np.array([0.0, 19_000.0])).max() < 1e-12
    density = read(8 * SAMPLE_RATE_HZ) * np.sqrt(np.diff(BAND_EDGES_HZ))
    power = np.abs(np.fft.rfft(density.sum(axis=1))) ** 2
    thirds = [power[8 * low : 8 * high].mean() for low, high in itertools.pairwise(BAND_EDGES_HZ)]
    np.testing.assert_allclose(10 * np.log10(np.array(thirds) / np.mean(thirds)), 0.0, atol=1.2)


def test_every_band_keeps_its_power_between_its_edges() -> None:
    power = np.abs(np.fft.rfft(read(4 * SAMPLE_RATE_HZ), axis=0)) ** 2
    f_hz = np.fft.rfftfreq(4 * SAMPLE_RATE_HZ, 1 / SAMPLE_RATE_HZ)
    for band, (low, high) in enumerate(itertools.pairwise(BAND_EDGES_HZ)):
        within = (f_hz > low - 0.25 * (high - low)) & (f_hz < high + 0.25 * (high - low))
        assert power[within, band].sum() > 0.98 * power[:, band].sum()


def test_loops_have_no_seam() -> None:
    """A seam would be a step that the band, narrow as it is, never takes."""
    noise = read(LOOPS[0] + 4_096)
    steps = np.abs(np.diff(noise[:, 0]))  # the band around 60 Hz
    assert steps.max() < 8 * steps.mean()


def test_a_band_comes_round_in_its_own_time_and_its_neighbours_in_another() -> None:
    noise = read(LOOPS[0] + 2_000)
    np.testing.assert_array_equal(noise[:2_000, 0], noise[LOOPS[0] :, 0])
    assert np.corrcoef(noise[:2_000, 1], noise[LOOPS[0] :, 1])[0, 1] < 0.5
    assert np.lcm.reduce(LOOPS) / SAMPLE_RATE_HZ > 7 * 3_600


def test_neighbours_are_strangers() -> None:
    noise = read(4 * SAMPLE_RATE_HZ)
    correlations = np.corrcoef(noise.T) - np.eye(BANDS)
    assert np.abs(correlations).max() < 0.1


def test_pieces_of_every_size_are_the_same_noise() -> None:
    whole = read(140_000, seed=3)
    for piece in (64, 512, 5_000):
        np.testing.assert_array_equal(read(140_000, 3, piece), whole)


def test_a_seed_repeats_another_differs_and_reset_starts_over() -> None:
    assert not np.array_equal(read(64, 1), read(64, 2))
    hiss, first, again = Hiss(5), np.empty((200, BANDS), np.float32), np.empty((200, BANDS), np.float32)
    hiss.read(first)
    hiss.reset()
    hiss.read(again)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, read(200, 5))


def test_reading_makes_no_array() -> None:
    hiss, out = Hiss(), np.empty((512, BANDS), np.float32)
    hiss.read(out)
    tracemalloc.start()
    hiss.read(out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000


def test_the_lowest_bands_do_not_swell_and_fade() -> None:
    """In windows of 21 ms, as descriptors hear: boominess at high pitch is what these bands are."""
    noise = read(LOOPS[0])
    frames = np.lib.stride_tricks.sliding_window_view(noise, 1024, axis=0)[::512] * np.hanning(1024)
    level_db = 10 * np.log10(np.sum(frames.astype(np.float64) ** 2, axis=2))
    swelling_db = level_db.std(axis=0)
    assert swelling_db[0] < 1.2
    assert swelling_db[1:3].max() < 0.1
    assert swelling_db[3] > 3.0  # what a band so narrow does by itself
