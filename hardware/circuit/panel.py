"""What the player sees and turns: display, LEDs, encoder and pots; and the pull-ups of both buses."""

from hardware.circuit import parts
from hardware.circuit.board import Board

LEDS = {
    "gate1": "green",
    "gate2": "green",
    "level": "green",
    "clip": "red",
    "load": "yellow",
    "fault": "red",
    "voltage": "yellow",
    "engine": "green",
}
"""By channel of the PCA9685, 0 first."""

PULL_UP_OHMS = 2.7e3
"""On each line of both buses, for 400 kHz with or without the board's own (`rise_s`).

An Orin's or a Nano's module has 2.2 kΩ on these buses; together they make 1.21 kΩ, and 0.4 V then takes 2.4 mA of the
3 mA that every chip sinks. Alone, 2.7 kΩ is fast enough for a board that has none."""

BUS_FARADS = {"a": 4 * 10e-12 + 10e-12 + 45e-12, "b": 2 * 10e-12 + 10e-12 + 60e-12}
"""Capacitance of a line: 10 pF a chip at most (SBAS444 §7.5, SGTL5000 and PCA9685 tables), 10 pF the
computer's pin, the rest 150 mm of ribbon at 100 pF/m, traces, and on bus B the display's wires."""

PROMISED_RISE_S = 300e-9
"""Fast mode allows no more (NXP UM10204, table 10)."""


def rise_s(ohms: float, farads: float) -> float:
    """From 30 to 70 % of the supply: 0.8473 R C (NXP UM10204, §7.1)."""
    return 0.8473 * ohms * farads


def draw(board: Board) -> None:
    """Display and LED driver on bus B, pots to the third converter, contacts to the Schmitt drivers."""
    board.block = "panel"
    for line in ("SDA_A", "SCL_A", "SDA_B", "SCL_B"):
        board.resistor(PULL_UP_OHMS, "V3H", line)

    board.place(parts.OLED, "SSD1306 0x3C", GND="GND", VCC="V3H", SCL="SCL_B", SDA="SDA_B")
    board.capacitor("10u", "V3H")

    # 0x60 = 1 100000: A5 high, the others low.
    board.place(
        parts.LED_DRIVER,
        "PCA9685 0x60",
        VDD="V3H",
        VSS="GND",
        OE="GND",
        EXTCLK="GND",
        A5="V3H",
        **{f"A{n}": "GND" for n in range(5)},
        SDA="SDA_B",
        SCL="SCL_B",
        **{f"LED{n}": f"led_{name}" for n, name in enumerate(LEDS)},
        **{f"LED{n}": None for n in range(len(LEDS), 16)},
    )
    board.capacitor("100n", "V3H")
    for name, colour in LEDS.items():
        board.resistor(330, f"led_{name}", f"led_{name}_anode")
        board.place(parts.LEDS[colour], f"{name}, {colour}", A=f"led_{name}_anode", K="GND")

    for n in range(1, 5):
        board.place(parts.POT, f"pot{n}, 10 kΩ linear", CCW="GND", W=f"pot{n}_wiper", CW="V3A")
        board.resistor(1e3, f"pot{n}_wiper", f"pot{n}_pin")
        board.capacitor("100n", f"pot{n}_pin")

    # A and B rest high; the push is high while pressed, which the board file calls 1.
    board.place(parts.ENCODER, "encoder", A="contact_a", B="contact_b", C="GND", D="V3H", E="contact_push")
    for contact, idle in (("a", "V3H"), ("b", "V3H"), ("push", "GND")):
        board.resistor(10e3, idle, f"contact_{contact}")
        board.resistor(10e3, f"contact_{contact}", f"encoder_{contact}_level")
        board.capacitor("10n", f"encoder_{contact}_level")
