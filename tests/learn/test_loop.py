"""The loop: it resumes bit for bit, and ends well whatever happens."""

import contextlib
import csv
import errno
import os
import signal
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from threadpoolctl import threadpool_info  # noqa: E402

from neurorack.bundle import Knob  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import checkpoint, loop  # noqa: E402
from neurorack.learn.log import TABLE  # noqa: E402
from neurorack.learn.scale import Team  # noqa: E402

STEPS = 120


@dataclass(frozen=True)
class Recipe:
    steps: int = STEPS
    seed: int = 0
    kind: str = "pitched"


class Line:
    """Fits a line, with what `train.Training` promises: every draw comes from (seed, step)."""

    def __init__(self, recipe: Recipe = Recipe()) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.step, self.knobs = recipe, 0, []
        self.net = torch.nn.Linear(4, 1)
        self.optimiser = torch.optim.Adam(self.net.parameters(), 0.05)
        self.upset = {}  # step → what happens in it

    def advance(self) -> dict[str, float]:
        random = np.random.default_rng((self.recipe.seed, self.step))
        x = torch.from_numpy(random.standard_normal((8, 4), np.float32))
        loss = (self.net(x)[:, 0] - x.sum(1)).square().mean()
        loss = self.upset.get(self.step + 1, lambda loss: loss)(loss)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1
        return {"fit": loss.item(), "none": 0.0}

    def state(self) -> dict:
        return {"step": self.step, "net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state(self, state: dict) -> None:
        self.step = state["step"]
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])


@pytest.fixture(autouse=True)
def often(monkeypatch):
    for name in ("CHECKPOINT_STEPS", "LOG_STEPS", "COPY_STEPS"):
        monkeypatch.setattr(loop, name, {"CHECKPOINT_STEPS": 40, "LOG_STEPS": 10, "COPY_STEPS": 25}[name])


def run(training: Line, folder, **options) -> list[str]:
    said = []
    loop.run(training, folder, say=said.append, **options)
    return said


def saved(folder) -> dict:
    return checkpoint.read_newest(folder)[0]


def rows(folder) -> list[dict[str, str]]:
    with open(folder / TABLE) as file:
        return list(csv.DictReader(file))


def hears(number: int):
    """What happens in a step: the process gets this signal."""

    def act(loss):
        os.kill(os.getpid(), number)
        return loss

    return act


@pytest.fixture
def through(tmp_path):
    training = Line()
    run(training, tmp_path / "through")
    return training


def test_a_run_learns_and_leaves_its_last_step(tmp_path, through):
    kept = saved(tmp_path / "through")
    assert kept["step"] == STEPS and kept["kind"] == "pitched" and kept["knobs"] == "[]"
    table = rows(tmp_path / "through")
    assert [int(row["step"]) for row in table] == list(range(10, STEPS + 1, 10))
    assert float(table[-1]["fit"]) < 0.1 * float(table[0]["fit"])


def test_tensorboard_gets_the_curves(tmp_path, through):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = events.EventAccumulator(str(tmp_path / "through"))
    board.Reload()
    assert [point.step for point in board.Scalars("fit")] == list(range(10, STEPS + 1, 10))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_and_resumed_is_as_if_never_stopped(tmp_path, through, number, status):
    first = Line()
    first.upset[57] = hears(number)
    before = signal.getsignal(number)
    with pytest.raises(loop.Stopped) as stopped:
        run(first, tmp_path / "stopped")
    assert (stopped.value.step, stopped.value.status) == (57, status)
    assert saved(tmp_path / "stopped")["step"] == 57
    assert signal.getsignal(number) is before
    second = Line()
    assert "from step 57" in run(second, tmp_path / "stopped")[0]
    for (name, value), other in zip(through.net.state_dict().items(), second.net.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
    steps = [int(row["step"]) for row in rows(tmp_path / "stopped")]
    assert steps == list(range(10, STEPS + 1, 10))


def test_resuming_from_an_older_checkpoint_writes_no_row_twice(tmp_path, through):
    folder = tmp_path / "through"
    (folder / checkpoint.NEWEST).unlink()
    again = Line()
    run(again, folder)
    assert [int(row["step"]) for row in rows(folder)] == list(range(10, STEPS + 1, 10))
    assert torch.equal(again.net.weight, through.net.weight)


def test_a_finished_run_takes_no_step_more(tmp_path, through):
    again = Line()
    again.upset = dict.fromkeys(range(STEPS + 2), pytest.fail)
    run(again, tmp_path / "through")
    assert torch.equal(again.net.weight, through.net.weight)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, through):
    newest = tmp_path / "through" / checkpoint.NEWEST
    newest.write_bytes(newest.read_bytes()[:-100])
    again = Line()
    said = run(again, tmp_path / "through")
    assert "damaged" in said[0] and "from step 80" in said[1]
    assert torch.equal(again.net.weight, through.net.weight)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, through):
    with pytest.raises(BadInput, match="another training"):
        run(Line(Recipe(seed=1)), tmp_path / "through")


def test_a_recipe_of_before_a_word_was_added_goes_on_with_its_default(tmp_path, through):
    newest = saved(tmp_path / "through")
    (tmp_path / "old").mkdir()
    checkpoint.write(tmp_path / "old", newest | {"recipe": f'{{"steps":{STEPS}}}'})
    assert not run(Line(), tmp_path / "old")
    for text in ('{"steps":3}', "[]", "no recipe", f'{{"steps":{STEPS},"seed":"0"}}'):
        checkpoint.write(tmp_path / "old", newest | {"recipe": text})
        with pytest.raises(BadInput, match="another training"):
            run(Line(Recipe(steps=STEPS)), tmp_path / "old")


@pytest.mark.parametrize(("off", "same"), [(1e-13, True), (1e-3, False)])
def test_scales_fitted_on_other_threads_are_the_same_scales_and_those_of_other_sounds_are_not(
    tmp_path, through, off, same
):
    scale = Knob("rms", "dBFS", -60.0, -10.0, [], [[]], [0.0], [1.0], 1.0, [-60.0, -10.0])
    newest = saved(tmp_path / "through")
    checkpoint.write(tmp_path / "through", newest | {"knobs": msgspec.json.encode([scale]).decode()})
    again = Line()
    again.knobs = [msgspec.structs.replace(scale, location=[off])]
    with contextlib.nullcontext() if same else pytest.raises(BadInput, match="another training"):
        run(again, tmp_path / "through")


def not_a_number(loss):
    return loss * float("nan")


def test_a_loss_that_is_no_number_stops_it_at_the_last_good_weights(tmp_path, through):
    spoilt = Line()
    spoilt.upset[97] = not_a_number
    with pytest.raises(BadInput, match=r"loss 'fit' is no number at step 97, the checkpoint of step 80") as told:
        run(spoilt, tmp_path / "spoilt")
    assert "--seed" in str(told.value) and "neurorack export" in str(told.value)
    state = saved(tmp_path / "spoilt")
    assert state["step"] == 80 and torch.isfinite(state["state"]["net"]["weight"]).all()


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    spoilt = Line()

    def ruin(loss):
        with torch.no_grad():
            spoilt.net.weight += float("inf")
        return loss  # worked out before: it is still a number

    spoilt.upset[80] = ruin
    with pytest.raises(BadInput, match="a weight is no number at step 80"):
        run(spoilt, tmp_path)
    assert saved(tmp_path)["step"] == 40


def test_a_gradient_that_is_no_number_is_named(tmp_path):
    spoilt = Line()

    def refuse(loss):
        raise RuntimeError("The total norm of order 2.0 for gradients from `parameters` is non-finite")

    spoilt.upset[9] = refuse
    with pytest.raises(BadInput, match="the gradient is no number at step 9, no checkpoint yet is kept"):
        run(spoilt, tmp_path)


def test_a_lost_device_leaves_the_last_copy(tmp_path, through):
    lost = Line()

    def lose(loss):
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with …")

    lost.upset[63] = lose
    with pytest.raises(BadInput, match=r"failed at step 63 \(CUDA error: device-side assert triggered\), step 50 is"):
        run(lost, tmp_path / "lost")
    assert saved(tmp_path / "lost")["step"] == 50
    again = Line()
    run(again, tmp_path / "lost")
    assert torch.equal(again.net.weight, through.net.weight)


def test_another_error_is_not_taken_for_the_devices(tmp_path):
    broken = Line()

    def fail(loss):
        raise RuntimeError("shapes do not match")

    broken.upset[3] = fail
    with pytest.raises(RuntimeError, match="shapes"):
        run(broken, tmp_path)


def test_a_full_disk_keeps_the_old_checkpoint_and_training_goes_on_later(tmp_path, through, monkeypatch):
    real, written = os.fsync, []

    def fills_up(number: int) -> None:
        written.append(number)
        if len(written) > 2:  # the first checkpoint's file and folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fills_up)
        with pytest.raises(BadInput, match="no room left to write, the checkpoint of step 40 is kept") as told:
            run(Line(), tmp_path / "full")
    assert "\n" not in str(told.value) and "make room" in str(told.value)
    again = Line()
    run(again, tmp_path / "full")
    assert torch.equal(again.net.weight, through.net.weight)


def test_numpy_multiplies_on_one_thread_while_something_trains_and_not_after(tmp_path):
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"]

    before, during = threads(), []
    run(Line(Recipe(steps=1)), tmp_path, watch=lambda: during.append(threads()))
    assert during == [[1] * len(before)] and threads() == before


def test_the_one_who_watches_sees_every_step(tmp_path):
    training, seen = Line(Recipe(steps=5)), []
    run(training, tmp_path, watch=lambda: seen.append(training.step))
    assert seen == [1, 2, 3, 4, 5]


def test_only_the_process_that_leads_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(Team, "agree", lambda self, yes: yes)
    run(Line(), tmp_path, team=Team("cpu", world=2, rank=1))
    assert not os.listdir(tmp_path)
