"""The module's circuit, drawn once; what needs ngspice is skipped without it."""

import pytest

from hardware.circuit import spice
from hardware.circuit.board import Board
from hardware.circuit.module import build


@pytest.fixture(scope="session")
def board() -> Board:
    return build()


@pytest.fixture
def bench(board: Board) -> "Bench":
    if not spice.available():
        pytest.skip("ngspice is not installed")
    return Bench(board)


class Bench:
    """Blocks of the schematic on a bench with supplies."""

    POWERED = ("Vsupply v3a 0 3.3",)
    UNPOWERED = ("Coff v3a 0 10u",)
    """The LDO gives nothing and takes nothing back."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def run(self, blocks, analysis, sources, watch, values=None, without=()):
        """`spice.run` of whole blocks, but for the parts named in `without`; "reference" and "pots" are the parts of
        their blocks that others need."""
        parts = [part for part in self.board.parts(*blocks) if part.ref not in without]
        if "reference" in blocks:
            parts += [part for part in self.board.parts("analogue") if part.kind.number.startswith("REF")]
        if "pots" in blocks:
            parts += [part for part in self.board.parts("panel") if part.kind.prefix == "RV"]
        return spice.run(parts, analysis, sources, watch, values)
