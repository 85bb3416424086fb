"""Memory is bounded by what is alive at once, as one would count it by hand, and no less than the runtime's own."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from small import FAMILIES, small  # noqa: E402

from neurorack.engine.footprint import bound  # noqa: E402
from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.export import GraphWriter, export_decoder  # noqa: E402
from neurorack.learn.families.export import EXPORTS  # noqa: E402
from neurorack.learn.families.limit import network  # noqa: E402
from neurorack.learn.networks.decoder import Decoder  # noqa: E402
from neurorack.learn.trim.microcontroller import SIZES, Bounds, bounds, described, largest  # noqa: E402
from neurorack.learn.trim.microcontroller import main as command  # noqa: E402
from neurorack.onnx_session import open_session  # noqa: E402

KB = 1024


def written(g: GraphWriter, folder: Path, inputs: dict[str, list], outputs: dict[str, list]) -> bytes:
    g.save(folder / "graph.onnx", "graph", inputs, outputs)
    return (folder / "graph.onnx").read_bytes()


def exported(model, folder: Path) -> bytes:
    path = folder / "decoder.onnx"
    (export_decoder if isinstance(model, Decoder) else EXPORTS[type(model).__name__.lower()])(model, path)
    return path.read_bytes()


def test_a_graph_is_counted_as_by_hand(tmp_path):
    """x [1, 8] → wide [1, 100] → narrow [1, 4], which is kept for the end over a branch by way of [1, 50]."""
    g = GraphWriter()
    random = np.random.default_rng(0)
    wide = g.linear("wide", "x", random.normal(size=(8, 100)), np.zeros(100))
    narrow = g.linear("narrow", g.add("Tanh", wide, out="bent"), random.normal(size=(100, 4)), np.zeros(4))
    branch = g.linear("branch", narrow, random.normal(size=(4, 50)), np.zeros(50))
    flat = g.add("Reshape", branch, g.constant("flat", np.array([50])), out="flattened")
    last = g.linear("last", g.add("Reshape", flat, g.constant("rows", np.array([1, 50])), out="again"),
                    random.normal(size=(50, 3)), np.zeros(3))  # fmt: skip
    g.add("Sin", last, out="audio")
    g.add("Add", narrow, "state_sum", out="next_sum")
    ports = {"x": [1, 8], "state_sum": [1, 4]}, {"audio": [1, 3], "next_sum": [1, 4]}
    found = bounds(written(g, tmp_path, *ports))
    matrices, biases = 800 + 400 + 200 + 150, 100 + 4 + 50 + 3
    axes = found.float32 - 4 * (matrices + biases)
    assert found.int8 == matrices + 4 * biases + axes and 0 <= axes <= 3 * 8  # what reshapes are told
    assert found.states == 4 * 4
    assert found.activations == 4 * (100 + 100)  # the tanh's two sides; x is gone, the rest is smaller


def test_what_is_taken_again_later_stays_alive(tmp_path):
    g = GraphWriter()
    early = g.add("Exp", "x", out="early")
    x = early
    for number in range(3):
        x = g.add("Sin", x, out=f"step{number}")
    g.add("Add", x, early, out="audio")
    found = bounds(written(g, tmp_path, {"x": [1, 10]}, {"audio": [1, 10]}))
    assert found == Bounds(0, 0, 3 * 10 * 4, 0)  # early, and two sides of a step


def test_views_take_no_bytes_and_frames_take_more(tmp_path):
    g = GraphWriter()
    g.add("Unsqueeze", "x", g.constant("axis", np.array([1])), out="rows")
    g.add("Squeeze", "rows", "axis", out="same")
    g.add("Exp", "same", out="audio")
    graph = written(g, tmp_path, {"x": ["frames", 16]}, {"audio": ["frames", 16]})
    assert [bounds(graph, frames).activations for frames in (1, 5)] == [2 * 16 * 4, 5 * 2 * 16 * 4]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("encoder", "wavenet")])
def test_it_is_no_less_than_what_the_runtime_holds_at_once(family, tmp_path):
    """ONNX Runtime reuses buffers; what it has in use while it runs, less what it held before, is its own count."""
    graph = exported(small(family), tmp_path)
    session = open_session(graph, 1, profile=tmp_path / "profile")
    bound(session, 1)()
    events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [event["args"] for event in events if event.get("cat") == "Node" and "mem_in_use_peak" in event["args"]]
    held = int(nodes[0]["mem_bytes_in_use"]) - int(nodes[0]["mem_in_use_delta"])
    arena = max(int(node["mem_bytes_in_use"]) for node in nodes) - held
    ports = sum(4 * int(np.prod([n if isinstance(n, int) else 1 for n in p.shape]))
                for p in [*session.get_inputs(), *session.get_outputs()])  # fmt: skip
    found = bounds(graph)
    assert arena > 0
    assert found.activations + found.states <= (arena + ports) * 1.05  # ours holds nothing that the runtime has not
    assert found.activations >= arena / 3  # nor does it forget what is large


def test_a_wavenet_holds_its_queues_and_the_inside_of_its_loop(tmp_path):
    few, many = (bounds(exported(network(6, channels), tmp_path)) for channels in (8, 64))
    assert few.states < many.states and few.activations < many.activations
    learnt = 4 * sum(p.numel() for p in network(6, 64).parameters())
    assert learnt < many.float32 < 2 * learnt  # short layers' older taps are one matrix, with zeros in between


def test_weights_are_those_of_the_network(tmp_path):
    decoder = Decoder(112)
    found = bounds(exported(decoder, tmp_path))
    # whitening is folded into the first layer; what the export adds are small tables
    assert found.float32 == pytest.approx(4 * sum(p.numel() for p in decoder.parameters()), rel=0.06)
    assert 3.5 < found.float32 / found.int8 < 4.0
    assert found.states == 4 * decoder.elements


def test_a_verdict_says_which_memory_and_how_much_is_left():
    cells = described(Bounds(float32=300 * KB, int8=80 * KB, activations=40 * KB, states=8 * KB))
    assert cells[:4] == ["300.0", "80.0", "40.0", "8.0"]
    assert cells[4:] == ["yes in int8, 50% free", "yes, 32% free", "yes, 66% free"]
    assert described(Bounds(4096 * KB, 1024 * KB, 0, 0))[4] == "no, 4.0 times too large in int8"


def test_the_largest_that_fits_is_found_wherever_it_stands(tmp_path):
    found = [bounds(exported(Decoder(width), tmp_path)) for width in (400, 40, 120, 130, 300)]
    sizes = [each.total() for each in found]
    number = largest(found, SIZES["256 KB"])
    assert number == 3 and sizes[3] <= SIZES["256 KB"] < sizes[4]
    assert largest(found, SIZES["1 MB"]) == 4
    assert largest(found, 10 * KB) is None


def test_a_size_that_is_not_known_is_said_in_a_line(tmp_path):
    g = GraphWriter()
    g.add("NonZero", "x", out="places")
    g.add("Cast", "places", out="audio", to=1)
    graph = written(g, tmp_path, {"x": [1, 4]}, {"audio": [2, "many"]})
    with pytest.raises(BadInput, match="the size of 'places' is not known"):
        bounds(graph)


def test_bundles_are_told_as_a_table(tiny_bundle, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["microcontroller", str(tiny_bundle)])
    assert command() == 0
    *_, row = capsys.readouterr().out.strip().splitlines()
    assert row.startswith(f"| {tiny_bundle} | ") and row.count("% free") == 3
    monkeypatch.setattr("sys.argv", ["microcontroller", "nowhere"])
    assert command() == 2
    assert "no bundle 'nowhere'" in capsys.readouterr().err
