"""Many trimmings, each in a folder of its own: families × criteria × seeds, and small networks trained from scratch.

A cell is one trimming, or one of its rivals, which are never cut and trained for as many steps as all rounds together:

    scratch   as small as the last round's from the beginning: all layers narrowed alike, weights drawn anew
    longer    the dense network: what of a trimming's gain the steps alone would have brought

A cell that is done has a `result.json`; one that was interrupted goes on from its checkpoint.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from neurorack import bundle
from neurorack.bundle import Knob
from neurorack.errors import BadInput
from neurorack.learn import checkpoint, loop
from neurorack.learn.cluster import on_ray, want_ray
from neurorack.learn.families.kits import FamilyKit, InstrumentKit, Kit, dense_recipe
from neurorack.learn.trim import course, results, rounds, ships
from neurorack.learn.trim.cost import macs_per_s, parameters
from neurorack.learn.trim.course import INSTRUMENT
from neurorack.learn.trim.groups import Widths
from neurorack.learn.trim.results import LONGER, RIVALS
from neurorack.learn.trim.rounds import Lottery, Plan, finite
from neurorack.learn.trim.sounds import shipped

THREADS = 1
"""Of every cell, wherever it runs: sums in another order are other weights. Two cells side by side on two cores come to
a quarter more steps than one on both."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    plan: Plan
    criterion: str
    """The plan's, or one of RIVALS."""
    source: str
    """Bundle whose encoder and gestures families use."""

    @property
    def name(self) -> str:
        return f"{self.plan.task}-{self.criterion}-{self.plan.seed}"


def cells(
    families: Sequence[str], criteria: Sequence[str], seeds: Sequence[int], source: str, **asked: Any
) -> list[Cell]:
    """All of a sweep, in the order in which they are worth having: every family and criterion once before the next
    seed. `asked` is for `course.plan`."""
    made = []
    for seed, family, criterion in dict.fromkeys(itertools.product(seeds, families, criteria)):
        own = course.plan(family, seed=seed, **asked)
        made.append(Cell(own if criterion in RIVALS else replace(own, criterion=criterion), criterion, source))
    return made


def run(
    wanted: Sequence[Cell], out: Path, cache: Path, *, ray: bool, workers: int, device: str = "cpu"
) -> Iterator[tuple[Cell, str]]:
    """Do what is not done yet; (cell, '' or why it could not be done), as they are. On Ray every cell is a task of
    one core, on machines that all see `out` and `cache`."""
    if ray:
        want_ray()
    due = left(wanted, out)
    out, cache = out.resolve(), cache.resolve()
    if ray:
        done = on_ray([(attempt, (cell, out, cache, device)) for cell in due], workers)
    else:
        done = ((number, attempt(cell, out, cache, device)) for number, cell in enumerate(due))
    for number, told in done:
        cell = due[number]
        if isinstance(told, str):
            yield cell, told
            continue
        (out / cell.name).mkdir(parents=True, exist_ok=True)
        part = out / cell.name / f"{results.FILE}.part"
        part.write_text(json.dumps(told, indent=1, allow_nan=False))
        part.replace(out / cell.name / results.FILE)
        yield cell, ""


def left(wanted: Sequence[Cell], out: Path) -> list[Cell]:
    """Those that are not done yet. BadInput where one was done otherwise than it is wanted now."""
    found = []
    for cell in wanted:
        path = out / cell.name / results.FILE
        if not path.exists():
            found.append(cell)
            continue
        was, now = results.read(path).settings, results.settings(msgspec.to_builtins(cell.plan), cell.source)
        other = [f"{name} {was.get(name)}, not {value}" for name, value in now.items() if was.get(name) != value]
        if other:
            mend = "give another --out, or what was asked for then"
            raise BadInput(f"a result of other settings: {', '.join(other)}", str(path), mend)
    return found


def _asked(cell: Cell) -> Result:
    """What a result says of how it was come by."""
    own = {"family": cell.plan.task, "criterion": cell.criterion, "seed": cell.plan.seed}
    return {**own, "plan": msgspec.to_builtins(cell.plan), "source": cell.source}


def attempt(cell: Cell, out: Path, cache: Path, device: str = "cpu") -> Result | str:
    """What a cell comes to, or why it comes to nothing: one that fails stops no other."""
    try:
        with checkpoint.held(out / cell.name):
            return work(cell, kit_of(cell, cache, device), out / cell.name)
    except BadInput as error:
        return str(error)
    except RuntimeError as error:  # ahead of the first step: a GPU that is full, or that the cell before has lost
        if fault := loop.device_fault(error):
            return str(fault)
        raise


def kit_of(cell: Cell, cache: Path, device: str) -> Kit:
    return kit(cell.plan.task, cell.source, cache.resolve(), device)


@lru_cache(maxsize=1)
def kit(family: str, source: str, cache: Path, device: str = "cpu") -> Kit:
    """Of the sounds of a shipped instrument's kind. Kept, since cells of a family follow each other."""
    made = bundle.load(source)
    kind = made.card.kind
    sounds = shipped(kind, cache)
    if family != INSTRUMENT:
        return FamilyKit(family, made, sounds, device=device)
    return InstrumentKit(dense_recipe(kind), sounds, device)


def work(cell: Cell, kit: Kit, folder: Path) -> Result:
    """Go through a cell to its end, with checkpoints in `folder`."""
    torch.set_num_threads(THREADS)
    task, plan = kit.task, cell.plan
    if cell.criterion in RIVALS:
        rival = Rival(kit, plan, kit.task.widths if cell.criterion == LONGER else narrowed(kit, plan))
        loop.run(rival, folder)
        told, models = [rival.told()], [rival.model]
    else:
        lottery = Lottery(task, plan, timer=kit.timer, say=print)
        loop.run(lottery, folder)
        tested = lottery.test()
        models = lottery.models
        timed = zip(lottery.results, tested, kit.timer(models), strict=True)
        told = [msgspec.to_builtins(each) | {"test_loss": loss, "time_s": time_s} for each, loss, time_s in timed]
    graphs = [kit.graph(model) for model in models]
    taken = [ships.shipped(graph) for graph in graphs]
    for each, one in zip(told, taken, strict=True):
        each |= {"ships": msgspec.to_builtins(one)}
    fits = msgspec.to_builtins(ships.fitting(kit, models.__getitem__, graphs, taken, folder))
    return _asked(cell) | {"rounds": told, "fits": fits}


def narrowed(kit: Kit, plan: Plan) -> Widths:
    """All layers alike, until no more is left than of the last round."""
    dense = rounds.judged(kit.task.run(kit.task.widths, 1, plan.seed))
    alike = {group: np.ones(width) for group, width in dense.widths.items()}
    left = rounds.chosen(replace(plan, local=True), alike, dense, dense.widths, plan.keep, kit.timer)
    return {group: len(units) for group, units in left.items()}


class Rival:
    """Of a trimming by `plan`, as a training for `learn.loop.run`."""

    def __init__(self, kit: Kit, plan: Plan, widths: Widths) -> None:
        self.recipe, self.knobs = plan, list[Knob]()
        self._kit = kit
        self._run = self._begin(widths)

    def _begin(self, widths: Widths) -> rounds.Run:
        return self._kit.task.run(widths, self.recipe.steps, self.recipe.seed)

    @property
    def step(self) -> int:
        return self._run.step

    def advance(self) -> dict[str, float]:
        return self._run.advance()

    def state(self) -> dict[str, Any]:
        return {"widths": dict(self._run.average.widths), "run": self._run.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Of a rival by the same plan, as wide as it was: by time, narrowed again it would be another network."""
        self._run = self._begin(state["widths"])
        self._run.load_state(state["run"])

    @property
    def model(self) -> Any:
        """The network, as it is judged and kept."""
        return rounds.judged(self._run)

    def told(self) -> Result:
        """As a round of a trimming tells it."""
        model, task = self.model, self._kit.task
        validation, test = finite(task.validation_loss(model), "validation"), finite(task.test_loss(model), "test")
        return {
            "round": self.recipe.rounds,
            "widths": dict(model.widths),
            "parameters": round(parameters(model)(model.widths)),
            "macs_per_s": macs_per_s(model)(model.widths),
            "time_s": self._kit.timer([model])[0],
            "validation_loss": validation,
            "test_loss": test,
        }
