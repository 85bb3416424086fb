"""Several networks are trimmed as one, and our instruments' training goes through a lottery as it is."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import few  # noqa: E402
from small import small  # noqa: E402

from neurorack.learn import scales  # noqa: E402
from neurorack.learn.train import Recipe, Training  # noqa: E402
from neurorack.learn.trim import cost, criteria  # noqa: E402
from neurorack.learn.trim.groups import Flat, Groups, masked, trimmed  # noqa: E402
from neurorack.learn.trim.joined import Joined, join  # noqa: E402
from neurorack.learn.trim.rounds import Lottery, Plan  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def quick():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scales, "_FRAMES", 3000)
        yield
    torch.set_num_threads(before)


@pytest.fixture
def pair() -> Joined:
    return Joined({"decoder": small("decoder"), "encoder": small("encoder")})


KEEP = {"decoder.hidden1": np.array([0, 3]), "encoder.layer0": np.array([1, 2, 5])}


def test_groups_are_called_by_their_part(pair):
    sizes = {"decoder.hidden0": 6, "decoder.hidden1": 5, "decoder.hidden2": 7, "encoder.layer0": 6, "encoder.layer1": 5}
    assert pair.widths == sizes
    small_pair = trimmed(pair, KEEP)
    assert small_pair.widths == sizes | {"decoder.hidden1": 2, "encoder.layer0": 3}


def test_every_kind_of_run_is_called_by_its_part():
    class Part:
        def groups(self):
            return Groups({"a": 2}, {"t": ((Flat("a", 3), "a", 4), (1,))})

    joined = join({"x": Part(), "y": Part()})
    assert joined.axes["y.t"] == ((Flat("y.a", 3), "y.a", 4), (1,))
    assert set(joined.axes) == {"x.t", "y.t"} and joined.widths == {"x.a": 2, "y.a": 2}


def test_a_trimmed_pair_says_what_the_masked_one_says(pair):
    examples = pair.example(8)
    assert [len(example[0]) for example in examples] == [8, 1] and examples[1][0].shape[
        1
    ] == 2  # frames of 1.3 and 5.3 ms
    little = trimmed(pair, KEEP)
    pair.load_state_dict(masked(pair.state_dict(), Groups.of(pair), KEEP))
    for mine, theirs in zip(little(*examples), pair(*examples), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)


def test_costs_are_those_of_all_parts(pair):
    for count in (cost.parameters, cost.macs_per_s):
        assert count(pair)(pair.widths) == sum(count(part)(part.widths) for part in pair.values())


DECODER, ENCODER = (12, 10, 12), (9, 8)
WIDTHS = {f"decoder.hidden{i}": width for i, width in enumerate(DECODER)}
WIDTHS |= {f"encoder.layer{i}": width for i, width in enumerate(ENCODER)}


class Instrument:
    """Our own training, as it is, and the spectrum of a clip said again."""

    name = "instrument"
    widths = WIDTHS

    def run(self, widths, steps, seed):
        decoder = tuple(widths[f"decoder.hidden{i}"] for i in range(3))
        encoder = tuple(widths[f"encoder.layer{i}"] for i in range(2))
        self._training = Training(
            Recipe("pitched", steps, seed, batch=4, width=decoder, encoder=encoder, latent=3), few("pitched")
        )
        return self._training

    def batches(self, count, seed):
        return [self._training.lesson(np.random.default_rng((seed, 2**31 + number))) for number in range(count)]

    def loss(self, model, lesson):
        objective = self._training.objective
        learning = objective.decoder, objective.encoder
        objective.decoder, objective.encoder = model["decoder"], model["encoder"]
        try:
            return objective(lesson, 1.0)["spectrum"]
        finally:
            objective.decoder, objective.encoder = learning

    def show(self, model, batch):
        self.loss(model, batch)

    def validation_loss(self, model):
        with torch.no_grad():
            return self.loss(model, self.batches(1, 1)[0]).item()


@pytest.mark.parametrize("beginning", ["rewind", "fine-tune"])
def test_our_own_training_goes_through_a_lottery(beginning):
    task = Instrument()
    plan = Plan("instrument", 3, 1, keep=0.8, rounds=1, batches=1, by="parameters", beginning=beginning)
    lottery = Lottery(task, plan, timer=lambda models: [1.0] * len(models))
    while lottery.step < plan.steps:
        lottery.advance()
    dense, small = lottery.results
    assert small.parameters <= 0.8 * dense.parameters
    assert small.validation_loss == pytest.approx(task.validation_loss(lottery.model(1)))
    assert task._training.objective.decoder.widths == {
        f"hidden{i}": small.widths[f"decoder.hidden{i}"] for i in range(3)
    }
    assert torch.equal(task._training.objective.decoder.whiten, lottery.model(0)["decoder"].whiten)


def test_probes_of_all_parts_are_seen():
    task = Instrument()
    run = task.run(WIDTHS, 2, 0)
    scores = criteria.score("activation", run.average, task, task.batches(1, 0))
    assert {group: len(values) for group, values in scores.items()} == WIDTHS
    assert all(values.min() > 0 for values in scores.values())


def test_what_listens_stays_whole():
    groups = Groups.of(Instrument().run(WIDTHS, 2, 0).network)
    assert groups.widths == WIDTHS
    listens = [name for name in groups.axes if not name.startswith(("decoder.", "encoder."))]
    assert listens and all(isinstance(run, int) for name in listens for axis in groups.axes[name] for run in axis)
