"""The decoder gives in every block size what one long pass gives, and keeps its states without being told."""

import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from neurorack import bundle
from neurorack.engine.decoder import Decoder
from neurorack.engine.excitation import excite
from neurorack.errors import BadInput
from neurorack.words import BLOCKS, HOP

HOPS = 96
REAL = [folder for folder in bundle.installed() if folder.name == "fluid"]


@pytest.fixture(params=["tiny", *REAL], ids=str)
def instrument(request: pytest.FixtureRequest, tiny_bundle: Path) -> bundle.Bundle:
    return bundle.load(tiny_bundle if request.param == "tiny" else request.param)


def inputs(instrument: bundle.Bundle) -> tuple[np.ndarray, ...]:
    """Controls that move as a player's do, and their excitation."""
    random = np.random.default_rng(4)
    f0_hz = np.geomspace(80, 2_000, HOPS)
    harmonics, pulse, noise = excite(f0_hz, 1, count=instrument.card.harmonics)
    knobs = instrument.card.knobs
    middle = np.array([(knob.low + knob.high) / 2 for knob in knobs])
    spread = np.array([(knob.high - knob.low) / 4 for knob in knobs])
    moving = middle + spread * np.sin(np.outer(np.arange(HOPS), [0.11, 0.2, 0.05, 0.3, 0.17]))
    latent = random.normal(size=(HOPS, instrument.card.latent))
    controls = np.column_stack([np.log2(f0_hz / 261.6255653), moving, latent]).astype(np.float32)
    return controls, harmonics, pulse, noise


def play(decoder: Decoder, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    audio = []
    for at in range(0, HOPS, decoder.frames):
        for target, source in zip(
            (decoder.controls, decoder.harmonics, decoder.pulse, decoder.noise), arrays, strict=True
        ):
            target[:] = source[at : at + decoder.frames]
        audio.append(decoder.run().copy())
    return np.concatenate(audio)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_every_size_equal_one_offline_pass(instrument: bundle.Bundle, block: int) -> None:
    arrays = inputs(instrument)
    offline = play(Decoder(instrument, HOPS), arrays)
    streamed = play(Decoder(instrument, block // HOP), arrays)
    assert np.abs(offline).max() > 1e-3
    np.testing.assert_allclose(streamed, offline, atol=1e-5)


def test_reset_forgets_everything(instrument: bundle.Bundle) -> None:
    arrays = inputs(instrument)
    decoder = Decoder(instrument, 3)
    first = play(decoder, arrays)
    decoder.reset()
    np.testing.assert_array_equal(play(decoder, arrays), first)


def test_a_state_that_is_no_number_is_healed_by_reset(instrument: bundle.Bundle) -> None:
    arrays = inputs(instrument)
    decoder = Decoder(instrument, 3)
    good = play(decoder, arrays)
    decoder.reset()
    decoder.controls[:] = np.nan
    assert not np.isfinite(decoder.run()).all()
    decoder.reset()
    np.testing.assert_array_equal(play(decoder, arrays), good)


def test_a_run_makes_no_new_array(instrument: bundle.Bundle) -> None:
    decoder = Decoder(instrument, 2)
    assert decoder.run() is decoder.run()


def test_a_silent_input_leaves_no_denormals(tiny_bundle: Path) -> None:
    decoder = Decoder(bundle.load(tiny_bundle), 1)
    decoder.harmonics[:] = 1e-38
    decoder.controls[:, 1] = -60.0
    for _ in range(4):
        audio = decoder.run()
    tiny = np.finfo(np.float32).tiny
    assert not np.any((audio != 0) & (np.abs(audio) < tiny))


def broken(tiny_bundle: Path, folder: Path, change: Callable[[onnx.ModelProto], object]) -> bundle.Bundle:
    """A copy with a changed decoder that agrees with its card."""
    shutil.copytree(tiny_bundle, folder)
    model = onnx.load(str(folder / "decoder.onnx"))
    change(model)
    (folder / "decoder.onnx").write_bytes(model.SerializeToString())
    described = bundle.describe_network(folder / "decoder.onnx")
    bundle.write_card(folder, msgspec.structs.replace(bundle.read_card(folder), decoder=described))
    return bundle.load(folder)


def test_a_graph_that_no_runtime_takes_is_bad_input(tiny_bundle: Path, tmp_path: Path) -> None:
    odd = broken(tiny_bundle, tmp_path / "odd", lambda model: setattr(model.graph.node[2], "op_type", "NoSuchOperator"))
    with pytest.raises(BadInput, match=r"does not run: .*NoSuchOperator"):
        Decoder(odd, 1)


def test_a_graph_that_asks_for_all_memory_is_bad_input(tiny_bundle: Path, tmp_path: Path) -> None:
    def swell(model: onnx.ModelProto) -> None:
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.array([1 << 33]), "huge"))
        graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge"], ["zeros"]))
        graph.node.insert(1, helper.make_node("ReduceSum", ["zeros"], ["nought"], keepdims=0))
        graph.node.insert(2, helper.make_node("Add", ["pulse", "nought"], ["swollen"]))
        next(node for node in graph.node if node.output[0] == "buzz_3d").input[0] = "swollen"

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(BadInput, match="does not run"):
        Decoder(broken(tiny_bundle, tmp_path / "bomb", swell), 1)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
