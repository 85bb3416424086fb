"""Frozen rows go round without a seam, at exactly their period, and come back at once."""

import numpy as np
import pytest

from neurorack.patch.frozen import Rows
from neurorack.words import HOP

WIDTH = 3


def live(hops: int) -> np.ndarray:
    """Rows that never repeat: a rise, and two sines of different periods."""
    t = np.arange(hops)
    return np.column_stack([t / 100, np.sin(t / 7), np.sin(t / 31)]).astype(np.float32)


def passed(
    rows: np.ndarray, frozen: np.ndarray, length: float = 75.0, block: int = 1, smooth: bool = False, leap: int = -1
):
    made = Rows(WIDTH)
    made.length = length
    out = rows.copy()
    for at in range(0, len(rows), block):
        flags = frozen[at : at + block].tolist()
        marks = [smooth] * block
        leaps = [hop == leap for hop in range(at, at + block)]
        made.pass_on(out[at : at + block], flags, marks, leaps, plain=not any(flags + marks))
    return out


def test_live_rows_pass_as_they_are():
    rows = live(1_000)
    assert np.array_equal(passed(rows, np.zeros(1_000, bool)), rows)


@pytest.mark.parametrize("length", [15.0, 37.25, 75.0, 180.6, 375.0])
def test_frozen_rows_repeat_with_their_period(length):
    frozen = np.arange(6_000) >= 500
    out = passed(live(6_000), frozen, length)[500:].astype(np.float64)
    turns = int(5_000 / length)
    there = np.arange(3 + length, 3 + 2 * length - 2)  # one turn, and the same many turns later between two hops
    t = np.arange(len(out))
    for column in (1, 2):  # the rise has become level
        first = np.interp(there, t, out[:, column])
        later = np.interp(there + (turns - 3) * length, t, out[:, column])
        a_sample_off = np.interp(there + (turns - 3) * (length + 1 / HOP), t, out[:, column])
        assert np.abs(first - later).max() < 0.05 * np.ptp(first)
        assert np.abs(first - later).max() < 0.5 * np.abs(first - a_sample_off).max()


def test_a_loop_of_whole_hops_is_what_was_heard_less_its_drift():
    rows = live(1_000)
    out = passed(rows, np.arange(1_000) >= 500, 40.0)
    drift = (1 - np.arange(1, 41)[:, None] / 40) * (rows[499] - rows[459])
    assert out[500:540] == pytest.approx(rows[460:500] + drift, abs=1e-5)
    assert np.array_equal(out[500:540], out[540:580])


def test_neither_beginning_nor_seam_jumps_and_the_end_goes_at_once():
    frozen = (np.arange(2_000) >= 500) & (np.arange(2_000) < 1_500)
    out = passed(live(2_000), frozen, 60.0)
    steps = np.abs(np.diff(out[:1_500], axis=0)).max(axis=0)
    assert steps[1] < 0.2, "a sine of 44 hops goes 0.15 a hop"
    assert np.array_equal(out[1_500:], live(2_000)[1_500:]), "nothing between the two is heard"


def test_another_length_begins_with_the_next_turn_and_tears_nothing():
    made, out = Rows(WIDTH), live(3_000)
    for at, row in enumerate(out):
        made.length = 100.0 if at < 1_020 else 33.3
        made.pass_on(row[None], [at >= 500], [False], [False], plain=at < 500)
    assert np.abs(np.diff(out[500:, 1])).max() < 0.25


@pytest.mark.parametrize("block", [1, 2, 4, 8])
def test_every_block_size_freezes_the_same(block):
    frozen = (np.arange(4_000) // 333) % 3 == 1
    assert np.array_equal(passed(live(4_000), frozen, 51.7, block), passed(live(4_000), frozen, 51.7))


def test_frozen_at_once_it_holds_the_first_row():
    rows = live(50)
    assert np.array_equal(passed(rows, np.ones(50, bool)), np.tile(rows[0], (50, 1)))


def test_smoothed_rows_go_no_faster_than_a_knob():
    rows = np.zeros((100, WIDTH), np.float32)
    rows[10:] = 1.0
    out = passed(rows, np.zeros(100, bool), smooth=True)[:, 0]
    assert out[12] == pytest.approx(1 - np.exp(-3 * 64 / 48_000 / 0.004), abs=1e-5)
    assert np.all(np.diff(out) >= 0) and out[-1] > 0.999


@pytest.mark.parametrize("block", [1, 4])
def test_a_leap_of_smoothed_rows_goes_at_once_and_takes_what_was_left_behind_along(block):
    rows = np.zeros((100, WIDTH), np.float32)
    rows[10:14], rows[14:] = 1.0, 5.0
    out = passed(rows, np.zeros(100, bool), block=block, smooth=True, leap=14)[:, 0]
    assert out[13] < 0.8
    assert np.all(out[14:] == 5.0)


def test_what_is_no_number_is_soon_forgotten():
    rows = live(1_200)
    rows[100] = np.nan
    frozen = (np.arange(1_200) >= 90) & (np.arange(1_200) < 101)
    out = passed(rows, frozen, 20.0)
    assert np.isfinite(out[110:]).all()
