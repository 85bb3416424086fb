"""CV jacks to the converters' pins: pin = offset − 0.297 × jack, from one inverting amplifier each.

    jack ── 100 kΩ ──┬── 30 kΩ ──┐               offset = bias × 1.3 × 100 / 101
                     └── (−)     │
              bias ───── (+) out ┴── 1 kΩ ──┬──────────┬── pin
                                            100 nF     100 kΩ to ground

The amplifier runs on the converter's own 3.3 V: whatever hangs at the jack, the pin cannot leave its supply. ±15 V
drives 150 µA into a virtual earth, or, when the amplifier has given up or is off, a little into its input diodes, which
bear 10 mA. The clamps at the pin are for a slipped probe and static. 1 kΩ and 100 nF are the anti-alias filter:
1.6 kHz, 6 τ = 0.6 ms to 3 cents of an octave, less than one conversion.

The last 100 kΩ are there for the day when nothing drives the pin: an op-amp or its resistor missing, a joint that has
broken. By itself the converter's sampling holds such a pin at half a volt, where it looks like a patched jack; with
them it lies below 0.07 V, where no jack within its range can put it, clamps leaking at 50 °C included. They cost one
percent of the gain, which the board file has, and no noise. Place them at the converter.
"""

from hardware.circuit import parts
from hardware.circuit.board import Board

JACKS = ("voct", "cv1", "cv2", "cv3", "cv4")

INPUT_OHMS, FEEDBACK_OHMS = 100e3, 30e3
"""Gain −0.3 at the amplifier."""

VOCT_BIAS_OHMS = (20e3, (30e3, 15e3))
"""From 2.5 V down to 2.25 V / 1.3 = 1.7308 V: upper resistor, lower ones in series. All of them E24, and exact."""

CV_BIAS_OHMS = ((30e3, 2e3), 33e3)
"""From 2.5 V down to 1.65 V / 1.3 = 1.2692 V."""

FILTER_OHMS, FILTER_CAPACITOR = 1e3, "100n C0G"
BLEED_OHMS = 100e3
"""Together they pass 100 / 101 of the amplifier's volts."""

PRECISE, ORDINARY = 0.001, 0.01


def draw(board: Board) -> None:
    """All five; `voct` of 0.1 % and 25 ppm/K, the others of 1 %. The sixth amplifier holds the bias of the four."""
    board.block = "cv"
    upper, (lower, rest) = VOCT_BIAS_OHMS
    board.resistor(upper, "VREF", "voct_bias", PRECISE)
    board.resistor(lower, "voct_bias", "voct_bias_mid", PRECISE)
    board.resistor(rest, "voct_bias_mid", "GND", PRECISE)
    board.capacitor("1u", "voct_bias")
    (upper, rest), lower = CV_BIAS_OHMS
    board.resistor(upper, "VREF", "cv_bias_mid")
    board.resistor(rest, "cv_bias_mid", "cv_divided")
    board.resistor(lower, "cv_divided", "GND")
    board.capacitor("1u", "cv_divided")

    for first, second in (("voct", None), ("cv1", "cv2"), ("cv3", "cv4")):
        nets = {"POSA": "voct_bias" if first == "voct" else "cv_bias", "NEGA": f"{first}_sum", "OUTA": f"{first}_out"}
        if second:
            nets |= {"POSB": "cv_bias", "NEGB": f"{second}_sum", "OUTB": f"{second}_out"}
        else:
            nets |= {"POSB": "cv_divided", "NEGB": "cv_bias", "OUTB": "cv_bias"}
        board.place(parts.CV_AMPLIFIER, VPLUS="V3A", VMINUS="GND", **nets)
        board.capacitor("100n", "V3A")

    for jack in JACKS:
        tolerance = PRECISE if jack == "voct" else ORDINARY
        board.place(parts.JACK, jack, S="GND", TN="GND", T=f"{jack}_jack")
        board.resistor(INPUT_OHMS, f"{jack}_jack", f"{jack}_sum", tolerance)
        board.resistor(FEEDBACK_OHMS, f"{jack}_sum", f"{jack}_out", tolerance)
        board.capacitor("220p", f"{jack}_sum", f"{jack}_out")
        board.resistor(FILTER_OHMS, f"{jack}_out", f"{jack}_pin", tolerance)
        board.capacitor(FILTER_CAPACITOR, f"{jack}_pin")
        board.resistor(BLEED_OHMS, f"{jack}_pin", "GND", tolerance)
        board.place(parts.CLAMP, A="GND", K="V3A", MID=f"{jack}_pin")
    board.test_point("voct_bias")
    board.test_point("cv_bias")
    board.test_point("voct_pin")
