"""Sound: the codec, Eurorack levels on both sides, and a relay that holds the output to ground until there is sound.

The SGTL5000 (NXP) has been in the mainline kernel since 2011 (`sound/soc/codecs/sgtl5000.c`), and NVIDIA's jetson-io
brings an overlay for it. Control at 0x0A on bus A: a handful of writes when a stream opens.

`J_CLOCK` chooses its master clock. From pin 7 the computer clocks everything. With the oscillator the codec must be the
master of the I2S clocks too, for a slave's master clock has to be locked to them (SGTL5000 data sheet, clocking).

Mute: the computer's sound data pump a gate, seen through the sixth driver of `gates`, which loads the line with no
more than an input. While a rising edge comes once a word the relay lets the amplifier through. It has to be the data:
with the oscillator the frame clock is the codec's and runs on when the engine is dead, and so it does where a sound
server holds the stream. A line that carries nothing but zeros has no edges, whoever clocks it. So silence that is
meant must not be zero: the engine rests two steps of 24 bits below (`neurorack/engine/callback.py`), and sends zeros
only while it is muted itself. When it has not begun, has died, hangs or is muted, or the power has gone, `out` lies at
ground.

Mono: `out` is the left channel; `in` goes to both channels of the converter.
"""

from hardware.circuit import parts
from hardware.circuit.board import Board

FULL_SCALE_VPP = 2.83
"""1 Vrms at the codec's line input and output (SGTL5000 data sheet, audio performance)."""

IN_OHMS, IN_FEEDBACK_OHMS = 100e3, 30e3
"""10 Vpp to 3 Vpp, of which 2.2 kΩ and the codec's 14.5 kΩ leave 2.6 Vpp: 0.7 dB below full scale.

Like a CV's amplifier it runs on the 3.3 V of what it drives and rests in its middle."""

OUT_OHMS, OUT_FEEDBACK_OHMS = 10e3, 35.7e3
"""2.83 Vpp to 10.1 Vpp."""

PUMP_CAPACITOR = "220p"
HOLD_CAPACITOR, HOLD_OHMS = "470n", 470e3
"""At rest each of both words has one rising edge: 96,000 × 220 pF = 47 kΩ fill 470 nF. Open after some 20 ms of sound,
shut some 130 ms after it."""


def draw(board: Board) -> None:
    """Codec, both amplifiers, mute."""
    board.block = "codec"
    open_pins = dict.fromkeys(("HP_R", "HP_L", "HP_VGND", "LINEOUT_R", "MIC", "MIC_BIAS"))
    board.place(
        parts.CODEC,
        "SGTL5000 0x0A",
        **dict.fromkeys(("GND1", "GND3", "AGND", "PAD", "CTRL_MODE", "CTRL_ADR0_CS"), "GND"),
        VDDA="V3A",
        VDDIO="V3A",
        VDDD="codec_core",
        VAG="codec_vag",
        CPFILT="codec_pump",
        LINEIN_L="codec_in",
        LINEIN_R="codec_in",
        LINEOUT_L="codec_out",
        SYS_MCLK="codec_clock",
        I2S_LRCLK="LRCLK",
        I2S_SCLK="BCLK",
        I2S_DOUT="codec_dout",
        I2S_DIN="DATA_TO_CODEC",
        CTRL_DATA="SDA_A",
        CTRL_CLK="SCL_A",
        **open_pins,
    )
    board.place(parts.LINK_3, "J_CLOCK: header | codec | own", P1="MCLK", P2="codec_clock", P3="own_clock")
    board.place(parts.OSCILLATOR, "12.288 MHz", EN="V3A", GND="GND", OUT="own_clock", VDD="V3A")
    board.capacitor("100n", "V3A")
    board.resistor(33, "codec_dout", "DATA_FROM_CODEC")
    for net in ("codec_core", "codec_vag", "codec_pump", "V3A", "V3A"):
        board.capacitor("100n", net)
    board.capacitor("10u", "V3A")

    board.block = "audio"
    board.place(parts.JACK, "in", S="GND", TN="GND", T="in_jack")
    board.capacitor("2.2u film", "in_jack", "in_floating")
    board.resistor(IN_OHMS, "in_floating", "in_sum")
    board.resistor(IN_FEEDBACK_OHMS, "in_sum", "in_amplified")
    board.capacitor("100p", "in_sum", "in_amplified")
    board.place(parts.IN_AMPLIFIER, VPLUS="V3A", VMINUS="GND", POS="cv_bias", NEG="in_sum", OUT="in_amplified")
    board.capacitor("100n", "V3A")
    board.capacitor("1u", "in_amplified", "in_centred")
    board.resistor(2.2e3, "in_centred", "codec_in")
    board.place(parts.SOUND_CLAMP, A="GND", K="V3A", MID="codec_in")

    board.capacitor("2.2u film", "codec_out", "out_floating")
    board.resistor(OUT_OHMS, "out_floating", "out_sum")
    board.resistor(OUT_FEEDBACK_OHMS, "out_sum", "out_amplified")
    board.capacitor("100p", "out_sum", "out_amplified")
    board.place(parts.OUT_AMPLIFIER, VPLUS="V12A", VMINUS="V12N", POS="GND", NEG="out_sum", OUT="out_amplified")
    board.capacitor("100n", "V12A")
    board.capacitor("100n", "GND", "V12N")
    board.resistor(47, "out_amplified", "out_open")
    board.place(parts.PULSE_1K, "1 kΩ 0.66 W", 1e3, A="out_muted", B="out_jack")
    board.place(parts.JACK, "out", S="GND", TN=None, T="out_jack")

    board.block = "mute"
    board.place(
        parts.RELAY,
        COIL_P="V12A",
        COIL_N="mute_drain",
        NO1="out_open",
        COM1="out_muted",
        NC1="GND",
        NO2=None,
        COM2=None,
        NC2=None,
    )
    board.resistor(1e3, "data_seen", "mute_edges")
    board.capacitor(PUMP_CAPACITOR, "mute_edges", "mute_pump")
    board.place(parts.CLAMP, A="GND", MID="mute_pump", K="mute_gate")
    board.capacitor(HOLD_CAPACITOR, "mute_gate")
    board.resistor(HOLD_OHMS, "mute_gate", "GND")
    board.place(parts.NMOS, G="mute_gate", S="GND", D="mute_drain")
    board.place(parts.SIGNAL_DIODE, A="mute_drain", K="V12A")
    for net in ("mute_gate", "out_amplified"):
        board.test_point(net)
