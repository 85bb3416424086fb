"""A channel is cut out everywhere it passes, and nothing is guessed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from small import FAMILIES, said, small  # noqa: E402

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.descent import Descent  # noqa: E402
from neurorack.learn.trim.groups import Flat, Groups, cut, cut_run, masked, trimmed  # noqa: E402

FRAMES = 3


@st.composite
def kept(draw, family: str) -> dict[str, np.ndarray]:
    """Any units of any groups, at least one of each."""
    widths = FAMILIES[family]().widths
    groups = draw(st.lists(st.sampled_from(sorted(widths)), unique=True, min_size=1))
    subsets = {group: st.sets(st.integers(0, widths[group] - 1), min_size=1) for group in groups}
    return {group: np.array(sorted(draw(subset))) for group, subset in subsets.items()}


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_a_trimmed_network_says_what_the_masked_one_says(family, data, seed):
    keep = data.draw(kept(family))
    model = small(family, seed)
    example = model.example(FRAMES)
    little = trimmed(model, keep)
    model.load_state_dict(masked(model.state_dict(), Groups.of(model), keep))
    assert little.widths == {g: len(keep[g]) if g in keep else n for g, n in model.widths.items()}
    for mine, theirs in zip(said(little, example), said(model, example), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_are_heard(family):
    """What is compared above is no constant."""
    model = small(family)
    example = model.example(FRAMES)
    before = said(model, example)
    for group, width in model.widths.items():
        masks = small(family)
        masks.load_state_dict(masked(model.state_dict(), Groups.of(model), {group: np.arange(width - 1, width)}))
        after = said(masks, example)
        assert any((a - b).abs().max() > 1e-5 for a, b in zip(before, after, strict=True)), group


def down(model: torch.nn.Module, steps: int) -> Descent:
    """Some steps of training, on anything."""
    descent = Descent(model, model, 100, 1e-3, (0.9, 0.99))
    example = model.example(FRAMES)
    for _ in range(steps):
        answer = model(*example)
        answer = answer if isinstance(answer, torch.Tensor) else answer[0]
        descent.take({"loss": answer.square().mean()})
    return descent


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_goes_on_with_what_is_left_of_its_weights_average_and_moments(family):
    model = small(family)
    groups = Groups.of(model)
    keep = {group: np.arange(0, width, 2) for group, width in model.widths.items()}
    names = [name for name, _ in model.named_parameters()]
    whole = down(model, 3).state()
    left = cut_run(whole, groups, keep, names)
    for number, moments in whole["optimiser"]["state"].items():
        want = cut({names[number]: moments["exp_avg"]}, groups, keep)[names[number]]
        assert torch.equal(left["optimiser"]["state"][number]["exp_avg"], want)
    little = model.resized(groups.kept_widths(keep))
    descent = Descent(little, little, 100, 1e-3, (0.9, 0.99))
    descent.load_state(left)
    answer = little(*little.example(FRAMES))
    descent.take({"loss": (answer if isinstance(answer, torch.Tensor) else answer[0]).square().mean()})
    assert descent.step == 4
    for number, value in enumerate(little.parameters()):
        assert descent.state()["optimiser"]["state"][number]["exp_avg_sq"].shape == value.shape


def test_a_cut_leaves_what_it_was_cut_from():
    model = small("sing")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    little = trimmed(model, {"wide1": np.array([0, 2])})
    with torch.no_grad():
        for value in little.parameters():
            value += 1.0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Odd(torch.nn.Module):
    """Everything that an axis may be: two halves, a concatenation, flattened either way."""

    def __init__(self, widths=None):
        super().__init__()
        self.widths = widths or {"a": 3, "b": 2}
        a, b = self.widths["a"], self.widths["b"]
        self.gated = torch.nn.Conv1d(1, 2 * a, 1)
        self.other = torch.nn.Linear(4, b)
        self.out = torch.nn.Linear(4 + 5 * a + 5 * a + b, 1)

    def forward(self, x):
        curve, gate = self.gated(x).chunk(2, 1)
        z = torch.tanh(curve) * torch.sigmoid(gate)
        fixed = x[:, 0, :4]
        channels_first, time_first = z.flatten(1), z.transpose(1, 2).flatten(1)
        return self.out(torch.cat([fixed, channels_first, time_first, torch.relu(self.other(fixed))], 1))

    def axes(self):
        return {
            "gated.weight": (("a", "a"), (1,), (1,)),
            "gated.bias": (("a", "a"),),
            "other.weight": (("b",), (4,)),
            "other.bias": (("b",),),
            "out.weight": ((1,), (4, Flat("a", 5), *["a"] * 5, "b")),
            "out.bias": ((1,),),
        }

    def groups(self):
        return Groups(self.widths, self.axes())

    def resized(self, widths):
        return Odd(widths)


@pytest.mark.parametrize("keep", [{"a": np.array([1])}, {"a": np.array([0, 2]), "b": np.array([1])}])
def test_halves_strides_and_offsets_are_followed(keep):
    torch.manual_seed(0)
    model, x = Odd(), torch.randn(2, 1, 5)
    little = trimmed(model, keep)
    model.load_state_dict(masked(model.state_dict(), Groups.of(model), keep))
    torch.testing.assert_close(little(x), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"out.weight": None}, "tensor 'out.weight' is in no group"),
        ({"out.weight": ((1,),)}, "axis 1 of 'out.weight' is in no group"),
        ({"out.weight": ((1,), (4, Flat("a", 5), "b"))}, r"'out.weight' has the shape \(1, 36\), its groups \(1, 21\)"),
        ({"other.bias": (("c",),)}, "'other.bias' is of group 'c', which has no width"),
        ({"more.weight": ((1,),)}, "stated for 'more.weight', which there is not"),
        (
            {"other.bias": ((2,),), "other.weight": ((2,), (4,)), "out.weight": ((1,), (4, Flat("a", 10), 2))},
            "group 'b' is in no tensor",
        ),
    ],
)
def test_what_is_not_stated_is_refused_by_name(change, named):
    class Open(Odd):
        def axes(self):
            return {name: axes for name, axes in (super().axes() | change).items() if axes is not None}

    with pytest.raises(BadInput, match=named) as told:
        Groups.of(Open())
    assert "\n" not in str(told.value) and "Open" in str(told.value)


def test_a_tensor_of_another_network_is_refused_by_name():
    with pytest.raises(BadInput, match=r"'stranger\.weight' is in no group"):
        cut({"stranger.weight": torch.zeros(3)}, Groups.of(Odd()), {"a": np.array([0])})


@pytest.mark.parametrize("change", [cut, masked])
@pytest.mark.parametrize(
    ("keep", "named"),
    [
        ({"b": []}, "nothing of 'b' would be left"),
        ({"c": [0]}, "there is no group 'c'"),
        ({"a": [0, 3]}, r"units \[0 3\] of 'a' cannot be kept"),
        ({"a": [-1, 1]}, "of 'a' cannot be kept"),
        ({"a": [1, 0]}, "of 'a' cannot be kept"),
        ({"a": [1, 1]}, "of 'a' cannot be kept"),
    ],
)
def test_empty_layers_and_units_that_there_are_not_are_refused_by_name(change, keep, named):
    model = Odd()
    with pytest.raises(BadInput, match=named) as told:
        change(model.state_dict(), Groups.of(model), {group: np.array(units, int) for group, units in keep.items()})
    assert "\n" not in str(told.value)


def test_torch_pruning_cuts_our_decoder_to_the_same_network():
    tp = pytest.importorskip("torch_pruning")
    model = small("decoder")
    example = model.example(FRAMES)
    gone = {"hidden0": [1, 4], "hidden1": [0], "hidden2": [2, 3, 6]}
    mine = trimmed(model, {g: np.setdiff1d(np.arange(model.widths[g]), units) for g, units in gone.items()})
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=example)
    for layer, units in zip(model.hidden, gone.values(), strict=True):
        graph.get_pruning_group(layer, tp.prune_linear_out_channels, units).prune()
    for (name, value), theirs in zip(mine.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(value, theirs), name


def test_torch_pruning_cuts_our_encoder_to_the_same_network():
    tp = pytest.importorskip("torch_pruning")
    model = small("encoder")
    gone = {"layer0": [0, 5], "layer1": [3]}
    mine = trimmed(model, {g: np.setdiff1d(np.arange(model.widths[g]), units) for g, units in gone.items()})
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=model.example(FRAMES))
    for layer, units in zip(model.layers, gone.values(), strict=False):
        graph.get_pruning_group(layer, tp.prune_conv_out_channels, units).prune()
    for (name, value), theirs in zip(mine.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(value, theirs), name
