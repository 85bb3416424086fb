"""The schematic and the files of `neurorack/boards/` say the same: addresses, pins, gains, offsets, LEDs."""

import re

import pytest

from hardware.circuit import converters, cv, header, panel, parts
from hardware.circuit.__main__ import HERE
from hardware.circuit.board import at
from neurorack.board import HEADER_LINES, load_board
from neurorack.boards import BOARDS
from neurorack.jacks import tolerance
from neurorack.panel.leds import COLOURS
from neurorack.words import CV_JACKS, GATE_JACKS, POTS


@pytest.fixture(scope="module")
def file():
    return load_board(None)


def wired_to(board, net):
    return {(part.kind.prefix, number) for part, number, _ in board.pins(net)}


def test_a_board_file_may_name_the_pins_that_are_drawn_and_no_others():
    """tests/hardware/test_overlays.py has the overlays against the same pins."""
    assert set(HEADER_LINES) == set(header.LINES)


def test_gates_and_encoder_reach_the_header_pins_of_the_board_file(board, file):
    for line in ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push"):
        pin = getattr(file.gpio, line).pin
        assert header.LINES[pin] == line
        assert ("J", str(pin)) in wired_to(board, f"{line}_gpio")


RASPBERRY_GPIO = {
    **{3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11},
    **{24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21},
}
"""By header pin (Raspberry Pi documentation, "GPIO and the 40-pin header")."""

RASPBERRY_SOUND = {12: "BCLK", 35: "LRCLK", 38: "DATA_FROM_CODEC", 40: "DATA_TO_CODEC"}
"""PCM_CLK, PCM_FS, PCM_DIN and PCM_DOUT, GPIO18…21 (the same page)."""


@pytest.mark.parametrize("name", [name for name in BOARDS if name != "orin"])
def test_every_other_computer_fits_the_same_header(name):
    """Outputs would fight where a board file and the drawn header disagree. Pins as the file's comments name them."""
    told = re.findall(
        r"^# Header (\d+),[^\n]*\n\[gpio\.(\w+)\]$", BOARDS[name].read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {int(pin): line for pin, line in told} == header.LINES


def test_a_raspberry_pis_lines_and_buses_are_those_behind_the_header():
    text = BOARDS["generic"].read_text(encoding="utf-8")
    lines = load_board(BOARDS["generic"]).gpio.by_name()
    assert {pin: lines[name].line for pin, name in header.LINES.items()} == {
        pin: RASPBERRY_GPIO[pin] for pin in header.LINES
    }
    assert RASPBERRY_SOUND.items() <= header.SOUND.items()
    buses = {net: (pin, RASPBERRY_GPIO[pin]) for pin, net in header.BUSES.items()}
    assert buses == {"SDA_A": (3, 2), "SCL_A": (5, 3), "SDA_B": (27, 0), "SCL_B": (28, 1)}
    assert "header 3/5 = i2c-1, 27/28 = i2c-0" in text
    devices = {name: bus.device for name, bus in load_board(BOARDS["generic"]).buses.items()}
    assert devices == {"a": "/dev/i2c-1", "b": "/dev/i2c-0"}


def test_the_readmes_table_of_pins_is_the_headers():
    table = (HERE / "README.md").read_text().split("## Pins")[1].split("\n\n")[2]
    rows = {row[1].strip("` "): row[2:5] for row in (line.split("|") for line in table.splitlines())}
    for pin, line in header.LINES.items():
        name = line if line in GATE_JACKS else line.replace("encoder_a", "encoder A").replace("encoder_b", "encoder B")
        assert [int(cell.split(",")[0]) for cell in rows[name.replace("_", " ")]] == [pin] * 3


def test_no_line_is_inverted_for_the_board_file_says_so_of_none(file):
    assert not any(getattr(file.gpio, line).active_low for line in header.LINES.values())


def test_converters_answer_where_the_board_file_looks(board, file):
    chips = {part.value.split()[1]: part for part in board.parts("converters") if part.kind.number.startswith("ADS")}
    for name, (tied, inputs) in converters.INPUTS.items():
        assert converters.ADDRESSES[at(chips[name], "ADDR")] == getattr(file.adc, name).address
        assert tied == at(chips[name], "ADDR")
        assert tuple(at(chips[name], f"AIN{n}") for n in range(4)) == inputs


def test_every_jack_and_pot_comes_in_where_it_is_read(board, file):
    for jack, name in zip(file.jacks.in_order(), CV_JACKS, strict=True):
        converter = "voct" if name == "voct" else "cv"
        assert converters.INPUTS[converter][1][jack.input] == f"{name}_pin"
    for pot, name in zip(file.pots.in_order(), POTS, strict=True):
        assert converters.INPUTS["pots"][1][pot.input] == f"{name}_pin"


def test_the_converter_of_voct_reads_the_reference_where_the_board_file_says(file):
    assert converters.INPUTS["voct"][1][file.reference.input] == "VREF"
    assert file.reference.volts == tolerance.REFERENCE_V


def test_gain_and_offsets_are_those_of_the_board_file(file):
    """To 0.02 cents; and what the rack and the wizard reckon with behind the op-amp is what is drawn there."""
    assert (tolerance.FILTER_OHM, tolerance.BLEED_OHM) == (cv.FILTER_OHMS, cv.BLEED_OHMS)
    gain, passed = cv.FEEDBACK_OHMS / cv.INPUT_OHMS, cv.BLEED_OHMS / (cv.FILTER_OHMS + cv.BLEED_OHMS)
    upper, lower = cv.VOCT_BIAS_OHMS
    voct_v = 2.5 * sum(lower) / (upper + sum(lower)) * (1 + gain)
    assert voct_v * passed == pytest.approx(file.jacks.voct.offset_v, abs=5e-6)
    upper, lower = cv.CV_BIAS_OHMS
    assert 2.5 * lower / (sum(upper) + lower) * (1 + gain) * passed == pytest.approx(file.jacks.cv1.offset_v, abs=5e-6)
    for jack in file.jacks.in_order():
        assert jack.gain == pytest.approx(-gain * passed, abs=5e-7)


def test_leds_hang_on_the_channels_of_the_board_file(board, file):
    channels = {name: file.leds.channels[name] for name in panel.LEDS}
    driver = next(part for part in board.parts("panel") if part.kind.number.startswith("PCA"))
    for name, channel in channels.items():
        assert at(driver, f"LED{channel}") == f"led_{name}"
    strapped = sum((at(driver, f"A{n}") == "V3H") << n for n in range(6))
    assert 0x40 | strapped == file.leds.address


def test_leds_have_the_colours_that_pictures_of_the_module_show(board):
    assert panel.LEDS == COLOURS
    soldered = {part.value.split(", ")[0]: part.kind for part in board.parts("panel") if "WP710" in part.kind.number}
    assert soldered == {name: parts.LEDS[colour] for name, colour in COLOURS.items()}


def test_jacks_bear_the_names_of_the_words(board):
    jacks = [part.value for part in board.parts() if part.kind.number == "PJ398SM"]
    assert sorted(jacks) == sorted((*CV_JACKS, *GATE_JACKS, "in", "out"))


def test_both_buses_rise_fast_enough_for_400_khz_with_and_without_the_computers_pull_ups():
    for bus, farads in panel.BUS_FARADS.items():
        assert panel.rise_s(panel.PULL_UP_OHMS, farads) < panel.PROMISED_RISE_S, bus
    for computers_ohms in (2.2e3, 1.8e3):  # NVIDIA's modules; a Raspberry Pi
        together = 1 / (1 / panel.PULL_UP_OHMS + 1 / computers_ohms)
        assert (3.3 - 0.4) / together < 3e-3  # UM10204 table 9: every chip sinks 3 mA at 0.4 V


def test_sound_and_buses_leave_the_gates_pins_alone():
    used = [header.SUPPLY, header.BUSES, header.SOUND, header.LINES]
    assert sum(map(len, used)) == len({pin for table in used for pin in table})
