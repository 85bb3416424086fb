"""Means and comparators are exact for any signal that keeps its promise about breaks."""

from math import sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.rack.signals import Constant, edges, is_on, mean_v
from neurorack.rack.volts_file import Track

S = 1_000_000_000


class Sine:
    """5 V, 1 Hz."""

    def volts(self, t_ns: int) -> float:
        return 5 * sin(2 * 3.141592653589793 * t_ns / S)

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        return [
            t
            for k in range(t0_ns // S - 1, t1_ns // S + 2)
            for q in (1, 3)
            if t0_ns < (t := k * S + q * S // 4) <= t1_ns
        ]


def test_the_mean_of_a_step_is_a_mixture() -> None:
    step = Track([0, 250], [0.0, 4.0], holds=True)
    assert mean_v(step, 0, 1000) == pytest.approx(3.0)
    assert mean_v(step, 0, 250) == 0.0
    assert mean_v(step, 250, 1000) == 4.0


def test_the_mean_of_a_ramp_is_its_middle() -> None:
    ramp = Track([0, 1000], [0.0, 5.0], holds=False)
    assert mean_v(ramp, 200, 400) == pytest.approx(1.5, abs=0.01)


def test_the_mean_of_a_whole_sine_is_nothing() -> None:
    assert mean_v(Sine(), 0, S) == pytest.approx(0.0, abs=1e-6)


def test_a_comparator_trips_on_the_nanosecond() -> None:
    found = edges(Sine(), 0, S, 0)
    assert [level for _, level in found] == [1, 0]
    (on_ns, _), (off_ns, _) = found
    sine = Sine()
    assert sine.volts(on_ns) > 1.0 >= sine.volts(on_ns - 1)
    assert sine.volts(off_ns) < 0.5 <= sine.volts(off_ns - 1)


def test_between_the_thresholds_nothing_trips() -> None:
    wobble = Track([0, 10, 20, 30, 40], [0.0, 0.9, 0.6, 0.99, 0.51], holds=True)
    assert edges(wobble, -1, 100, 0) == []
    high = Track([0, 10, 20, 30], [5.0, 0.6, 0.99, 0.51], holds=True)
    assert edges(high, -1, 100, 0) == [(0, 1)]


def test_exactly_one_volt_is_not_on() -> None:
    assert not is_on(Constant(1.0), 0)
    assert is_on(Constant(1.001), 0)
    assert edges(Constant(0.5), 0, 10, 1) == []


def test_a_level_that_no_longer_fits_is_corrected_at_once() -> None:
    assert edges(Constant(5.0), 100, 200, 0) == [(101, 1)]
    assert edges(Constant(0.0), 100, 200, 1) == [(101, 0)]


tracks = st.lists(st.tuples(st.integers(0, 60), st.floats(-2, 8)), min_size=1, max_size=12).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


def schmitt(track: Track, t0_ns: int, t1_ns: int, level: int) -> list[tuple[int, int]]:
    """By looking at every nanosecond."""
    found = []
    for t in range(t0_ns + 1, t1_ns + 1):
        volts = track.volts(t)
        if (volts < 0.5) if level else (volts > 1.0):
            level = 1 - level
            found.append((t, level))
    return found


@given(rows=tracks, holds=st.booleans(), level=st.integers(0, 1), t0=st.integers(-5, 40), span=st.integers(1, 40))
def test_edges_are_those_found_by_looking_at_every_nanosecond(rows, holds, level, t0, span) -> None:
    track = Track([t for t, _ in rows], [v for _, v in rows], holds=holds)
    assert edges(track, t0, t0 + span, level) == schmitt(track, t0, t0 + span, level)


@given(rows=tracks, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_edges_do_not_depend_on_how_time_is_cut(rows, cuts) -> None:
    track = Track([t for t, _ in rows], [v for _, v in rows], holds=False)
    pieces, level, begin = [], 0, -1
    for end in [*sorted(set(cuts)), 70]:
        if end > begin:
            found = edges(track, begin, end, level)
            level = found[-1][1] if found else level
            pieces += found
            begin = end
    assert pieces == edges(track, -1, 70, 0)
