from hypothesis import given
from hypothesis import strategies as st

from neurorack.panel.rest import DARK_S, DIM_S, Light, Rest

POTS = (0.1, 0.5, 0.9, 0.0)


def test_five_minutes_bright_then_dim_then_after_twenty_dark() -> None:
    rest = Rest()
    assert [rest.light(t_s) for t_s in (0, DIM_S - 1, DIM_S, DARK_S - 1, DARK_S, 1e6)] == [
        Light.BRIGHT,
        Light.BRIGHT,
        Light.DIM,
        Light.DIM,
        Light.DARK,
        Light.DARK,
    ]


@given(st.floats(0, 2 * DARK_S))
def test_a_touch_only_wakes_what_rests_and_the_next_one_counts(t_s: float) -> None:
    rest = Rest()
    assert rest.touch(t_s) == (t_s >= DIM_S)
    assert rest.light(t_s) is Light.BRIGHT
    assert not rest.touch(t_s + 1)


def test_a_pot_that_turns_wakes_and_one_that_trembles_does_not() -> None:
    rest = Rest()
    rest.look(0, POTS, None)
    for second in range(int(DARK_S) + 1):
        rest.look(second, (0.1, 0.5, 0.9 + 0.009 * (second % 3 - 1), 0.0), None)
    assert rest.light(DARK_S) is Light.DARK
    rest.look(DARK_S + 1, (0.1, 0.5, 0.95, 0.0), None)
    assert rest.light(DARK_S + 1) is Light.BRIGHT


def test_a_trouble_wakes_once() -> None:
    rest = Rest()
    rest.look(DARK_S, POTS, "trouble")
    assert rest.light(DARK_S + 1) is Light.BRIGHT
    rest.look(2 * DARK_S, POTS, "trouble")
    assert rest.light(2 * DARK_S) is Light.DARK
    rest.look(2 * DARK_S, POTS, None)
    assert rest.light(2 * DARK_S) is Light.DARK, "what is over is no trouble"
