"""The excitation is exactly in tune, band-limited, continuous, and the same in every block size."""

import numpy as np
import pytest

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS, Excitation, excite, schroeder_phases
from neurorack.words import BAND_EDGES_HZ, BANDS, HOP, SAMPLE_RATE_HZ

SECOND = SAMPLE_RATE_HZ // HOP


def off_harmonic_db(signal: np.ndarray, f_hz: float) -> float:
    """Energy that no sum of harmonics of exactly `f_hz` explains, against all energy."""
    n = np.arange(len(signal))
    k = np.arange(1, int(SAMPLE_RATE_HZ / 2 / f_hz) + 1)
    angles = 2 * np.pi * np.outer(n, k) * (f_hz / SAMPLE_RATE_HZ)
    basis = np.hstack([np.cos(angles), np.sin(angles), np.ones((len(n), 1))])
    left = signal - basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return float(10 * np.log10(np.sum(left**2) / np.sum(signal**2)))


@pytest.mark.parametrize("octave", range(2, 9))
def test_a_steady_pitch_is_harmonic_to_90_db_below(octave: int) -> None:
    f_hz = 261.6255653 * 2.0 ** (octave - 4)
    harmonics, pulse, _ = excite(np.full(32, f_hz))
    for signal in (x.sum(axis=2).ravel().astype(np.float64) for x in (harmonics, pulse)):
        if np.any(signal):
            assert off_harmonic_db(signal, f_hz) <= -90


def test_a_minute_in_the_phase_has_not_drifted() -> None:
    f_hz = 1234.5678
    source, f0 = Excitation(50), np.full(50, f_hz)
    for _ in range(15 * 60):
        source.render(f0)
    n = np.arange(15 * 60 * 50 * HOP - 50 * HOP, 15 * 60 * 50 * HOP) + 1
    expected = np.cos(2 * np.pi * np.mod(n * f_hz / SAMPLE_RATE_HZ, 1.0))
    np.testing.assert_allclose(source.harmonics[:, :, 0].ravel(), expected, atol=2e-5)


@pytest.mark.parametrize("f_hz", [33.0, 65.4, 130.8, 261.6, 400.0])
def test_a_band_of_the_pulse_is_the_sum_of_the_cosines_within_it_above_the_first(f_hz: float) -> None:
    _, pulse, _ = excite(np.full(20, f_hz))
    n = np.arange(1, 20 * HOP + 1)
    k = np.arange(HARMONICS + 1, int(F_TOP_HZ / f_hz) + 2)
    cosines = np.cos(2 * np.pi * np.mod(np.outer(n, k) * (f_hz / SAMPLE_RATE_HZ), 1.0))
    for band in range(BANDS):
        low, high = (np.clip(edge / f_hz - k + 1, 0, 1) for edge in BAND_EDGES_HZ[band : band + 2])
        width_hz = BAND_EDGES_HZ[band + 1] - BAND_EDGES_HZ[band]
        expected = np.sqrt(2 * f_hz / width_hz) * (cosines @ (high - low))
        np.testing.assert_allclose(pulse[..., band].ravel(), expected, atol=2e-4)


def test_the_pulse_is_finite_and_exact_on_its_very_peak() -> None:
    f_hz = SAMPLE_RATE_HZ / 1024  # the phase comes back to exactly 0
    _, pulse, _ = excite(np.full(32, f_hz))
    peak = np.sqrt(2 * f_hz / (18_000 - 12_400)) * (18_000 - 12_400) / f_hz
    assert np.isfinite(pulse).all()
    assert pulse.reshape(-1, BANDS)[1023, -1] == pytest.approx(peak, rel=1e-6)


@pytest.mark.parametrize("f_hz", [25.0, 50.0])
def test_bands_of_pulse_and_noise_have_a_mean_square_of_1(f_hz: float) -> None:
    _, pulse, noise = excite(np.full(2 * SECOND, f_hz))
    whole = np.array(BAND_EDGES_HZ[:-1]) > (HARMONICS + 1) * f_hz
    assert 6 < whole.sum() < BANDS
    np.testing.assert_allclose(np.mean(pulse**2, axis=(0, 1))[whole], 1.0, rtol=0.05)
    np.testing.assert_allclose(np.mean(noise**2, axis=(0, 1)), 1.0, rtol=0.25)


def test_bands_of_the_pulse_begin_where_the_harmonics_end_and_go_as_the_pitch_rises() -> None:
    source = Excitation(1)
    for f_hz in (30.0, 100.0, 300.0, F_TOP_HZ / HARMONICS + 1, 50.0):
        for _ in range(2):
            source.render(np.array([f_hz]))
        under = np.array(BAND_EDGES_HZ[1:]) <= HARMONICS * f_hz
        assert not source.pulse[..., under].any()
        assert np.abs(source.pulse[..., ~under]).max(axis=(0, 1)).all()


def test_every_partial_fades_out_on_its_way_up() -> None:
    f_hz = np.geomspace(300, 5_000, 3_000)
    harmonics, _, _ = excite(f_hz)
    level = np.sqrt(np.mean(harmonics.reshape(-1, 8 * HOP, HARMONICS) ** 2, axis=1))
    lowest_hz = np.concatenate([f_hz[:1], f_hz[7:-1:8]])
    above = np.outer(lowest_hz, np.arange(HARMONICS)) > F_TOP_HZ  # the lower neighbour is over the top
    assert not level[above].any()
    assert np.abs(np.diff(level, axis=0)).max() < 0.25  # 10.7 ms of a fast sweep; a jump would be 0.7


def test_a_glide_has_no_corner_in_phase() -> None:
    f_hz = 200 * 2 ** (np.sin(np.arange(400) / 20) * 0.5)
    harmonics, _, _ = excite(f_hz)
    first = harmonics[:, :, 0].ravel().astype(np.float64)
    step = np.abs(np.diff(first)).max()
    assert step <= 2 * np.pi * f_hz.max() / SAMPLE_RATE_HZ * 1.001


def test_the_pitch_glides_over_one_hop() -> None:
    source = Excitation(1)
    source.render(np.array([100.0]))
    source.render(np.array([200.0]))
    turns = np.arccos(np.clip(source.harmonics[0, :, 0], -1, 1)) / (2 * np.pi)
    speed_hz = np.abs(np.diff(turns)) * SAMPLE_RATE_HZ
    middle = speed_hz[5:-5]
    assert np.all(np.diff(middle) > 0)
    np.testing.assert_allclose(np.diff(middle), 100 / HOP, rtol=0.2)


LEAPS_HZ = np.tile([110.0, 110.0, 880.0, 880.0, 300.0, 700.0, 60.0], 37)[:256]


@pytest.mark.parametrize("upwards", [False, True])
def test_where_the_pitch_leaps_no_partial_is_steeper_than_before_or_after(upwards: bool) -> None:
    """A soft high tone and a brighter low one: gains cross from the one to the other in the hop of the leap."""
    k = np.arange(1, HARMONICS + 1)
    tones = [(5_260.0, np.where(k <= 1, 0.3, 0.0)), (329.0, np.where(k <= 5, 1.0, 0.0))]
    (before_hz, before), (after_hz, after) = tones[::-1] if upwards else tones
    harmonics = excite(np.repeat([before_hz, after_hz], 8))[0].astype(np.float64)
    gains = np.repeat([before, after], 8, axis=0)
    up = np.arange(1, HOP + 1)[:, None] / HOP
    mixed = harmonics * ((1 - up) * np.concatenate([gains[:1], gains[:-1]])[:, None] + up * gains[:, None])
    steepest = np.abs(np.diff(mixed.reshape(-1, HARMONICS), axis=0)).max(axis=1)
    leap = slice(8 * HOP - 1, 9 * HOP)
    assert steepest[leap].max() < 1.1 * max(steepest[: leap.start].max(), steepest[leap.stop :].max())


@pytest.mark.parametrize("after_hz", [880.0, 27.5])
def test_a_leap_is_spent_on_the_lower_pitch(after_hz: float) -> None:
    first = excite(np.array([110.0, 110.0, after_hz, after_hz]))[0][..., 0].ravel().astype(np.float64)
    cycles = np.cumsum(np.repeat([110.0, 110.0, min(110.0, after_hz), after_hz], HOP)) / SAMPLE_RATE_HZ
    np.testing.assert_allclose(first, np.cos(2 * np.pi * cycles), atol=1e-5)


@pytest.mark.parametrize("hops", [1, 2, 4, 8])
@pytest.mark.parametrize("f0_hz", [np.geomspace(40, 6_000, 256), np.full(256, 261.6256), np.full(256, 25.3), LEAPS_HZ])
def test_blocks_of_every_size_give_the_offline_pass(hops: int, f0_hz: np.ndarray) -> None:
    harmonics, pulse, noise = excite(f0_hz, seed=3)
    source = Excitation(hops, seed=3)
    for at in range(0, 256, hops):
        source.render(f0_hz[at : at + hops])
        rows = slice(at, at + hops)
        np.testing.assert_allclose(source.harmonics, harmonics[rows], atol=5e-7)
        np.testing.assert_allclose(source.pulse, pulse[rows], atol=1e-5)  # of peaks of some 20
        np.testing.assert_array_equal(source.noise, noise[rows])


def test_a_harmonic_of_the_pulse_glides_from_band_to_band() -> None:
    """While the pitch sweeps, ever other harmonics cross an edge: a band of 15 must not jump by one."""
    _, pulse, _ = excite(np.linspace(100.0, 110.0, 4_800))
    band = BAND_EDGES_HZ.index(5_500)
    level = np.sqrt(np.mean(pulse.reshape(-1, 150 * HOP, BANDS)[..., band] ** 2, axis=1))
    assert np.abs(np.diff(level)).max() < 0.05
    assert np.ptp(level) < 0.08


def test_a_seed_repeats_and_another_differs() -> None:
    f0_hz = np.full(4, 100.0)
    assert np.array_equal(excite(f0_hz, 1)[2], excite(f0_hz, 1)[2])
    assert not np.array_equal(excite(f0_hz, 1)[2], excite(f0_hz, 2)[2])


def test_reset_starts_over() -> None:
    source, f0_hz = Excitation(2, seed=5), np.array([100.0, 300.0])
    source.render(f0_hz)
    first = [array.copy() for array in (source.harmonics, source.pulse, source.noise)]
    source.render(f0_hz)
    source.reset()
    source.render(f0_hz)
    for before, after in zip(first, (source.harmonics, source.pulse, source.noise), strict=True):
        np.testing.assert_array_equal(before, after)


def test_wild_pitches_are_clamped() -> None:
    harmonics, pulse, _ = excite(np.array([0.0, -5.0, 1e9, 1e-9]))
    assert np.isfinite(harmonics).all()
    assert np.isfinite(pulse).all()


def test_schroeder_phases_halve_the_peak() -> None:
    harmonics, _, _ = excite(np.full(64, 100.0))
    assert np.abs(harmonics.sum(axis=2)).max() < HARMONICS / 2
    assert schroeder_phases(HARMONICS)[0] == 0.0
