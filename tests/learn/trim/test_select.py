"""What stays is worth most for what it costs, and no layer is emptied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from toy import WIDTHS, Toy

from neurorack.errors import BadInput
from neurorack.learn.trim import cost, select


def units(widths) -> float:
    """Every unit costs one."""
    return float(sum(widths.values()))


def kept(keep) -> dict[str, list[int]]:
    return {group: values.tolist() for group, values in keep.items()}


SCORES = {"a": np.array([5.0, 1.0, 4.0, 0.5]), "b": np.array([0.1, 9.0, 3.0])}


def test_globally_the_least_go_wherever_they_are():
    assert kept(select.globally(SCORES, units, 5)) == {"a": [0, 1, 2], "b": [1, 2]}
    assert kept(select.globally(SCORES, units, 3)) == {"a": [0, 2], "b": [1]}


def test_locally_every_group_keeps_the_same_share():
    scores = {"a": np.arange(8.0), "b": np.arange(4.0)[::-1]}
    assert kept(select.locally(scores, units, 6)) == {"a": [4, 5, 6, 7], "b": [0, 1]}


def test_a_dear_unit_goes_before_a_cheap_one_of_equal_score():
    def dear(widths):
        return 1.0 * widths["a"] + 10.0 * widths["b"]

    scores = {"a": np.array([1.0, 1.1]), "b": np.array([5.0, 5.1])}
    assert kept(select.globally(scores, dear, 12.0)) == {"a": [0, 1], "b": [1]}


def test_a_floor_holds():
    scores = {"a": np.full(6, 0.1) * np.arange(1, 7), "b": np.arange(100.0, 106.0)}
    assert kept(select.globally(scores, units, 8, floor=3)) == {"a": [3, 4, 5], "b": [1, 2, 3, 4, 5]}


def test_nothing_goes_where_the_cost_is_low_enough():
    for choose in (select.globally, select.locally):
        assert kept(choose(SCORES, units, 7)) == {"a": [0, 1, 2, 3], "b": [0, 1, 2]}


def test_equal_scores_go_by_their_order():
    scores = {"a": np.ones(3), "b": np.ones(3)}
    assert kept(select.globally(scores, units, 4)) == {"a": [2], "b": [0, 1, 2]}


@given(
    st.dictionaries(st.sampled_from("ab"), st.lists(st.floats(0, 10), min_size=1, max_size=20), min_size=2, max_size=2),
    st.floats(0.3, 1.0),
)
def test_the_target_is_met_and_not_by_much_more_than_a_unit(scores, share):
    scores = {group: np.array(scores[group]) for group in "ab"}
    widths = {group: len(values) for group, values in scores.items()}
    count = cost.macs_per_s(Toy(widths))
    target = share * count(widths)
    if count({"a": 1, "b": 1}) > target:
        with pytest.raises(BadInput):
            select.globally(scores, count, target)
        return
    for choose in (select.globally, select.locally):
        left = {group: len(values) for group, values in choose(scores, count, target).items()}
        assert count(left) <= target and min(left.values()) >= 1
    left = select.globally(scores, count, target)
    one_more = [{**{g: len(v) for g, v in left.items()}, group: len(left[group]) + 1} for group in "ab"]
    if any(len(left[group]) < widths[group] for group in "ab"):
        assert max(count(widths) for widths in one_more) > target


def test_an_empty_layer_is_refused_with_the_share_that_can_be_had():
    with pytest.raises(
        BadInput, match=r"keeping 0\.05 of the cost would leave an empty layer.*: keep at least 0\.286"
    ) as told:
        select.globally(SCORES, units, 0.05 * 7)
    assert "\n" not in str(told.value)
    select.globally(SCORES, units, 0.286 * 7)
    with pytest.raises(BadInput, match=r"would leave a layer fewer than 2 units.*at least 0\.572"):
        select.locally(SCORES, units, 3, floor=2)


@pytest.mark.parametrize(("keep", "floor"), [(0.0, 1), (-0.1, 1), (1.5, 1), (0.5, 0)])
def test_impossible_shares_are_refused(keep, floor):
    with pytest.raises(BadInput):
        select.check_reachable(0.01, keep, floor)


def test_every_round_takes_the_same_share_of_what_is_left():
    left = [select.share_left(0.05, number, 6) for number in range(7)]
    assert left[0] == 1.0 and left[6] == pytest.approx(0.05)
    np.testing.assert_allclose(np.diff(np.log(left)), np.log(0.05) / 6)


@pytest.mark.parametrize("choose", [select.globally, select.locally])
def test_a_score_that_is_no_number_is_refused(choose):
    scores = {"a": np.ones(4), "b": np.array([1.0, float("nan")])}
    with pytest.raises(BadInput, match="the score of unit 1 of 'b' is no number"):
        choose(scores, units, 3)


def test_the_toys_costs_are_met():
    count = cost.parameters(Toy())
    scores = {group: np.random.default_rng(0).random(width) for group, width in WIDTHS.items()}
    for keep in (0.5, 0.2, 0.1):
        left = select.globally(scores, count, keep * count(WIDTHS))
        assert 0.6 * keep < count({group: len(values) for group, values in left.items()}) / count(WIDTHS) <= keep
