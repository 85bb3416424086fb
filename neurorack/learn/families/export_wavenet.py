"""WaveNet → ONNX: a stateless graph that draws its own samples, hop after hop.

    controls [frames, 6 + latent]                                              → audio [frames, 64]
    uniform [frames, 22]      the draws, the host's (`engine.draws`), so that a sound can be had again
    state_step [1]            the last sample's step, re silence               → next_step
    state_near [reach, n]     what the layers of short dilation saw last       → next_near
    state_far_I [dilation, r] what layer I, of a long one, saw last            → next_far_I
    state_tail [1, 64]       samples that the filter still needs              → next_tail
    state_third [1]           hops so far, modulo 3                            → next_third

One Scan over hops, and in it one over the samples of a hop. At 16 kHz a hop of 64 samples at 48 kHz has 21⅓, so three
hops have 22, 21 and 21. All are worked out as 22, and the states of a short one are those after its 21st.

A layer whose dilation is longer than a hop looks back on what was there before the hop began: its older tap is worked
out for the whole hop at once. The others' older taps are gathered from one short queue of them all and go through one
matrix. So a sample costs six nodes a layer and some twenty more, and nodes are what a small network costs. The loop
carries what layers see without the biases of the residual paths, which the layers have in their own instead.

A sample is the last step whose chance, and that of all steps below it, a draw exceeds. Every hop is computed alike in
a block of any size, so that blocks agree to the bit, though each sample depends on every draw before it.

16 kHz become 48 by a polyphase low pass (`polyphase`): 1.33 ms of delay.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto

from neurorack.bundle import DRAWS
from neurorack.learn.export import GraphWriter
from neurorack.learn.families import wavenet
from neurorack.learn.families.graphs import Weights, folded, save, weights
from neurorack.learn.families.wavenet import SILENCE, STEPS, WaveNet
from neurorack.learn.networks.decoder import BEFORE_LATENT
from neurorack.words import HOP, SAMPLE_RATE_HZ

TIMES = SAMPLE_RATE_HZ // wavenet.SAMPLE_RATE_HZ
TAPS = 129
"""Of the low pass at 48 kHz: flat within 0.01 dB to 7.1 kHz, 76 dB down from 8.9 kHz on."""
DELAY = TAPS // 2
"""Samples at 48 kHz: 1.33 ms."""
_BETA = 7.5
"""Of its Kaiser window."""
_HISTORY = -(-TAPS // TIMES) + DRAWS - 1
"""Samples at 16 kHz that a hop's last one and all before it are filtered from."""


def export_wavenet(model: WaveNet, path: Path) -> None:
    """Write the streaming graph. At least one layer must look back less than a hop."""
    g, net = GraphWriter(), _Layers(model)
    columns = BEFORE_LATENT + model.latent
    g.linear("held", "controls", *folded(*net.controls(), net.of))
    states = net.states()
    given = [f"state_{name}" for name in states]
    outs = [f"next_{name}" for name in states]
    g.add_many("Scan", *given, "held", "uniform", outs=[*outs, "audio"], body=_hop(net), num_scan_inputs=2)
    inputs: dict[str, list] = {"controls": ["frames", columns], "uniform": ["frames", DRAWS]}
    save(g, path, "wavenet", inputs, ["frames", HOP], states)


class _Layers:
    """A network's layers, those of short dilation first; columns of `held` and of what layers see lie in this order."""

    def __init__(self, model: WaveNet) -> None:
        self.of: Weights = weights(model)
        self.dilations, self.residual = model.dilations, model.widths["residual"]
        self.gates = [model.widths[f"gate{i}"] for i in range(len(model.dilations))]
        self.near = [i for i, dilation in enumerate(model.dilations) if dilation < DRAWS]
        self.far = [i for i, dilation in enumerate(model.dilations) if dilation >= DRAWS]
        self.reach = max(model.dilations[i] for i in self.near)
        biases = [self.of[f"residuals.{i}.bias"] for i in range(len(model.residuals))]
        self._biases = np.cumsum([np.zeros(self.residual), *biases], axis=0)

    def states(self) -> dict[str, list]:
        far: dict[str, list] = {f"far_{i}": [self.dilations[i], self.residual] for i in self.far}
        near = {"near": [self.reach, len(self.near) * self.residual]}
        return {"step": [1], **near, **far, "tail": [1, _HISTORY], "third": [1]}

    def columns(self, layers: Sequence[int]) -> list[int]:
        """Of `held`, for each of these: curve, then gate."""
        return [2 * self.gates[i] for i in layers]

    def taps(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights [residual, 2 gate] on what the layer saw `dilation` ago, and on what it sees."""
        older, newer = self.of[f"gates.{i}.weight"].transpose(2, 1, 0)
        return older, newer

    def biases(self, layers: Sequence[int]) -> np.ndarray:
        """What these see less of in the loop [1, layers · residual]."""
        return np.concatenate([self._biases[i] for i in layers])[None]

    def controls(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights [columns, outputs] and biases of what the controls hold for all layers, near ones first."""
        order = [*self.near, *self.far]
        weight = np.concatenate([self.of[f"controls.{i}.weight"].T for i in order], 1)
        return weight, np.concatenate([self._bias(i) for i in order])

    def _bias(self, i: int) -> np.ndarray:
        older, newer = self.taps(i)
        seen = newer + older if i in self.near else newer  # a far one's older tap sees all there is
        bias: np.ndarray = self.of[f"gates.{i}.bias"] + self._biases[i] @ seen
        return bias

    def near_taps(self) -> np.ndarray:
        """Older taps of all near layers in one matrix; each sees its own columns."""
        columns = self.columns(self.near)
        matrix, at = np.zeros((len(self.near) * self.residual, sum(columns))), np.cumsum([0, *columns])
        for k, i in enumerate(self.near):
            matrix[k * self.residual : (k + 1) * self.residual, at[k] : at[k + 1]] = self.taps(i)[0]
        return matrix


def _hop(net: _Layers) -> onnx.GraphProto:
    """One hop: (states, what the controls hold [columns], draws [22]) → states, 64 samples."""
    g = GraphWriter()
    zero, one = (g.constant(name, np.array([v])) for name, v in (("zero", 0), ("one", 1)))
    third = g.add("Cast", "hop_third", out="third_number", to=TensorProto.INT64)
    short = g.add("Min", third, one, out="is_short")
    samples = g.add("Sub", g.constant("draws", np.array([DRAWS])), short, out="samples")

    far_columns = net.columns(net.far)
    sizes = g.constant("held_sizes", np.array([sum(net.columns(net.near)), *far_columns]))
    near_held, *far_held = g.add_many(
        "Split", "hop_held", sizes, outs=["near_held", *(f"held_{i}" for i in net.far)], axis=0
    )
    rows = []
    for i, held in zip(net.far, far_held, strict=True):
        ago = g.add("Slice", f"hop_far_{i}", zero, g.constant(f"ago_{i}_end", np.array([DRAWS])), zero, out=f"ago_{i}")
        rows.append(g.add("Gemm", ago, g.constant(f"older_{i}", net.taps(i)[0]), held, out=f"row_{i}"))
    scanned = [g.add("Concat", *rows, out="far_rows", axis=1)] if rows else []
    biases = g.constant("near_biases", net.biases(net.near))
    re_silence = g.add("Cast", "hop_step", out="step_re_silence", to=TensorProto.INT64)
    step = g.add("Add", re_silence, g.constant("silence", np.array([SILENCE])), out="step_before")
    seen = [f"seen_{name}" for name in ("near", *(["far"] if rows else []))]
    before = [step, g.add("Sub", "hop_near", biases, out="near_before")]
    outs, along = ["last_step", "last_near", "steps", *seen], [*scanned, "hop_uniform"]
    g.add_many("Scan", *before, *along, outs=outs, body=_sample(net, near_held), num_scan_inputs=len(along))

    def kept(before: str, new: str, size: int, out: str, axis: int = 0) -> str:
        """The newest `size` once the hop's samples have come, however many it has."""
        both = g.add("Concat", before, new, out=f"{out}_all", axis=axis)
        until = g.add("Add", samples, g.constant(f"{out}_size", np.array([size])), out=f"{out}_end")
        return g.add("Slice", both, samples, until, g.constant(f"{out}_axis", np.array([axis])), out=out)

    flat = g.constant("flat", np.array([DRAWS, -1]))
    near = g.add("Add", g.add("Reshape", "seen_near", flat, out="near_flat"), biases, out="near_new")
    kept("hop_near", near, net.reach, "after_near")
    if rows:
        all_biases = g.constant("far_biases", net.biases(net.far))
        far = g.add("Add", g.add("Reshape", "seen_far", flat, out="far_flat"), all_biases, out="far_new")
        g.add_many("Split", far, outs=[f"new_{i}" for i in net.far], axis=1)
        for i in net.far:
            kept(f"hop_far_{i}", f"new_{i}", net.dilations[i], f"after_far_{i}")
    last = g.add("Gather", "steps", g.add("Sub", samples, one, out="last"), out="steps_last", axis=0)
    moved = g.add("Sub", g.add("Reshape", last, one, out="step_last"), "silence", out="step_moved")
    g.add("Cast", moved, out="after_step", to=TensorProto.FLOAT)
    law = g.constant("law", wavenet.from_steps(torch.arange(STEPS)).numpy())
    row = g.constant("as_row", np.array([1, DRAWS]))
    values = g.add("Reshape", g.add("Gather", law, "steps", out="values"), row, out="values_row")
    heard = kept("hop_tail", values, _HISTORY, "after_tail", axis=1)
    filters = g.add("Gather", g.constant("filters", polyphase()), third, out="filter", axis=0)
    g.add("Reshape", g.add("MatMul", heard, filters, out="filtered"), g.constant("hop", np.array([HOP])), out="sound")
    following = g.add("Add", third, one, out="third_following")
    turned = g.add("Mod", following, g.constant("thirds", np.array([TIMES])), out="third_turned")
    g.add("Cast", turned, out="after_third", to=TensorProto.FLOAT)
    states = net.states()
    inputs = [*(f"hop_{name}" for name in states), "hop_held", "hop_uniform"]
    return g.body("hop", inputs, [*(f"after_{name}" for name in states), "sound"])


def _sample(net: _Layers, near_held: str) -> onnx.GraphProto:
    """One sample: (step before, what near layers saw [reach, n], what far ones' older taps give, a draw) → the step,
    what near layers saw, and again the step and what near and far layers see now."""
    g = GraphWriter()
    x = g.add("Gather", g.constant("first", net.of["first.weight"]), "before", out="x_0", axis=0)
    places = np.repeat([net.reach - net.dilations[i] for i in net.near], net.residual)[None]
    ago = g.add("GatherElements", "queue", g.constant("places", places), out="ago", axis=0)
    held = g.add("Gemm", ago, g.constant("near_older", net.near_taps()), near_held, out="near_rows")
    held_of: dict[int, str] = {}
    for name, layers, source, axis in (("near", net.near, held, 1), ("far", net.far, "far_row", 0)):
        if layers:
            sizes = g.constant(f"{name}_sizes", np.array(net.columns(layers)))
            outs = g.add_many("Split", source, sizes, outs=[f"held_of_{i}" for i in layers], axis=axis)
            held_of |= dict(zip(layers, outs, strict=True))
    units = []
    for i in range(len(net.dilations)):
        both = g.add("Gemm", x, g.constant(f"newer_{i}", net.taps(i)[1]), held_of[i], out=f"both_{i}")
        curve, gate = g.add_many("Split", both, outs=[f"curve_{i}", f"gate_{i}"], axis=1)
        curve, gate = g.add("Tanh", curve, out=f"bent_{i}"), g.add("Sigmoid", gate, out=f"open_{i}")
        units.append(g.add("Mul", curve, gate, out=f"unit_{i}"))
        if f"residuals.{i}.weight" in net.of:
            weight = g.constant(f"residual_{i}", net.of[f"residuals.{i}.weight"][..., 0].T)
            x = g.add("Gemm", units[-1], weight, x, out=f"x_{i + 1}")
    skips = np.concatenate([net.of[f"skips.{i}.weight"][..., 0].T for i in range(len(units))])
    bias = np.sum([net.of[f"skips.{i}.bias"] for i in range(len(units))], axis=0)
    skip = g.add("Relu", g.linear("skip", g.add("Concat", *units, out="units", axis=1), skips, bias), out="heard")
    for name in ("head", "out"):
        skip = g.linear(name, skip, net.of[f"{name}.weight"][..., 0].T, net.of[f"{name}.bias"])
        skip = g.add("Relu", skip, out="head_heard") if name == "head" else skip
    chances, along = g.add("Softmax", skip, out="chances", axis=1), g.constant("along", np.array(1))
    below = g.add("CumSum", chances, along, out="below", exclusive=1)
    passed = g.add("Cast", g.add("LessOrEqual", below, "draw", out="is_passed"), out="passed", to=TensorProto.FLOAT)
    g.add("ArgMax", passed, out="step", axis=1, keepdims=0, select_last_index=1)
    g.add("Identity", "step", out="step_told")
    for name, layers in (("near", net.near), ("far", net.far)):
        if layers:
            g.add("Concat", *(f"x_{i}" for i in layers), out=f"sees_{name}", axis=1)
    newer, all_, rows = (g.constant(f"rest_{k}", np.array([v])) for k, v in (("from", 1), ("to", net.reach), ("of", 0)))
    rest = g.add("Slice", "queue", newer, all_, rows, out="rest")
    g.add("Concat", rest, "sees_near", out="queue_after", axis=0)
    far = [["far_row"], ["sees_far"]] if net.far else [[], []]
    return g.body(
        "sample", ["before", "queue", *far[0], "draw"], ["step", "queue_after", "step_told", "sees_near", *far[1]]
    )


def polyphase() -> np.ndarray:
    """[thirds, _HISTORY, HOP]: what the newest samples at 16 kHz, those of a hop the last, give at 48 kHz in it.

    A sinc that is half down at 8 kHz, in a Kaiser window; every third tap from the middle is 0, so that the samples
    themselves come out as they are, DELAY later. Every phase has a gain of 1 at 0 Hz.
    """
    n = np.arange(TAPS) - DELAY
    taps = np.sinc(n / TIMES) * np.kaiser(TAPS, _BETA)
    for phase in range(TIMES):
        taps[phase::TIMES] /= taps[phase::TIMES].sum()
    filters = np.zeros((TIMES, _HISTORY, HOP))
    for third in range(TIMES):
        newest = (HOP * (third + 1) - 1) // TIMES  # re the first of three hops
        for m in range(HOP):
            at, phase = divmod(HOP * third + m, TIMES)
            own = taps[phase::TIMES]
            last = _HISTORY - 1 - (newest - at)
            filters[third, last - len(own) + 1 : last + 1, m] = own[::-1]
    return filters
