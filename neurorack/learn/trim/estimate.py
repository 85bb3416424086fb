"""How long a sweep is going to take: the time of a step here, times the steps of the cells that are not done.

Of every family some steps of its dense network are timed, and of the one from scratch, its smallest. Rounds in between
are taken to lie between the two as their costs do. Sounds to be heard, scores and timings come on top: minutes.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from neurorack.errors import BadInput
from neurorack.learn.families.kits import Kit
from neurorack.learn.loop import numpy_on_one_thread
from neurorack.learn.trim.results import LONGER, SCRATCH
from neurorack.learn.trim.rounds import Plan
from neurorack.learn.trim.select import share_left
from neurorack.learn.trim.sweep import THREADS, Cell, Rival, narrowed

_WARM_STEPS, _STEPS = 1, 3


@dataclass(frozen=True)
class Pace:
    """Seconds of a step."""

    dense_s: float
    smallest_s: float


def told(left: Sequence[Cell], kit: Callable[[Cell], Kit], device: str = "cpu") -> Iterator[str]:
    """A line for each family of these cells, and one for all; `kit` makes what a cell needs on `device`."""
    total_s = 0.0
    for family, own in itertools.groupby(sorted(left, key=lambda cell: cell.plan.task), lambda cell: cell.plan.task):
        cells = list(own)
        try:
            pace = measured(kit(cells[0]), cells[0].plan)
        except BadInput as error:  # its cells will say so again, and the other families' go on
            yield f"{family}: {error}"
            continue
        family_s = sum(seconds(cell, pace) for cell in cells)
        steps = sum(cell.plan.steps for cell in cells)
        yield (
            f"{family}: {len(cells)} cells, {steps:,} steps of {pace.dense_s:.3f} s dense to {pace.smallest_s:.3f} s: "
            f"{family_s / 3600:.1f} h"
        )
        total_s += family_s
    yield f"in all {total_s / 3600:.1f} h{' of one core' if device == 'cpu' else ''}, steps alone"


def measured(kit: Kit, plan: Plan) -> Pace:
    """Of the family that `kit` is of."""
    torch.set_num_threads(THREADS)
    with numpy_on_one_thread():
        dense = _step_s(kit.task.run(kit.task.widths, plan.round_steps, plan.seed))
        return Pace(dense, _step_s(Rival(kit, plan, narrowed(kit, plan))))


def seconds(cell: Cell, pace: Pace) -> float:
    """Of a cell's steps."""
    plan = cell.plan
    if cell.criterion == SCRATCH:
        return plan.steps * pace.smallest_s
    if cell.criterion == LONGER:
        return plan.steps * pace.dense_s
    slope = (pace.dense_s - pace.smallest_s) / (1.0 - plan.keep)
    return sum(
        (plan.end(number) - plan.begin(number))
        * (pace.smallest_s + slope * (share_left(plan.keep, number, plan.rounds) - plan.keep))
        for number in range(plan.rounds + 1)
    )


def _step_s(run: Any) -> float:
    for _ in range(_WARM_STEPS):
        run.advance()
    begun_s = time.monotonic()
    for _ in range(_STEPS):
        run.advance()
    return (time.monotonic() - begun_s) / _STEPS
