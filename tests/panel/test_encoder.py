import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.panel.encoder import Button, Encoder, Event, Quadrature

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
    assert pressed((10, 1), (110, 0), until_ms=1000) == [(110, Event.PRESS)]


def test_a_long_push_counts_while_it_is_held_and_only_once() -> None:
    assert pressed((10, 1), (900, 0), until_ms=2000) == [(520, Event.LONG_PRESS)]


def test_a_push_held_on_counts_once_more_after_two_seconds() -> None:
    events = [(520, Event.LONG_PRESS), (2040, Event.HOLD)]
    assert pressed((10, 1), (4000, 0), until_ms=5000) == events


def test_a_release_without_a_press_is_nothing() -> None:
    assert pressed((10, 0), (20, 0), until_ms=1000) == []


def test_a_long_push_seen_only_at_its_end_is_still_a_long_one() -> None:
    button = Button()
    button.edge(0, 1)
    assert button.edge(700 * MS, 0) == [Event.LONG_PRESS]


def test_gates_in_the_ring_are_left_out() -> None:
    encoder = Encoder(Quadrature(), Button())
    edges = [(n, *edge) for n, edge in enumerate([*CLOCKWISE, ("gate1", 1), *COUNTER])]
    assert encoder.read(edges, 10 * MS) == [Event.CLOCKWISE, Event.COUNTERCLOCKWISE]
