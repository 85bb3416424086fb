"""`neurorack trim`: from a tiny instrument to a smaller one, through the command line."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from notes import make_notes  # noqa: E402

from neurorack import bundle, cli  # noqa: E402
from neurorack.engine.player import Player  # noqa: E402
from neurorack.learn import checkpoint, loop  # noqa: E402
from neurorack.learn.commands import trim as command  # noqa: E402
from neurorack.learn.commands.finish import make_bundle  # noqa: E402
from neurorack.learn.commands.work import TRAIN, Work, keep_sounds  # noqa: E402
from neurorack.learn.families import instrument as instrument_task  # noqa: E402
from neurorack.learn.families import tasks as family_tasks  # noqa: E402
from neurorack.learn.train import Recipe, Training  # noqa: E402
from neurorack.learn.trim import criteria, int8, select, streaming  # noqa: E402
from neurorack.learn.trim.rounds import Lottery  # noqa: E402
from neurorack.learn.trim.sounds import parted  # noqa: E402

STEPS, ROUNDS = 4, 2
RECIPE = Recipe("pitched", STEPS, width=(16, 12, 20), encoder=(12, 10), batch=4)


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "THREADS", 1)
        patch.setattr(streaming, "CALLS", 4)
        for module in (instrument_task, family_tasks):
            for name in ("_VALIDATED", "_TESTED"):
                patch.setattr(module, name, 1)
        yield


@pytest.fixture(scope="module")
def instrument(tmp_path_factory) -> Path:
    """A bundle as `neurorack train` leaves it, with its run beside it."""
    out = tmp_path_factory.mktemp("made") / "bells"
    work = Work(out)
    train, validation = parted(make_notes(), 2)
    run = work.run_folder(RECIPE, train)
    run.mkdir(parents=True)
    keep_sounds(run, train, validation)
    training = Training(RECIPE, train)
    loop.run(training, run, say=lambda _: None)
    make_bundle(training, train, out, "Bells", "CC0-1.0")
    work.note(run, "all")
    return out


@pytest.fixture(scope="module")
def trimmed(instrument, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trimmed") / "small-bells"
    assert trim(instrument, out) == 0
    return out


def trim(source: Path, out: Path, *more: str) -> int:
    sizes = ["--rounds", str(ROUNDS), "--by", "parameters", "--keep", "0.7", "--criterion", "magnitude", "--local"]
    return cli.main(["trim", str(source), "--out", str(out), *sizes, *more])


def run_of(out: Path) -> Path:
    return next(out.with_name(f"{out.name}.work").glob("run-*"))


def complaint(capsys) -> str:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("neurorack:")][-1]


def played(folder: Path, block: int = 128) -> np.ndarray:
    player = Player(bundle.load(folder), block)
    player.set_targets(300.0, np.full(5, 0.5))
    player.gate(0, "gate1", 1)
    out = np.zeros((8_192 // block, block), np.float32)
    for each in out:
        player.render(each)
    return out.ravel()


def test_a_trimmed_instrument_is_smaller_and_plays(instrument, trimmed, capsys):
    before, after = bundle.load(instrument).card, bundle.load(trimmed).card
    assert after.cost.parameters < before.cost.parameters == after.cost.dense_parameters
    assert after.cost.macs_per_s < after.cost.dense_macs_per_s == pytest.approx(before.cost.macs_per_s)
    assert (after.name, after.license, after.kind) == ("small-bells", "CC0-1.0", "pitched")
    assert {"trimmed_loss", "dense_loss"} < set(after.quality)
    assert np.abs(played(trimmed)).max() > 1e-3
    assert cli.main(["models", "verify", str(trimmed)]) == 0
    assert cli.main(["models", "show", str(trimmed)]) == 0
    assert f"from {after.cost.dense_parameters} parameters" in capsys.readouterr().out


def test_what_is_told_is_what_was_done(instrument, trimmed, capsys, monkeypatch):
    monkeypatch.setattr(loop, "run", None)  # nothing is left to do
    assert trim(instrument, trimmed, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    rounds = told["rounds"]
    assert [each["round"] for each in rounds] == [0, 1, 2] and told["shipped_round"] == 2
    for number, each in enumerate(rounds):
        assert each["parameters"] <= rounds[0]["parameters"] * select.share_left(0.7, number, ROUNDS)
        assert each["time_s"] > 0 and np.isfinite(each["test_loss"])
    card = bundle.load(trimmed).card
    assert card.quality["trimmed_loss"] == rounds[2]["test_loss"]
    page = Path(told["report"]).read_text()
    assert "Which layers shrank" in page and f"{rounds[2]['parameters']:,}" in page
    assert "of a round at most (5 % are allowed)" in page and "of what MACs fall by (half is asked for)" in page
    assert [fit["memory"] for fit in told["fits"]] == ["256 KB", "1 MB"] and "In int8" not in page
    for fit in told["fits"]:
        assert fit["round"] == 0 and fit["apart"] < 1e-5 and f"{fit['memory']}: round 0" in page
        assert len((run_of(trimmed) / fit["file"]).read_bytes()) == rounds[0]["ships"]["file_bytes"]
    assert rounds[2]["ships"]["bounds"]["float32"] < rounds[0]["ships"]["bounds"]["float32"]


def test_the_card_tells_what_the_graph_took_before_and_after(trimmed, capsys):
    cost = bundle.load(trimmed).card.cost
    assert cost.measured.file_bytes == (trimmed / "decoder.onnx").stat().st_size < cost.dense_measured.file_bytes
    assert cost.measured.nodes == cost.dense_measured.nodes > 10
    assert cli.main(["models", "show", str(trimmed)]) == 0
    shown = capsys.readouterr().out
    assert f"measured  {cost.measured}" in shown and f"dense     {cost.dense_measured}" in shown


def only_the_second_layer_is_faster(one: bytes, other: bytes, rows: int) -> tuple[float, float]:
    return 1e-5, 0.9e-5 if b"hidden_1_weight_quantized" in other else 1.2e-5


@pytest.mark.parametrize("faster", [False, True])
def test_int8_ships_where_it_is_faster_and_only_there(instrument, trimmed, tmp_path, monkeypatch, capsys, faster):
    slower = lambda one, other, rows: (1e-5, 1.2e-5)  # noqa: E731
    monkeypatch.setattr(int8, "alternating_s", only_the_second_layer_is_faster if faster else slower)
    monkeypatch.setattr(int8, "WORSE", 1.0)
    out = tmp_path / "small-bells"
    assert trim(instrument, out, "--int8", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    first = {trial["operator"]: trial for trial in told["int8"]}["hidden_1"]
    dense = bundle.load(instrument).card.cost.parameters
    assert 0 < first["weights"] < dense and first["loss_before"] == pytest.approx(told["rounds"][2]["validation_loss"])
    assert first["loss_after"] != first["loss_before"] and first["apart"] < 1e-5
    page = Path(told["report"]).read_text()
    assert "In int8, operator by operator" in page and ("None was" in page) != faster
    assert ((out / "decoder.onnx").read_bytes() == (trimmed / "decoder.onnx").read_bytes()) != faster
    card = bundle.load(out).card
    assert card.cost.measured.file_bytes == (out / "decoder.onnx").stat().st_size
    assert (card.quality["trimmed_loss"] != told["rounds"][2]["test_loss"]) == faster
    assert ("trimmed_time_s" in card.quality) != faster, "float32's"
    assert cli.main(["models", "verify", str(out)]) == 0


def test_interrupted_it_goes_on_to_the_same_weights(instrument, trimmed, tmp_path, monkeypatch, capsys):
    real = Lottery.advance
    out = tmp_path / "small-bells"

    def advance(self):
        if self.step == STEPS + 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Lottery, "advance", advance)
        assert trim(instrument, out) == 143
    assert "give the same command again" in complaint(capsys) and not out.exists()
    assert checkpoint.read(run_of(out) / checkpoint.NEWEST)["step"] == STEPS + 2
    assert trim(instrument, out) == 0
    assert "going on from step" in capsys.readouterr().out
    for name in ("decoder.onnx", "encoder.onnx"):
        assert (out / name).read_bytes() == (trimmed / name).read_bytes()


@pytest.mark.parametrize("more", [(), ("--int8",)])
def test_an_interruption_after_the_rounds_costs_no_training(instrument, tmp_path, monkeypatch, more):
    out = tmp_path / "small-bells"
    monkeypatch.setattr(int8, "alternating_s", only_the_second_layer_is_faster)
    monkeypatch.setattr(int8, "WORSE", 1.0)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "write_report", interrupt)
        assert trim(instrument, out, *more) == 130
    with monkeypatch.context() as patch:
        patch.setattr(Lottery, "advance", interrupt)
        assert trim(instrument, out, *more) == 0


def test_a_checkpoint_will_do(instrument, trimmed, tmp_path):
    out = tmp_path / "small-bells"
    assert trim(run_of(instrument) / checkpoint.NEWEST, out) == 0
    assert (out / "decoder.onnx").read_bytes() == (trimmed / "decoder.onnx").read_bytes()


def test_the_smallest_round_that_is_good_enough_ships(instrument, tmp_path, capsys):
    assert trim(instrument, tmp_path / "careful", "--worse", "0", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    good = [each for each in told["rounds"] if each["validation_loss"] <= told["rounds"][0]["validation_loss"]]
    assert told["shipped_round"] == min(good, key=lambda each: each["macs_per_s"])["round"]


@pytest.mark.parametrize("family", ["ddsp", "sing"])
def test_another_family_plays_the_instruments_gestures(instrument, tmp_path, family):
    out = tmp_path / family
    assert trim(instrument, out, "--family", family, "--steps", "2", "--rounds", "1", "--by", "time") == 0
    before, after = bundle.load(instrument), bundle.load(out)
    assert after.encoder_onnx == before.encoder_onnx
    assert [gesture.name for gesture in after.gestures] == [gesture.name for gesture in before.gestures]
    assert after.card.harmonics == (0 if family == "sing" else 40)
    assert cli.main(["models", "verify", str(out)]) == 0
    blocks = [played(out, block) for block in (64, 128, 256, 512)]
    assert np.abs(blocks[0]).max() > 1e-4
    parts = [each.reshape(-1, 512)[4:] for each in blocks]
    for each in parts[1:]:
        assert each.shape == parts[0].shape and np.isfinite(each).all()


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (("--keep", "0.001"), "would leave an empty layer"),
        (("--keep", "0"), "above 0"),
        (("--criterion", "norm"), "has no norm"),
        (("--rewind", "1"), "is no share from 0 to below 1"),
        (("--last", "0.5"), "a last round 0.5 times as long"),
        (("--rounds", "100"), "less than 100 rounds"),
        (("--title", "x" * 1001), "a text of 1001 characters"),
        (("--width", "4097"), "give one from 1 to 4096"),
        (("--width", "300", "--family", "sing"), "only instrument takes one"),
        (("--seed", "184467440737095517"), "give a whole number from 0 to 9"),
    ],
)
def test_bad_options_are_said_in_a_line(instrument, tmp_path, capsys, more, wrong):
    assert trim(instrument, tmp_path / "no", *more) == 2
    assert wrong in complaint(capsys) and not (tmp_path / "no").exists()


@pytest.mark.parametrize("spoilt", ["{", "[]", "{}", "", b"\xff".decode("latin-1")])
def test_a_spoilt_result_is_told_anew_without_training(instrument, trimmed, capsys, monkeypatch, spoilt):
    result = run_of(trimmed) / "result.json"
    before = json.loads(result.read_text())
    result.write_bytes(spoilt.encode("latin-1"))
    monkeypatch.setattr(Lottery, "advance", None)
    assert trim(instrument, trimmed) == 0
    after = json.loads(result.read_text())
    assert [each["test_loss"] for each in after["rounds"]] == [each["test_loss"] for each in before["rounds"]]


def test_a_bundle_is_not_trimmed_into_itself(instrument, capsys):
    before = (instrument / "card.json").read_bytes()
    assert trim(instrument, instrument) == 2
    assert "cannot be trimmed into itself" in complaint(capsys)
    assert (instrument / "card.json").read_bytes() == before and Work(instrument).run().name == run_of(instrument).name


def test_nor_is_the_checkpoint_it_was_made_of(instrument, capsys):
    before = (instrument / "card.json").read_bytes()
    assert trim(run_of(instrument) / checkpoint.NEWEST, instrument) == 2
    assert "cannot be trimmed into itself" in complaint(capsys)
    assert (instrument / "card.json").read_bytes() == before


def test_sounds_that_it_learned_from_are_not_kept_as_held_out(instrument, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in (checkpoint.NEWEST, TRAIN):
        shutil.copy(run_of(instrument) / name, run)
    assert trim(run / checkpoint.NEWEST, tmp_path / "small") == 0
    found = Work(tmp_path / "small").held_out()
    assert found is not None and not found[1]


def test_a_bundle_alone_cannot_be_trimmed(tiny_bundle, tmp_path, capsys):
    assert trim(tiny_bundle, tmp_path / "no") == 2
    assert "give the checkpoint of its run" in complaint(capsys)


def test_a_checkpoint_of_a_trimming_is_refused(instrument, trimmed, tmp_path, capsys):
    assert trim(run_of(trimmed) / checkpoint.NEWEST, tmp_path / "no") == 2
    assert "a checkpoint of 'trimming'" in complaint(capsys)


def test_a_checkpoint_of_another_version_is_refused(instrument, trimmed, tmp_path, capsys, monkeypatch):
    work = tmp_path / "small-bells.work"
    shutil.copytree(trimmed.with_name("small-bells.work"), work)
    (work / "finished.json").unlink()
    run = run_of(tmp_path / "small-bells")
    held = checkpoint.read(run / checkpoint.NEWEST)
    checkpoint.write(run, held | {"recipe": held["recipe"].replace('"version":1', '"version":0')})
    assert trim(instrument, tmp_path / "small-bells") == 2
    assert "the checkpoint is of another training" in complaint(capsys)


def test_a_damaged_checkpoint_is_refused(instrument, tmp_path, capsys):
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing" * 20)
    assert trim(tmp_path / "checkpoint.pt", tmp_path / "no") == 2
    assert "not a whole checkpoint" in complaint(capsys)


def test_a_score_that_is_no_number_is_refused(instrument, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(
        criteria.CRITERIA,
        "magnitude",
        lambda model, *_: {group: np.full(width, np.nan) for group, width in model.widths.items()},
    )
    assert trim(instrument, tmp_path / "no") == 2
    assert "is no number" in complaint(capsys)
