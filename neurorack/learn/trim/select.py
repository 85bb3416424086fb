"""Which units stay: those worth most for what they cost, until the network costs what it should.

Scores are compared in one group at a time (*local*: every group keeps the same share) or across the whole network
(*global*: the units with the least score for what they cost go first, wherever they are).
"""

from collections.abc import Callable, Mapping

import numpy as np

from neurorack.errors import BadInput
from neurorack.learn.trim.cost import Cost, marginal
from neurorack.learn.trim.groups import Keep, Widths

Scores = Mapping[str, np.ndarray]
"""Of every group [units]: how much the network needs each."""


def share_left(keep: float, number: int, rounds: int) -> float:
    """Share of the dense network's cost that is left after round `number` of `rounds`: every round takes the same share
    of what the one before left."""
    return float(keep ** (number / rounds))


def check_reachable(least: float, keep: float, floor: int) -> None:
    """BadInput where the smallest network there may be costs a share `least`, and a share `keep` is wanted."""
    if not 0.0 < keep <= 1.0:
        raise BadInput(f"a share of {keep:g} cannot be kept", "trimming", "give one above 0, at most 1")
    if floor < 1:
        raise BadInput(f"a floor of {floor} units is an empty layer", "trimming", "leave at least one in each group")
    if least > keep:
        bare = "an empty layer" if floor == 1 else f"a layer fewer than {floor} units"
        raise BadInput(
            f"keeping {keep:g} of the cost would leave {bare}", "trimming", f"keep at least {_rounded_up(least)}"
        )


def globally(scores: Scores, cost: Cost, target: float, floor: int = 1) -> Keep:
    """What stays so that `cost` is at most `target`; ties go by the order of groups and units."""
    widths = _checked(scores)
    _check_target(cost, widths, target, floor)
    prices = marginal(cost, widths)
    groups = list(scores)
    worth = np.concatenate([np.asarray(scores[group], float) / prices[group] for group in groups])
    owner = np.repeat(np.arange(len(groups)), [widths[group] for group in groups])
    unit = np.concatenate([np.arange(widths[group]) for group in groups])
    order = np.argsort(worth, kind="stable")
    removable = []  # in the order in which they go
    left = [max(0, widths[group] - floor) for group in groups]
    for at in order:
        if left[owner[at]]:
            left[owner[at]] -= 1
            removable.append(at)

    def without(count: int) -> dict[str, int]:
        gone = np.bincount(owner[removable[:count]], minlength=len(groups)) if count else np.zeros(len(groups), int)
        return {group: widths[group] - int(gone[i]) for i, group in enumerate(groups)}

    count = _first(len(removable), lambda count: cost(without(count)) <= target)
    gone = np.zeros(len(worth), bool)
    gone[removable[:count]] = True
    return {group: unit[(owner == i) & ~gone] for i, group in enumerate(groups)}


def locally(scores: Scores, cost: Cost, target: float, floor: int = 1) -> Keep:
    """The same, with the same share of every group."""
    widths = _checked(scores)
    _check_target(cost, widths, target, floor)
    finest = max(widths.values())

    def left(count: int) -> dict[str, int]:
        share = 1.0 - count / finest
        return {group: max(min(floor, width), round(share * width)) for group, width in widths.items()}

    sizes = left(_first(finest, lambda count: cost(left(count)) <= target))
    order = {group: np.argsort(np.asarray(values, float), kind="stable") for group, values in scores.items()}
    return {group: np.sort(ranked[len(ranked) - sizes[group] :]) for group, ranked in order.items()}


def _first(most: int, enough: Callable[[int], bool]) -> int:
    """The least count up to `most` that is enough, where more always is if less is, and `most` is."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _checked(scores: Scores) -> dict[str, int]:
    for group, values in scores.items():
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            mend = "try another criterion, or train with another seed"
            raise BadInput(f"the score of unit {wrong[0]} of {group!r} is no number", "trimming", mend)
    return {group: len(values) for group, values in scores.items()}


def _check_target(cost: Cost, widths: Widths, target: float, floor: int) -> None:
    now = cost(widths)
    if now > target:
        check_reachable(cost(floors(widths, floor)) / now, target / now, floor)


def floors(widths: Widths, floor: int) -> dict[str, int]:
    """Widths of the smallest network there may be."""
    return {group: min(floor, width) for group, width in widths.items()}


def _rounded_up(share: float) -> str:
    digits = 10.0 ** (2 - np.floor(np.log10(share)))
    return f"{np.ceil(share * digits) / digits:g}"
