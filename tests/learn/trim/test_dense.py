"""Our own decoder, over-parameterised as the sweep begins with it: it is cut by structure to a twelfth and less."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from neurorack.learn.export import export_decoder  # noqa: E402
from neurorack.learn.families.kits import DENSE, DENSE_ENCODER  # noqa: E402
from neurorack.learn.families.played import apart  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.learn.networks.encoder import Encoder  # noqa: E402
from neurorack.learn.trim import cost, criteria, select  # noqa: E402
from neurorack.learn.trim.course import COURSES, INSTRUMENT  # noqa: E402
from neurorack.learn.trim.groups import Groups, masked, trimmed  # noqa: E402
from neurorack.learn.trim.joined import Joined  # noqa: E402

REMOVED, LEFT = 0.92, 80_000


def dense() -> Decoder:
    torch.manual_seed(0)
    return Decoder(DENSE).eval()


def size(model: torch.nn.Module) -> int:
    return sum(value.numel() for value in model.parameters())


def cut_to(share: float) -> dict[str, np.ndarray]:
    """What a cut by magnitude keeps of decoder and encoder together, by parameters, the same share of every layer."""
    pair = Joined({"decoder": dense(), "encoder": Encoder(8, DENSE_ENCODER)})
    scores = criteria.score("magnitude", pair, None, [])  # type: ignore[arg-type]
    return select.locally(scores, cost.share("parameters", pair, pair.widths, cost.in_torch), share)


def test_it_has_a_million_parameters_and_all_of_them_are_in_groups():
    model = dense()
    assert size(model) == pytest.approx(1e6, rel=0.01)
    groups = Groups.of(model)  # refuses what is not stated
    assert list(groups.widths) == ["hidden0", "hidden1", "hidden2"]
    held = sum(any(isinstance(run, str) for axis in groups.axes[name] for run in axis) for name, _ in
               model.named_parameters())  # fmt: skip
    assert held == len(list(model.parameters())) - 1  # all but the last layer's bias, which no unit has


@given(seed=st.integers(0, 1 << 16), share=st.floats(0.02, 0.9))
@settings(max_examples=8, deadline=None)
def test_any_units_masked_or_cut_it_says_the_same(seed, share):
    random, model = np.random.default_rng(seed), dense()
    keep = {group: np.flatnonzero(random.random(width) < share) for group, width in model.widths.items()}
    keep = {group: units if len(units) else np.array([0]) for group, units in keep.items()}
    example = model.example(5)
    little = trimmed(model, keep)
    with torch.no_grad():
        said = little(*example)
        model.load_state_dict(masked(model.state_dict(), Groups.of(model), keep))
        torch.testing.assert_close(said, model(*example), atol=1e-5, rtol=0)


def test_the_sweeps_last_round_removes_what_is_asked_for_and_plays(tmp_path: Path):
    cut = cut_to(COURSES[INSTRUMENT].keep)
    keep = {group.removeprefix("decoder."): units for group, units in cut.items() if "decoder" in group}
    model = dense()
    little = trimmed(model, keep).eval()
    assert size(little) <= LEFT and size(little) <= (1 - REMOVED) * size(model)
    model.load_state_dict(masked(model.state_dict(), Groups.of(model), keep))
    example = model.example(16)
    with torch.no_grad():
        torch.testing.assert_close(little(*example), model(*example), atol=1e-5, rtol=0)
    export_decoder(little, tmp_path / "decoder.onnx")
    assert apart(little, (tmp_path / "decoder.onnx").read_bytes()) < 1e-5


def test_torch_pruning_cuts_it_to_the_same_network():
    tp = pytest.importorskip("torch_pruning")
    model, keep = dense(), cut_to(0.05)
    mine = trimmed(model, {group: keep[f"decoder.{group}"] for group in model.widths})
    graph = tp.DependencyGraph().build_dependency(model, example_inputs=model.example(3))
    for layer, (group, width) in zip(model.hidden, model.widths.items(), strict=True):
        gone = np.setdiff1d(np.arange(width), keep[f"decoder.{group}"]).tolist()
        graph.get_pruning_group(layer, tp.prune_linear_out_channels, gone).prune()
    for (name, value), theirs in zip(mine.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(value, theirs), name
