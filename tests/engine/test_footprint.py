"""What a decoder takes by itself is counted by the runtime, in a process of its own."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from neurorack import bundle  # noqa: E402
from neurorack.bundle import Cost, Footprint  # noqa: E402
from neurorack.engine.footprint import footprint, nodes  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402


def graph(*made, constants=(), columns: int = 4) -> bytes:
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["frames", n])]
        for name, n in (("controls", columns), ("audio", 64))
    ]
    whole = helper.make_graph(list(made), "decoder", *ports, [numpy_helper.from_array(v, n) for n, v in constants])
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


WEIGHT, BIAS = np.ones((4, 64), np.float32), np.ones(64, np.float32)


def test_folded_and_fused_nodes_are_not_counted():
    """Of four nodes one is constant, and a ReLU goes into the product before it."""
    made = [
        helper.make_node("Add", ["weight", "weight"], ["twice"]),
        helper.make_node("Gemm", ["controls", "twice", "bias"], ["x"]),
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Exp", ["y"], ["audio"]),
    ]
    assert nodes(graph(*made, constants=[("weight", WEIGHT), ("bias", BIAS)]), 1) == 2


def test_nodes_of_a_scan_count_as_often_as_it_turns():
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64]) for name in ("row", "said")]
    body = helper.make_graph([helper.make_node("Exp", ["row"], ["said"])], "body", row[:1], row[1:])
    scan = helper.make_node("Scan", ["controls"], ["audio"], body=body, num_scan_inputs=1)
    one, five = (nodes(graph(scan, columns=64), rows) for rows in (1, 5))
    assert five - one == 4


def test_memory_and_file_are_those_of_the_weights():
    big = np.ones((4, 64 * 20_000), np.float32)  # 20 MB
    made = [
        helper.make_node("MatMul", ["controls", "big"], ["x"]),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
        helper.make_node("ReduceSum", ["y", "along"], ["audio"], keepdims=0),
    ]
    shape, along = np.array([-1, 20_000, 64]), np.array([1])
    onnx_bytes = graph(*made, constants=[("big", big), ("shape", shape), ("along", along)])
    taken = footprint(onnx_bytes)
    assert taken.file_bytes == len(onnx_bytes) > 20e6
    assert 20e6 < taken.memory_bytes < 120e6
    assert min(taken.share_64, taken.share_128) > 0.0 and "ONNX Runtime" in taken.machine


def test_a_graph_that_does_not_run_is_said_in_a_line():
    with pytest.raises(BadInput, match="cannot be measured") as told:
        footprint(b"nothing")
    assert "\n" not in str(told.value)


def test_a_card_tells_it_and_an_older_one_is_read_as_before(tiny_bundle: Path, tmp_path: Path):
    card = bundle.read_card(tiny_bundle)
    assert card.cost.measured is None
    taken = Footprint(30, 164_000, 12_000_000, 0.0123, 0.0087, "x86_64, ONNX Runtime 1.32")
    cost = Cost(1_000, 2e6, 20_000, 9e7, taken, msgspec.structs.replace(taken, nodes=31))
    bundle.write_card(tmp_path, msgspec.structs.replace(card, cost=cost))
    assert bundle.read_card(tmp_path).cost == cost
    assert str(taken) == (
        "30 nodes a call, a file of 164 kB, 12.0 MB of memory, 1.23% of real time at block 64, 0.87% at 128 "
        "(x86_64, ONNX Runtime 1.32)"
    )
