"""Electrical rules: SKiDL's own, and ours, on the module as drawn; and that each of them can bite."""

import pytest

from hardware.circuit import parts
from hardware.circuit.board import Board, at
from hardware.circuit.module import build

SUPPLIES = {"V12A", "V12N", "V3A", "V3H", "V5F"}


def test_no_electrical_rule_is_broken(board):
    assert board.check() == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda board: board.resistor(1e3, "V3A", "nowhere"), "Only one pin"),
        (
            lambda board: board.place(parts.LDO, IN="V5F", EN="V5F", GND="GND", OUT="V3A"),
            "POWER-OUT connected to POWER-OUT",
        ),
        (lambda board: board.place(parts.LDO, IN="dead", EN="dead", GND="GND", OUT="idle"), "Insufficient drive"),
        (lambda board: board.net("gate1_driver").connect(board.net("gate2_driver")), "OUTPUT connected to OUTPUT"),
    ],
    ids=["loose end", "two regulators on a rail", "unfed chip", "two drivers on a line"],
)
def test_a_broken_rule_is_found(spoil, complaint):
    board = build()
    spoil(board)
    assert any(complaint in line for line in board.check())


def test_a_forgotten_pin_cannot_be_drawn():
    with pytest.raises(ValueError, match="VOUT"):
        Board().place(parts.CONVERTER_5V, VIN="a", GND="b")
    with pytest.raises(ValueError, match="BASE"):
        Board().place(parts.NMOS, G="a", S="b", D="c", BASE="d")


def test_every_chip_has_a_capacitor_at_its_supply(board):
    buffered = {
        frozenset(map(str, (at(part, "A"), at(part, "B")))) for part in board.parts() if part.kind.prefix == "C"
    }
    for part in board.parts():
        if part.kind.group == "integrated circuits":
            for _, pin, electrical in part.kind.pins:
                net = at(part, pin)
                if electrical == parts.POWER_IN and net != "GND":
                    assert frozenset((net, "GND")) in buffered, f"{part.kind.number} {pin}"


def test_chips_and_their_capacitors_are_as_many(board):
    for rail in ("V3A", "V3H"):
        chips = [part for part in board.parts() if part.kind.group == "integrated circuits"]
        fed = sum(
            any(at(chip, pin) == rail for _, pin, kind in chip.kind.pins if kind == parts.POWER_IN) for chip in chips
        )
        capacitors = sum(part.kind.prefix == "C" and at(part, "A") == rail for part in board.parts())
        assert capacitors >= fed, rail


def test_only_the_clamps_and_the_pots_tie_a_signal_to_a_supply(board):
    """A jack reaches a rail through 100 kΩ or a diode, never straight."""
    for net in ("voct", "cv1", "cv2", "cv3", "cv4", "gate1", "gate2", "in", "out"):
        kinds = {part.kind.prefix for part, _, _ in board.pins(f"{net}_jack")}
        assert kinds <= {"J", "R", "C"}, net
