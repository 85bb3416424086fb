"""A graph stands in for its network: it plays the same, is judged the same, and another graph is found out."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
from onnx import numpy_helper  # noqa: E402
from small import FAMILIES, small  # noqa: E402

from neurorack.learn.export import export_decoder  # noqa: E402
from neurorack.learn.families.export import EXPORTS  # noqa: E402
from neurorack.learn.families.limit import network  # noqa: E402
from neurorack.learn.families.played import Gains, Sound, apart  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.words import HOP  # noqa: E402

DECODERS = [family for family in FAMILIES if family != "encoder"]


def exported(model, folder: Path) -> bytes:
    (export_decoder if isinstance(model, Decoder) else EXPORTS[type(model).__name__.lower()])(model, folder / "d.onnx")
    return (folder / "d.onnx").read_bytes()


def other(graph: bytes) -> bytes:
    """One weight in a thousand of the largest matrix is off by a tenth of the largest."""
    model = onnx.load_from_string(graph)
    body = model.graph
    for node in body.node:  # of a loop in a loop, the inner one
        body = next((attribute.g for attribute in node.attribute if attribute.name == "body"), body)
    held = max(body.initializer, key=lambda tensor: np.prod(tensor.dims))
    values = numpy_helper.to_array(held).copy()
    values.reshape(-1)[::1000] += 0.1 * np.abs(values).max()
    held.CopyFrom(numpy_helper.from_array(values, held.name))
    return model.SerializeToString()


@pytest.mark.parametrize("family", [*DECODERS, "deep wavenet"])
def test_hop_by_hop_it_plays_what_torch_says_and_another_is_found_out(family, tmp_path):
    torch.manual_seed(0)
    model = network(8, 8) if family == "deep wavenet" else small(family)
    graph = exported(model, tmp_path)
    assert apart(model, graph) < 1e-5
    assert apart(model, other(graph)) > 1e-5


@pytest.mark.parametrize("family", ["decoder", "modal decoder"])
def test_gains_are_the_decoders_for_any_rows(family, tmp_path):
    model = small(family)
    controls = torch.randn(3, 7, 6 + model.latent)
    octaves = [torch.linspace(0, 4, model.partials).expand(3, 1, -1)] if model.modal else []
    graph = Gains(exported(model, tmp_path), model)
    with torch.no_grad():
        torch.testing.assert_close(graph(controls, *octaves), model(controls, *octaves), atol=1e-5, rtol=1e-4)
    assert torch.equal(graph.scale, model.scale)


@pytest.mark.parametrize("family", ["ddsp", "sing"])
def test_every_clip_of_a_batch_sounds_from_silence_on(family, tmp_path):
    model = small(family)
    given = [torch.randn(2, 9, 6 + model.latent)]
    if family == "ddsp":
        given.append(torch.randn(2, 9, HOP, 58))
    graph = Sound(exported(model, tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(graph(*given)[0], model(*given)[0], atol=1e-5, rtol=1e-4)
