"""The computer's 40-pin header: where nets meet its pins, as each file of `neurorack/boards/` tells the drivers."""

from hardware.circuit import parts
from hardware.circuit.board import Board

SUPPLY = {1: "V3H", 17: "V3H", 2: "V5H", 4: "V5H", **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "GND")}
BUSES = {3: "SDA_A", 5: "SCL_A", 27: "SDA_B", 28: "SCL_B"}
SOUND = {7: "MCLK", 12: "BCLK", 35: "LRCLK", 38: "DATA_FROM_CODEC", 40: "DATA_TO_CODEC"}
LINES = {29: "gate1", 31: "gate2", 32: "encoder_a", 33: "encoder_b", 15: "encoder_push"}
"""By header pin."""


def draw(board: Board) -> None:
    """The connector, all unused pins open."""
    board.block = "header"
    nets: dict[int, str | None] = dict.fromkeys(range(1, 41))
    nets |= SUPPLY | BUSES | SOUND | {pin: f"{line}_gpio" for pin, line in LINES.items()}
    board.place(parts.HEADER, "to the computer", **{f"P{pin}": net for pin, net in nets.items()})
    board.test_point("V3H")
    board.test_point("V5H")
