"""The schematic and `neurorack/board.toml` say the same: addresses, pins, gains, offsets, LEDs."""

import pytest

from hardware.circuit import converters, cv, header, panel
from hardware.circuit.board import at
from neurorack.board import load_board
from neurorack.words import CV_JACKS, GATE_JACKS, POTS


@pytest.fixture(scope="module")
def file():
    return load_board(None)


def wired_to(board, net):
    return {(part.kind.prefix, number) for part, number, _ in board.pins(net)}


def test_gates_and_encoder_reach_the_header_pins_of_the_board_file(board, file):
    for line in ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push"):
        pin = getattr(file.gpio, line).pin
        assert header.LINES[pin] == line
        assert ("J", str(pin)) in wired_to(board, f"{line}_gpio")


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


def test_gain_and_offsets_are_those_of_the_board_file(file):
    gain = cv.FEEDBACK_OHMS / cv.INPUT_OHMS
    upper, lower = cv.VOCT_BIAS_OHMS
    assert 2.5 * sum(lower) / (upper + sum(lower)) * (1 + gain) == pytest.approx(file.jacks.voct.offset_v)
    upper, lower = cv.CV_BIAS_OHMS
    assert 2.5 * lower / (sum(upper) + lower) * (1 + gain) == pytest.approx(file.jacks.cv1.offset_v)
    for jack in file.jacks.in_order():
        assert jack.gain == pytest.approx(-gain)


def test_leds_hang_on_the_channels_of_the_board_file(board, file):
    channels = {name: file.leds.channels[name] for name in panel.LEDS}
    driver = next(part for part in board.parts("panel") if part.kind.number.startswith("PCA"))
    for name, channel in channels.items():
        assert at(driver, f"LED{channel}") == f"led_{name}"
    strapped = sum((at(driver, f"A{n}") == "V3H") << n for n in range(6))
    assert 0x40 | strapped == file.leds.address


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
