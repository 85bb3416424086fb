"""Criteria find the units that were planted."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small import FAMILIES, small  # noqa: E402
from toy import WIDTHS, Fit, Task, Toy, drawn, wanted  # noqa: E402

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.trim import criteria, information, select  # noqa: E402
from neurorack.learn.trim.groups import Groups, masked  # noqa: E402

TASK = Task()
BATCHES = TASK.batches(4, 0)


@pytest.fixture(scope="module")
def trained() -> Toy:
    run = Fit(WIDTHS, 150, 0)
    while run.step < 150:
        run.advance()
    return run.average.eval()


def least(scores: dict[str, np.ndarray], count: int) -> set[tuple[str, int]]:
    flat = [(value, group, unit) for group, values in scores.items() for unit, value in enumerate(values)]
    return {(group, unit) for _, group, unit in sorted(flat)[:count]}


DEAD = {("a", 3), ("a", 9), ("b", 5)}


@pytest.fixture(scope="module")
def dead(trained) -> Toy:
    """Of `trained`, with three units that nothing feeds and nothing hears."""
    model = Toy()
    keep = {group: np.array([u for u in range(width) if (group, u) not in DEAD]) for group, width in WIDTHS.items()}
    model.load_state_dict(masked(trained.state_dict(), Groups.of(trained), keep))
    return model.eval()


@pytest.mark.parametrize("name", ["magnitude", "gradient", "activation"])
def test_dead_units_are_found(dead, name):
    scores = criteria.score(name, dead, TASK, BATCHES)
    assert least(scores, 3) == DEAD
    assert all(scores[group][unit] == 0.0 for group, unit in DEAD)
    assert sum((values > 0).sum() for values in scores.values()) > 15


def test_the_gradient_finds_a_unit_that_is_loud_but_that_nobody_hears(trained):
    model = Toy()
    model.load_state_dict(trained.state_dict())
    with torch.no_grad():
        model.second.weight[:, 7] = 0.0
        model.first.weight[7] *= 10.0
    assert least(criteria.score("gradient", model.eval(), TASK, BATCHES), 1) == {("a", 7)}
    assert ("a", 7) not in least(criteria.score("magnitude", model, TASK, BATCHES), 10)


def test_the_gradient_tells_what_the_loss_does_without_a_unit():
    """Near a unit's own zero the first order is all there is."""
    torch.manual_seed(1)
    model = Toy(normed=()).eval()
    with torch.no_grad():
        model.out.weight[0, :4] *= 1e-3
        for layer in (model.second.weight, model.second.bias):
            layer[:4] *= 1e-3
    model.double()
    batch = BATCHES[0].double()
    scores = criteria.score("gradient", model, TASK, [batch])["b"]
    whole = TASK.loss(model, batch).item()
    for unit in range(4):
        state = {name: value.clone() for name, value in model.state_dict().items()}
        with torch.no_grad():
            model.out.weight[0, unit] = 0.0
            change = TASK.loss(model, batch).item() - whole
        model.load_state_dict(state)
        # producer and consumer of a rectified unit each tell the same change
        np.testing.assert_allclose(np.sqrt(scores[unit]), abs(2 * change), rtol=1e-3)


def test_norms_are_compared_and_a_group_without_one_is_refused():
    model = Toy(normed=("a", "b"))
    with torch.no_grad():
        model.norms["a"].weight[2] = -0.01
        model.norms["b"].weight[4] = 0.0
    assert least(criteria.score("norm", model, TASK, BATCHES), 2) == {("a", 2), ("b", 4)}
    with pytest.raises(BadInput, match="group 'b' has no norm"):
        criteria.score("norm", Toy(normed=("a",)), TASK, BATCHES)


def test_chance_is_seeded():
    one, same, other = (criteria.score("random", Toy(), TASK, BATCHES, seed) for seed in (1, 1, 2))
    assert all(
        np.array_equal(one[group], same[group]) and not np.array_equal(one[group], other[group]) for group in one
    )


@pytest.fixture
def informed() -> Toy:
    """Units of a: 0 says the target outright, 1 the same again, 2 half of it; the others are noise."""
    torch.manual_seed(0)
    model = Toy(normed=()).eval()
    with torch.no_grad():
        model.first.weight.zero_()
        model.first.bias.zero_()
        model.first.weight[0:2, 0:2] = 1.0
        model.first.weight[2, 0] = 1.0
        model.first.weight[3:, 4:] = torch.randn(WIDTHS["a"] - 3, 2)
        model.first.bias += 3.0  # in the straight part of every unit
    return model


class Plain(Task):
    """The target is the sum of the two first columns."""

    def target(self, batch):
        return batch[:, :2].sum(1)[:, None, None]


def test_information_finds_units_that_know_the_target(informed):
    scores = criteria.score("information", informed, Plain(), TASK.batches(16, 0))["a"]
    assert scores[0] == scores[1] > 1.0
    assert 0.15 < scores[2] < 0.5  # −½ ln(1 − ρ²) = 0.35 nats of two Gaussians, less what bins lose
    assert scores[3:].max() < 0.05


@pytest.mark.parametrize("training", [True, False])
def test_scores_leave_a_network_as_it_was(training):
    model = Toy().train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for name in criteria.CRITERIA.keys() - {"norm"}:
        criteria.score(name, model, TASK, BATCHES)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training == training for module in model.modules())
    assert all(value.grad is None for value in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_an_unknown_criterion_is_refused():
    with pytest.raises(BadInput, match="no criterion 'taste'"):
        criteria.score("taste", Toy(), TASK, BATCHES)


def test_a_group_that_no_probe_sees_is_refused_by_name():
    model = Toy()
    del model.probes["b"]
    model.probes["b"] = torch.nn.Identity()
    with pytest.raises(BadInput, match="no probe sees the units of 'b'"):
        criteria.score("activation", model, TASK, BATCHES)


@pytest.mark.parametrize("name", ["magnitude", "gradient", "activation", "information", "published"])
def test_scores_that_are_no_numbers_are_refused_in_a_line(trained, name):
    model = Toy()
    model.load_state_dict(trained.state_dict())
    with torch.no_grad():
        model.second.weight[2] = float("nan")
    scores = criteria.score(name, model.eval(), TASK, BATCHES)
    with pytest.raises(BadInput, match=r"the score of unit \d+ of '[ab]' is no number") as told:
        select.globally(scores, lambda widths: float(sum(widths.values())), 20.0)
    assert "\n" not in str(told.value)


class Loud:
    """Anything may be asked of any family: how loud it is."""

    def loss(self, model, batch):
        answer = model(*batch)
        return (answer if isinstance(answer, torch.Tensor) else answer[0]).square().mean()

    def show(self, model, batch):
        model(*batch)

    def target(self, batch):
        return torch.randn(1, 3, 1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["magnitude", "gradient", "activation"])
def test_every_family_can_be_scored(family, name):
    model = small(family)
    scores = criteria.score(name, model, Loud(), [model.example(3), model.example(3)])
    assert {group: len(values) for group, values in scores.items()} == model.widths
    assert all(np.isfinite(values).all() and (values >= 0).all() and values.max() > 0 for values in scores.values())


# --- Information itself ----------------------------------------------------------------------------------------------


def corrected(unit: np.ndarray, target: np.ndarray, together: int = 1, seed: int = 0) -> float:
    return float(information.corrected(unit[:, None], target, together, seed)[0])


def published(unit: np.ndarray, target: np.ndarray) -> float:
    return float(information.published(unit[:, None], target)[0])


def test_many_dimensions_fool_the_published_estimate():
    random = np.random.default_rng(0)
    target = random.standard_normal((1000, 16))
    knows, noise = np.tanh(target[:, 0]), np.tanh(random.standard_normal(1000))
    assert published(noise, target) > 0.9 * published(knows, target) > 2.0
    few = target[:, :3]
    assert corrected(knows, few) > 0.5
    assert corrected(noise, few) < 0.05


def test_information_of_gaussians_is_what_it_should_be():
    random = np.random.default_rng(1)
    x, noise = random.standard_normal((2, 20_000))
    for rho in (0.3, 0.6, 0.9):
        y = rho * x + np.sqrt(1 - rho**2) * noise
        true = -0.5 * np.log(1 - rho**2)
        np.testing.assert_allclose(corrected(x, y[:, None]), true, rtol=0.1, atol=0.01)


def test_chance_counts_for_nothing_where_a_plain_estimate_sees_something():
    random = np.random.default_rng(2)
    target = random.standard_normal((200, 3))
    found = [corrected(random.standard_normal(200), target, seed=seed) for seed in range(20)]
    plain = [published(random.standard_normal(200), target) for _ in range(20)]
    assert np.mean(found) < 0.05 and np.mean(plain) > 2.0


def test_slow_curves_that_go_together_by_chance_count_for_little():
    random = np.random.default_rng(4)
    clips, frames = 40, 50

    def curves() -> np.ndarray:
        """Of every clip a level of its own, and a slow drift."""
        drift = np.cumsum(random.standard_normal((clips, frames)), 1) / 10
        return (random.standard_normal((clips, 1)) + drift).ravel()

    found, as_if_frames_were_clips = [], []
    for seed in range(10):
        unit, target = curves(), curves()[:, None]
        found.append(corrected(unit, target, frames, seed))
        scattered = random.permutation(len(unit))
        shuffled = corrected(unit[scattered], target[scattered], 1, seed)
        as_if_frames_were_clips.append(shuffled)
    assert np.mean(as_if_frames_were_clips) > 0.1
    assert np.mean(found) < 0.4 * np.mean(as_if_frames_were_clips)


def test_a_unit_that_says_all_is_not_charged_for_chance():
    """Of 8 levels that say each other, ln 8: a plain histogram less its null would be 0.023 short of it."""
    random, found = np.random.default_rng(5), []
    for seed in range(20):
        levels = random.integers(0, 8, 1200).astype(float)
        found.append(corrected(levels, levels[:, None], seed=seed))
    np.testing.assert_allclose(np.mean(found), np.log(8), atol=0.006)


def test_few_clips_are_refused():
    with pytest.raises(BadInput, match="7 clips"):
        corrected(np.zeros(70), np.zeros((70, 1)), 10)


def test_a_target_of_many_dimensions_is_refused():
    with pytest.raises(BadInput, match="4 dimensions"):
        corrected(np.zeros(10), np.zeros((10, 4)))


def test_a_unit_that_never_changes_knows_nothing():
    target = np.random.default_rng(3).standard_normal((300, 2))
    assert corrected(np.zeros(300), target) == 0.0 == published(np.zeros(300), target)


def test_the_toy_is_learnt(trained):
    with torch.no_grad():
        x = drawn(7, 7)
        assert (trained(x) - wanted(x)).square().mean() < 0.1 * wanted(x).var()
