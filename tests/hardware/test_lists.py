"""What a builder reads comes from the schematic and cannot drift from it."""

import csv
import io

import pytest

from hardware.circuit import __main__ as command
from hardware.circuit import cv, lists, parts, spice
from hardware.circuit.board import Board


def rows(board):
    return list(csv.DictReader(io.StringIO(lists.bill(board))))


@pytest.mark.parametrize(("name", "written"), [("bom.csv", lists.bill), ("wiring.txt", lists.wiring)])
def test_what_is_committed_is_what_the_schematic_says(board, name, written):
    assert (command.HERE / name).read_text() == written(board), "run python -m hardware.circuit"


def test_the_bill_names_every_part_once(board):
    named = [ref for row in rows(board) for ref in row["designators"].split()]
    assert sorted(named) == sorted(part.ref for part in board.parts())
    for row in rows(board):
        if row["designators"]:
            assert int(row["count"]) == len(row["designators"].split())
            assert row["number"] and row["maker"] and float(row["price each EUR"]) > 0


def test_the_bill_adds_up(board):
    table = rows(board)
    *lines, total = table
    priced = [row for row in lines if row["price each EUR"]]
    for row in priced:
        assert float(row["price EUR"]) == pytest.approx(int(row["count"]) * float(row["price each EUR"]), abs=0.01)
    assert sum(float(row["price EUR"]) for row in priced) == pytest.approx(float(total["price EUR"]), abs=0.1)
    assert {row["group"] for row in lines if row["value"] == "sum"} == {part.kind.group for part in board.parts()}


def test_numbers_of_resistors_are_their_makers():
    assert parts.resistor(30e3, 0.001)[0].number == "ERA-3AEB303V"
    assert parts.resistor(35.7e3)[0].number == "RC0603FR-0735K7L"
    assert parts.resistor(33)[0].number == "RC0603FR-0733RL"
    assert parts.resistor(1e6)[0].number == "RC0603FR-071ML"


def test_voct_alone_has_the_precise_resistors(board):
    """0.1 % where cents hang on it: gain and offset."""
    precise = {part.ref for part in board.parts() if part.kind.number.startswith("ERA-3AEB")}
    around = {row[0].ref for net in ("voct_sum", "voct_bias", "voct_bias_mid", "voct_pin") for row in board.pins(net)}
    assert precise == {ref for ref in around if ref.startswith("R")}


def test_the_netlist_has_every_part_and_net(board, tmp_path, capsys):
    assert command.main([str(tmp_path)]) == 0
    netlist = (tmp_path / "neurorack.net").read_text()
    for part in board.parts():
        assert f'(ref "{part.ref}")' in netlist
    for line in lists.wiring(board).splitlines():
        assert f'(name "{line.split(":")[0]}")' in netlist
    assert "rules kept" in capsys.readouterr().out


def test_nothing_is_written_while_a_rule_is_broken(tmp_path, monkeypatch, capsys):
    spoilt = Board()
    spoilt.resistor(1e3, "a", "b")
    monkeypatch.setattr(command, "build", lambda: spoilt)
    assert command.main([str(tmp_path / "out")]) == 1
    assert "Only one pin" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_spice_has_its_values_from_the_schematic(monkeypatch):
    def of_feedback():
        board = Board()
        cv.draw(board)
        return next(line for line in spice.lines(board.parts()) if " voct_sum voct_out " in line and line[0] == "R")

    assert of_feedback().endswith(" 30000")
    monkeypatch.setattr(cv, "FEEDBACK_OHMS", 33e3)
    assert of_feedback().endswith(" 33000")


def test_drawing_the_circuit_leaves_no_file_behind(tmp_path, monkeypatch):
    import subprocess
    import sys

    code = "from hardware.circuit.module import build; assert build().check() == []"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(command.HERE.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
