"""Families → ONNX: stateless graphs that stream, in the contract of a bundle's decoder.

    ddsp   controls [frames, 6 + latent]  harmonics [frames, 64, H]  noise [frames, 64, BANDS]  → audio [frames, 64]
           state_hidden [1, 1, units]     of the GRU                                            → next_hidden
           state_gains [1, H + BANDS]     of the last frame                                     → next_gains

    sing   controls [frames, 6 + latent]                                                        → audio [frames, 256]
           state_hidden, state_cell [1, 1, units]   of the LSTM                                 → next_hidden, next_cell
           state_frames [8, units]        what the first convolution saw last                   → next_frames
           state_tail [1, 1, 768]         of pieces that have begun                             → next_tail

    wavenet   see `export_wavenet`

Standardisation is folded into the first layers, norms and the window into theirs. Of ddsp the two stacks ahead of the
GRU run as one, with zeros where one does not see the other: small networks are bound by nodes, not by multiplications.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS
from neurorack.learn.export import GraphWriter, add_mix
from neurorack.learn.families.ddsp import ELEMENTS, LEVEL_DB, Ddsp
from neurorack.learn.families.export_wavenet import DELAY, export_wavenet
from neurorack.learn.families.graphs import folded, save, weights
from neurorack.learn.families.sing import HOP as FRAME
from neurorack.learn.families.sing import PIECE, TAPS, Sing
from neurorack.learn.networks.decoder import BEFORE_LATENT
from neurorack.words import BANDS, C4_HZ, HOP

_SLOPE = 0.01
"""Of a leaky ReLU below 0: torch's."""


def export_ddsp(model: Ddsp, path: Path) -> None:
    """Write the decoder's streaming graph."""
    g, of = GraphWriter(), weights(model)
    columns, pitches = BEFORE_LATENT + model.latent, model.widths["pitch1"]
    both = "controls"
    for i in range(2):
        pitch, others = of[f"pitch.{3 * i}.weight"].T, of[f"others.{3 * i}.weight"].T
        weight = np.zeros((len(pitch) + len(others), pitch.shape[1] + others.shape[1]))
        weight[: len(pitch), : pitch.shape[1]] = pitch
        weight[len(pitch) :, pitch.shape[1] :] = others
        bias = np.concatenate([of[f"pitch.{3 * i}.bias"], of[f"others.{3 * i}.bias"]])
        if i == 0:
            weight, bias = folded(weight, bias, of)
        both = _leaky(g, g.linear(f"both_{i}", both, weight, bias))
    row = g.constant("row", np.array([1]))
    gates = [_reordered(of[f"recurrent.{name}_l0"], (1, 0, 2)) for name in ("weight_ih", "weight_hh")]
    biases = [_reordered(of[f"recurrent.{name}_l0"], (1, 0, 2)) for name in ("bias_ih", "bias_hh")]
    said, _ = g.add_many(
        "GRU",
        g.add("Unsqueeze", both, row, out="both_rows"),
        *(g.constant(name, gate[None]) for name, gate in zip(("gru_in", "gru_own"), gates, strict=True)),
        g.constant("gru_bias", np.concatenate(biases)[None]),
        "",
        "state_hidden",
        outs=["gru", "next_hidden"],
        hidden_size=model.widths["recurrent"],
        linear_before_reset=1,
    )
    units = g.add("Reshape", said, g.constant("flat", np.array([-1, model.widths["recurrent"]])), out="units")
    weight = of["last.0.weight"].T
    seen = np.zeros((pitches + model.widths["others1"], weight.shape[1]))
    seen[:pitches] = weight[model.widths["recurrent"] :]
    of_pitch = g.linear("last_pitch", both, seen, of["last.0.bias"])
    x = g.add("Gemm", units, g.constant("last_0_weight", weight[: model.widths["recurrent"]]), of_pitch, out="last_0")
    x = _leaky(g, g.linear("last_1", _leaky(g, x), of["last.3.weight"].T, of["last.3.bias"]))
    weight = of["out.weight"].T
    level = np.zeros((columns, weight.shape[1]))
    level[1] = weight[-1] / LEVEL_DB
    asked = g.linear("asked", "controls", level, of["out.bias"])
    told = g.add("Gemm", x, g.constant("told_weight", weight[:-1]), asked, out="told")
    add_mix(g, _gains(g, told, columns), ["harmonics", "noise"])
    inputs: dict[str, list] = {"controls": ["frames", columns], "harmonics": ["frames", HOP, HARMONICS]}
    inputs |= {"noise": ["frames", HOP, BANDS]}
    states: dict[str, list] = {"hidden": [1, 1, model.widths["recurrent"]], "gains": [1, ELEMENTS]}
    save(g, path, "ddsp", inputs, ["frames", HOP], states)


def _gains(g: GraphWriter, told: str, columns: int) -> str:
    """Nodes from what the last layer says to gains [frames, ELEMENTS]."""
    steep = g.add(
        "Pow", g.add("Sigmoid", told, out="sigmoid"), g.constant("ln_10", np.array(math.log(10))), out="steep"
    )
    doubled = g.add("Mul", steep, g.constant("two", np.array(2.0)), out="doubled")
    faint = g.constant("faint", np.array(1e-7))
    levels = g.add("Add", doubled, faint, out="levels")
    sizes = g.constant("sizes", np.array([1, HARMONICS, BANDS]))
    whole, harmonics, noise = g.add_many("Split", levels, sizes, outs=["whole", "of_harmonics", "of_noise"], axis=1)
    octave = np.zeros((columns, 1))
    octave[0] = -math.log(2.0)
    ratio = g.add("Exp", g.linear("nepers", "controls", octave, np.array([math.log(F_TOP_HZ / C4_HZ)])), out="ratio")
    reach = g.add("Add", ratio, g.constant("numbers", 1.0 - np.arange(1, HARMONICS + 1)[None]), out="reach")
    limits = [g.constant(name, np.array(value)) for name, value in (("none", 0.0), ("all", 1.0))]
    heard = g.add("Mul", harmonics, g.add("Clip", reach, *limits, out="audible"), out="heard")
    total = g.add("ReduceSum", heard, g.constant("along", np.array([1])), out="total", keepdims=1)
    scale = g.add("Div", whole, g.add("Add", total, faint, out="at_least_faint"), out="scale")
    return g.add("Concat", g.add("Mul", heard, scale, out="scaled"), noise, out="gains", axis=1)


def export_sing(model: Sing, path: Path) -> None:
    """Write the decoder's streaming graph; a frame of it is four hops long."""
    g, of = GraphWriter(), weights(model)
    columns, units = BEFORE_LATENT + model.latent, model.widths["recurrent"]
    order = (0, 3, 1, 2)
    into, bias = folded(of["recurrent.weight_ih_l0"].T, of["recurrent.bias_ih_l0"], of)
    biases = [_reordered(values, order) for values in (bias, of["recurrent.bias_hh_l0"])]
    said, _, _ = g.add_many(
        "LSTM",
        g.add("Unsqueeze", "controls", g.constant("row", np.array([1])), out="control_rows"),
        g.constant("lstm_in", _reordered(into.T, order)[None]),
        g.constant("lstm_own", _reordered(of["recurrent.weight_hh_l0"], order)[None]),
        g.constant("lstm_bias", np.concatenate(biases)[None]),
        "",
        "state_hidden",
        "state_cell",
        outs=["lstm", "next_hidden", "next_cell"],
        hidden_size=units,
    )
    zero, first, end = (
        g.constant(name, np.array([value]))
        for name, value in (("zero", 0), ("first", 1 - TAPS[0]), ("end", np.iinfo(np.int64).max))
    )
    rows = g.add("Reshape", said, g.constant("flat", np.array([-1, units])), out="rows")
    seen = g.add("Concat", "state_frames", rows, out="seen", axis=0)
    g.add("Slice", seen, first, end, zero, out="next_frames")
    x = g.add("Transpose", g.add("Unsqueeze", seen, zero, out="batch"), out="channels", perm=[0, 2, 1])
    for i in range(len(TAPS)):
        gain = of[f"norms.{i}.weight"] / np.sqrt(of[f"norms.{i}.running_var"] + model.norms[i].eps)
        weight = of[f"layers.{i}.weight"] * gain[:, None, None]
        bias = (of[f"layers.{i}.bias"] - of[f"norms.{i}.running_mean"]) * gain + of[f"norms.{i}.bias"]
        names = g.constant(f"weight_{i}", weight), g.constant(f"bias_{i}", bias)
        x = g.add("Relu", g.add("Conv", x, *names, out=f"conv_{i}"), out=f"relu_{i}")
    pieces = g.constant("pieces", of["pieces.weight"] * of["window"])
    waves = g.add("ConvTranspose", x, pieces, out="waves", strides=[FRAME])
    tail, back, along = (
        g.constant(name, np.array([value]))
        for name, value in (("tail", PIECE - FRAME), ("back", FRAME - PIECE), ("along", 2))
    )
    begun = g.add("Slice", waves, zero, tail, along, out="begun")
    after = g.add("Slice", waves, tail, end, along, out="after")
    joined = g.add("Concat", g.add("Add", begun, "state_tail", out="added"), after, out="joined", axis=2)
    g.add("Slice", joined, back, end, along, out="next_tail")
    done = g.add("Slice", joined, zero, back, along, out="done")
    g.add("Reshape", done, g.constant("grid", np.array([-1, FRAME])), out="audio")
    states: dict[str, list] = {"hidden": [1, 1, units], "cell": [1, 1, units]}
    states |= {"frames": [TAPS[0] - 1, units], "tail": [1, 1, PIECE - FRAME]}
    save(g, path, "sing", {"controls": ["frames", columns]}, ["frames", FRAME], states)


EXPORTS: dict[str, Callable[[Any, Path], None]] = {
    "ddsp": export_ddsp,
    "sing": export_sing,
    "wavenet": export_wavenet,
}
"""Family → what writes it."""

DELAYS = {"wavenet": DELAY}
"""Samples by which sound comes later than what asks for it, of families that have such a delay."""


def _reordered(stacked: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Gates along the first axis in ONNX's order: z r h of a GRU's r z n, i o f c of an LSTM's i f g o."""
    gates = np.split(stacked, len(order))
    return np.concatenate([gates[i] for i in order])


def _leaky(g: GraphWriter, x: str) -> str:
    return g.add("LeakyRelu", x, out=f"{x}_bent", alpha=_SLOPE)
