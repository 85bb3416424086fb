"""`neurorack presets` where no module runs, and what it refuses before it asks one that does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import FULL, Refusing, settings

from neurorack import cli, demo, statedir
from neurorack.mailbox import Mailbox
from neurorack.rundir import Lock
from neurorack.settings.model import Settings, schema
from neurorack.settings.store import LOCK, Store

Presets = Callable[..., tuple[int, str, str]]


@pytest.fixture
def presets(state_dir, run_dir, monkeypatch, capsys) -> Presets:
    """Runs the command on stored settings; (status, stdout, stderr)."""
    Store(state_dir).save(settings(1))
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(run_dir / "run"))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["presets", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def names(state_dir: Path) -> dict[int, str]:
    return {number: preset.name for number, preset in Store(state_dir).load().presets.items()}


@pytest.mark.parametrize("deed", [["list"], ["save", "2"], ["rename", "1", "uno"]], ids=" ".join)
def test_damage_is_told_beside_the_answer(presets, state_dir, deed):
    damaged = f"settings-{schema()}.b"
    (state_dir / damaged).write_text("?")
    status, out, err = presets(*deed)
    assert status == 0 and out
    assert len(err.splitlines()) == 1 and err.startswith("neurorack: damaged settings") and damaged in err
    assert presets("list")[2] == ("" if deed != ["list"] else err)


def test_a_demo_that_is_told_tells_damage_too():
    figures = {"rms_db": -20.0, "peak_db": -9.0, "bundle": "tiny", "seconds": 1.0, "device": "null", "blocks": 375}
    figures |= {"first_sound_s": 1.0, "block": 128, "lost": 0, "load": 0.1, "sound": "a.wav", "picture": None}
    told = demo.describe({**figures, "notice": "", "log": ["damaged settings, …", "jacks: calibration …"]})
    assert "damaged settings" in told and "jacks: calibration" in told


@pytest.mark.parametrize("deed", [["save", "2"], ["rename", "1", "uno"], ["clear", "1"]], ids=" ".join)
def test_what_is_not_saved_is_one_line_and_status_2(presets, state_dir, monkeypatch, deed):
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing("write", FULL))
        status, out, err = presets(*deed)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and os.strerror(FULL) in err
    with Lock(state_dir / LOCK):
        status, out, err = presets(*deed)
    assert (status, out) == (2, "") and f"process {os.getpid()} keeps them" in err and "--run-dir" in err
    assert names(state_dir) == {1: "one", 64: "größer"}


@pytest.mark.parametrize("live", [False, True], ids=["at rest", "live"])
@pytest.mark.parametrize(
    "name", ["x" * 25, "x" * 100_000, "", "  ", os.fsdecode(b"\xff"), "\ud800"], ids=lambda name: ascii(name)[:12]
)
def test_a_name_that_cannot_be_is_refused_in_the_same_words_by_all(presets, state_dir, run_dir, name, live):
    (run_dir / "run").mkdir(mode=0o700)
    box = Mailbox(run_dir / "run") if live else None
    for deed in (["save", "2", "--name", name], ["rename", "1", name]):
        status, out, err = presets(*deed)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1 and err.isascii() and "that cannot be a name" in err
    if box is not None:
        assert box.take() is None
        box.close()
    assert names(state_dir) == {1: "one", 64: "größer"}


@pytest.mark.parametrize("live", [False, True], ids=["at rest", "live"])
def test_so_is_a_number_of_no_preset(presets, run_dir, live):
    (run_dir / "run").mkdir(mode=0o700)
    box = Mailbox(run_dir / "run") if live else None
    for number in ("0", "65", str(10**30)):
        status, out, err = presets("recall", number)
        assert (status, out) == (2, "") and err.count("\n") == 1 and "there is no such preset" in err
    if box is not None:
        box.close()


def test_without_a_name_the_one_before_stays(presets, state_dir):
    assert presets("save", "1")[0] == presets("save", "2")[0] == 0
    assert names(state_dir) == {1: "one", 2: "preset 2", 64: "größer"}


def test_a_run_directory_in_which_no_module_runs_is_said(presets, state_dir, run_dir):
    nowhere = run_dir / "nowhere"
    status, out, err = presets("list", "--run-dir", str(nowhere))
    assert status == 0 and out.startswith("1\tone")
    assert err == f"neurorack: no module runs there: {nowhere}; these are the presets in {state_dir}\n"
    assert not nowhere.exists()
    assert presets("list")[2] == ""


def test_an_empty_folder_has_no_presets(state_dir, presets):
    for path in state_dir.iterdir():
        path.unlink()
    assert "all presets are empty" in presets("list")[1]
    assert Store(state_dir).load() == Settings()
