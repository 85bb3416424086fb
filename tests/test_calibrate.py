"""`neurorack calibrate`: a virtual module by itself, and a running one with a person at the terminal."""

import argparse
import errno
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk import Refusing
from PIL import Image

from neurorack import calibrate, cli, statedir
from neurorack.board import load_board
from neurorack.boards import DEFAULT_BOARD
from neurorack.command import INTERRUPTED
from neurorack.errors import BadInput
from neurorack.jacks import calibration
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.nominal import InForce
from neurorack.jacks.reference import Reference
from neurorack.rack.control import RackControl
from neurorack.rack.world import World
from neurorack.rundir import holder
from neurorack.statedir import calibration_path
from neurorack.words import CV_JACKS

RACK = """
name = "bench"
[sources.zero]
kind = "constant"
volts = 0.0
[sources.one]
kind = "constant"
volts = 1.0
[sources.three]
kind = "constant"
volts = 3.0
[sources.wave]
kind = "lfo"
rate_hz = 0.7
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURORACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(capsys, *arguments: str) -> dict:
    assert cli.main(["calibrate", "--rack", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("specimen", [1, 2, 3, 4, 5, 6])
def test_a_virtual_module_is_in_tune_through_drivers_and_chips(place, capsys, specimen):
    found = report(capsys, "--specimen", str(specimen))
    before, after = (max(map(abs, found[key].values())) for key in ("before_cents", "after_cents"))
    assert 0.3 < before < 15.0
    assert after < 1.0
    for volts, cents in found["after_cents"].items():
        assert abs(cents) < found["left_cents"][volts] + 0.2, "the estimate bounds what is left"


def test_exact_parts_need_no_calibration(place, capsys):
    found = report(capsys, "--specimen", "0")
    assert max(map(abs, found["before_cents"].values())) < 0.3


def test_the_report_goes_by_the_reference_that_was_seen_and_not_by_the_board_file(place, capsys, monkeypatch):
    found = report(capsys)
    assert found["reference"] == "seen"
    assert cli.main(["calibrate", "--rack", "--points", "0,1,3"]) == 0
    assert "reference is not seen" not in capsys.readouterr().out
    monkeypatch.setattr(Reference, "take", lambda made, code: None)
    alone = report(capsys)
    assert alone["reference"] == "not seen"
    assert alone["drift"]["worst_cents"] > found["drift"]["worst_cents"] + 5.0
    assert alone["drift"]["causes_cents_at_0_v"]["converter's gain"] > 5.0
    saved = [Calibration.load(calibration_path(1)).corrections[jack].nominal for jack in ("voct", "cv1")]
    assert [nominal.reference_v for nominal in saved] == [0.0, 0.0]
    assert cli.main(["calibrate", "--rack", "--points", "0,1,3"]) == 0
    assert "reference is not seen" in capsys.readouterr().out


def test_a_board_without_a_reference_is_told_nothing_of_one(place, capsys):
    text = DEFAULT_BOARD.read_text()
    (place / "board.toml").write_text(text.replace("[reference]\ninput = 1\nvolts = 2.5\n", ""))
    found = report(capsys, "--board", "board.toml")
    assert found["reference"] is None and found["drift"]["causes_cents_at_0_v"]["converter's gain"] > 5.0


def test_more_points_are_welcome(place, capsys):
    found = report(capsys, "--points=-1,0,1,2,4")
    assert [point["true_v"] for point in found["points"]] == [0, -1, 1, 2, 4]
    saved = Calibration.load(Path(found["saved"]))
    assert saved.corrections["voct"].true_v == [-1, 0, 1, 2, 4]


def test_it_is_kept_where_that_module_looks_and_nowhere_else(place, capsys):
    report(capsys, "--specimen", "4")
    assert [path.name for path in (place / "state").iterdir()] == ["calibration-rack-4.toml"]
    assert not (place / "run").exists()
    report(capsys, "--out", "mine.toml")
    assert set(Calibration.load(place / "mine.toml").corrections) == {"voct", "cv1", "cv2", "cv3", "cv4"}


def test_the_report_reads_well_and_the_picture_is_drawn(place, capsys):
    assert cli.main(["calibrate", "--rack", "--points", "0,1,3", "--picture", "cal.png"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"before +[+-]", out) and re.search(r"read after +[+-]", out)
    assert "20 to 50 °C" in out and "Saved " in out and "--rack --specimen 1" in out
    with Image.open(place / "cal.png") as picture:
        assert picture.size == (880, 520)


def test_a_place_that_cannot_be_written_is_one_line_and_changes_nothing(place, capsys):
    (place / "file").write_text("")
    assert cli.main(["calibrate", "--rack", "--json", "--out", "file/calibration.toml"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "cannot save" in said.err


@pytest.fixture
def no_measuring(monkeypatch):
    monkeypatch.setattr(calibrate.Wizard, "take", lambda *_: pytest.fail("it was measured in vain"))


@pytest.mark.parametrize("picture", ["file/cal.png", "none/cal.png", "folder", ""])
def test_a_picture_that_cannot_be_drawn_is_said_before_anything_is_measured(place, capsys, no_measuring, picture):
    (place / "file").write_text("")
    (place / "folder").mkdir()
    assert cli.main(["calibrate", "--rack", "--json", "--picture", picture]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and ("cannot write the picture" in err or "an empty name" in err)
    assert {path.name for path in place.iterdir()} == {"file", "folder"}


def test_the_calibration_is_saved_before_the_picture_is_drawn(place, capsys, monkeypatch):
    def full(*_):
        raise BadInput("cannot write the picture: No space left on device")

    monkeypatch.setattr(calibrate, "_draw", full)
    assert cli.main(["calibrate", "--rack", "--json", "--picture", "cal.png"]) == 2
    assert Calibration.load(calibration_path(1)).corrections


@pytest.mark.parametrize("text", ["# Read me\n\nPrecious.\n", "[project]\nname = 'x'\n", ""])
def test_a_file_that_is_no_calibration_is_left_alone_before_anything_is_measured(place, capsys, no_measuring, text):
    (place / "README.md").write_text(text)
    assert cli.main(["calibrate", "--rack", "--json", "--out", "README.md"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "this is no calibration (README.md): it stays as it is" in err
    assert (place / "README.md").read_text() == text
    assert [path.name for path in place.iterdir()] == ["README.md"]


def pipe(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path.name)


@pytest.mark.parametrize("odd", [pipe, loop, Path.mkdir], ids=["pipe", "loop", "folder"])
def test_nor_is_anything_else_in_the_way_replaced(place, capsys, no_measuring, odd):
    odd(place / "odd")
    for out in ("odd", ""):
        assert cli.main(["calibrate", "--rack", "--json", "--out", out]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in place.iterdir()] == ["odd"]


def test_a_calibration_that_cannot_be_read_is_left_alone(place, capsys, no_measuring, monkeypatch):
    report_ = PermissionError(13, "Permission denied")
    monkeypatch.setattr(calibration, "read_plain", lambda *_: (_ for _ in ()).throw(report_))
    assert cli.main(["calibrate", "--rack", "--json"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Permission denied" in err and "chown" in err


def test_one_that_is_damaged_is_set_aside_in_the_modules_own_place(place, capsys):
    kept = place / "state" / "calibration-rack-1.toml"
    kept.parent.mkdir()
    kept.write_bytes(b"\0\0")
    report(capsys)
    assert Calibration.load(kept).notices == ()
    assert kept.with_name(f"{kept.name}.damaged").read_bytes() == b"\0\0"


@pytest.mark.parametrize(
    ("number", "mend"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "chown")]
)
def test_a_disk_that_refuses_is_told_with_a_mend_that_fits(place, capsys, monkeypatch, number, mend):
    monkeypatch.setattr(statedir, "os", Refusing("write", number))
    assert cli.main(["calibrate", "--rack", "--json"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"cannot save: {os.strerror(number)}" in err and mend in err


def test_without_a_terminal_a_soldered_module_is_not_guessed_at(place):
    options = argparse.Namespace(board=None, rack=False, points=None, json=False, picture=None)
    with pytest.raises(BadInput, match="somebody has to"):
        calibrate.run(options, asks=False)


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, *arguments: str, code: str = "from neurorack.cli import main; sys.exit(main(sys.argv[1:]))"):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
        command = [sys.executable, "-c", f"import sys; {code}", *arguments]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.seen = ""

    def expect(self, words: str) -> str:
        """Everything said until `words`, and those."""
        give_up, said = time.monotonic() + 60, ""
        while words not in said:
            assert time.monotonic() < give_up, f"{words!r} was not said, but: {said[-2000:]}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    said += os.read(self.master, 4096).decode("utf-8", "replace")
                except OSError:
                    raise AssertionError(f"it ended without {words!r}: {said[-2000:]}") from None
        self.seen += said
        return said

    def enter(self, line: str = "") -> None:
        os.write(self.master, line.encode() + b"\n")

    def status(self) -> int:
        try:
            return self.process.wait(30)
        finally:
            os.close(self.master)


@pytest.fixture
def running(place) -> Iterator[Callable[[], RackControl]]:
    """Jacks that play specimen 3 in this run directory, and hands at its cables."""
    (place / "run").mkdir(mode=0o700)
    (place / "rack.toml").write_text(RACK)
    World.create(place / "run", time.monotonic_ns(), path=place / "rack.toml", specimen=3)
    kept = place / "state" / "calibration-rack-3.toml"
    command = [sys.executable, "-m", "neurorack.frontend", "--rack", "--run-dir", str(place / "run")]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    process = subprocess.Popen([*command, "--calibration", str(kept)], env=environment, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 30
    while not (place / "run" / "calibration").is_symlink() and time.monotonic() < give_up:
        time.sleep(0.02)
    yield RackControl(place / "run")
    process.terminate()
    process.wait(10)


def test_a_module_that_plays_is_calibrated_as_it_plays(place, running):
    terminal = Terminal("calibrate")
    terminal.expect("0 V on every jack")
    terminal.enter()
    said = terminal.expect("1 V into voct (a keyboard's C5)")
    assert "cents" in said and "■" in said
    running.patch("voct", "one.out")
    terminal.enter()
    terminal.expect("3 V into voct")
    terminal.enter()  # and forgot the cable
    terminal.expect("voct reads +1.0")
    running.patch("voct", "three.out")
    terminal.enter()
    terminal.expect("Enter to save it")
    terminal.enter()
    terminal.expect("Saved")
    assert terminal.status() == 0
    saved = Calibration.load(place / "state" / "calibration-rack-3.toml", InForce.of_board(load_board()))
    assert set(saved.corrections) == set(CV_JACKS)
    assert saved.corrections["voct"].true_v == [0.0, 1.0, 3.0]
    assert holder(place / "run" / "jacks.lock"), "the module plays on"


@pytest.mark.parametrize("answer", ["q", "\x04"], ids=["q", "end of input"])
def test_leaving_changes_nothing(place, running, answer):
    terminal = Terminal("calibrate")
    terminal.expect("0 V on every jack")
    os.write(terminal.master, answer.encode() + (b"" if answer == "\x04" else b"\n"))
    terminal.expect("Nothing was changed")
    assert terminal.status() == 0
    assert not (place / "state").exists()


def test_leaving_in_the_middle_of_a_measurement_changes_nothing(place, running):
    running.patch("voct", "wave.out")
    terminal = Terminal("calibrate")
    terminal.expect("0 V on every jack")
    terminal.enter()
    terminal.expect("settling")
    terminal.enter("q")
    terminal.expect("Nothing was changed")
    assert terminal.status() == 0
    assert not (place / "state").exists()


def test_an_interrupt_changes_nothing(place, running):
    terminal = Terminal("calibrate")
    terminal.expect("0 V on every jack")
    terminal.enter()
    terminal.expect("V ")
    terminal.process.send_signal(2)  # without the key: its character would have the terminal drop what is being said
    terminal.expect("Nothing was changed")
    assert terminal.status() == INTERRUPTED
    assert not (place / "state").exists()


def test_where_nothing_plays_the_command_reads_the_jacks_itself_and_stops_again(place):
    """The virtual module under the names of a board file, as chips are."""
    (place / "run").mkdir(mode=0o700)
    (place / "rack.toml").write_text(RACK)
    World.create(place / "run", time.monotonic_ns(), path=place / "rack.toml", specimen=3)
    text = DEFAULT_BOARD.read_text().replace("/dev/i2c-7", "rack:a").replace("/dev/i2c-1", "rack:b")
    (place / "board.toml").write_text(text.replace("tegra234-gpio", "rack"))
    code = "from neurorack import calibrate, cli; o = cli.build_parser().parse_args(sys.argv[1:]);"
    terminal = Terminal("calibrate", "--board", "board.toml", code=f"{code} sys.exit(calibrate.run(o, asks=True))")
    terminal.expect("0 V on every jack")
    assert holder(place / "run" / "jacks.lock")
    terminal.enter()
    terminal.expect("1 V into voct")
    terminal.enter("q")
    terminal.expect("Nothing was changed")
    assert terminal.status() == 0
    assert holder(place / "run" / "jacks.lock") == 0
    assert not calibration_path().exists()


def test_chips_that_are_not_here_are_said_in_one_line(place, capsys):
    assert cli.main(["calibrate"]) == 2
    assert "chips are not here" in capsys.readouterr().err
