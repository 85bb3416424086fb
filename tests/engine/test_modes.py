"""Modes begin at nothing on the strike's own sample, ring where the gesture puts them, the same in every block size."""

import tracemalloc

import numpy as np
import pytest

from neurorack.engine.excitation import F_TOP_HZ
from neurorack.engine.modes import FADE, Modes, ring
from neurorack.words import BANDS, BLOCKS, HOP, SAMPLE_RATE_HZ

HOPS = 96
BAR = np.log2([1.0, 2.76, 5.4, 8.93, 13.34]).astype(np.float32)
"""Octaves of a free bar's modes above its lowest."""
SKIN = np.log2([1.0, 1.59, 2.14, 2.3, 2.65]).astype(np.float32)
STRIKES = [(0, BAR), (1_000, SKIN), (1_003, BAR), (2_112, BAR), (4_095, SKIN)]


def play(hops: int, f0_hz: np.ndarray, strikes: list[tuple[int, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """Modes [samples, 5], partials [hops, 5] and noise [samples, BANDS], rendered `hops` at a time."""
    source, out = Modes(hops, 3, count=5), []
    for at in range(0, len(f0_hz), hops):
        for sample, partials in strikes:
            if at * HOP <= sample < (at + hops) * HOP:
                source.strike(sample - at * HOP, partials)
        source.render(f0_hz[at : at + hops])
        modes, noise = source.harmonics.reshape(-1, 5), source.noise.reshape(-1, BANDS)
        out.append((modes.copy(), source.partials.copy(), noise.copy()))
    return tuple(np.concatenate(part) for part in zip(*out, strict=True))


@pytest.mark.parametrize("f0_hz", [np.geomspace(40, 4_000, HOPS), np.tile([90.0, 900.0, 900.0, 30.0], HOPS // 4)])
def test_blocks_of_any_size_give_the_same_modes(f0_hz: np.ndarray) -> None:
    whole = play(HOPS, f0_hz, STRIKES)
    for block in BLOCKS:
        for one, other in zip(play(block // HOP, f0_hz, STRIKES), whole, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sample", [0, 1, 63, 64, 1_001])
def test_a_strike_begins_all_modes_at_nothing_on_its_own_sample(sample: int) -> None:
    modes, _, _ = play(2, np.full(HOPS, 200.0), [(0, BAR), (sample, SKIN)])
    since = np.arange(HOPS * HOP - sample)
    angles = 2 * np.pi * np.mod(np.outer(since, np.exp2(SKIN.astype(float))) * (200.0 / SAMPLE_RATE_HZ), 1.0)
    np.testing.assert_allclose(modes[sample:], np.sin(angles), atol=1e-5)
    assert not modes[sample].any()


def test_before_the_strike_the_old_modes_ring_undisturbed() -> None:
    f0_hz = np.full(HOPS, 300.0)
    alone, struck = play(4, f0_hz, [(0, BAR)])[0], play(4, f0_hz, [(0, BAR), (777, SKIN)])[0]
    np.testing.assert_array_equal(struck[:777], alone[:777])
    assert np.abs(struck[778:900] - alone[778:900]).max() > 0.1


def test_the_partials_of_a_hop_are_those_at_its_end() -> None:
    partials = play(8, np.full(HOPS, 300.0), [(0, BAR), (2 * HOP - 1, SKIN), (4 * HOP, BAR)])[1]
    for hop, expected in enumerate([BAR, SKIN, SKIN, SKIN, BAR, BAR]):
        np.testing.assert_array_equal(partials[hop], expected)
    np.testing.assert_array_equal(partials[6:], np.tile(BAR, (HOPS - 6, 1)))


def test_what_is_struck_has_its_pitch_from_the_first() -> None:
    f0_hz = np.array([100.0, 100.0, 500.0, 500.0])
    low = play(1, f0_hz, [(2 * HOP + 10, BAR)])[0][:, 0]
    n = np.arange(2 * HOP - 10)
    np.testing.assert_allclose(low[2 * HOP + 10 :], np.sin(2 * np.pi * 500.0 / SAMPLE_RATE_HZ * n), atol=1e-5)


@pytest.mark.parametrize("after_hz", [880.0, 27.5])
def test_a_leap_of_the_pitch_is_spent_on_the_lower_one(after_hz: float) -> None:
    lowest = play(2, np.repeat([110.0, after_hz], [3, 3]), [(0, BAR)])[0][:, 0]
    hz = np.repeat([110.0, 110.0, 110.0, min(110.0, after_hz), after_hz, after_hz], HOP)
    cycles = np.concatenate([[0.0], np.cumsum(hz[1:])]) / SAMPLE_RATE_HZ
    np.testing.assert_allclose(lowest, np.sin(2 * np.pi * cycles), atol=1e-5)


def test_modes_fade_on_their_way_up_and_never_fold() -> None:
    f0_hz = np.geomspace(1_000, 8_000, 2_000)
    modes = play(50, f0_hz, [(0, BAR)])[0].reshape(-1, 8 * HOP, 5)
    level = np.sqrt(2 * np.mean(modes**2, axis=1))
    mode_hz = np.outer(f0_hz[4::8], np.exp2(BAR))
    expected = np.clip((1 - mode_hz / F_TOP_HZ) / FADE, 0, 1)
    np.testing.assert_allclose(level, expected, atol=0.08)
    assert level[mode_hz > 1.02 * F_TOP_HZ].max() == 0.0


def test_an_hour_after_its_strike_a_mode_is_in_tune() -> None:
    source, f0_hz = Modes(8, count=1), np.full(8, 1_234.5678)
    source.strike(0, np.zeros(1, np.float32))
    source._cycle = 0.0
    source.render(f0_hz)
    hour = 3_600 * SAMPLE_RATE_HZ
    source._cycle += 1_234.5678 * hour / SAMPLE_RATE_HZ
    source.render(f0_hz)
    n = np.arange(8 * HOP, 16 * HOP) + hour
    expected = np.sin(2 * np.pi * np.mod(n * (1_234.5678 / SAMPLE_RATE_HZ), 1.0))
    np.testing.assert_allclose(source.harmonics[:, :, 0].ravel(), expected, atol=2e-5)


def test_reset_keeps_what_is_struck() -> None:
    source = Modes(1, count=5)
    source.strike(0, SKIN)
    source.render(np.full(1, 200.0))
    first = source.noise.copy()
    source.reset()
    source.partials[:] = 0.0  # as a decoder that is reset does
    source.render(np.full(1, 200.0))
    np.testing.assert_array_equal(source.partials[0], SKIN)
    np.testing.assert_array_equal(source.noise, first)


def test_rendering_makes_no_array() -> None:
    source, f0_hz = Modes(64, count=24), np.full(64, 3_000.0)
    partials = np.linspace(0, 5, 24).astype(np.float32)

    def block() -> None:
        source.strike(17, partials)
        source.strike(300, partials)
        source.render(f0_hz)

    block()
    tracemalloc.start()
    block()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    block()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 64 * HOP * 24 * 4 / 2  # half of the modes; numpy's buffers for casting take 110 KB


def test_the_offline_pass_is_one_strike() -> None:
    harmonics, noise = ring(np.full(HOPS, 200.0), BAR, 3)
    streamed, _, hiss = play(2, np.full(HOPS, 200.0), [(0, BAR)])
    np.testing.assert_array_equal(harmonics.reshape(-1, 5), streamed)
    np.testing.assert_array_equal(noise.reshape(-1, BANDS), hiss)
