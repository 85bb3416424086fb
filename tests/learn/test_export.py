"""The exported graphs are the networks, and stream."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from neurorack.engine.excitation import excite  # noqa: E402
from neurorack.engine.modes import ring  # noqa: E402
from neurorack.learn.corpus import MODES  # noqa: E402
from neurorack.learn.export import export_decoder, export_encoder, macs_per_s  # noqa: E402
from neurorack.learn.networks.decoder import BEFORE_LATENT, Decoder, mix  # noqa: E402
from neurorack.learn.networks.encoder import Encoder  # noqa: E402
from neurorack.onnx_graph import read_graph  # noqa: E402
from neurorack.words import C4_HZ, HOP  # noqa: E402

HOPS = 48
OCTAVES = np.sort(np.random.default_rng(4).uniform(0, 5, MODES)).astype(np.float32)


def feeds(decoder: Decoder) -> dict[str, np.ndarray]:
    """Anything a decoder may be asked, and its excitation."""
    random = np.random.default_rng(0)
    controls = random.normal(0, 1, (HOPS, BEFORE_LATENT + decoder.latent)).astype(np.float32)
    controls[:, 0] = np.linspace(-3, 4, HOPS)
    controls[:, 1] = random.uniform(-40, 0, HOPS)
    f0_hz = C4_HZ * np.exp2(controls[:, 0].astype(np.float64))
    if decoder.modal:
        harmonics, noise = ring(f0_hz, OCTAVES)
        return {"controls": controls, "harmonics": harmonics, "noise": noise, "partials": np.tile(OCTAVES, (HOPS, 1))}
    return {"controls": controls, **dict(zip(("harmonics", "pulse", "noise"), excite(f0_hz), strict=True))}


def states(decoder: Decoder) -> dict[str, np.ndarray]:
    return {"state_gains": np.zeros((1, decoder.elements), np.float32)}


@pytest.fixture(params=[(64, False), (64, True), ((20, 33, 9), False)], ids=["harmonic", "modal", "of uneven layers"])
def decoder(request) -> Decoder:
    torch.manual_seed(3)
    width, modal = request.param
    return Decoder(width, latent=5, modal=modal)


@pytest.fixture
def session(decoder, tmp_path) -> "onnxruntime.InferenceSession":
    export_decoder(decoder, tmp_path / "decoder.onnx")
    return onnxruntime.InferenceSession(str(tmp_path / "decoder.onnx"), providers=["CPUExecutionProvider"])


def test_the_runtime_says_what_torch_says(decoder, session):
    inputs = feeds(decoder)
    heard = session.run(["audio"], inputs | states(decoder))[0].ravel()
    sounds = [inputs[name] for name in ("harmonics", "pulse", "noise") if name in inputs]
    elements = np.concatenate(sounds, axis=2)[None]
    octaves = torch.from_numpy(inputs["partials"])[None] if decoder.modal else None
    with torch.no_grad():
        gains = decoder(torch.from_numpy(inputs["controls"])[None], octaves)
        silence = torch.zeros(1, 1, decoder.elements)
        said = mix(gains, torch.from_numpy(elements), silence)
    assert heard.std() > 0.05
    np.testing.assert_allclose(heard, said[0].numpy(), atol=1e-4)


def test_streaming_in_any_block_equals_one_pass(decoder, session):
    inputs = feeds(decoder)
    whole = session.run(["audio"], inputs | states(decoder))[0]
    for frames in (1, 2, 8):
        held, parts = states(decoder), []
        for at in range(0, HOPS, frames):
            part = {name: values[at : at + frames] for name, values in inputs.items()}
            audio, gains = session.run(["audio", "next_gains"], part | held)
            held = {"state_gains": gains}
            parts.append(audio)
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.parametrize(("asked_db", "given_db"), [(-90.0, -90.0), (-100.0, -100.0), (-120.0, -100.0)])
def test_the_level_is_what_is_asked_for_and_never_below_the_lowest(decoder, session, asked_db, given_db):
    inputs = feeds(decoder)
    inputs["controls"][:, 1] = asked_db
    (gains,) = session.run(["next_gains"], inputs | states(decoder))
    power = np.sum((gains / decoder.scale.numpy()) ** 2)
    assert 10 * np.log10(power) == pytest.approx(given_db, abs=0.01)


def test_a_call_is_few_nodes(decoder, tmp_path):
    """Of a short block the nodes are what costs, as many as they are; five of them are gone once a graph is loaded."""
    export_decoder(decoder, tmp_path / "decoder.onnx")
    assert len(read_graph((tmp_path / "decoder.onnx").read_bytes()).operators) <= 40


def test_its_cost_counts_every_weight(decoder):
    weights = sum(p.numel() for name, p in decoder.named_parameters() if name.endswith("weight"))
    assert macs_per_s(decoder) > weights * 48_000 / HOP


def test_the_exported_encoder_is_the_networks_mean(tmp_path):
    torch.manual_seed(1)
    encoder = Encoder(12, (40, 23))
    export_encoder(encoder, tmp_path / "encoder.onnx")
    features = np.random.default_rng(0).normal(0, 2, (70, 65)).astype(np.float32)
    with torch.no_grad():
        mean, _ = encoder(torch.from_numpy(features)[None])
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"features": features})[0], mean[0].numpy(), atol=1e-5)
