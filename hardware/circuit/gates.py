"""Gate jacks to the computer: a comparator with hysteresis, then a push-pull Schmitt driver on the header's own 3.3 V.

On from 0.917 V, off below 0.587 V: both between the 0.5 V and 1.0 V that are promised, with room for 1 % parts.
The header's level shifters sense direction; they want a driver that is strong both ways and no pull-ups.
"""

from hardware.circuit import parts
from hardware.circuit.board import Board

JACKS = ("gate1", "gate2")

INPUT_OHMS, HYSTERESIS_OHMS = 100e3, 1e6
THRESHOLD_OHMS = (20e3, 10e3)
"""From 2.5 V to 0.833 V."""


def draw(board: Board) -> None:
    """Both gates, the encoder's three contacts through the next drivers, and what the mute sees through the last."""
    board.block = "gates"
    upper, lower = THRESHOLD_OHMS
    board.resistor(upper, "VREF", "gate_threshold")
    board.resistor(lower, "gate_threshold", "GND")
    board.capacitor("100n", "gate_threshold")
    for jack in JACKS:
        board.place(parts.JACK, jack, S="GND", TN="GND", T=f"{jack}_jack")
        board.resistor(INPUT_OHMS, f"{jack}_jack", f"{jack}_in")
        board.resistor(HYSTERESIS_OHMS, f"{jack}_in", f"{jack}_level")
        board.capacitor("100p", f"{jack}_in")
        board.place(parts.CLAMP, A="GND", K="V3A", MID=f"{jack}_in")
    board.place(
        parts.COMPARATOR,
        VPLUS="V3A",
        VMINUS="GND",
        POSA="gate1_in",
        NEGA="gate_threshold",
        OUTA="gate1_level",
        POSB="gate2_in",
        NEGB="gate_threshold",
        OUTB="gate2_level",
    )
    board.capacitor("100n", "V3A")

    lines = ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push")
    board.place(
        parts.SCHMITT,
        VCC="V3H",
        GND="GND",
        **{f"A{n}": f"{line}_level" for n, line in enumerate(lines, 1)},
        **{f"Y{n}": f"{line}_driver" for n, line in enumerate(lines, 1)},
        A6="DATA_TO_CODEC",
        Y6="data_seen",
    )
    board.capacitor("100n", "V3H")
    for line in lines:
        board.resistor(33, f"{line}_driver", f"{line}_gpio")
    board.test_point("gate_threshold")
