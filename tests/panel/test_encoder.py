import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.panel.encoder import FASTEST, Button, Encoder, Event, Push, Quadrature, Turn

MS = 1_000_000
CLOCKWISE = (("encoder_a", 1), ("encoder_b", 1), ("encoder_a", 0), ("encoder_b", 0))
COUNTER = (("encoder_b", 1), ("encoder_a", 1), ("encoder_b", 0), ("encoder_a", 0))


def turned(decoder: Quadrature, edges: list[tuple[str, int]]) -> list[int]:
    return [step for jack, level in edges if (step := decoder.edge(jack, level))]


def test_one_detent_is_one_step() -> None:
    assert turned(Quadrature(), [*CLOCKWISE]) == [1]
    assert turned(Quadrature(), [*COUNTER]) == [-1]


@given(st.lists(st.sampled_from([1, -1]), max_size=20), st.data())
def test_turns_are_counted_whatever_the_contacts_bounce(turns: list[int], data: st.DataObject) -> None:
    edges: list[tuple[str, int]] = []
    for turn in turns:
        for jack, level in CLOCKWISE if turn > 0 else COUNTER:
            bounces = data.draw(st.integers(0, 3))
            edges += [(jack, level), (jack, 1 - level)] * bounces + [(jack, level)]
    assert turned(Quadrature(), edges) == turns


@given(st.integers(0, 3), st.sampled_from([CLOCKWISE, COUNTER]))
def test_a_turn_begun_and_taken_back_is_no_step(quarters: int, way: tuple[tuple[str, int], ...]) -> None:
    there = list(way[:quarters])
    back = [(jack, 1 - level) for jack, level in reversed(there)]
    assert turned(Quadrature(), there + back) == []


@given(st.lists(st.sampled_from([1, -1]), min_size=1, max_size=8), st.integers(0, 31))
def test_a_lost_edge_costs_at_most_its_own_step(turns: list[int], lost: int) -> None:
    edges = [edge for turn in turns for edge in (CLOCKWISE if turn > 0 else COUNTER)]
    lost %= len(edges)
    steps = turned(Quadrature(), edges[:lost] + edges[lost + 1 :])
    settled = turned(Quadrature(), edges[: 4 * (lost // 4)])
    assert steps[: len(settled)] == settled
    after = turns[lost // 4 + 2 :]  # the step after may still begin from a wrong state
    assert steps[len(steps) - len(after) :] == after


def test_the_same_level_twice_is_nothing() -> None:
    assert turned(Quadrature(), [("encoder_a", 0), ("encoder_b", 0), *CLOCKWISE]) == [1]


@pytest.mark.parametrize(("quarters", "steps"), [(4, [1]), (2, [1, 1]), (1, [1, 1, 1, 1])])
def test_encoders_with_more_detents_step_more_often(quarters: int, steps: list[int]) -> None:
    assert turned(Quadrature(quarters), [*CLOCKWISE]) == steps


def test_a_reversed_encoder_turns_the_other_way() -> None:
    assert turned(Quadrature(reverse=True), [*CLOCKWISE]) == [-1]


def pressed(*edges: tuple[float, int], until_ms: float) -> list[tuple[float, Event]]:
    """Edges (ms, level) and a look every 40 ms."""
    button, events = Button(), []
    looks = [(40.0 * n, None) for n in range(int(until_ms / 40) + 1)]
    for t_ms, level in sorted([*edges, *looks], key=lambda at: at[0]):
        t_ns = round(t_ms * MS)
        found = button.poll(t_ns) if level is None else button.edge(t_ns, level)
        events += [(t_ms, event) for event in found]
    return events


def test_a_short_push_is_a_press_when_it_is_let_go() -> None:
    assert pressed((10, 1), (110, 0), until_ms=1000) == [(110, Push.PRESS)]


def test_a_long_push_counts_while_it_is_held_and_only_once() -> None:
    assert pressed((10, 1), (900, 0), until_ms=2000) == [(520, Push.LONG_PRESS)]


def test_a_release_without_a_press_is_nothing() -> None:
    assert pressed((10, 0), (20, 0), until_ms=1000) == []


def test_a_long_push_seen_only_at_its_end_is_still_a_long_one() -> None:
    button = Button()
    button.edge(0, 1)
    assert button.edge(700 * MS, 0) == [Push.LONG_PRESS]


def spun(detents: int, every_ms: float, way: tuple = CLOCKWISE) -> list[tuple[int, str, int]]:
    """Edges in the ring of an encoder that passes a detent every so often."""
    quarter_ns = round(every_ms * MS / 4)
    return [((4 * n + q) * quarter_ns, *edge) for n in range(detents) for q, edge in enumerate(way)]


def test_gates_in_the_ring_are_left_out() -> None:
    encoder = Encoder(Quadrature(), Button())
    edges = [(n, *edge) for n, edge in enumerate([*CLOCKWISE, ("gate1", 1), *CLOCKWISE, ("gate2", 0)])]
    assert [event.detents for event in encoder.read(edges, 10 * MS)] == [2]


def test_turns_that_follow_each_other_are_one_and_there_and_back_is_nothing() -> None:
    encoder = Encoder(Quadrature(), Button())
    assert [event.detents for event in encoder.read(spun(3, 100) + spun(3, 100, COUNTER), 0)] == [0]


def test_a_slow_hand_moves_by_one_and_a_flick_by_many() -> None:
    (slow,) = Encoder(Quadrature(), Button()).read(spun(10, 100), 0)
    assert slow == Turn(10, 10.0)
    (quick,) = Encoder(Quadrature(), Button()).read(spun(20, 8), 0)
    assert quick.detents == 20 and quick.steps == pytest.approx(1 + 19 * FASTEST)
    speeds = [Encoder(Quadrature(), Button()).read(spun(9, ms), 0)[0].steps for ms in (5, 10, 20, 40, 80, 160)]
    assert speeds == sorted(speeds, reverse=True)


def test_a_change_of_direction_begins_slowly() -> None:
    encoder = Encoder(Quadrature(), Button())
    encoder.read(spun(20, 8), 0)
    (back,) = encoder.read([(t + 161 * MS, *rest) for t, *rest in spun(1, 8, COUNTER)], 0)
    assert back == Turn(-1, -1.0)


def test_turning_while_it_is_pushed_is_fine_and_no_press_of_any_kind() -> None:
    encoder = Encoder(Quadrature(), Button())
    events = encoder.read([(0, "encoder_push", 1), *((MS + t, *rest) for t, *rest in spun(4, 8))], 40 * MS)
    assert events == [Turn(4, 4.0, fine=True)]
    assert encoder.read([], 900 * MS) == []
    assert encoder.read([(950 * MS, "encoder_push", 0)], 960 * MS) == []


def test_a_turn_after_the_push_is_a_turn_again() -> None:
    edges = [(0, "encoder_push", 1), (MS, "encoder_push", 0), *((2 * MS + t, *rest) for t, *rest in spun(1, 8))]
    assert Encoder(Quadrature(), Button()).read(edges, 20 * MS) == [Push.PRESS, Turn(1, 1.0)]


def test_a_thousand_detents_a_second_lose_none() -> None:
    encoder, edges = Encoder(Quadrature(), Button()), spun(1000, 1)
    frames = [encoder.read(edges[n : n + 160], 0) for n in range(0, len(edges), 160)]
    assert all(len(events) == 1 for events in frames)
    assert sum(event.detents for events in frames for event in events) == 1000
