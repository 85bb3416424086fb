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
from typing import Annotated, Any

import msgspec
import numpy as np
import torch

from neurorack import bundle
from neurorack.bundle import Knob
from neurorack.errors import BadInput
from neurorack.learn import checkpoint, loop
from neurorack.learn.cluster import on_ray, want_ray
from neurorack.learn.families.kits import FamilyKit, InstrumentKit, Kit, dense_recipe
from neurorack.learn.trim import course, select, ships
from neurorack.learn.trim.cost import macs_per_s, parameters, share
from neurorack.learn.trim.course import COURSES, INSTRUMENT
from neurorack.learn.trim.criteria import CRITERIA
from neurorack.learn.trim.groups import Widths
from neurorack.learn.trim.microcontroller import Bounds
from neurorack.learn.trim.rounds import Lottery, Plan
from neurorack.learn.trim.ships import Fit
from neurorack.learn.trim.sounds import shipped

SCRATCH, LONGER = RIVALS = ("scratch", "longer")
"""In place of a criterion."""
FAMILIES = tuple(COURSES)
THREADS = 1
"""Of every cell, wherever it runs: sums in another order are other weights. Two cells side by side on two cores come to
a quarter more steps than one on both."""
RESULT = "result.json"

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
    for seed, family, criterion in itertools.product(seeds, families, criteria):
        own = course.plan(family, seed=seed, **asked)
        made.append(Cell(own if criterion in RIVALS else replace(own, criterion=criterion), criterion, source))
    return made


def run(wanted: Sequence[Cell], out: Path, cache: Path, *, ray: bool, workers: int) -> Iterator[tuple[Cell, str]]:
    """Do what is not done yet; (cell, '' or why it could not be done), as they are. On Ray every cell is a task of
    one core, on machines that all see `out` and `cache`."""
    if ray:
        want_ray()
    due = left(wanted, out)
    out, cache = out.resolve(), cache.resolve()
    if ray:
        done = on_ray([(attempt, (cell, out, cache)) for cell in due], workers)
    else:
        done = ((number, attempt(cell, out, cache)) for number, cell in enumerate(due))
    for number, told in done:
        cell = due[number]
        if isinstance(told, str):
            yield cell, told
            continue
        (out / cell.name).mkdir(parents=True, exist_ok=True)  # a worker may have its own disk
        part = out / cell.name / f"{RESULT}.part"
        part.write_text(json.dumps(told, indent=1, allow_nan=False))
        part.replace(out / cell.name / RESULT)
        yield cell, ""


def left(wanted: Sequence[Cell], out: Path) -> list[Cell]:
    """Those that are not done yet. BadInput where one was done otherwise than it is wanted now."""
    found = []
    for cell in wanted:
        path = out / cell.name / RESULT
        if not path.exists():
            found.append(cell)
            continue
        was, now = _settings(_read(path)), _settings(_asked(cell))
        other = [f"{name} {was.get(name)}, not {value}" for name, value in now.items() if was.get(name) != value]
        if other:
            mend = "give another --out, or what was asked for then"
            raise BadInput(f"a result of other settings: {', '.join(other)}", str(path), mend)
    return found


def _asked(cell: Cell) -> Result:
    """What a result says of how it was come by."""
    own = {"family": cell.plan.task, "criterion": cell.criterion, "seed": cell.plan.seed}
    return {**own, "plan": msgspec.to_builtins(cell.plan), "source": cell.source}


def _settings(told: Result) -> dict[str, Any]:
    """What results of a family must share to be compared."""
    own = {name: value for name, value in told["plan"].items() if name not in ("criterion", "seed")}
    return {**own, "source": told["source"]}


def attempt(cell: Cell, out: Path, cache: Path) -> Result | str:
    """What a cell comes to, or why it comes to nothing: one that fails stops no other."""
    try:
        with checkpoint.held(out / cell.name):
            return work(cell, kit_of(cell, cache), out / cell.name)
    except BadInput as error:
        return str(error)


def kit_of(cell: Cell, cache: Path) -> Kit:
    return kit(cell.plan.task, cell.source, cache.resolve())


@lru_cache(maxsize=1)
def kit(family: str, source: str, cache: Path) -> Kit:
    """Of the sounds of a shipped instrument's kind. Kept, since cells of a family follow each other."""
    made = bundle.load(source)
    kind = made.card.kind
    sounds = shipped(kind, cache)
    if family != INSTRUMENT:
        return FamilyKit(family, made, sounds)
    return InstrumentKit(dense_recipe(kind), sounds)


def work(cell: Cell, kit: Kit, folder: Path) -> Result:
    """Go through a cell to its end, with checkpoints in `folder`."""
    torch.set_num_threads(THREADS)
    task, plan = kit.task, cell.plan
    if cell.criterion in RIVALS:
        rival = Rival(kit, plan, kit.task.widths if cell.criterion == LONGER else narrowed(kit, plan))
        loop.run(rival, folder)
        rounds, models = [rival.told()], [rival.model]
    else:
        lottery = Lottery(task, plan, timer=kit.timer, say=print)
        loop.run(lottery, folder)
        tested = lottery.test()
        models = lottery.models
        timed = zip(lottery.results, tested, kit.timer(models), strict=True)
        rounds = [msgspec.to_builtins(each) | {"test_loss": loss, "time_s": time_s} for each, loss, time_s in timed]
    graphs = [kit.graph(model) for model in models]
    for each, graph in zip(rounds, graphs, strict=True):
        each |= {"ships": msgspec.to_builtins(ships.shipped(graph))}
    fits = msgspec.to_builtins(ships.fitting(kit, models.__getitem__, graphs, folder))
    return _asked(cell) | {"rounds": rounds, "fits": fits}


def narrowed(kit: Kit, plan: Plan) -> Widths:
    """All layers alike, until no more is left than of the last round."""
    dense = kit.task.run(kit.task.widths, 1, plan.seed).average
    cost = share(plan.by, dense, dense.widths, kit.timer)
    alike = {group: np.ones(width) for group, width in dense.widths.items()}
    return {group: len(units) for group, units in select.locally(alike, cost, plan.keep, plan.floor).items()}


class Rival:
    """Of a trimming by `plan`, as a training for `learn.loop.run`."""

    def __init__(self, kit: Kit, plan: Plan, widths: Widths) -> None:
        self.recipe, self.knobs = plan, list[Knob]()
        self._kit = kit
        self._run = kit.task.run(widths, plan.steps, plan.seed)

    @property
    def step(self) -> int:
        return self._run.step

    def advance(self) -> dict[str, float]:
        return self._run.advance()

    def state(self) -> dict[str, Any]:
        return self._run.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self._run.load_state(state)

    @property
    def model(self) -> Any:
        """The network, as it is judged and kept."""
        return self._run.average.eval()

    def told(self) -> Result:
        """As a round of a trimming tells it."""
        model, task = self.model, self._kit.task
        return {
            "round": self.recipe.rounds,
            "widths": dict(model.widths),
            "parameters": round(parameters(model)(model.widths)),
            "macs_per_s": macs_per_s(model)(model.widths),
            "time_s": self._kit.timer([model])[0],
            "validation_loss": task.validation_loss(model),
            "test_loss": task.test_loss(model),
        }


def gather(out: Path) -> list[Result]:
    """All results there are, sorted, rivals last. BadInput where one is none, or two of a family are of other
    settings."""
    first: dict[str, tuple[Path, Result]] = {}
    results = []
    for path in sorted(out.glob(f"*/{RESULT}")):
        told = _read(path)
        like, other = first.setdefault(told["family"], (path, told))
        if _settings(told) != _settings(other):
            what = f"a result of other settings than that in {like.parent.name}"
            raise BadInput(what, str(path), "move one of them away: they cannot be compared")
        results.append(told)
    return sorted(results, key=_rank)


_Above0 = Annotated[float, msgspec.Meta(ge=1e-12, lt=1e30)]
"""Not "> 0.0": msgspec makes of that the least number above it, which is 0 where torch flushes such numbers."""
_From0 = Annotated[float, msgspec.Meta(ge=0.0, lt=1e30)]


class _Ships(msgspec.Struct):
    nodes: _From0
    file_bytes: _From0
    memory_bytes: _From0
    bounds: Bounds


class _Round(msgspec.Struct):
    parameters: _Above0
    macs_per_s: _Above0
    time_s: _Above0
    validation_loss: _Above0
    test_loss: _Above0
    ships: _Ships
    training_s: _From0 = 0.0
    scoring_s: _From0 = 0.0


class _Told(msgspec.Struct):
    """What a result must have for table and figure."""

    family: str
    criterion: str
    seed: int
    plan: dict[str, Any]
    source: str
    rounds: Annotated[list[_Round], msgspec.Meta(min_length=1)]
    fits: list[Fit]


def _read(path: Path) -> Result:
    mend = "move it away, and give the sweep's command again where you want it anew"
    try:
        if not path.is_file():
            raise BadInput("not a file", str(path), mend)
        text = path.read_bytes()
        told = msgspec.json.decode(text, type=_Told)
    except OSError as error:
        raise BadInput(f"a result that cannot be read, {error.strerror}", str(path), mend) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not a whole result, or of another version: {error}", str(path), mend) from error
    if told.family not in FAMILIES or told.criterion not in (*CRITERIA, *RIVALS):
        what = f"a result of {told.family[:40]!r} by {told.criterion[:40]!r}, of which one is not known here"
        raise BadInput(what, str(path), mend)
    if any(not 0 <= fit.round < len(told.rounds) for fit in told.fits):
        raise BadInput("a result that tells of a round it has not", str(path), mend)
    found: Result = msgspec.to_builtins(told)
    return found


def _rank(told: Result) -> tuple[Any, ...]:
    return FAMILIES.index(told["family"]), told["criterion"] in RIVALS, told["criterion"], told["seed"]
