"""A level moves no faster than the slowest wave it is the level of, so that no step is much steeper than the wave."""

import numpy as np
import pytest

from neurorack.patch.gestures import RMS
from neurorack.patch.swell import QUICK_HZ, Swell
from neurorack.words import HOP, SAMPLE_RATE_HZ

WIDTH, LATENT = 8, 7
LOUD_DB, SOFT_DB = -6.0, -90.0
LEAP = 10
"""Hop of it."""


def leaping(first_db: float, second_db: float, hops: int = 80) -> np.ndarray:
    """Rows [hops, WIDTH] that leap from one to another."""
    rows = np.zeros((hops, WIDTH), np.float32)
    rows[LEAP:] = 1.0
    rows[:, RMS] = np.where(np.arange(hops) < LEAP, first_db, second_db)
    return rows


def passed(
    rows: np.ndarray, f0_hz: np.ndarray | float, *, lowest: float = 1.0, block: int = 1, begins: int = -1
) -> tuple[np.ndarray, np.ndarray]:
    made, rows = Swell(block, WIDTH), rows.copy()
    pitches_hz = np.broadcast_to(np.asarray(f0_hz, np.float64), len(rows)).copy()
    for at in range(0, len(rows), block):
        if at <= begins < at + block:
            made.begin(begins - at)
        made.pass_on(rows[at : at + block], pitches_hz[at : at + block], lowest)
    return rows, pitches_hz


def steepest(rows: np.ndarray, hz: float) -> float:
    """Largest step of a sine with these levels, crossed over hop by hop as the decoder does, whatever its phase."""
    levels = 10 ** (rows[:, RMS].astype(np.float64) / 20)
    gain = np.interp(np.arange(len(levels) * HOP) / HOP, np.arange(len(levels)), levels)
    turns = np.arange(len(gain)) * hz / SAMPLE_RATE_HZ + np.arange(0.0, 1.0, 0.05)[:, None]
    return float(np.abs(np.diff(gain * np.sin(2 * np.pi * turns))).max())


@pytest.mark.parametrize("hz", [10.0, 25.0, 50.0, 100.0, 180.0, 400.0])
@pytest.mark.parametrize("levels_db", [(LOUD_DB, SOFT_DB), (SOFT_DB, LOUD_DB)])
def test_a_level_that_leaps_makes_no_step_that_the_wave_has_not(hz: float, levels_db: tuple[float, float]) -> None:
    rows, _ = passed(leaping(*levels_db), hz)
    own = 10 ** (LOUD_DB / 20) * 2 * np.pi * hz / SAMPLE_RATE_HZ
    assert 20 * np.log10(steepest(rows, hz) / own) < 1.6


def test_it_takes_a_quarter_of_the_lowest_partials_period() -> None:
    for lowest, hops in ((1.0, 6), (0.5, 12)):
        fallen, _ = passed(leaping(LOUD_DB, SOFT_DB), QUICK_HZ / 6, lowest=lowest)
        risen, _ = passed(leaping(SOFT_DB, LOUD_DB), QUICK_HZ / 6, lowest=lowest)
        assert np.argmax(fallen[:, RMS] == SOFT_DB) == pytest.approx(LEAP + hops - 1, abs=1)
        assert np.argmax(risen[:, RMS] == LOUD_DB) == pytest.approx(LEAP + hops - 1, abs=1)


def test_what_falls_is_the_sound_before_and_what_rises_is_the_one_to_come() -> None:
    pitches_hz = np.where(np.arange(80) < LEAP, 30.0, 60.0)
    rows, heard_hz = passed(leaping(LOUD_DB, SOFT_DB), pitches_hz)
    falling = rows[:, RMS] > SOFT_DB
    assert falling[LEAP : LEAP + 5].all()
    assert not rows[falling, LATENT].any() and (heard_hz[falling] == 30.0).all()
    assert (rows[~falling, LATENT] == 1.0).all() and (heard_hz[~falling] == 60.0).all()
    rows, heard_hz = passed(leaping(SOFT_DB, LOUD_DB), pitches_hz)
    assert rows[LEAP, RMS] < LOUD_DB and rows[LEAP, LATENT] == 1.0 and heard_hz[LEAP] == 60.0


@pytest.mark.parametrize("block", [1, 8])
def test_what_begins_has_its_level_at_once(block: int) -> None:
    for levels_db in ((LOUD_DB, SOFT_DB), (SOFT_DB, LOUD_DB)):
        rows = leaping(*levels_db)
        assert passed(rows, 20.0, block=block, begins=LEAP)[0] == pytest.approx(rows)


def test_high_and_slow_ones_pass_as_they_are() -> None:
    rows = leaping(LOUD_DB, SOFT_DB)
    assert np.array_equal(passed(rows, QUICK_HZ)[0], rows)
    rows = leaping(LOUD_DB, LOUD_DB)
    rows[:, RMS] -= np.arange(80)  # 1 dB a hop: a wave of 40 Hz may fall by 2.1
    assert np.array_equal(passed(rows, 40.0)[0], rows)


def test_a_leap_down_from_a_high_pitch_to_a_low_one_waits_for_nothing() -> None:
    rows, pitches_hz = leaping(LOUD_DB, SOFT_DB), np.where(np.arange(80) < LEAP, 500.0, 30.0)
    assert np.array_equal(passed(rows, pitches_hz)[0], rows)


@pytest.mark.parametrize("block", [2, 4, 8])
def test_every_block_size_moves_the_same(block: int) -> None:
    random = np.random.default_rng(5)
    rows = random.normal(size=(160, WIDTH)).astype(np.float32)
    rows[:, RMS] = np.repeat(random.uniform(-60.0, -6.0, 20), 8)
    pitches_hz = np.repeat(random.uniform(10.0, 300.0, 40), 4)
    for small, large in zip(passed(rows, pitches_hz), passed(rows, pitches_hz, block=block), strict=True):
        assert small == pytest.approx(large, abs=1e-5)
