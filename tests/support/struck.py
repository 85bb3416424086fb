"""A tiny percussive bundle: a decoder of damped modes that can be known by heart, and one-shots to strike it with."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from neurorack.bundle import CARD, describe_gestures, describe_network, read_card, write_card
from neurorack.words import BANDS, HOP

MODES = 24
LATENT = 8
NAMES = ["drum", "bell", "brush"]


def write_modal_decoder(path: Path, noise_gain: float = 0.05) -> None:
    """audio = 10^(rms_db / 20) · (Σ_k 2^-partials_k · mode k + noise_gain · noise), with no delay.

    The level glides over a hop from the hop before (`state_gain`), the modes' shares are the hop's own.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: object, dtype: type = np.float32) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value, dtype), name)

    constants = [
        constant("ramp", np.arange(1, HOP + 1)[None] / HOP),
        constant("db", np.log(10) / 20),
        constant("fall", -np.log(2)),
        constant("noise_gains", np.full((BANDS, 1), noise_gain / np.sqrt(BANDS))),
        constant("one", [1], np.int64),
        constant("two", [2], np.int64),
        constant("zero", [0], np.int64),
        constant("last", [-1], np.int64),
        constant("end", [2**40], np.int64),
        constant("grid", [-1, HOP], np.int64),
    ]
    make = helper.make_node
    nodes = [
        make("Slice", ["controls", "one", "two", "one"], ["rms_db"]),
        make("Mul", ["rms_db", "db"], ["rms_log"]),
        make("Exp", ["rms_log"], ["gain"]),
        make("Concat", ["state_gain", "gain"], ["gains"], axis=0),
        make("Slice", ["gains", "zero", "last", "zero"], ["before"]),
        make("Slice", ["gains", "last", "end", "zero"], ["next_gain"]),
        make("Sub", ["gain", "before"], ["rise"]),
        make("Mul", ["rise", "ramp"], ["risen"]),
        make("Add", ["before", "risen"], ["curve"]),
        make("Mul", ["partials", "fall"], ["shares_log"]),
        make("Exp", ["shares_log"], ["shares"]),
        make("Unsqueeze", ["shares", "two"], ["shares_column"]),
        make("MatMul", ["harmonics", "shares_column"], ["tone_3d"]),
        make("Reshape", ["tone_3d", "grid"], ["tone"]),
        make("MatMul", ["noise", "noise_gains"], ["air_3d"]),
        make("Reshape", ["air_3d", "grid"], ["air"]),
        make("Add", ["tone", "air"], ["body"]),
        make("Mul", ["body", "curve"], ["audio"]),
    ]
    shapes: dict[str, list[int | str]] = {
        "controls": ["frames", 6 + LATENT],
        "harmonics": ["frames", HOP, MODES],
        "noise": ["frames", HOP, BANDS],
        "partials": ["frames", MODES],
        "state_gain": [1, 1],
        "audio": ["frames", HOP],
        "next_gain": [1, 1],
    }
    ports = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    given = [ports.pop(name) for name in ("audio", "next_gain")]
    graph = helper.make_graph(nodes, "modal", list(ports.values()), given, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


def struck_gestures() -> dict[str, np.ndarray]:
    """`drum` falls in pitch as it decays, `bell` stands; both are one-shots. `brush` is a texture that loops."""
    arrays: dict[str, np.ndarray] = {}
    for name, hops, marks, pitch, partials in (
        ("drum", 160, (160, 160), np.linspace(-1.0, -1.5, 160), np.linspace(0.0, 3.0, MODES) ** 1.2),
        ("bell", 300, (0, 0), np.full(300, 1.0), np.linspace(0.0, 4.0, MODES)),
        ("brush", 120, (20, 80), np.full(120, 0.5), np.linspace(-0.5, 5.0, MODES)),
    ):
        rows = np.tile([-14.0, 0.5, 0.5, 0.5, 0.5], (hops, 1))
        if name != "brush":
            rows[:, 0] -= np.linspace(0.0, 70.0, hops)
        arrays[f"{name}/latent"] = np.zeros((hops, LATENT), np.float32)
        arrays[f"{name}/descriptors"] = rows.astype(np.float32)
        arrays[f"{name}/median"] = np.array([-14.0, 0.5, 0.5, 0.5, 0.5], np.float32)
        arrays[f"{name}/marks"] = np.array(marks, np.int32)
        arrays[f"{name}/pitch"] = pitch.astype(np.float32)
        arrays[f"{name}/partials"] = partials.astype(np.float32)
    return arrays


def write_struck_bundle(tiny: Path, folder: Path, noise_gain: float = 0.05) -> Path:
    """A whole percussive bundle in `folder`, with the knobs of the bundle in `tiny`."""
    folder.mkdir(parents=True)
    shutil.copy(tiny / CARD, folder)
    write_modal_decoder(folder / "decoder.onnx", noise_gain)
    save_file(struck_gestures(), folder / "gestures.safetensors")
    card = msgspec.structs.replace(
        read_card(folder),
        name=folder.name,
        kind="percussive",
        harmonics=MODES,
        delay_samples=0,
        decoder=describe_network(folder / "decoder.onnx"),
        gestures=describe_gestures(folder / "gestures.safetensors", NAMES),
    )
    write_card(folder, card)
    return folder


@pytest.fixture(scope="session")
def struck_bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny percussive bundle; tests that change it copy it first."""
    return write_struck_bundle(tiny_bundle, tmp_path_factory.mktemp("struck") / "struck")
