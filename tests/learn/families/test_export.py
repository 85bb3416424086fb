"""A family's exported graph is the network, in blocks of any size, and plays in the module."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from small import small  # noqa: E402

from neurorack.engine.excitation import excite  # noqa: E402
from neurorack.learn.families.ddsp import Ddsp  # noqa: E402
from neurorack.learn.families.export import EXPORTS  # noqa: E402
from neurorack.learn.families.sing import Sing  # noqa: E402
from neurorack.words import C4_HZ  # noqa: E402

FRAMES = 48


@pytest.fixture(scope="module", params=["ddsp", "dense ddsp", "sing", "dense sing"])
def model(request) -> torch.nn.Module:
    torch.manual_seed(1)
    return {"dense ddsp": lambda: Ddsp(latent=5), "dense sing": lambda: Sing(latent=5)}.get(
        request.param, lambda: small(request.param)
    )().eval()


@pytest.fixture(scope="module")
def session(model, tmp_path_factory) -> "onnxruntime.InferenceSession":
    path = tmp_path_factory.mktemp("family") / "decoder.onnx"
    EXPORTS[type(model).__name__.lower()](model, path)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def feeds(model: torch.nn.Module) -> dict[str, np.ndarray]:
    controls = np.random.default_rng(0).normal(0, 1, (FRAMES, 6 + model.latent)).astype(np.float32)
    controls[:, 0] = np.linspace(-3, 4, FRAMES)
    if isinstance(model, Sing):
        return {"controls": controls}
    harmonics, _, noise = excite(C4_HZ * np.exp2(controls[:, 0].astype(np.float64)))
    return {"controls": controls, "harmonics": harmonics, "noise": noise}


def said(model: torch.nn.Module, inputs: dict[str, np.ndarray]) -> np.ndarray:
    sounds = [inputs[name] for name in ("harmonics", "noise") if name in inputs]
    elements = [torch.from_numpy(np.concatenate(sounds, axis=2))[None]] if sounds else []
    with torch.no_grad():
        return model(torch.from_numpy(inputs["controls"])[None], *elements)[0][0].numpy()


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 6, 7, 8, FRAMES])
def test_streaming_in_blocks_of_any_size_is_what_torch_says(model, session, frames):
    inputs, parts = feeds(model), []
    names = [port.name for port in session.get_outputs()]
    states = {port.name: np.zeros(port.shape, np.float32) for port in session.get_inputs() if "state_" in port.name}
    assert states
    for at in range(0, FRAMES, frames):
        part = {name: values[at : at + frames] for name, values in inputs.items()}
        audio, *following = session.run(names, part | states)
        states = {f"state_{name[len('next_') :]}": value for name, value in zip(names[1:], following, strict=True)}
        parts.append(audio.ravel())
    heard, wanted = np.concatenate(parts), said(model, inputs)
    assert wanted.std() > 1e-3
    np.testing.assert_allclose(heard, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))


def test_nodes_are_few(session, model, tmp_path: Path):
    """A call is bound by them: 1.5 µs each."""
    import onnx

    EXPORTS[type(model).__name__.lower()](model, tmp_path / "decoder.onnx")
    assert len(onnx.load(str(tmp_path / "decoder.onnx")).graph.node) <= 45
