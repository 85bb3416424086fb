"""Electrical rules: SKiDL's own, and ours, on the module as drawn; and that each of them can bite."""

import re

import pytest

from hardware.circuit import parts
from hardware.circuit.board import Board, at
from hardware.circuit.module import build

HIGHEST_V = {"V3A": 3.37, "V3H": 3.46, "V5F": 5.5, "V5H": 5.5, "VREF": 2.51, "V12A": 12.6, "V12N": 12.6}
HIGHEST_V |= dict.fromkeys(("EXTERNAL12", "FROM_EXTERNAL", "CHOSEN12", "RIGHT12", "COMPUTER12"), 20.0)
"""What a rail may reach; the Orin's carrier takes 20 V, so its feed may bring them."""

BEARS_V = {
    "OPA2333AIDR": 5.5,
    "TLV9061IDBVR": 5.5,
    "OPA1677DBVR": 36 / 2,
    "TLV3202AIDR": 5.5,
    "74LVC17APW,118": 3.6,
    "REF5025IDR": 18,
    "ADS1115IDGSR": 5.5,
    "SGTL5000XNBA3R2": 3.6,
    "PCA9685PW,118": 5.5,
    "LP5907MFX-3.3/NOPB": 5.5,
    "ASE-12.288MHZ-LC-T": 3.6,
}
"""Recommended operating conditions of the data sheets that `parts` names."""


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


def test_no_chip_is_fed_more_than_it_bears(board):
    for part in board.parts():
        if part.kind.group == "integrated circuits":
            for _, pin, electrical in part.kind.pins:
                net = at(part, pin)
                if electrical == parts.POWER_IN and net != "GND":
                    assert HIGHEST_V[net] <= BEARS_V[part.kind.number], f"{part.kind.number} {pin}"


def test_capacitors_bear_their_rails_with_a_quarter_to_spare(board):
    for part in board.parts():
        if part.kind.prefix == "C":
            rated_v = float(re.search(r"(\d+) V", part.value).group(1))
            volts = max(HIGHEST_V.get(at(part, pin), 0) for pin in "AB")
            assert rated_v >= 1.25 * volts, f"{part.ref} at {at(part, 'A')}"


def test_only_the_clamps_and_the_pots_tie_a_signal_to_a_supply(board):
    """A jack reaches a rail through 100 kΩ or a diode, never straight."""
    for net in ("voct", "cv1", "cv2", "cv3", "cv4", "gate1", "gate2", "in", "out"):
        kinds = {part.kind.prefix for part, _, _ in board.pins(f"{net}_jack")}
        assert kinds <= {"J", "R", "C"}, net
