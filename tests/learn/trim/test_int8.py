"""Int8 is tried operator by operator, and kept only where it is faster, as good, and as exact in streaming."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from neurorack import bundle  # noqa: E402
from neurorack.engine.proof import prove  # noqa: E402
from neurorack.learn.export import GraphWriter  # noqa: E402
from neurorack.learn.pack import pack_random, revoice  # noqa: E402
from neurorack.learn.trim import int8  # noqa: E402
from neurorack.learn.trim.feeds import feeds, play  # noqa: E402
from neurorack.learn.trim.int8 import FASTER, WORSE, Trial, quantised, tried  # noqa: E402
from neurorack.onnx_graph import read_graph  # noqa: E402
from neurorack.onnx_session import open_session  # noqa: E402

WIDTH, HOPS = 24, 40
GOOD = Trial("layer", 100, before_s=1.0, after_s=0.9, loss_before=2.0, loss_after=2.0, apart=0.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> bundle.Bundle:
    folder = tmp_path_factory.mktemp("int8") / "random"
    pack_random(WIDTH, folder)
    return bundle.load(folder)


@pytest.fixture(scope="module")
def fed(made):
    return feeds(made, HOPS)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(int8, "TURNS", 2)
    monkeypatch.setattr(int8, "CALLS", 3)


def test_an_instrument_is_calibrated_by_its_own_gestures(made, fed):
    assert len(fed) == len(made.gestures)
    for feed, gesture in zip(fed, made.gestures, strict=True):
        assert {name: len(values) for name, values in feed.items() if not name.startswith("state_")} == dict.fromkeys(
            ("controls", "harmonics", "pulse", "noise"), HOPS
        )
        assert not feed["state_gains"].any() and feed["harmonics"].std() > 0.01
        np.testing.assert_allclose(feed["controls"][:, 6:], gesture.latent[:HOPS], atol=1e-5)
    assert np.abs(play(open_session(made.decoder_onnx, None), fed[0], 8)).max() > 1e-4


@pytest.mark.parametrize("kind", ["hearing_bundle", "struck_bundle"])
def test_every_kind_of_instrument_has_gestures_to_calibrate_by(kind, request):
    made = bundle.load(request.getfixturevalue(kind))
    for feed in feeds(made, 16):
        session = open_session(made.decoder_onnx, None)
        assert np.isfinite(play(session, feed, 4)).all()


def test_one_operator_is_int8_and_the_others_are_as_they_were(made, fed):
    graph = quantised(made.decoder_onnx, ["hidden_1"], fed)
    held = {each.name: each for each in onnx.load_from_string(graph).graph.initializer}
    integer = {name for name, each in held.items() if each.data_type == onnx.TensorProto.INT8 and len(each.dims) == 2}
    assert len(integer) == 1 and "hidden_1_weight" in next(iter(integer))
    before = {each.name: each for each in onnx.load_from_string(made.decoder_onnx).graph.initializer}
    for name in ("hidden_0_weight", "hidden_2_weight"):
        np.testing.assert_array_equal(*(onnx.numpy_helper.to_array(each[name]) for each in (held, before)))
    read_graph(graph)  # nothing in it that a bundle may not hold
    sounds = [play(open_session(each, None), fed[0], HOPS) for each in (made.decoder_onnx, graph)]
    assert 1e-7 < np.abs(sounds[1] - sounds[0]).max() < 0.1 * np.abs(sounds[0]).max()


def test_the_runtime_has_an_integer_kernel_for_it(made, fed, tmp_path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(tmp_path / "ran.onnx"), 4
    onnxruntime.InferenceSession(quantised(made.decoder_onnx, ["hidden_1"], fed), options)
    assert [node.op_type for node in onnx.load(str(tmp_path / "ran.onnx")).graph.node].count("QGemm") == 1


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"after_s": FASTER}, True),
        ({"after_s": FASTER + 0.01}, False),
        ({"loss_after": 2.0 * (1 + WORSE)}, True),
        ({"loss_after": 2.0 * (1 + WORSE) + 0.001}, False),
        ({"loss_after": float("nan")}, False),
        ({"apart": 2 * int8.APART}, False),
    ],
)
def test_it_is_kept_only_where_it_is_faster_and_as_good_and_as_exact(change, kept):
    assert Trial(**{**vars(GOOD), **change}).kept == kept


def outcome(monkeypatch, made, fed, faster: dict[str, float], judge=lambda graph: 1.0):
    """Of a machine on which these operators take so much of their time in int8, and no other one is faster."""

    def timed(one: bytes, other: bytes, rows: int) -> tuple[float, float]:
        names = {each.name for each in onnx.load_from_string(other).graph.initializer}
        share = [s for operator, s in faster.items() if f"{operator}_weight_quantized" in names]
        return 1e-5, 1e-5 * (float(np.prod(share)) if share else 1.1)

    monkeypatch.setattr(int8, "alternating_s", timed)
    return tried(made.decoder_onnx, fed, judge, 1)


def test_where_it_is_slower_everywhere_nothing_is_shipped(monkeypatch, made, fed):
    found = outcome(monkeypatch, made, fed, {})
    assert found.graph is None and found.together is None and not any(trial.kept for trial in found.trials)
    operators = [trial.operator for trial in found.trials]
    assert operators[:5] == ["hidden_0", "hidden_1", "hidden_2", "rises", "own"] and not found.left_out
    heads, *rows = int8.described(found)
    assert len(rows) == len(operators) and {len(row) for row in rows} == {len(heads)}
    assert all(row[4] == "1.100" and row[-1] == "no" for row in rows)


def test_what_is_kept_is_put_together_and_ships_and_plays(monkeypatch, made, fed, tmp_path: Path):
    found = outcome(monkeypatch, made, fed, {"hidden_1": 0.9, "hidden_2": 0.8})
    assert found.together is not None and found.together.operator == "hidden_1, hidden_2"
    assert found.together.kept and found.together.weights == 2 * WIDTH**2
    assert found.ships == "hidden_1, hidden_2"
    assert (int8.described(found)[-1][0], int8.described(found)[-1][-1]) == ("hidden_1, hidden_2", "ships")
    revoice(made, lambda path: path.write_bytes(found.graph) and None, tmp_path / "int8", {})
    again = bundle.load(tmp_path / "int8")
    prove(again)
    assert again.decoder_onnx == found.graph


def test_a_worse_loss_keeps_the_faster_one_out(monkeypatch, made, fed):
    def judge(graph: bytes) -> float:
        names = {each.name for each in onnx.load_from_string(graph).graph.initializer}
        return 1.02 if "hidden_1_weight_quantized" in names else 1.0

    found = outcome(monkeypatch, made, fed, {"hidden_1": 0.5, "hidden_2": 0.8}, judge)
    assert [trial.operator for trial in found.trials if trial.kept] == ["hidden_2"]
    names = {each.name for each in onnx.load_from_string(found.graph or b"").graph.initializer}
    assert "hidden_2_weight_quantized" in names and "hidden_1_weight" in names


def test_where_they_do_not_go_together_the_best_one_ships_alone(monkeypatch, made, fed):
    def judge(graph: bytes) -> float:
        names = {each.name for each in onnx.load_from_string(graph).graph.initializer}
        return 1.02 if {"hidden_1_weight_quantized", "hidden_2_weight_quantized"} <= names else 1.0

    found = outcome(monkeypatch, made, fed, {"hidden_1": 0.9, "hidden_2": 0.8}, judge)
    assert found.together is not None and not found.together.kept and found.ships == "hidden_2"
    names = {each.name for each in onnx.load_from_string(found.graph or b"").graph.initializer}
    assert "hidden_2_weight_quantized" in names and "hidden_1_weight" in names
    told = {row[0]: row[-1] for row in int8.described(found)}
    assert told["hidden_1"] == "yes" and told["hidden_2"] == "ships" and told["hidden_1, hidden_2"] == "no"


def test_operators_without_a_kernel_are_named(tmp_path: Path, monkeypatch):
    g = GraphWriter()
    g.linear("layer", "controls", np.eye(6, 64), np.zeros(64))
    g.add("Unsqueeze", "layer", g.constant("axis", np.array([2])), out="columns")
    g.add("ConvTranspose", "columns", g.constant("pieces", np.ones((64, 1, 64))), out="waves", strides=[64])
    g.add("Reshape", "waves", g.constant("flat", np.array([-1, 64])), out="audio")
    g.save(tmp_path / "d.onnx", "d", {"controls": ["frames", 6]}, {"audio": ["frames", 64]})
    feed = {"controls": np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)}
    found = tried((tmp_path / "d.onnx").read_bytes(), [feed], lambda graph: 1.0, 1)
    assert [trial.operator for trial in found.trials] == ["layer"] and found.left_out == ["waves (ConvTranspose)"]
    assert int8.described(found)[-1][-1] == "no kernel"


def test_both_are_called_in_alternation(made, monkeypatch):
    called = []
    monkeypatch.setattr(int8, "open_session", lambda graph, rows: graph)
    monkeypatch.setattr(int8, "bound", lambda graph, rows: lambda: called.append(graph))
    int8.alternating_s(b"one", b"other", 1)
    assert called == [b"one", b"other"] * 2 * 3
