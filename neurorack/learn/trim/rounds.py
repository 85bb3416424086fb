"""The lottery, in rounds: train, score, cut, rewind, and again (Frankle and Carbin 2019; of units: Esling et al. 2020).

    round 0        train the dense network to its last step; keep a snapshot of step k on the way
    round 1 … R    score the trained network's units, cut the least from snapshot and all, go back to step k with what
                   is left (Frankle et al. 2020: to k, not to 0, for anything larger than a toy), train to the last step

or begin a round otherwise: `reinitialise` draws the smaller network's weights anew, which tells whether the winning
weights or their number won; `fine-tune` goes on from the trained weights with the rates of step k and after (Renda et
al. 2020). Every round takes the same share of what the one before cost, in parameters, multiplications, or time.

The lottery is one long training to `learn.loop`, which shows how far it is, keeps checkpoints, and resumes in any
round. Rounds are compared by validation; the test set is opened once, at the end.
"""

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import torch
from tqdm import tqdm

from neurorack.bundle import Knob
from neurorack.errors import BadInput
from neurorack.learn.trim import criteria, select
from neurorack.learn.trim.cost import BY, Timer, in_torch, macs_per_s, parameters, share, time_left
from neurorack.learn.trim.groups import Groups, Trimmable, Widths, cut_run

VERSION = 1
"""Of the state in a checkpoint."""

BEGINNINGS = ("rewind", "reinitialise", "fine-tune")

_SMOOTH = 0.98
_ROUNDS_MAX = 100
"""So that no round of a seed draws what one of another seed does."""
_SEEDS = 2**63 // _ROUNDS_MAX
"""Torch takes none beyond 63 bits."""
_LAST_MAX = 100.0
_MEASURED, _NEAR = 4, 1.02
"""How often what is left by time is measured and chosen again, and how near is near enough: clocks are not better."""


class Learns(Protocol):
    """Of a network that learns, what a cut needs."""

    def groups(self) -> Groups: ...
    def named_parameters(self) -> Iterator[tuple[str, torch.Tensor]]: ...
    def state_dict(self) -> dict[str, torch.Tensor]: ...


class Run(Protocol):
    """A training. Every draw comes from (seed, step); `state` is as `descent.Descent` gives it."""

    @property
    def network(self) -> Learns:
        """All that learns: what is trimmed and, maybe, what listens to it."""
        ...

    @property
    def average(self) -> Trimmable:
        """What is trimmed, judged and kept, its weights averaged over the last steps. Its tensors and groups are called
        as in `network`."""
        ...

    @property
    def step(self) -> int: ...
    def advance(self) -> dict[str, float]: ...
    def state(self) -> dict[str, Any]: ...
    def load_state(self, state: dict[str, Any]) -> None: ...


class Task(criteria.Evidence, Protocol):
    """What a network is trained for."""

    name: str
    widths: Widths
    """Of the dense network."""

    def run(self, widths: Widths, steps: int, seed: int) -> Run:
        """A training at its step 0."""
        ...

    def batches(self, count: int, seed: int) -> Sequence[Any]:
        """Of what it trains on, for scores."""
        ...

    def validation_loss(self, model: Any) -> float: ...
    def test_loss(self, model: Any) -> float: ...


@dataclass(frozen=True)
class Plan:
    """What a trimming is made of; a checkpoint of another one is refused."""

    task: str
    round_steps: int
    """Of a dense training, first to last."""
    rewind_step: int
    keep: float
    """Share of the dense network's cost that the last round may have."""
    rounds: int = 6
    criterion: str = "gradient"
    by: str = "macs"
    local: bool = False
    beginning: str = "rewind"
    floor: int = 1
    """Units that stay in every group."""
    last: float = 1.0
    """How many times as long as the others the last round is: only then its network has to be as good as it can be, and
    its steps are the cheapest."""
    batches: int = 8
    """That scores rest on."""
    seed: int = 0
    version: int = VERSION

    def __post_init__(self) -> None:
        choices = {"criterion": (*criteria.CRITERIA,), "by": BY, "beginning": BEGINNINGS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise BadInput(f"no {name} {getattr(self, name)!r}", "trimming", f"one of {', '.join(known)}")
        if not 0 <= self.seed < _SEEDS:
            raise BadInput(f"a seed of {self.seed}", "trimming", f"give a whole number from 0 to {_SEEDS - 1}")
        if not 0.0 < self.keep <= 1.0:
            raise BadInput(f"keep {self.keep:g} of a network", "trimming", "give a share above 0, and at most 1")
        if not 0 <= self.rewind_step < self.round_steps:
            what = f"cannot rewind to step {self.rewind_step} of {self.round_steps}"
            raise BadInput(what, "trimming", "give one of the first steps")
        if not 1.0 <= self.last <= _LAST_MAX:
            mend = f"give a number from 1 to {_LAST_MAX:g}"
            raise BadInput(f"a last round {self.last:g} times as long as the others", "trimming", mend)
        if not 1 <= self.rounds < _ROUNDS_MAX or self.batches < 1:
            what = f"a trimming of {self.rounds} rounds, scored on {self.batches} batches"
            raise BadInput(what, "trimming", f"give at least one of each, and less than {_ROUNDS_MAX} rounds")

    def end(self, number: int) -> int:
        """Last step of the training that a round is part of."""
        return round(self.round_steps * self.last) if number == self.rounds else self.round_steps

    def begin(self, number: int) -> int:
        """The step of that training which a round begins with."""
        if number == 0 or self.beginning == "reinitialise":
            return 0
        return round(self.rewind_step * self.last) if number == self.rounds else self.rewind_step

    def before(self, number: int) -> int:
        """Steps of all rounds ahead of this one."""
        return sum(self.end(each) - self.begin(each) for each in range(number))

    @property
    def steps(self) -> int:
        """Of all rounds together."""
        return self.before(self.rounds + 1)

    @property
    def kind(self) -> str:
        return "trimming"


@dataclass(frozen=True)
class Result:
    """What a round came to."""

    round: int
    widths: dict[str, int]
    parameters: int
    macs_per_s: float
    time_s: float
    """Per second of audio, as the lottery's timer finds it when the round is over: hours lie between two rounds."""
    training_loss: float
    """Smoothed over the last steps."""
    validation_loss: float
    training_s: float
    scoring_s: float
    """For scores and cuts after it."""


class Lottery:
    """All rounds as one training for `learn.loop.run`."""

    def __init__(
        self,
        task: Task,
        plan: Plan,
        *,
        timer: Timer = in_torch,
        clock: Callable[[], float] = time.perf_counter,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        if plan.task != task.name:
            raise BadInput(f"the plan is for {plan.task!r}, not {task.name!r}", "trimming", "make one for this task")
        self.recipe, self.knobs = plan, list[Knob]()
        self._task, self._timer, self._clock, self._say = task, timer, clock, say
        self._round = 0
        self._run = self._begin(task.widths)
        self._snapshot: dict[str, Any] | None = None
        self._loss, self._training_s = 0.0, 0.0
        self._done: list[tuple[Result, dict[str, torch.Tensor]]] = []
        Groups.of(self._run.network)
        self._take_snapshot()

    @property
    def _seed(self) -> int:
        return _ROUNDS_MAX * self.recipe.seed + self._round

    @property
    def step(self) -> int:
        """Over all rounds."""
        plan = self.recipe
        return plan.before(self._round) + self._run.step - plan.begin(self._round)

    @property
    def results(self) -> list[Result]:
        """Of the rounds that are over."""
        return [result for result, _ in self._done]

    def model(self, number: int) -> Trimmable:
        """The trained network of a round that is over."""
        result, weights = self._done[number]
        model = self._run.average.resized(result.widths)
        model.load_state_dict(weights)
        model.eval()
        return model

    @property
    def models(self) -> list[Trimmable]:
        """Of all rounds that are over."""
        return [self.model(number) for number in range(len(self._done))]

    def advance(self) -> dict[str, float]:
        """One step of the present round; after its last one the next round is made ready. BadInput ahead of the first
        where the end cannot be reached or the criterion says nothing; FloatingPointError where a validation loss is no
        number."""
        if self.step == 0:
            criteria.check(self.recipe.criterion, self._run.average)
            self._check_reachable()
        begun_s = self._clock()
        losses = self._run.advance()
        self._training_s += self._clock() - begun_s
        total = sum(losses.values())
        first = self._run.step == 1 + self.recipe.begin(self._round)
        self._loss = total if first else _SMOOTH * self._loss + (1 - _SMOOTH) * total
        self._take_snapshot()
        if self._run.step == self.recipe.end(self._round):
            self._finish_round()
        return losses

    def test(self) -> list[float]:
        """Loss of every round's network on the test set: to be opened once, when all is trained and chosen. BadInput
        where one is no number."""
        if self.step < self.recipe.steps:
            raise BadInput(f"step {self.step} of {self.recipe.steps}", "trimming", "train to the end before the test")
        rounds = tqdm(range(len(self._done)), desc="testing", unit="round", mininterval=1.0, delay=1.0)
        return [finite(self._task.test_loss(self.model(number)), "test") for number in rounds]

    def state(self) -> dict[str, Any]:
        return {
            "round": self._round,
            "widths": dict(self._run.average.widths),
            "run": self._run.state(),
            "snapshot": self._snapshot,
            "loss": self._loss,
            "training_s": self._training_s,
            "done": [
                {"result": msgspec.json.encode(result).decode(), "weights": weights} for result, weights in self._done
            ],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from the state of a lottery by the same plan."""
        self._round, self._snapshot = state["round"], state["snapshot"]
        self._loss, self._training_s = state["loss"], state["training_s"]
        self._done = [
            (msgspec.json.decode(each["result"], type=Result), dict(each["weights"])) for each in state["done"]
        ]
        self._run = self._begin(state["widths"])
        self._run.load_state(state["run"])

    def _check_reachable(self) -> None:
        plan, dense = self.recipe, self._task.widths
        least = self._run.average.resized(select.floors(dense, plan.floor))
        cost = share(plan.by, least, dense, self._timer)
        select.check_reachable(cost(least.widths), plan.keep, plan.floor)

    def _begin(self, widths: Widths) -> Run:
        return self._task.run(widths, self.recipe.end(self._round), self._seed)

    def _take_snapshot(self) -> None:
        plan = self.recipe
        if plan.beginning == "rewind" and self._round == 0 and self._run.step == plan.rewind_step:
            self._snapshot = _copy(self._run.state())

    def _finish_round(self) -> None:
        model = judged(self._run)
        widths = dict(model.widths)
        took_s = self._timer([model])[0]
        weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        size, macs = round(parameters(model)(widths)), macs_per_s(model)(widths)
        validation = self._task.validation_loss(model)
        if not math.isfinite(validation):
            raise FloatingPointError("the validation loss")
        result = Result(self._round, widths, size, macs, took_s, self._loss, validation, self._training_s, 0.0)
        begun_s = self._clock()
        if self._round < self.recipe.rounds:
            self._next_round(model)
        result = dataclasses.replace(result, scoring_s=self._clock() - begun_s)
        self._done.append((result, weights))
        self._training_s = 0.0
        self._say(
            f"round {result.round}: {size} parameters, {macs / 1e6:.3g} MMAC/s, {took_s:.3g} s per second of audio, "
            f"validation loss {validation:.4g}"
        )

    def _next_round(self, model: Trimmable) -> None:
        """Score, cut, and begin again with what is left."""
        plan, groups = self.recipe, Groups.of(self._run.network)
        batches = self._task.batches(plan.batches, plan.seed)
        scores = criteria.score(plan.criterion, model, self._task, batches, self._seed)
        target = select.share_left(plan.keep, self._round + 1, plan.rounds)
        keep = chosen(plan, scores, model, self._task.widths, target, self._timer)
        names = [name for name, _ in self._run.network.named_parameters()]
        trained = self._run.state()
        self._round += 1
        self._run = self._begin(groups.kept_widths(keep))
        if plan.beginning == "reinitialise":
            return
        if plan.beginning == "rewind":
            assert self._snapshot is not None  # taken in round 0, which is over
            trained = self._snapshot
        winner = cut_run(trained, groups, keep, names)
        if plan.beginning == "rewind":
            self._snapshot = _copy(winner)
        self._run.load_state({**winner, "step": plan.begin(self._round)})


def chosen(
    plan: Plan, scores: select.Scores, model: Trimmable, dense: Widths, target: float, timer: Timer
) -> select.Keep:
    """The units of `model` that stay, so that it costs at most a share `target` of the network of `dense` widths. What
    it costs by time is known around what was measured, so what is chosen by that is measured in its turn."""
    around = model
    for _ in range(_MEASURED):
        cost = share(plan.by, around, dense, timer)
        least = cost(select.floors(model.widths, plan.floor))  # a busy machine may make it more than is asked for
        keep = (select.locally if plan.local else select.globally)(scores, cost, max(target, least), plan.floor)
        around = model.resized({group: len(units) for group, units in keep.items()})
        if plan.by != "time" or time_left(around, dense, timer) <= _NEAR * target:
            break
    return keep


class Measured(Protocol):
    """Of a round, what rounds are compared by: `Result` has it."""

    @property
    def macs_per_s(self) -> float: ...
    @property
    def time_s(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def training_s(self) -> float: ...
    @property
    def scoring_s(self) -> float: ...


def judged(run: Run) -> Trimmable:
    """What a run keeps, in the host's memory wherever it trains: losses, times and scores of rounds are the host's."""
    kept: Trimmable = copy.deepcopy(run.average).cpu().eval()
    return kept


_Measured = TypeVar("_Measured", bound=Measured)


def finite(loss: float, of: str) -> float:
    """The loss; BadInput where it is no number."""
    if not math.isfinite(loss):
        raise BadInput(f"the {of} loss is no number", "trimming", "train with another seed")
    return loss


def scoring_share(result: Measured) -> float:
    """Of a round's time, what scores and cuts took."""
    return result.scoring_s / (result.training_s + result.scoring_s or 1.0)


def speedup_share(dense: Measured, result: Measured) -> float:
    """How many times less time a network takes, over how many times less it multiplies: 1 where time falls as fast."""
    return (dense.time_s / result.time_s) / (dense.macs_per_s / result.macs_per_s)


def fall_share(time_left: float, macs_left: float) -> float:
    """What time fell by, over what multiplications fell by, both as shares of the dense network's: 1 where nothing
    fell."""
    return (1.0 - time_left) / (1.0 - macs_left) if macs_left < 1.0 else 1.0


def smallest(results: Sequence[_Measured], worse: float = 0.0) -> _Measured:
    """The round that multiplies least of those whose validation loss is at most the share `worse` above the dense
    one's (round 0)."""
    limit = results[0].validation_loss * (1.0 + worse)
    return min((result for result in results if result.validation_loss <= limit), key=lambda each: each.macs_per_s)


def _copy(part: Any) -> Any:
    if isinstance(part, torch.Tensor):
        return part.detach().clone()
    if isinstance(part, dict):
        return {key: _copy(value) for key, value in part.items()}
    return type(part)(map(_copy, part)) if isinstance(part, (list, tuple)) else part
