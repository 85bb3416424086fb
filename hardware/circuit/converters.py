"""The three ADS1115 on bus A. ADDR sets the address: ground 0x48, supply 0x49, SDA 0x4A (SBAS444 §8.5.1.1)."""

from hardware.circuit import parts
from hardware.circuit.board import Board

ADDRESSES = {"GND": 0x48, "V3A": 0x49, "SDA_A": 0x4A}
"""By the net at ADDR."""

INPUTS = {
    "voct": ("GND", ("voct_pin", "VREF", "GND", "GND")),
    "cv": ("V3A", ("cv1_pin", "cv2_pin", "cv3_pin", "cv4_pin")),
    "pots": ("SDA_A", ("pot1_pin", "pot2_pin", "pot3_pin", "pot4_pin")),
}
"""Per converter: the net at ADDR, and those at AIN0…AIN3.

`voct`'s second input sees the reference: the converter's own drift, the largest of all (`tolerance`), can be measured
against it."""


def draw(board: Board) -> None:
    """All three."""
    board.block = "converters"
    for name, (address, inputs) in INPUTS.items():
        board.place(
            parts.ADC,
            f"ADS1115 {name} 0x{ADDRESSES[address]:02X}",
            ADDR=address,
            GND="GND",
            VDD="V3A",
            SDA="SDA_A",
            SCL="SCL_A",
            **{f"AIN{n}": net for n, net in enumerate(inputs)},
        )
        board.capacitor("100n", "V3A")
