"""The whole module on one board."""

from hardware.circuit import audio, converters, cv, gates, header, panel, power
from hardware.circuit.board import Board

BLOCKS = (
    *(power.draw_bus, power.draw_computer, power.draw_analogue),
    *(header.draw, cv.draw, gates.draw, converters.draw, panel.draw, audio.draw),
)


def build() -> Board:
    """Drawn afresh; designators count up in the order of the blocks, so that they never move for nothing."""
    board = Board()
    for draw in BLOCKS:
        draw(board)
    return board
