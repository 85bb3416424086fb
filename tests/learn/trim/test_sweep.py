"""A sweep does what is left of it, compares with a rival from scratch, and comes to one table and one figure."""

import json
import os
import signal
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from toy import WIDTHS, Task, graph, steady  # noqa: E402

from neurorack.learn import checkpoint, loop  # noqa: E402
from neurorack.learn.trim import __main__ as command  # noqa: E402
from neurorack.learn.trim import sweep, table  # noqa: E402
from neurorack.learn.trim.cost import macs_per_s  # noqa: E402
from neurorack.learn.trim.results import FILE as RESULT  # noqa: E402
from neurorack.learn.trim.results import LONGER, RIVALS, SCRATCH  # noqa: E402
from neurorack.learn.trim.rounds import Lottery  # noqa: E402
from neurorack.learn.trim.sweep import Rival, cells, narrowed  # noqa: E402

STEPS, ROUNDS = 12, 2


class Named(Task):
    """The toy, by the name of a family."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Kit:
    def __init__(self, family: str) -> None:
        self.task, self.timer = Named(family), steady

    def graph(self, model) -> bytes:
        return graph(model)

    def apart(self, model, graph: bytes) -> float:
        return 1e-7


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(sweep, "kit", lambda family, source, cache, device: Kit(family))
    yield
    torch.set_num_threads(before)


def run(monkeypatch, out: Path, *more: str) -> int:
    sizes = ["--steps", str(STEPS), "--rounds", str(ROUNDS), "--keep", "0.3"]
    arguments = ["trim", "--out", str(out), "--families", "sing", "ddsp", *sizes, *more]
    monkeypatch.setattr("sys.argv", arguments)
    return command.main()


ALL = ("--criteria", "magnitude", *RIVALS, "--seeds", "0", "1")


def test_one_command_gives_one_table_and_one_figure(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, *ALL) == 0
    text = (tmp_path / "table.md").read_text()
    assert capsys.readouterr().out.rstrip().endswith(text.rstrip())
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.glob(f"*/{RESULT}"))) == 2 * 3 * 2
    for family in ("sing", "ddsp"):
        part = text[text.index(f"## {family}") :].split("\n## ")[0]
        main, fits = part.split("Largest round")
        rows = [line.split(" | ") for line in main.splitlines() if line.startswith("| ")][1:]
        names = [(row[0].strip("| "), row[1]) for row in rows]
        trimmed = ["smallest as good", *(str(number) for number in range(ROUNDS + 1))]
        assert names == [*(("magnitude", name) for name in trimmed), *((name, "trained so") for name in sorted(RIVALS))]
        assert {row[2] for row in rows} == {"2"}
        dense = next(row for row in rows if row[1] == "0")
        cells = dict(zip(("criterion", "round", *table.COLUMNS), (cell.strip(" |") for cell in dense), strict=True))
        assert cells["parameters kept"] == cells["MACs kept"] == cells["decoder kept"] == "100.0%"
        assert cells["faster ÷ fewer"] == cells["fall ÷ fall"] == "1.00" and cells["loss ÷ dense"] == "1.000"
        assert int(cells["nodes"]) > 2 and int(cells["file, kB"]) > 0 and float(cells["memory, MB"].split()[0]) > 0
        assert cells["scores and cuts"].count("%") in (1, 3)  # the same of both, if rarely
        assert rows[-1][-7].strip() == "", "the rival is not scored"
        assert fits.count("| 256 KB | magnitude | ") == fits.count("| 1 MB | magnitude | ") == 2


def test_what_fits_is_written_beside_its_result(tmp_path, monkeypatch):
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 0
    folder = tmp_path / "sing-magnitude-0"
    told = json.loads((folder / RESULT).read_text())
    assert [(fit["memory"], fit["round"], fit["apart"]) for fit in told["fits"]] == [
        ("256 KB", 0, 1e-7),
        ("1 MB", 0, 1e-7),
    ]
    for fit in told["fits"]:
        assert len((folder / fit["file"]).read_bytes()) == told["rounds"][fit["round"]]["ships"]["file_bytes"]


def test_the_table_is_made_of_what_is_there_without_training(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 0
    before = (tmp_path / "table.md").read_text()
    (tmp_path / "table.md").unlink()
    monkeypatch.setattr(sweep, "work", None)
    capsys.readouterr()
    assert run(monkeypatch, tmp_path, "--table") == 0
    assert capsys.readouterr().out.rstrip() == before.rstrip() == (tmp_path / "table.md").read_text().rstrip()


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 0
    before = {path: path.read_text() for path in tmp_path.glob(f"*/{RESULT}")}
    seen = []
    real = sweep.work
    monkeypatch.setattr(sweep, "work", lambda cell, kit, folder: seen.append(cell.name) or real(cell, kit, folder))
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0", "1") == 0
    assert seen == ["sing-magnitude-1", "ddsp-magnitude-1"]
    assert {path: path.read_text() for path in before} == before


@pytest.mark.parametrize("other", [("--keep", "0.4"), ("--begin", "rewind"), ("--source", "tongues")])
def test_what_was_done_otherwise_is_not_taken_for_done(tmp_path, monkeypatch, capsys, other):
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 0
    before = (tmp_path / "table.md").read_text()
    monkeypatch.setattr(sweep, "work", None)
    capsys.readouterr()
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0", *other) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a result of other settings" in line and other[1] in line
    assert (tmp_path / "table.md").read_text() == before


def test_results_that_cannot_be_compared_make_no_table(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 0
    assert run(monkeypatch, tmp_path / "longer", "--criteria", "magnitude", "--seeds", "1", "--rounds", "3") == 0
    (tmp_path / "longer" / "sing-magnitude-1").rename(tmp_path / "sing-magnitude-1")
    capsys.readouterr()
    assert run(monkeypatch, tmp_path, "--table") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "of other settings than that in sing-magnitude-0" in line and f"sing-magnitude-1/{RESULT}" in line


def test_interrupted_in_a_cell_it_goes_on_to_the_same_result(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path / "whole", "--criteria", "magnitude", "--seeds", "0") == 0
    real = Lottery.advance

    def advance(self):
        if self.recipe.task == "ddsp" and self.step == STEPS + 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Lottery, "advance", advance)
        assert run(monkeypatch, tmp_path / "torn", "--criteria", "magnitude", "--seeds", "0") == 143
    assert [path.parent.name for path in (tmp_path / "torn").glob(f"*/{RESULT}")] == ["sing-magnitude-0"]
    assert run(monkeypatch, tmp_path / "torn", "--criteria", "magnitude", "--seeds", "0") == 0
    assert f"going on from step {STEPS + 4}" in capsys.readouterr().out
    told = [json.loads((tmp_path / each / "ddsp-magnitude-0" / RESULT).read_text()) for each in ("whole", "torn")]
    for each in told:
        for row in each["rounds"]:
            del row["training_s"], row["scoring_s"], row["ships"]["memory_bytes"]
    assert told[0] == told[1]


def test_the_rival_is_as_small_and_has_all_rounds_steps(tmp_path):
    (cell,) = cells(["sing"], [SCRATCH], [4], "any", steps=STEPS, rewind=0.25, keep=0.3, rounds=ROUNDS)
    rival = Rival(Kit("sing"), cell.plan, narrowed(Kit("sing"), cell.plan))
    loop.run(rival, tmp_path, say=lambda _: None)
    assert rival.step == cell.plan.steps > ROUNDS * STEPS
    told = rival.told()
    dense = macs_per_s(Named("sing").run(WIDTHS, 1, 0).average)(WIDTHS)
    assert 0.15 * dense < told["macs_per_s"] <= 0.3 * dense
    assert len({told["widths"][group] / WIDTHS[group] for group in WIDTHS}) <= 2  # alike, but for rounding


def test_a_rival_by_time_goes_on_as_wide_as_it_was_whatever_the_clock_says_now(tmp_path):
    (cell,) = cells(["sing"], [SCRATCH], [4], "any", steps=STEPS, rewind=0.25, keep=0.3, rounds=ROUNDS, by="time")
    was = Rival(Kit("sing"), cell.plan, {"a": 7, "b": 5})
    for _ in range(3):
        was.advance()
    again = Rival(Kit("sing"), cell.plan, {"a": 8, "b": 5})
    again.load_state(was.state())
    assert again.model.widths == {"a": 7, "b": 5} and again.step == 3
    assert again.advance() == was.advance()


def test_a_test_loss_that_is_no_number_is_said_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Named, "test_loss", lambda self, model: float("nan"))
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", SCRATCH, "--seeds", "0") == 2
    assert capsys.readouterr().err.count(": the test loss is no number") == 4


def test_what_is_asked_for_twice_is_done_once():
    assert len(cells(["sing", "sing"], ["magnitude"] * 2, [0, 0, 1], "any")) == 2


def test_the_dense_network_trained_on_has_all_rounds_steps_and_all_its_units(tmp_path, monkeypatch):
    assert run(monkeypatch, tmp_path, "--criteria", LONGER, "--seeds", "0") == 0
    (told,) = json.loads((tmp_path / f"sing-{LONGER}-0" / RESULT).read_text())["rounds"]
    (cell,) = cells(["sing"], [LONGER], [0], "any", steps=STEPS, rewind=0.6, keep=0.3, rounds=ROUNDS)
    assert told["widths"] == WIDTHS
    assert checkpoint.read_newest(tmp_path / cell.name)[0]["step"] == cell.plan.steps > STEPS


def test_rounds_leave_out_the_share_of_a_training_that_is_asked_for_and_so_do_their_rivals():
    for cell in cells(["sing"], ["magnitude", SCRATCH], [0], "any", steps=STEPS, rewind=0.5, keep=0.3, rounds=ROUNDS):
        assert cell.plan.rewind_step == STEPS // 2 and cell.plan.steps == STEPS + ROUNDS * STEPS // 2


@pytest.mark.parametrize(
    "wrong",
    [
        *(("--keep", each) for each in ("0", "-1", "nan", "1", "2", "much")),
        *(("--rewind", each) for each in ("nan", "inf", "-0.1", "1")),
        *((name, each) for name in ("--steps", "--workers") for each in ("0", "-5", "1.5")),
        *(("--seeds", each) for each in ("-1", "x")),
    ],
)
def test_a_number_that_cannot_be_is_refused_before_anything_is_read(tmp_path, monkeypatch, capsys, wrong):
    monkeypatch.setattr(sweep, "kit", None)
    try:
        status = run(monkeypatch, tmp_path, "--criteria", "magnitude", *wrong)
    except SystemExit as ended:
        status = ended.code
    assert status == 2 and wrong[1] in capsys.readouterr().err.splitlines()[-1]


BOUNDS = {"float32": 4, "int8": 1, "activations": 8, "states": 8}
ROUND = {"parameters": 9, "macs_per_s": 9.0, "time_s": 0.1, "validation_loss": 1.0, "test_loss": 1.0}
ROUND |= {"ships": {"nodes": 3, "file_bytes": 9, "memory_bytes": 9, "bounds": BOUNDS}}


def whole(**other) -> str:
    told = {"family": "sing", "criterion": "norm", "seed": 0, "plan": {}, "source": "fluid", "rounds": [ROUND]}
    return json.dumps(told | {"fits": []} | other)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a whole result"),
        ("[]", "not a whole result"),
        ('{"family": "sing"}', "of another version"),
        ('{"family": "\xff"}', "not a whole result"),
        (json.dumps({"family": "flute", "criterion": "norm", "seed": 0, "rounds": [], "fits": []}), "version"),
        (whole(criterion="x|y\x1b[31m"), "not known here"),
        (whole(family="flute"), "not known here"),
        (whole(fits=[{}]), "of another version"),
        (whole(fits=[{"memory": "1 MB", "round": 3, "file": "a", "free": 0.5, "apart": 0.0}]), "a round it has not"),
        (whole(rounds=[ROUND | {"time_s": 0.0}]), "of another version"),
        (whole(rounds=[ROUND | {"parameters": -5}]), "of another version"),
        (whole(rounds=[ROUND | {"ships": {}}]), "of another version"),
    ],
)
def test_a_result_that_is_none_is_named_and_nothing_is_written(tmp_path, monkeypatch, capsys, text, why):
    (tmp_path / "sing-norm-0").mkdir()
    (tmp_path / "sing-norm-0" / RESULT).write_bytes(text.encode("latin-1"))
    assert run(monkeypatch, tmp_path, "--table") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line and f"sing-norm-0/{RESULT}" in line
    assert not (tmp_path / "table.md").exists()


def test_a_folder_without_results_has_no_table_and_is_not_made(tmp_path, monkeypatch, capsys):
    for out in (tmp_path / "none", Path(os.devnull)):
        assert run(monkeypatch, out, "--table") == 2
        assert "no results of a sweep" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_cell_that_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, "--criteria", "norm", "magnitude", "--seeds", "0") == 2
    said = capsys.readouterr().err
    assert said.count("has no norm") == 2
    assert len(list(tmp_path.glob(f"*/{RESULT}"))) == 2


def test_ray_does_every_cell(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    made = cells(["sing"], ["magnitude"], [0, 1], "any", steps=STEPS, keep=0.3, rounds=1)
    spread = []

    def told_name(cell, out, cache, device):
        return {"name": cell.name}

    monkeypatch.setattr(sweep, "attempt", told_name)  # a worker knows of no toys
    try:
        spread = list(sweep.run(made, tmp_path, tmp_path, ray=True, workers=2))
    finally:
        ray.shutdown()
    assert sorted(cell.name for cell, fault in spread if not fault) == ["sing-magnitude-0", "sing-magnitude-1"]
    for cell in made:
        assert json.loads((tmp_path / cell.name / RESULT).read_text()) == {"name": cell.name}


def test_every_cell_trains_where_it_is_told_to(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(sweep, "kit", lambda family, source, cache, device: asked.append(device) or Kit(family))
    monkeypatch.setattr(command, "choose_device", lambda wanted: {"cpu": "cpu", "auto": "cuda:0"}[wanted])
    only = ("--criteria", "magnitude", "--seeds")
    assert run(monkeypatch, tmp_path, *only, "0") == 0 and {*asked} == {"cpu"}
    asked.clear()
    assert run(monkeypatch, tmp_path, *only, "1", "--device", "auto") == 0 and {*asked} == {"cuda:0"}
    assert run(monkeypatch, tmp_path, *only, "2", "--device", "cuda", "--ray") == 2
    assert "leave --ray or --device away" in capsys.readouterr().err


def test_a_device_that_is_full_stops_no_other_cell(tmp_path, monkeypatch, capsys):
    def full(family, source, cache, device):
        if family == "sing":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.\nSee the documentation")
        return Kit(family)

    monkeypatch.setattr(sweep, "kit", full)
    monkeypatch.setattr(command.estimate, "told", lambda *_: ())
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0") == 2
    said = capsys.readouterr().err
    assert "CUDA out of memory" in said and "--device cpu" in said and "documentation" not in said
    assert [path.parent.name for path in tmp_path.glob(f"*/{RESULT}")] == ["ddsp-magnitude-0"]


def test_the_rival_is_narrowed_by_what_is_in_the_hosts_memory(monkeypatch):
    seen = []
    (cell,) = cells(["sing"], [SCRATCH], [0], "any", steps=STEPS, keep=0.3, rounds=1, by="time")
    monkeypatch.setattr(sweep.rounds, "judged", lambda run: seen.append(run) or run.average)
    narrowed(Kit("sing"), cell.plan)
    assert len(seen) == 1


def test_without_ray_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert run(monkeypatch, tmp_path, "--criteria", "magnitude", "--seeds", "0", "--ray") == 2
    assert "Ray is not installed" in capsys.readouterr().err
