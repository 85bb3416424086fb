"""What a decoder would take of a microcontroller's memory, by its graph, and which chips it fits.

    weights       every constant of the graph once, zeros and all: float32, or int8 for those of two axes and more
    states        what is carried from call to call
    activations   the most that is alive at once during a call

Alive is a tensor from the node that gives it to the last one that takes it; while a node runs, all that it takes and
gives is (Liberis and Lane 2019, "Neural networks on microcontrollers: saving memory at inference via operator
reordering", whose order here is the graph's own). The caller's inputs are alive from the start, outputs to the end;
what only renames a tensor's axes shares its bytes. A Scan is alive with all that its body needs for one turn. No
operator works in place, activations and states stay float32, and no code is counted: the sum is what a plain
interpreter takes.

    python -m neurorack.learn.trim.microcontroller models/fluid models/skins
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, helper

from neurorack.arguments import instrument
from neurorack.bundle import load
from neurorack.command import Parser, answered
from neurorack.engine.proof import prove
from neurorack.errors import BadInput
from neurorack.learn.export import IR_VERSION, OPSET
from neurorack.terminal import plain, tell

SIZES = {"256 KB": 256 << 10, "512 KB": 512 << 10, "1 MB": 1 << 20}
"""Memories to fit in."""

VIEWS = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}
"""Operators that give the bytes they take."""

_EXACT = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
"""Constants folded, operators still those of the standard."""


@dataclass(frozen=True)
class Bounds:
    """In bytes."""

    float32: int
    """Weights."""
    int8: int
    """The same weights; their scales, 4 bytes a channel, come on top."""
    activations: int
    states: int

    def total(self, *, int8: bool = False) -> int:
        return (self.int8 if int8 else self.float32) + self.activations + self.states

    def fits(self, size: int, *, int8: bool = False) -> bool:
        return self.total(int8=int8) <= size


def bounds(onnx_bytes: bytes, frames: int = 1) -> Bounds:
    """Of a decoder's graph called for so many frames. BadInput where the size of a tensor is not known."""
    graph = _settled(onnx_bytes, frames).graph
    states = sum(_bytes(kind) for name, kind in _kinds(graph).items() if name.startswith("state_"))
    float32 = int8 = 0
    for tensor in _constants(graph):
        count = int(np.prod(tensor.dims))
        width = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        float32 += count * width
        int8 += count if len(tensor.dims) > 1 and tensor.data_type == TensorProto.FLOAT else count * width
    return Bounds(float32, int8, peak(graph), states)


def largest(bounds: Sequence[Bounds], size: int) -> int | None:
    """Number of the one with the most weights that fits a memory of `size` bytes in float32; None where none does."""
    found = [(each.float32, number) for number, each in enumerate(bounds) if each.fits(size)]
    return max(found)[1] if found else None


def peak(graph: GraphProto) -> int:
    """Bytes alive at the worst moment, apart from constants and from the states that it is given."""
    kinds, root = _kinds(graph), _roots(graph)
    elsewhere = {tensor.name for tensor in graph.initializer}
    elsewhere |= {port.name for port in graph.input if port.name.startswith("state_")}
    sizes = {name: 0 if name in elsewhere else _bytes(kind) for name, kind in kinds.items()}
    uses = Counter(root[name] for node in graph.node for name in _taken(node) if name in root)
    kept = {root[port.name] for port in graph.output}
    alive = {port.name for port in graph.input}
    worst = sum(sizes[name] for name in alive)
    for node in graph.node:
        alive |= {root[name] for name in node.output if name}
        inside = sum(peak(_turn(node, body, kinds)) for body in _bodies(node))
        worst = max(worst, inside + sum(sizes[name] for name in alive))
        uses.subtract(root[name] for name in _taken(node) if name in root)
        alive = {name for name in alive if uses[name] > 0 or name in kept}
    return worst


def described(found: Bounds) -> list[str]:
    """Cells of a table's row, as HEADS has them."""
    kb = [f"{value / 1024:.1f}" for value in (found.float32, found.int8, found.activations, found.states)]
    return [*kb, *(_verdict(found, size) for size in SIZES.values())]


HEADS = ("weights, KB", "in int8", "activations", "states", *(f"fits {name}" for name in SIZES))


def _verdict(found: Bounds, size: int) -> str:
    """Whether it fits, in float32 or else with int8 weights, and by what share of the memory."""
    for name, int8 in (("", False), (" in int8", True)):
        if found.fits(size, int8=int8):
            return f"yes{name}, {1 - found.total(int8=int8) / size:.0%} free"
    return f"no, {found.total(int8=True) / size:.1f} times too large in int8"


def _settled(onnx_bytes: bytes, frames: int) -> onnx.ModelProto:
    """With `frames` fixed, constants folded, and the shape of every tensor told."""
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        options = onnxruntime.SessionOptions()
        options.add_free_dimension_override_by_name("frames", frames)
        options.graph_optimization_level, options.log_severity_level = _EXACT, 4
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
        return onnx.shape_inference.infer_shapes(onnx.load(options.optimized_model_filepath), data_prop=True)


def _bytes(kind: onnx.TypeProto) -> int:
    tensor = kind.tensor_type
    width: int = helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize
    return width * int(np.prod([axis.dim_value for axis in tensor.shape.dim]))


def _kinds(graph: GraphProto) -> dict[str, onnx.TypeProto]:
    """Type and shape of every tensor that is no constant."""
    found = {value.name: value.type for value in (*graph.value_info, *graph.input, *graph.output)}
    given = [name for node in graph.node for name in node.output if name]
    for name in (*(port.name for port in graph.input), *given):
        tensor = found[name].tensor_type if name in found else onnx.TypeProto.Tensor()
        if not tensor.HasField("shape") or not all(axis.HasField("dim_value") for axis in tensor.shape.dim):
            raise BadInput(f"the size of {name!r} is not known", "the decoder's graph", "export it again")
    return found


def _turn(node: NodeProto, body: GraphProto, kinds: dict[str, onnx.TypeProto]) -> GraphProto:
    """A Scan's body with the shapes of one turn: its states are the node's, and a row of all that it walks along."""
    walked = next(attribute.i for attribute in node.attribute if attribute.name == "num_scan_inputs")
    states = len(node.input) - walked

    def ports(inner: Sequence[onnx.ValueInfoProto], outer: Sequence[str]) -> list[onnx.ValueInfoProto]:
        found = []
        for number, (port, name) in enumerate(zip(inner, outer, strict=True)):
            kind = onnx.TypeProto()
            kind.CopyFrom(kinds[name])
            if number >= states:
                del kind.tensor_type.shape.dim[0]
            found.append(helper.make_value_info(port.name, kind))
        return found

    takes, gives = ports(body.input, node.input), ports(body.output, node.output)
    turn = helper.make_graph(body.node, body.name, takes, gives, body.initializer)
    model = helper.make_model(turn, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return onnx.shape_inference.infer_shapes(model, data_prop=True).graph


def _roots(graph: GraphProto) -> dict[str, str]:
    """Tensor → the one whose bytes it has."""
    root = {port.name: port.name for port in graph.input}
    for node in graph.node:
        for name in node.output:
            root[name] = root.get(node.input[0], name) if node.op_type in VIEWS else name
    return root


def _taken(node: NodeProto) -> Iterator[str]:
    """By a node, or by what is inside of it."""
    yield from node.input
    for body in _bodies(node):
        for each in body.node:
            yield from _taken(each)


def _bodies(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == AttributeProto.GRAPH]


def _constants(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.type == AttributeProto.TENSOR)
        for body in _bodies(node):
            yield from _constants(body)


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.trim.microcontroller",
        description="Bounds of the memory that bundles' decoders would take of a microcontroller, hop by hop.",
        epilog="example: python -m neurorack.learn.trim.microcontroller fluid skins",
    )
    parser.add_argument("bundles", type=instrument, nargs="+", metavar="BUNDLE", help="a name or folder")
    options = parser.parse_args()
    lines = ["| bundle | " + " | ".join(HEADS) + " |", "|---" * (1 + len(HEADS)) + "|"]
    for name in options.bundles:
        made = load(name)
        prove(made)
        lines.append(f"| {plain(name)} | " + " | ".join(described(bounds(made.decoder_onnx))) + " |")
    tell("\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
