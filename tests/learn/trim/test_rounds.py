"""The lottery: it rewinds, resumes in any round, and looks at the test set once."""

import dataclasses
import itertools
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small import FAMILIES, said, small  # noqa: E402
from toy import WIDTHS, Fit, Task, steady, woven  # noqa: E402

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import checkpoint, loop  # noqa: E402
from neurorack.learn.descent import Descent  # noqa: E402
from neurorack.learn.trim import cost, rounds, select  # noqa: E402
from neurorack.learn.trim.rounds import Lottery, Plan, Result, smallest  # noqa: E402

PLAN = Plan("toy", round_steps=40, rewind_step=5, keep=0.2, rounds=3, batches=2)


def lottery(plan: Plan = PLAN, task: Task | None = None, **options) -> Lottery:
    return Lottery(task or Task(), plan, timer=steady, **options)


def through(made: Lottery) -> Lottery:
    while made.step < made.recipe.steps:
        made.advance()
    return made


@pytest.fixture(scope="module")
def whole() -> Lottery:
    return through(lottery())


def what(result: Result) -> dict:
    """All but how long it took."""
    return {
        name: value for name, value in dataclasses.asdict(result).items() if name not in ("training_s", "scoring_s")
    }


def test_rounds_fall_to_the_share_that_was_asked_for(whole):
    results = whole.results
    assert [result.round for result in results] == [0, 1, 2, 3]
    assert results[0].widths == WIDTHS
    for number, result in enumerate(results):
        assert result.macs_per_s <= results[0].macs_per_s * select.share_left(0.2, number, 3) + 1e-6
        assert result.parameters == sum(p.numel() for p in whole.model(number).parameters())
        assert result.time_s == steady([whole.model(number)])[0]
        assert result.validation_loss == Task().validation_loss(whole.model(number))
    assert results[3].macs_per_s > 0.1 * results[0].macs_per_s
    assert whole.recipe.steps == whole.step == 40 + 3 * 35


@pytest.mark.parametrize("by", ["parameters", "time"])
@pytest.mark.parametrize("local", [False, True])
def test_rounds_fall_by_what_was_asked_for(by, local):
    results = through(lottery(dataclasses.replace(PLAN, by=by, local=local, keep=0.4, rounds=2))).results
    values = [result.parameters if by == "parameters" else result.time_s for result in results]
    for number, value in enumerate(values):
        assert value <= values[0] * select.share_left(0.4, number, 2) * (1 + 1e-9)
    assert values[2] > 0.3 * values[0]
    shares = [results[2].widths[group] / WIDTHS[group] for group in WIDTHS]
    assert (abs(shares[0] - shares[1]) < 1 / 12) == local  # within a unit


@pytest.mark.parametrize("local", [False, True])
def test_time_falls_as_asked_where_groups_multiply_each_other(local):
    plan = dataclasses.replace(PLAN, by="time", local=local, keep=0.3, rounds=1)
    dense, small = through(Lottery(Task(), plan, timer=woven)).results
    assert 0.2 * dense.time_s < small.time_s <= 0.306 * dense.time_s


def seen(monkeypatch) -> list[Fit]:
    """Every run that is begun from now on."""
    runs: list[Fit] = []
    begin = Task.run

    def note(self, widths, steps, seed):
        runs.append(begin(self, widths, steps, seed))
        return runs[-1]

    monkeypatch.setattr(Task, "run", note)
    return runs


def until_round(made: Lottery, number: int) -> None:
    while len(made.results) < number:
        made.advance()


def test_a_round_begins_with_the_weights_and_moments_of_the_snapshot(monkeypatch):
    runs = seen(monkeypatch)
    made = lottery()
    until_round(made, 0)
    while made.step < 5:
        made.advance()
    weights = {name: value.clone() for name, value in runs[0].network.state_dict().items()}
    moment = runs[0].state()["optimiser"]["state"][0]["exp_avg"].clone()
    until_round(made, 1)
    began = runs[1]
    assert began.step == 5
    # every unit that is left is one of those that were there at step 5
    for now, then in (
        (began.network.first.weight, weights["first.weight"]),
        (began.state()["optimiser"]["state"][0]["exp_avg"], moment),
    ):
        rows = [(then == row).all(1).nonzero()[:, 0].tolist() for row in now.detach()]
        assert all(len(row) == 1 for row in rows)
        assert rows == sorted(rows) and len(rows) < WIDTHS["a"]
    assert torch.isin(began.network.second.weight, weights["second.weight"]).all()


def test_reinitialised_a_round_begins_anew(monkeypatch):
    runs = seen(monkeypatch)
    made = lottery(dataclasses.replace(PLAN, beginning="reinitialise"))
    until_round(made, 1)
    assert runs[1].step == 0 and made.step == 40
    assert not torch.isin(runs[1].network.first.weight, runs[0].network.first.weight).any()
    assert through(made).recipe.steps == 4 * 40 == made.step


def test_fine_tuned_a_round_goes_on_from_the_trained_weights(monkeypatch):
    runs = seen(monkeypatch)
    made = lottery(dataclasses.replace(PLAN, beginning="fine-tune"))
    until_round(made, 1)
    assert runs[1].step == 5
    assert torch.isin(runs[1].network.first.weight, runs[0].network.first.weight).all()


@pytest.mark.parametrize("at", [3, 5, 39, 40, 41, 60, 75, 76, 110, 144])
def test_resumed_in_any_round_the_result_is_the_same(whole, tmp_path, at):
    first = lottery()
    steps = itertools.count(1)

    def interrupt() -> None:
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(loop.Stopped) as stopped:
        loop.run(first, tmp_path, say=lambda _: None, watch=interrupt)
    assert stopped.value.step == at + 1  # heard in the step after
    second = lottery()
    loop.run(second, tmp_path, say=lambda _: None)
    assert [what(result) for result in second.results] == [what(result) for result in whole.results]
    for name, value in whole.model(3).state_dict().items():
        assert torch.equal(value, second.model(3).state_dict()[name]), name


def test_a_checkpoint_of_another_plan_or_version_is_refused(tmp_path):
    plan = dataclasses.replace(PLAN, rounds=1)
    loop.run(lottery(plan), tmp_path, say=lambda _: None)
    for other in (dataclasses.replace(plan, keep=0.3), dataclasses.replace(plan, version=rounds.VERSION + 1)):
        with pytest.raises(BadInput, match="another training"):
            loop.run(lottery(other), tmp_path, say=lambda _: None)


def test_the_test_set_is_opened_once_and_at_the_end():
    task = Task()
    made = lottery(task=task)
    with pytest.raises(BadInput, match="train to the end"):
        made.test()
    through(made)
    assert task.tested == 0
    losses = made.test()
    assert task.tested == len(losses) == 4


def test_what_is_too_small_is_refused_before_anything_is_trained():
    made = lottery(dataclasses.replace(PLAN, keep=0.01))
    with pytest.raises(BadInput, match=r"keeping 0\.01 of the cost would leave an empty layer.*keep at least 0\.0\d"):
        made.advance()
    assert made.step == 0
    by_time = lottery(dataclasses.replace(PLAN, by="time", keep=0.3))
    with pytest.raises(BadInput, match=r"keep at least 0\.334"):  # 2.4 of 7.2 ms
        by_time.advance()


@pytest.mark.parametrize("beginning", rounds.BEGINNINGS)
def test_the_last_round_is_as_many_times_as_long_as_is_asked_for(tmp_path, beginning):
    plan = dataclasses.replace(PLAN, beginning=beginning, last=2.5)
    made, steps = lottery(plan), []

    def advance(real=made.advance):
        steps.append((made._round, made._run.step))
        return real()

    made.advance = advance
    through(made)
    first = 0 if beginning == "reinitialise" else 5
    last = range(0 if beginning == "reinitialise" else 12, 100)  # 2.5 times 5 and 40
    wanted = [(0, step) for step in range(40)]
    wanted += [(number, step) for number in (1, 2) for step in range(first, 40)] + [(3, step) for step in last]
    assert steps == wanted and made.step == plan.steps == len(wanted)
    loop.run(lottery(plan), tmp_path, say=lambda _: None)
    resumed = lottery(plan)
    resumed.load_state(checkpoint.read_newest(tmp_path)[0]["state"])
    assert resumed.step == plan.steps and [what(r) for r in resumed.results] == [what(r) for r in made.results]


@pytest.mark.parametrize(
    "wrong",
    [
        {"criterion": "taste"},
        {"by": "weight"},
        {"beginning": "again"},
        {"rewind_step": 40},
        {"last": 0.5},
        {"last": 101.0},
        {"last": float("nan")},
        {"rounds": 0},
        {"batches": 0},
    ],
)
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(BadInput):
        dataclasses.replace(PLAN, **wrong)


def test_a_plan_for_another_task_is_refused():
    with pytest.raises(BadInput, match="'wavenet', not 'toy'"):
        lottery(dataclasses.replace(PLAN, task="wavenet"))


def test_scores_and_cuts_are_timed_apart_from_training():
    ticks = itertools.count()
    made = through(lottery(clock=lambda: float(next(ticks))))
    assert [result.training_s for result in made.results] == [40.0, 35.0, 35.0, 35.0]
    assert [result.scoring_s for result in made.results] == [1.0, 1.0, 1.0, 1.0]


def test_seeds_change_the_result_and_nothing_else_does(whole):
    again = through(lottery())
    other = through(lottery(dataclasses.replace(PLAN, seed=1)))
    assert [what(result) for result in again.results] == [what(result) for result in whole.results]
    assert other.results[0].validation_loss != whole.results[0].validation_loss


def result(number: int, macs: float, loss: float) -> Result:
    return Result(number, {}, 1, macs, 0.0, 0.0, loss, 1.0, 0.0)


def test_the_smallest_that_is_no_worse_by_validation_is_chosen():
    results = [result(0, 100, 1.0), result(1, 50, 0.9), result(2, 25, 1.0), result(3, 12, 1.04)]
    assert smallest(results).round == 2
    assert smallest(results, worse=0.05).round == 3


def test_time_is_held_against_multiplications_and_scoring_against_its_round():
    dense = Result(0, {"a": 8}, 800, 100.0, 10.0, 1.0, 1.0, training_s=95.0, scoring_s=5.0)
    small = dataclasses.replace(dense, macs_per_s=10.0, time_s=4.0, training_s=0.0, scoring_s=0.0)
    assert rounds.scoring_share(dense) == pytest.approx(0.05) and rounds.scoring_share(small) == 0.0
    assert rounds.speedup_share(dense, small) == pytest.approx(2.5 / 10)
    assert rounds.fall_share(0.4, 0.1) == pytest.approx(0.6 / 0.9) and rounds.fall_share(1.0, 1.0) == 1.0


class Elsewhere(torch.nn.Module):
    """A network on some device."""

    here = False

    def cpu(self):
        self.here = True
        return self


def test_what_is_judged_is_a_copy_in_the_hosts_memory_that_learns_no_more():
    run = Task().run(WIDTHS, 5, 0)
    run.average.train()
    judged = rounds.judged(run)
    assert not judged.training and run.average.training
    assert rounds.judged(SimpleNamespace(average=Elsewhere())).here
    before = [value.clone() for value in judged.state_dict().values()]
    run.advance()
    assert all(map(torch.equal, before, judged.state_dict().values()))


def test_every_round_says_what_it_came_to():
    said = []
    through(lottery(dataclasses.replace(PLAN, rounds=1), say=said.append))
    assert len(said) == 2 and said[0].startswith("round 0: 361 parameters")
    np.testing.assert_array_equal([line.count("validation loss") for line in said], 1)


def test_a_validation_loss_that_is_no_number_ends_it_in_a_line(tmp_path):
    class Lost(Task):
        def validation_loss(self, model):
            return float("nan")

    with pytest.raises(BadInput, match="the validation loss is no number") as told:
        loop.run(lottery(task=Lost()), tmp_path, say=lambda _: None)
    assert "\n" not in str(told.value)


class Quiet:
    """A family's network is to make no sound: a task that any of them can learn."""

    name = "quiet"

    def __init__(self, family: str) -> None:
        self._family, self.widths = family, small(family).widths

    def run(self, widths, steps, seed):
        return Hush(small(self._family, seed).resized(widths), steps, seed)

    def batches(self, count, seed):
        return [self._drawn(seed, number) for number in range(count)]

    def _drawn(self, seed, number):
        torch.manual_seed(1000 * seed + number)
        return small(self._family).example(3)

    def loss(self, model, batch):
        return said(model, batch, grad=True)[0].square().mean()

    def validation_loss(self, model):
        with torch.no_grad():
            return self.loss(model, self._drawn(77, 0)).item()


class Hush(Fit):
    """As the toy's run, of another network."""

    def __init__(self, model, steps, seed):
        self.network, self._example = model, model.example(3)
        self._descent = Descent(model, model, steps, 1e-3, (0.9, 0.99))

    def advance(self):
        self.network.train()
        loss = said(self.network, self._example, grad=True)[0].square().mean()
        self._descent.take({"quiet": loss})
        return {"quiet": loss.item()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_through_a_lottery(family):
    task = Quiet(family)
    plan = Plan("quiet", round_steps=4, rewind_step=1, keep=0.6, rounds=2, batches=2, by="parameters")
    made = through(Lottery(task, plan, timer=lambda models: [1.0] * len(models)))
    sizes = [result.parameters for result in made.results]
    fixed = cost.parameters(small(family))(dict.fromkeys(task.widths, 0))
    assert sizes[0] > sizes[1] > sizes[2] > fixed and sizes[2] <= 0.6 * sizes[0]
    assert made.model(2).widths == made.results[2].widths
    assert made.results[2].validation_loss == task.validation_loss(made.model(2))
