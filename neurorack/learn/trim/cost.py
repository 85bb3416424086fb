"""What a network costs at any widths, and what one unit more costs: in parameters, multiplications, or time.

Parameters and multiply-accumulates come from the stated axes alone, so no network is built to count them. Time is
measured, on this machine: the network as it is, and once for each group without a quarter of its units. In between it
counts as straight, which it nearly is in one group; where groups that multiply each other shrink together, less is
saved than all save one by one. So what is chosen by that is measured in its turn (`rounds`).
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from neurorack.learn.trim.groups import Groups, Trimmable, Widths

Cost = Callable[[Widths], float]
"""Of a network at these widths."""
Timer = Callable[[Sequence[Trimmable]], Sequence[float]]
"""Seconds that each of some networks takes for a second of audio; better none is far from the others in time."""

TURNS = 7
"""Measured so many times, one after the other; of each the turn least disturbed counts."""

_EXAMPLE_S = 0.5
_PROBED = 0.25
"""Share of a group that is left out to see what it takes."""
_LEAST = 0.05
"""A unit counts for at least this share of the mean one, whatever a noisy clock says."""
_LEAST_SHARE = 1e-12
"""Of the whole that a unit costs, where it costs nothing."""


def parameters(model: Trimmable) -> Cost:
    """Numbers that are learnt."""
    groups, names = Groups.of(model), [name for name, _ in model.named_parameters()]
    return lambda widths: float(sum(int(np.prod(groups.shape(name, widths))) for name in names))


def macs_per_s(model: Trimmable) -> Cost:
    """Multiply-accumulates per second of audio: every weight as often as the model says it multiplies."""
    groups, rates, others = Groups.of(model), model.rates(), model.other_macs_per_s()
    return lambda widths: (
        others + sum(rate * float(np.prod(groups.shape(name, widths))) for name, rate in rates.items())
    )


BY = {"parameters": parameters, "macs": macs_per_s, "time": None}
"""What a network may be cut by."""


def share(by: str, model: Trimmable, dense: Widths, timer: Timer) -> Cost:
    """Of what the network of `dense` widths costs; good around the widths of `model`."""
    count = BY[by]
    if count is None:
        return _time_share(model, dense, timer)
    cost = count(model)
    whole = cost(dense)
    return lambda widths: cost(widths) / whole


def _time_share(model: Trimmable, dense: Widths, timer: Timer) -> Cost:
    """The dense network is measured anew each time, so that a machine that is busier now deceives nobody."""
    widths = model.widths
    gone = {group: max(1, int(_PROBED * width)) for group, width in widths.items() if width > 1}
    smaller = [model.resized({**widths, group: widths[group] - gone[group]}) for group in gone]
    whole, now, *without = timer([model.resized(dense), model, *smaller])
    least = _LEAST * now / sum(widths.values())
    slopes = {group: max((now - took) / gone[group], least) for group, took in zip(gone, without, strict=True)}

    def cost(at: Widths) -> float:
        return (now - sum(slope * (widths[group] - at[group]) for group, slope in slopes.items())) / whole

    return cost


def time_left(model: Trimmable, dense: Widths, timer: Timer) -> float:
    """Share of the dense network's time that a network takes, both measured now."""
    took, whole = timer([model, model.resized(dense)])
    return took / whole


def marginal(cost: Cost, widths: Widths) -> dict[str, float]:
    """What the last unit of each group costs, above 0."""
    whole = cost(widths)
    found = {group: whole - cost({**widths, group: width - 1}) for group, width in widths.items()}
    return {group: max(more, _LEAST_SHARE * whole) for group, more in found.items()}


def in_torch(models: Sequence[Trimmable]) -> list[float]:
    """Seconds per second of audio that networks take in torch, on one thread: the `Timer` for want of a better one."""
    threads = torch.get_num_threads()
    best = np.full(len(models), np.inf)
    calls = []
    for model in models:
        frames = max(1, round(_EXAMPLE_S * model.frames_per_s))
        calls.append((model, model.example(frames), frames / model.frames_per_s))
    modes = [model.training for model in models]
    try:
        torch.set_num_threads(1)
        for model in models:
            model.eval()
        with torch.no_grad():
            for turn in range(TURNS + 1):
                for number, (model, example, length_s) in enumerate(calls):
                    begun_s = time.perf_counter()
                    model(*example)
                    took = (time.perf_counter() - begun_s) / length_s
                    if turn:  # the first one warms up
                        best[number] = min(best[number], took)
    finally:
        torch.set_num_threads(threads)
        for model, mode in zip(models, modes, strict=True):
            model.train(mode)
    return best.tolist()
