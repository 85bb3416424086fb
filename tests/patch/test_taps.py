"""A tapped clock has the time between its taps; nonsense sets none."""

import pytest

from neurorack.patch.taps import PERIOD_MAX_S, PERIOD_MIN_S, Taps

S = 48_000


def tapped(*seconds: float) -> Taps:
    taps = Taps()
    for second in seconds:
        taps.tap(round(second * S))
    return taps


def test_the_period_is_the_time_between_the_last_two_taps():
    taps = tapped(1.0, 1.5, 1.75)
    assert taps.period == S // 4
    assert taps.next_tick == 2 * S


def test_ticks_go_on_at_that_period():
    taps = tapped(0.0, 0.5)
    ticks = []
    for _ in range(3):
        ticks.append(taps.next_tick / S)
        taps.tick()
    assert ticks == [1.0, 1.5, 2.0]


def test_one_tap_is_no_clock():
    assert tapped(3.0).period == 0 and tapped(3.0).next_tick == -1


def test_a_clock_of_0_hz_is_none():
    """Taps that come ever later: each is the first of a pair, and stops what ran."""
    assert tapped(0.0, PERIOD_MAX_S + 0.1, 3 * PERIOD_MAX_S).period == 0
    assert tapped(0.0, 0.5, 0.6 + PERIOD_MAX_S).next_tick == -1


def test_a_bounce_is_no_tap():
    assert tapped(0.0, 0.5 * PERIOD_MIN_S, 0.5, 0.5 + 0.9 * PERIOD_MIN_S).period == S // 2


def test_a_buzz_at_audio_rate_taps_no_faster_than_the_fastest_clock():
    taps = tapped(*(n / 440 for n in range(440)))
    assert taps.period == pytest.approx(PERIOD_MIN_S * S, rel=0.1)


def test_a_forgotten_clock_is_silent():
    taps = tapped(0.0, 0.5)
    taps.forget()
    assert (taps.period, taps.next_tick) == (0, -1)
    taps.tap(S)
    assert taps.period == 0
