"""Supply: the Eurorack bus with its fuses, diodes and filters; what feeds the computer; the analogue 3.3 V.

Three roads, so that none disturbs another:

- ±12 V for the audio amplifiers and the relay, 100 mA fuses, a Schottky diode each against a turned plug;
- 12 V for the computer, from the bus or from a supply of its own: a wire in `J_SELECT` chooses. A P-MOSFET stands
  against reversal, for a diode would burn a watt. The Orin's carrier takes 9…20 V; a Nano takes the 5 V converter;
- 5 V of the computer's header makes the analogue 3.3 V. So everything that talks to the computer lives and
  dies with it, and no pin of either is ever fed through the other's protection diodes. While it is off, the four pots
  load the rail with 2.5 kΩ: what 15 V at all seven jacks drive through the clamps does not lift it to 2.5 V.

One ground. Star point: the ground pins of the bus connector. From there three ways: computer, audio, converters.
"""

from hardware.circuit import parts
from hardware.circuit.board import Board


def draw_bus(board: Board) -> None:
    """Rails `V12A` and `V12N` for audio, `BUS12` for whoever takes more."""
    board.block = "bus"
    board.place(
        parts.EURORACK,
        "bus",
        P1="BUS12N",
        P2="BUS12N",
        **dict.fromkeys(("P3", "P4", "P5", "P6", "P7", "P8"), "GND"),
        P9="BUS12",
        P10="BUS12",
    )
    board.place(parts.FUSE_ANALOGUE, A="BUS12", B="PLUS_FUSED")
    board.place(parts.SCHOTTKY, A="PLUS_FUSED", K="PLUS_RIGHT")
    board.place(parts.BEAD, A="PLUS_RIGHT", B=board.rail("V12A"))
    board.place(parts.FUSE_ANALOGUE, A="BUS12N", B="MINUS_FUSED")
    board.place(parts.SCHOTTKY, K="MINUS_FUSED", A="MINUS_RIGHT")
    board.place(parts.BEAD, A="MINUS_RIGHT", B=board.rail("V12N"))
    for rail in ("V12A", "V12N"):
        plus, minus = ("V12A", "GND") if rail == "V12A" else ("GND", "V12N")
        board.capacitor("100u", plus, minus)
        board.capacitor("10u", plus, minus)
        board.test_point(rail)
    board.test_point("GND")


def draw_computer(board: Board) -> None:
    """`COMPUTER12`, protected and filtered, and `NANO5` made from it."""
    board.block = "computer"
    board.place(parts.FUSE_BUS, A="BUS12", B="FROM_BUS")
    board.place(parts.BARREL, "external 9…20 V", TIP="EXTERNAL12", SLEEVE="GND")
    board.place(parts.FUSE_EXTERNAL, A="EXTERNAL12", B="FROM_EXTERNAL")
    board.place(
        parts.TERMINAL_3, "J_SELECT: bus | computer | external", P1="FROM_BUS", P2="CHOSEN12", P3="FROM_EXTERNAL"
    )
    board.place(parts.PMOS, D="CHOSEN12", S="RIGHT12", G="RIGHT_GATE")
    board.place(parts.ZENER_12V, A="RIGHT_GATE", K="RIGHT12")
    board.resistor(10e3, "RIGHT_GATE", "GND")
    board.capacitor("10u", "RIGHT12")
    board.place(parts.CHOKE, A="RIGHT12", B=board.rail("COMPUTER12"))
    board.capacitor("470u", "COMPUTER12")
    board.place(parts.TERMINAL_2, "to the Orin's 5.5 × 2.5 mm plug", A="COMPUTER12", B="GND")
    board.place(parts.CONVERTER_5V, VIN="COMPUTER12", GND="GND", VOUT="NANO5")
    board.capacitor("10u", "NANO5")
    board.place(parts.TERMINAL_2, "to the Nano's 5.5 × 2.1 mm plug", A="NANO5", B="GND")
    board.test_point("COMPUTER12")


def draw_analogue(board: Board) -> None:
    """`V3A` from the header's 5 V, and `VREF`, 2.5 V, for every threshold and offset."""
    board.block = "analogue"
    board.place(parts.BEAD, A="V5H", B=board.rail("V5F"))
    board.capacitor("10u", "V5F")
    board.place(parts.LDO, IN="V5F", EN="V5F", GND="GND", OUT="V3A")
    board.capacitor("10u", "V3A")
    board.place(parts.REFERENCE, VIN="V3A", GND="GND", VOUT="VREF", TRIM="VREF_QUIET")
    board.capacitor("1u", "V3A")
    board.capacitor("1u", "VREF_QUIET")
    board.capacitor("10u", "VREF")
    for net in ("V3A", "VREF"):
        board.test_point(net)
