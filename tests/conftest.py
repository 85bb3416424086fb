"""A tiny bundle for tests: a decoder small enough to know by heart, in the same contract as a trained one."""

import ctypes
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from neurorack.bundle import (
    SCHEMA,
    Card,
    Condition,
    Cost,
    Knob,
    Source,
    describe_gestures,
    describe_network,
    write_card,
)
from neurorack.ears.features import BANDS, FEATURES
from neurorack.patch.found import points_size
from neurorack.words import BANDS as EXCITED
from neurorack.words import HOP, KNOTS, SAMPLE_RATE_HZ, STAGES

pytest_plugins = ["live", "served", "struck"]

_STATES = itertools.count()

TINY_LATENT = 8
TINY_HARMONICS = 40
TINY_DELAY = 8


def write_tiny_decoder(path: Path, *, noise_gain: float = 0.05, parameters: int = 0) -> None:
    """audio = 10^(rms_db / 20) · (harmonics falling as 1/k + little pulse and noise), delayed by 8 samples.

    Gains glide over a hop from the hop before (`state_gain`); the delay's memory is `state_tail`. `parameters` pads the
    graph with a dense layer that changes nothing, so that it costs what a bigger one would.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    f32 = TensorProto.FLOAT
    k = np.arange(1, TINY_HARMONICS + 1, dtype=np.float32)
    weights = 1 / k / np.sqrt(np.sum(1 / k**2) / 2)

    def constant(name: str, value: object, dtype: type = np.float32) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value, dtype), name)

    constants = [
        constant("weights", weights[:, None]),
        constant("ramp", np.arange(1, HOP + 1)[None] / HOP),
        constant("db", np.log(10) / 20),
        constant("noise_gains", np.full((EXCITED, 1), noise_gain / np.sqrt(EXCITED))),
        constant("pulse_gains", np.full((EXCITED, 1), 0.1 / np.sqrt(EXCITED))),
        constant("one", [1], np.int64),
        constant("two", [2], np.int64),
        constant("zero", [0], np.int64),
        constant("last", [-1], np.int64),
        constant("end", [2**40], np.int64),
        constant("back", [-TINY_DELAY], np.int64),
        constant("row", [1, -1], np.int64),
        constant("grid", [-1, HOP], np.int64),
        constant("column", [-1, 1], np.int64),
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
        make("MatMul", ["harmonics", "weights"], ["tone_3d"]),
        make("Reshape", ["tone_3d", "grid"], ["tone"]),
        make("MatMul", ["pulse", "pulse_gains"], ["buzz_3d"]),
        make("Reshape", ["buzz_3d", "grid"], ["buzz"]),
        make("MatMul", ["noise", "noise_gains"], ["air_3d"]),
        make("Reshape", ["air_3d", "grid"], ["air"]),
        make("Sum", ["tone", "buzz", "air"], ["body"]),
        make("Mul", ["body", "curve"], ["shaped"]),
        make("Reshape", ["shaped", "row"], ["flat"]),
        make("Concat", ["state_tail", "flat"], ["long"], axis=1),
        make("Slice", ["long", "zero", "back", "one"], ["delayed"]),
        make("Slice", ["long", "back", "end", "one"], ["next_tail"]),
        make("Reshape", ["delayed", "grid"], ["audio" if not parameters else "dry"]),
    ]
    if parameters:
        width = max(1, parameters // (HOP + HOP))
        random = np.random.default_rng(0)
        constants += [
            constant("w1", random.normal(size=(HOP, width)) * 1e-9),
            constant("w2", random.normal(size=(width, HOP)) * 1e-9),
        ]
        nodes += [
            make("MatMul", ["dry", "w1"], ["hidden"]),
            make("Relu", ["hidden"], ["active"]),
            make("MatMul", ["active", "w2"], ["nothing"]),
            make("Add", ["dry", "nothing"], ["audio"]),
        ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            value("controls", f32, ["frames", 6 + TINY_LATENT]),
            value("harmonics", f32, ["frames", HOP, TINY_HARMONICS]),
            value("pulse", f32, ["frames", HOP, EXCITED]),
            value("noise", f32, ["frames", HOP, EXCITED]),
            value("state_gain", f32, [1, 1]),
            value("state_tail", f32, [1, TINY_DELAY]),
        ],
        [
            value("audio", f32, ["frames", HOP]),
            value("next_gain", f32, [1, 1]),
            value("next_tail", f32, [1, TINY_DELAY]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))


def tiny_encoder_weights() -> np.ndarray:
    """[5 frames t−3 … t+1, FEATURES, TINY_LATENT]: latent 0 is a quarter of frame t's noisiness, latent 1 how much its
    lower bands stand above its upper ones, the others a little of everything."""
    weights = np.random.default_rng(3).normal(size=(5, FEATURES, TINY_LATENT)) * 0.02
    weights[..., :2] = 0.0
    weights[3, BANDS, 0] = 0.25
    weights[3, :BANDS, 1] = np.where(np.arange(BANDS) < BANDS // 2, 1, -1) / BANDS
    return weights.astype(np.float32)


def write_tiny_encoder(path: Path) -> None:
    """features [frames, FEATURES] → latent [frames, TINY_LATENT], one convolution with zeros beyond the ends."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    f32, make = TensorProto.FLOAT, helper.make_node
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(tiny_encoder_weights().transpose(2, 1, 0)), "weights"),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
    ]
    nodes = [
        make("Transpose", ["features"], ["turned"], perm=[1, 0]),
        make("Unsqueeze", ["turned", "zero"], ["batch"]),
        make("Conv", ["batch", "weights"], ["rows"], pads=[3, 1]),
        make("Squeeze", ["rows", "zero"], ["flat"]),
        make("Transpose", ["flat"], ["latent"], perm=[1, 0]),
    ]
    value = helper.make_tensor_value_info
    ports = value("features", f32, ["frames", FEATURES]), value("latent", f32, ["frames", TINY_LATENT])
    graph = helper.make_graph(nodes, "tiny encoder", ports[:1], ports[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def write_tiny_space(path: Path, size: float) -> None:
    """points, steps [frames, 3] → changes that grow with the steps along three random directions; `size` times."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    described = points_size(TINY_LATENT, 0)
    heard = np.array([0.02, 3.0, 0.05, 0.05, 0.05, 0.05] + [0.3] * TINY_LATENT)
    scale = np.concatenate([np.tile(heard, KNOTS), [0.2] * STAGES])
    random, along = np.random.default_rng(5), np.linspace(0, np.pi, KNOTS)[:, None]
    curves = [sum(random.normal(size=len(heard)) * np.cos(n * along) for n in range(3)).ravel() for _ in range(3)]
    ways = np.column_stack([curves, random.normal(size=(3, STAGES))]) * scale * size
    f32, make, value = TensorProto.FLOAT, helper.make_node, helper.make_tensor_value_info
    constants = [numpy_helper.from_array(np.asarray(ways, np.float32), "ways")]
    constants.append(numpy_helper.from_array(np.zeros(1, np.float32), "nothing"))
    nodes = [
        make("MatMul", ["steps", "ways"], ["moved"]),
        make("Mul", ["points", "nothing"], ["still"]),
        make("Add", ["moved", "still"], ["changes"]),
    ]
    ports = [value(name, f32, ["frames", columns]) for name, columns in (("points", described), ("steps", 3))]
    graph = helper.make_graph(nodes, "tiny space", ports, [value("changes", f32, ["frames", described])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def tiny_gestures() -> dict[str, np.ndarray]:
    """`hold`: 20 hops of attack, a loop of 100 and a release of 60, alive in level; `still`: nothing moves at all."""
    hops, loop = 180, (20, 120)
    t = np.arange(hops)
    rms_db = np.concatenate([np.linspace(-50, -14, 20), np.full(100, -14.0), np.linspace(-14, -70, 60)])
    rms_db += 0.5 * np.sin(2 * np.pi * t / 30)
    knobs = 0.5 + 0.1 * np.sin(2 * np.pi * np.outer(t, [0.01, 0.013, 0.017, 0.02]))
    alive = np.column_stack([rms_db, knobs])
    return {
        "hold/latent": np.random.default_rng(1).normal(size=(hops, TINY_LATENT)).cumsum(axis=0) * 0.1,
        "hold/descriptors": alive,
        "hold/median": np.median(alive, axis=0),
        "hold/marks": np.array(loop),
        "still/latent": np.zeros((8, TINY_LATENT)),
        "still/descriptors": np.tile([-14.0, 0.5, 0.5, 0.5, 0.5], (8, 1)),
        "still/median": np.array([-14.0, 0.5, 0.5, 0.5, 0.5]),
        "still/marks": np.array([2, 6]),
    }


def tiny_knobs() -> list[Knob]:
    even = np.linspace(-1, 1, 17).tolist()

    def knob(name: str, unit: str, low: float, high: float, conditions: list[Condition]) -> Knob:
        middle, half = (low + high) / 2, (high - low) / 2
        terms = [[0] * len(conditions)] + [
            [int(i == j) for j in range(len(conditions))] for i in range(len(conditions))
        ]
        slopes = [0.1 * half] * len(conditions)
        return Knob(
            name,
            unit,
            low,
            high,
            conditions,
            terms,
            [middle, *slopes],
            [0.8 * half] + [0.0] * len(conditions),
            0.05 * half,
            even,
        )

    pitch = Condition("pitch", -3.0, 4.0)
    return [
        knob("rms", "dBFS", -48.0, -6.0, []),
        knob("centroid", "log2 Hz", 7.0, 13.0, [pitch]),
        knob("bandwidth", "log2 Hz", 6.0, 12.0, [pitch]),
        knob("sharpness", "acum", 0.2, 4.0, [pitch]),
        knob("boominess", "", 0.0, 40.0, [pitch]),
    ]


def write_tiny_bundle(folder: Path, *, encoder: bool = False, space: float = 0.0, **decoder: float) -> Path:
    """A whole bundle in `folder`, with or without an encoder and a space of gestures, of this size; other options go to
    `write_tiny_decoder`."""
    folder.mkdir(parents=True)
    write_tiny_decoder(folder / "decoder.onnx", **decoder)  # type: ignore[arg-type]
    if encoder:
        write_tiny_encoder(folder / "encoder.onnx")
    if space:
        write_tiny_space(folder / "space.onnx", size=space)
    arrays = tiny_gestures()
    held = {
        name: np.ascontiguousarray(a, np.int32 if name.endswith("/marks") else np.float32) for name, a in arrays.items()
    }
    save_file(held, folder / "gestures.safetensors")
    card = Card(
        schema=SCHEMA,
        name=folder.name,
        title="Tiny",
        version="1",
        license="CC0-1.0",
        sources=[Source("none", "CC0-1.0", "made up for tests")],
        sample_rate_hz=SAMPLE_RATE_HZ,
        hop=HOP,
        latent=TINY_LATENT,
        harmonics=TINY_HARMONICS,
        delay_samples=TINY_DELAY,
        decoder=describe_network(folder / "decoder.onnx"),
        encoder=describe_network(folder / "encoder.onnx") if encoder else None,
        space=describe_network(folder / "space.onnx") if space else None,
        gestures=describe_gestures(folder / "gestures.safetensors", ["hold", "still"]),
        knobs=tiny_knobs(),
        cost=Cost(parameters=0, macs_per_s=2e6),
        quality={},
    )
    write_card(folder, card)
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes minutes is tried in small by default."""
    parser.addoption("--clients", type=int, default=200, help="that speak to the socket at once (1000 is all)")
    parser.addoption("--hours", type=float, default=0.05, help="of the module's own time, simulated (8 is all)")
    parser.addoption("--jumps", type=int, default=200, help="random jumps of controls per instrument (10000 is all)")
    parser.addoption("--hands", type=int, default=0, help="random events on a module that plays (1000 take 60 s)")
    parser.addoption("--messages", type=int, default=6_000, help="to the socket, most of them spoilt (1000000 is all)")
    parser.addoption("--soak", type=float, default=0.0, help="minutes for which the whole module is played (30 is all)")
    parser.addoption("--storm", type=int, default=2_500, help="random events on the module (100000 is all)")


@pytest.fixture(scope="session", autouse=True)
def _state_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nor do fixtures of longer life than a test touch what their user's module remembers."""
    root = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURORACK_STATE", str(root / "shared"))
        yield root


@pytest.fixture(autouse=True)
def state_dir(monkeypatch: pytest.MonkeyPatch, _state_root: Path) -> Path:
    """A state directory of its own for every test: none remembers what another has played. Not there yet."""
    folder = _state_root / str(next(_STATES))
    monkeypatch.setenv("NEURORACK_STATE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _denormals_for_hypothesis(request: pytest.FixtureRequest) -> Iterator[None]:
    """ONNX Runtime leaves this thread flushing denormals to zero, in which state hypothesis draws no floats."""
    if not getattr(request.function, "is_hypothesis_test", False):
        yield
        return
    libm, found = ctypes.CDLL("libm.so.6"), ctypes.create_string_buffer(64)
    libm.fegetenv(found)
    libm.fesetenv(ctypes.c_void_p(-1))  # the default environment
    yield
    libm.fesetenv(found)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny bundle; tests that change it copy it first."""
    return write_tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def hearing_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny bundle that has an encoder."""
    return write_tiny_bundle(tmp_path_factory.mktemp("models") / "hearing", encoder=True)


@pytest.fixture(scope="session")
def finding_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny bundle that has a space of gestures."""
    return write_tiny_bundle(tmp_path_factory.mktemp("models") / "finding", space=1.0)


@pytest.fixture(scope="session")
def make_tiny_bundle() -> Callable[..., Path]:
    return write_tiny_bundle
