"""Networks → ONNX, written node by node: few nodes, fp32, opset 17, every state an input and an output.

The decoder's graph is `decoder.Decoder` and `decoder.mix`, for any number of frames:

    controls [frames, 6 + latent]                                          → audio [frames, 64]
    harmonics [frames, 64, H]  noise [frames, 64, BANDS]
    pulse [frames, 64, BANDS]  a harmonic decoder's alone
    partials [frames, H]  modes in octaves above the pitch; a modal decoder's alone
    state_gains [1, E]    gains of the last frame                          → next_gains

Standardisation is folded into the first layer, the envelope's differences into the last, and whatever is linear in the
controls is one product: a node takes 0.2 µs, on top of 1.7 for the call.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from neurorack.ears.features import FEATURES
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.engine.excitation import F_TOP_HZ
from neurorack.engine.modes import FADE
from neurorack.learn.networks.decoder import (
    BEFORE_LATENT,
    ENVELOPE,
    ENVELOPE_LOW,
    ENVELOPE_STEP,
    LEVEL_RANGE_DB,
    MASK_FLOOR,
    RMS_COLUMN,
    Decoder,
)
from neurorack.learn.networks.encoder import REACH, Encoder
from neurorack.learn.trim import cost
from neurorack.words import BANDS, C4_HZ, HOP

OPSET, IR_VERSION = 17, 8
"""Old enough for the ONNX Runtime of JetPack 6."""


class GraphWriter:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        kind = np.int64 if np.issubdtype(np.asarray(values).dtype, np.integer) else np.float32
        self.constants.append(numpy_helper.from_array(np.array(values, kind, order="C"), name))
        return name

    def add(self, operator: str, *inputs: str, out: str, **attributes: object) -> str:
        self.add_many(operator, *inputs, outs=[out], **attributes)
        return out

    def add_many(self, operator: str, *inputs: str, outs: Sequence[str], **attributes: object) -> Sequence[str]:
        """Of an operator with several outputs; '' for one that nobody takes."""
        name = next(filter(None, outs))
        self.nodes.append(helper.make_node(operator, list(inputs), list(outs), name=name, **attributes))
        return outs

    def linear(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """`weight` [inputs, outputs]."""
        return self.add(
            "Gemm", x, self.constant(f"{name}_weight", weight), self.constant(f"{name}_bias", bias), out=name
        )

    def body(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.GraphProto:
        """All that was collected, as a graph for a node to run. Shapes and types are what it is given."""
        ports = ([onnx.ValueInfoProto(name=port) for port in each] for each in (inputs, outputs))
        return helper.make_graph(self.nodes, name, *ports, self.constants)

    def save(self, path: Path, name: str, inputs: dict[str, list], outputs: dict[str, list]) -> None:
        def ports(shapes: dict[str, list]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()]

        graph = helper.make_graph(self.nodes, name, ports(inputs), ports(outputs), self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="neurorack"
        )
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


def export_decoder(decoder: Decoder, path: Path) -> None:
    """Write the decoder's streaming graph."""
    g = GraphWriter()
    weights = {name: value.detach().double().numpy() for name, value in decoder.state_dict().items()}
    gains = _gains(g, decoder, weights)
    sounds = {"harmonics": decoder.partials} | ({} if decoder.modal else {"pulse": BANDS}) | {"noise": BANDS}
    add_mix(g, gains, list(sounds))
    inputs: dict[str, list] = {"controls": ["frames", BEFORE_LATENT + decoder.latent]}
    inputs |= {name: ["frames", HOP, size] for name, size in sounds.items()}
    inputs["state_gains"] = [1, decoder.elements]
    if decoder.modal:
        inputs["partials"] = ["frames", decoder.partials]
    outputs: dict[str, list] = {"audio": ["frames", HOP], "next_gains": [1, decoder.elements]}
    g.save(path, "decoder", inputs, outputs)


def add_mix(g: GraphWriter, gains: str, sounds: Sequence[str]) -> None:
    """Nodes from `gains` [frames, elements] and the inputs `sounds` [frames, HOP, …], which together are the elements,
    to `audio` and `next_gains`: `decoder.mix`. Gains times elements, not the other way round, has long rows: at 16
    frames two thirds of the time."""
    zero, last = (g.constant(n, np.array([v])) for n, v in (("zero", 0), ("last", -1)))
    end = g.constant("end", np.array([np.iinfo(np.int64).max]))
    g.add("Slice", gains, last, end, zero, out="next_gains")
    both = g.add("Concat", "state_gains", gains, out="gains_and_before", axis=0)
    pair = g.add("Gather", both, _before_and_now(g), out="pair", axis=0)
    elements = g.add("Concat", *sounds, out="elements", axis=2)
    ends = g.add("MatMul", pair, g.add("Transpose", elements, out="elements_last", perm=[0, 2, 1]), out="ends")
    up = np.arange(1, HOP + 1) / HOP
    glide = g.add("Mul", ends, g.constant("glide", np.stack([1 - up, up])), out="gliding")
    g.add("ReduceSum", glide, g.constant("of_pair", np.array([1])), out="audio", keepdims=0)


def _before_and_now(g: GraphWriter) -> str:
    """[frames, 2]: rows of the frame before and of the frame itself. Constant once the number of frames is fixed, as
    ONNX Runtime finds out when it loads the graph: what is counted here costs nothing at run time."""
    first, step = (g.constant(n, np.array(v)) for n, v in (("first_row", 0), ("row_step", 1)))
    frames = g.add("Gather", g.add("Shape", "controls", out="controls_shape"), first, out="frames_count")
    rows = g.add("Range", first, frames, step, out="rows_before")
    column = g.add("Unsqueeze", rows, g.constant("as_column", np.array([1])), out="rows_column")
    return g.add("Add", column, g.constant("before_and_now", np.array([[0, 1]])), out="rows_pair")


_NOWHERE = -1e3
"""Bands lie far below the envelope."""


def _gains(g: GraphWriter, decoder: Decoder, weights: dict[str, np.ndarray]) -> str:
    """Nodes from `controls` (and `partials`) to gains [frames, elements].

    The envelope, points e_j at places j = 0…J−1 and 0 beyond, is read without a search, as a sum of its rises:
    Σ_j (e_j+1 − e_j) · clip(place − j, 0, 1) from j = −1 on. Two nodes on [frames, elements, J + 1] take less than the
    four of a tent over each point. Of the exponentials it is the level alone that the product with `levels` takes, so
    LEVEL_RANGE_DB may bound them all.
    """
    x = "controls"
    for i in range(len(decoder.hidden)):
        weight, bias = weights[f"hidden.{i}.weight"].T, weights[f"hidden.{i}.bias"]
        if i == 0:
            weight = weights["whiten"] @ weight
            bias = bias - weights["centre"] @ weight
        x = g.add("Elu", g.linear(f"hidden_{i}", x, weight, bias), out=f"hidden_{i}_elu")
    out, bias = weights["out.weight"].T, weights["out.bias"]
    rising = np.eye(ENVELOPE, ENVELOPE + 1) - np.eye(ENVELOPE, ENVELOPE + 1, 1)
    rises = g.linear("rises", x, out[:, :ENVELOPE] @ rising, bias[:ENVELOPE] @ rising)
    own = g.linear("own", x, out[:, ENVELOPE:], bias[ENVELOPE:])

    floor, nought, unity = (
        g.constant(n, np.array(v, np.float32)) for n, v in (("mask_floor", MASK_FLOOR), ("nought", 0.0), ("unity", 1.0))
    )
    lowest, highest = (
        g.constant(n, np.array(10.0 ** (db / 20))) for n, db in zip(("lowest", "highest"), LEVEL_RANGE_DB, strict=True)
    )
    places, exponentials, mask = (_modes if decoder.modal else _harmonics)(g, decoder, weights)
    third = g.constant("third_axis", np.array([2]))
    beyond = g.add(
        "Add",
        g.add("Unsqueeze", places, third, out="place_column"),
        g.constant("points", 1.0 - np.arange(ENVELOPE + 1)),
        out="beyond",
    )
    risen = g.add("Clip", beyond, nought, unity, out="risen")
    heights = g.add("MatMul", risen, g.add("Unsqueeze", rises, third, out="rises_column"), out="heights")
    envelope = g.add("Squeeze", heights, third, out="envelope")
    log_mask = g.add("Log", g.add("Clip", mask, floor, unity, out="mask_bounded"), out="log_mask")
    share = g.add("Softmax", g.add("Sum", own, envelope, log_mask, out="logits"), out="share", axis=-1)

    levels = np.zeros((decoder.partials + 1 if decoder.modal else 3, decoder.elements))
    levels[-1] = weights["scale"]
    audible = g.add("Clip", exponentials, lowest, highest, out="audible")
    amplitude = g.add("MatMul", audible, g.constant("levels", levels), out="amplitude")
    return g.add("Mul", g.add("Sqrt", share, out="root_share"), amplitude, out="gains")


_TO_NEPERS = np.log(10) / 20


def _harmonics(g: GraphWriter, decoder: Decoder, weights: dict[str, np.ndarray]) -> tuple[str, str, str]:
    """(places on the envelope [frames, elements]; exponentials [frames, 3], the level last; mask, not yet bounded
    [frames, elements])."""
    columns = BEFORE_LATENT + decoder.latent
    to_place, place = np.zeros((columns, decoder.elements)), np.full(decoder.elements, _NOWHERE)
    to_place[0, : decoder.partials] = 1.0 / ENVELOPE_STEP
    place[: decoder.partials] = (weights["octaves"] - ENVELOPE_LOW) / ENVELOPE_STEP
    to_log = np.zeros((columns, 3))
    to_log[0] = -np.log(2), np.log(2), 0.0
    to_log[RMS_COLUMN, 2] = _TO_NEPERS
    logs = g.linear("logs", "controls", to_log, np.array([np.log(F_TOP_HZ / C4_HZ), 0.0, 0.0]))
    exponentials = g.add("Exp", logs, out="exponentials")
    slopes = np.concatenate([weights["mask_weights"], np.zeros((1, decoder.elements))])
    mask = g.linear("mask", exponentials, slopes, weights["mask_offset"])
    return g.linear("places", "controls", to_place, place), exponentials, mask


def _modes(g: GraphWriter, decoder: Decoder, weights: dict[str, np.ndarray]) -> tuple[str, str, str]:
    """The same for modes, whose places are an input; exponentials [frames, modes + 1]."""
    columns, modes = BEFORE_LATENT + decoder.latent, decoder.partials
    given = g.add("Concat", "controls", "partials", out="controls_and_partials", axis=1)
    to_octave = np.zeros((columns + modes, modes))
    to_octave[0], to_octave[columns:] = 1.0, np.eye(modes)
    for_bands = ((0, 0), (0, decoder.elements - modes))
    place = np.full(decoder.elements, _NOWHERE)
    place[:modes] = -ENVELOPE_LOW / ENVELOPE_STEP
    to_log = np.pad(to_octave * np.log(2), ((0, 0), (0, 1)))
    to_log[RMS_COLUMN, -1] = _TO_NEPERS
    exponentials = g.add("Exp", g.linear("logs", given, to_log, np.zeros(modes + 1)), out="exponentials")
    offset = weights["mask_offset"].copy()
    offset[:modes] = 1.0 / FADE
    slopes = np.pad(np.eye(modes + 1, modes) * (-C4_HZ / (F_TOP_HZ * FADE)), for_bands)
    mask = g.linear("mask", exponentials, slopes, offset)
    return g.linear("places", given, np.pad(to_octave / ENVELOPE_STEP, for_bands), place), exponentials, mask


def export_encoder(encoder: Encoder, path: Path) -> None:
    """Write the encoder: `features` [frames, FEATURES] → `latent` [frames, latent], the mean of its distribution."""
    g = GraphWriter()
    rows = g.constant("batch", np.array([0]))
    x = g.add("Transpose", g.add("Unsqueeze", "features", rows, out="batched"), out="channels", perm=[0, 2, 1])
    for i, layer in enumerate(encoder.layers):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        last = i == len(encoder.layers) - 1
        kept = slice(encoder.latent) if last else slice(None)
        scale = 1.0 / REACH if last else 1.0
        names = g.constant(f"weight_{i}", scale * weight[kept]), g.constant(f"bias_{i}", scale * bias[kept])
        pads = [BEHIND, AHEAD] if i == 0 else [0, 0]
        x = g.add("Conv", x, *names, out=f"conv_{i}", pads=pads)
        x = x if last else g.add("Elu", x, out=f"elu_{i}")
    bent = g.add("Tanh", x, out="bent")
    bounded = g.add("Mul", bent, g.constant("reach", np.array(REACH)), out="bounded")
    x = g.add("Transpose", bounded, out="rows", perm=[0, 2, 1])
    g.add("Squeeze", x, rows, out="latent")
    g.save(path, "encoder", {"features": ["frames", FEATURES]}, {"latent": ["frames", encoder.latent]})


def macs_per_s(decoder: Decoder) -> float:
    """Multiply-accumulates of the exported decoder per second of audio: layers, envelope and mix."""
    return cost.macs_per_s(decoder)(decoder.widths)
