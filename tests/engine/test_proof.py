"""What passes the proof plays: sound, of bounded numbers, the same in blocks of any size."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from neurorack import bundle, cli
from neurorack.engine import proof
from neurorack.engine.proof import prove
from neurorack.errors import BadInput

REAL = [folder for folder in bundle.installed() if folder.name == "fluid"]


def changed(tiny_bundle: Path, folder: Path, change: Callable[[onnx.ModelProto], object]) -> bundle.Bundle:
    """A copy with a changed decoder that agrees with its card, and that `load` takes."""
    shutil.copytree(tiny_bundle, folder)
    model = onnx.load(str(folder / "decoder.onnx"))
    change(model)
    (folder / "decoder.onnx").write_bytes(model.SerializeToString())
    described = bundle.describe_network(folder / "decoder.onnx")
    bundle.write_card(folder, msgspec.structs.replace(bundle.read_card(folder), decoder=described))
    return bundle.load(folder)


def refused(broken: bundle.Bundle, pattern: str) -> None:
    with pytest.raises(BadInput, match=pattern) as caught:
        prove(broken)
    assert "\n" not in str(caught.value) and str(broken.folder) in str(caught.value)


@pytest.mark.parametrize("name", ["tiny", "struck", *REAL], ids=str)
def test_an_instrument_that_plays_is_proven(name: str | Path, tiny_bundle: Path, struck_bundle: Path) -> None:
    prove(bundle.load({"tiny": tiny_bundle, "struck": struck_bundle}.get(str(name), name)))


def test_modes_that_make_no_sound_are_refused(struck_bundle: Path, tmp_path: Path) -> None:
    def damp(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name in ("fall", "noise_gains"):
                gain = np.full_like(numpy_helper.to_array(tensor), -1e3 if tensor.name == "fall" else 0)
                tensor.CopyFrom(numpy_helper.from_array(gain, tensor.name))

    refused(changed(struck_bundle, tmp_path / "odd", damp), "is no number|without bounds")


@pytest.mark.parametrize(
    ("gain", "pattern"),
    [(np.nan, "is no number"), (np.inf, "is no number"), (1e6, "without bounds"), (1e-9, "plays nothing")],
)
def test_weights_that_make_no_sound_are_refused(tiny_bundle: Path, tmp_path: Path, gain: float, pattern: str) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name in ("weights", "noise_gains", "pulse_gains"):
                tensor.CopyFrom(numpy_helper.from_array(gain * numpy_helper.to_array(tensor), tensor.name))

    refused(changed(tiny_bundle, tmp_path / "odd", spoil), pattern)


def test_an_operator_no_runtime_has_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    def replace(model: onnx.ModelProto) -> None:
        model.graph.node[2].op_type = "NoSuchOperator"

    refused(changed(tiny_bundle, tmp_path / "odd", replace), "does not run: .*NoSuchOperator")


def test_what_fails_only_as_it_plays_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    """Warm-up plays zeros; here memory is asked for by the sound itself."""

    def swell(model: onnx.ModelProto) -> None:
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.float32(1e12), "vast"))
        graph.node.insert(0, helper.make_node("ReduceMax", ["noise"], ["loudest"], keepdims=0))
        graph.node.insert(1, helper.make_node("Mul", ["loudest", "vast"], ["wanted"]))
        graph.node.insert(2, helper.make_node("Cast", ["wanted"], ["whole"], to=onnx.TensorProto.INT64))
        graph.node.insert(3, helper.make_node("Reshape", ["whole", "last"], ["size"]))
        graph.node.insert(4, helper.make_node("ConstantOfShape", ["size"], ["zeros"]))
        graph.node.insert(5, helper.make_node("ReduceSum", ["zeros"], ["nought"], keepdims=0))
        graph.node.insert(6, helper.make_node("Add", ["pulse", "nought"], ["swollen"]))
        next(node for node in graph.node if node.output[0] == "buzz_3d").input[0] = "swollen"

    refused(changed(tiny_bundle, tmp_path / "odd", swell), "does not play")


def test_a_decoder_that_hears_where_blocks_end_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    def forget(model: onnx.ModelProto) -> None:
        """The delay's memory is halved from block to block."""
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "half"))
        next(node for node in graph.node if node.output[0] == "next_tail").output[0] = "tail"
        graph.node.append(helper.make_node("Mul", ["tail", "half"], ["next_tail"]))

    refused(changed(tiny_bundle, tmp_path / "odd", forget), "blocks of another size differently")


def test_every_gesture_is_played(tiny_bundle: Path) -> None:
    whole = bundle.load(tiny_bundle)
    controls = proof._controls(whole)
    assert controls.shape == (2 * proof.HOPS, 6 + whole.card.latent)
    for gesture, rows in zip(whole.gestures, np.split(controls, 2), strict=True):
        assert np.array_equal(rows[:, 6:], np.tile(gesture.latent[0], (proof.HOPS, 1)))
        assert np.array_equal(rows[:, 0], proof.PITCHES_OCT)


def test_the_command_that_verifies_plays_the_decoder(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
        tensor.CopyFrom(numpy_helper.from_array(np.nan * numpy_helper.to_array(tensor), tensor.name))

    assert cli.main(["models", "verify", str(tiny_bundle)]) == 0
    odd = changed(tiny_bundle, tmp_path / "odd", spoil)
    assert cli.main(["models", "verify", str(odd.folder)]) == 2
    heard = capsys.readouterr().err
    assert "plays what is no number" in heard and heard.count("\n") == 1
