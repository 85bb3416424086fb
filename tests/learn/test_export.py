"""The exported graphs are the networks, and stream."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack import bundle  # noqa: E402
from neurorack.engine.decoder import Decoder as Engine  # noqa: E402
from neurorack.engine.excitation import HARMONICS, Excitation  # noqa: E402
from neurorack.learn import bank  # noqa: E402
from neurorack.learn.decoder import CONTROLS, Decoder, mix  # noqa: E402
from neurorack.learn.encoder import Encoder  # noqa: E402
from neurorack.learn.evaluate import Instrument, streaming_difference  # noqa: E402
from neurorack.learn.export import export_encoder, macs_per_s  # noqa: E402
from neurorack.learn.gestures import Encode  # noqa: E402
from neurorack.learn.pack import pack_random  # noqa: E402
from neurorack.words import C4_HZ, HOP  # noqa: E402

HOPS = 48


@pytest.fixture(scope="module")
def random_bundle(tmp_path_factory) -> bundle.Bundle:
    folder = tmp_path_factory.mktemp("models") / "random"
    pack_random(64, 3, folder)
    return bundle.load(folder)


def test_a_random_bundle_is_a_whole_bundle(random_bundle):
    card = random_bundle.card
    assert card.cost.parameters == sum(p.numel() for p in Decoder(64).parameters())
    assert card.cost.macs_per_s == macs_per_s(Decoder(64))
    assert [state for state, _ in card.decoder.states] == ["state_gains", "state_bands"]


def test_the_engine_says_what_torch_says(random_bundle):
    random = np.random.default_rng(0)
    controls = random.normal(0, 1, (HOPS, CONTROLS)).astype(np.float32)
    controls[:, 0] = np.linspace(-3, 4, HOPS)
    controls[:, 1] = random.uniform(-40, 0, HOPS)
    excitation = Excitation(HOPS, seed=5)
    excitation.render(C4_HZ * np.exp2(controls[:, 0].astype(np.float64)))
    engine = Engine(random_bundle, HOPS)
    for name, values in (("harmonics", excitation.harmonics), ("pulse", excitation.pulse), ("noise", excitation.noise)):
        getattr(engine, name)[:] = values
    engine.controls[:] = controls
    heard = engine.run()

    torch.manual_seed(3)
    network = Decoder(64)
    bands = [
        np.convolve(x.ravel().astype(np.float64), h)[: HOPS * HOP]
        for x in (excitation.pulse, excitation.noise)
        for h in bank.responses()
    ]
    elements = np.column_stack([excitation.harmonics.reshape(-1, HARMONICS), *bands]).astype(np.float32)
    with torch.no_grad():
        gains = network(torch.from_numpy(controls)[None])
        said = mix(gains, torch.from_numpy(elements.reshape(1, HOPS, HOP, -1)), torch.zeros(1, 1, bank.ELEMENTS))
    assert heard.std() > 0.05
    np.testing.assert_allclose(heard, said[0].numpy(), atol=1e-4)


def test_streaming_in_any_block_equals_one_pass(random_bundle):
    assert streaming_difference(Instrument(random_bundle), hops=96) < 1e-5


def test_the_exported_encoder_is_the_network(tmp_path):
    torch.manual_seed(1)
    encoder = Encoder()
    export_encoder(encoder, tmp_path / "encoder.onnx")
    log_mel = np.random.default_rng(0).normal(0, 2, (70, 64)).astype(np.float32)
    with torch.no_grad():
        said = encoder(torch.from_numpy(log_mel)[None])[0].numpy()
    np.testing.assert_allclose(Encode(str(tmp_path / "encoder.onnx"))(log_mel), said, atol=1e-5)
