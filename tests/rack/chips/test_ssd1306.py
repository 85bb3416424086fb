"""The virtual SSD1306, by its data sheet and by luma.oled's driver."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorack.rack.chips.ssd1306 import Ssd1306

SET_UP = bytes.fromhex("00 AE 20 00 8D 14 A1 C8 A8 3F D3 00 40 A4 A6 AF")
"""Horizontal addressing, charge pump, upright, on."""

WHOLE = bytes.fromhex("00 21 00 7F 22 00 07")


@pytest.fixture
def chip() -> Ssd1306:
    chip = Ssd1306()
    chip.write(SET_UP, 0)
    chip.write(WHOLE, 0)
    chip.write(b"\x40" + bytes(1024), 0)
    return chip


def command(chip: Ssd1306, text: str) -> None:
    chip.write(b"\x00" + bytes.fromhex(text), 0)


def lit(chip: Ssd1306) -> list[tuple[int, int]]:
    """(x, y) of every pixel that shines."""
    return [(int(x), int(y)) for y, x in np.argwhere(chip.pixels())]


def test_it_wakes_up_dark_with_noise_in_its_ram() -> None:
    chip = Ssd1306()
    assert not chip.pixels().any()
    chip.write(SET_UP, 0)
    assert 0.3 < chip.pixels().mean() < 0.7, "a driver must clear it"


def test_without_the_charge_pump_nothing_shines(chip: Ssd1306) -> None:
    command(chip, "A5")
    assert chip.pixels().all()
    command(chip, "8D 10")
    assert not chip.pixels().any()


def test_the_first_byte_is_eight_pixels_down_from_the_top_left_corner(chip: Ssd1306) -> None:
    chip.write(b"\x40\x81", 0)
    assert lit(chip) == [(0, 0), (0, 7)]


def test_horizontal_addressing_runs_through_its_window(chip: Ssd1306) -> None:
    command(chip, "21 0A 0B 22 01 02")
    chip.write(b"\x40" + b"\x01" * 3, 0)
    assert lit(chip) == [(10, 8), (11, 8), (10, 16)]
    chip.write(b"\x40\x01\x02", 0)  # ends the window and begins it again
    assert lit(chip) == [(11, 8), (10, 9), (10, 16), (11, 16)]


def test_vertical_addressing_goes_down_first(chip: Ssd1306) -> None:
    command(chip, "20 01 21 0A 0B 22 01 02")
    chip.write(b"\x40" + b"\x01" * 3, 0)
    assert lit(chip) == [(10, 8), (11, 8), (10, 16)]
    chip.write(b"\x40\x01\x02", 0)
    assert lit(chip) == [(11, 8), (10, 9), (10, 16), (11, 16)]


def test_page_addressing_stays_in_its_page(chip: Ssd1306) -> None:
    command(chip, "20 02 B3 0E 17")  # page 3, column 0x7E
    chip.write(b"\x40" + b"\x01" * 3, 0)
    assert lit(chip) == [(0, 24), (126, 24), (127, 24)]


def test_start_line_and_offset_scroll_the_picture_up(chip: Ssd1306) -> None:
    command(chip, "21 00 7F 22 02 02")
    chip.write(b"\x40\x01", 0)
    command(chip, "4A")
    assert lit(chip) == [(0, 6)]
    command(chip, "D3 04")
    assert lit(chip) == [(0, 2)]


def test_the_other_scan_directions_turn_the_picture(chip: Ssd1306) -> None:
    chip.write(b"\x40\x01", 0)
    command(chip, "C0")
    assert lit(chip) == [(0, 63)]
    command(chip, "A0")
    assert lit(chip) == [(0, 63)], "segment remap acts on what is drawn after it"
    chip.write(b"\x40\x02", 0)
    assert lit(chip) == [(126, 62), (0, 63)]


def test_inverted_and_all_on(chip: Ssd1306) -> None:
    chip.write(b"\x40\x01", 0)
    command(chip, "A7")
    assert chip.pixels().sum() == 64 * 128 - 1
    command(chip, "A6 A5")
    assert chip.pixels().all()
    command(chip, "A4 AE")
    assert not chip.pixels().any()
    assert chip.read(1, 0) == b"\x40"
    command(chip, "AF")
    assert lit(chip) == [(0, 0)]
    assert chip.read(1, 0) == b"\x00"


def test_fewer_lines_darken_the_rest(chip: Ssd1306) -> None:
    command(chip, "A8 1F A5 A4 A7")
    assert chip.pixels()[:32].all()
    assert not chip.pixels()[32:].any()


def test_arguments_may_come_one_message_at_a_time(chip: Ssd1306) -> None:
    for byte in bytes.fromhex("21 0A 0B 22 01 02 81 CF"):
        chip.write(bytes((0x80, byte)), 0)
    chip.write(b"\x40\x01", 0)
    assert lit(chip) == [(10, 8)]
    assert chip.state["contrast"] == 0xCF


def test_control_bytes_may_alternate_within_a_message(chip: Ssd1306) -> None:
    chip.write(bytes.fromhex("80 A7 C0 01 80 A6 40 01 01"), 0)
    assert lit(chip) == [(0, 0), (1, 0), (2, 0)]


def test_commands_it_has_no_use_for_take_their_arguments_with_them(chip: Ssd1306) -> None:
    for text in (
        "D5 A7",
        "D9 A7",
        "DA A7",
        "DB A7",
        "D6 A7",
        "A3 A7 A7",
        "26 A7 A7 A7 A7 A7 A7",
        "29 A7 A7 A7 A7 A7",
        "2E E3",
    ):
        command(chip, text)
        assert not chip.state["inverted"], text
        assert not chip.pixels().any()


@given(st.lists(st.binary(max_size=40), max_size=30))
@settings(max_examples=50)
def test_no_stream_upsets_it(messages: list[bytes]) -> None:
    chip = Ssd1306()
    for message in messages:
        chip.write(message, 0)
    chip.write(b"\x00" + b"\xe3" * 7, 0)  # whatever arguments were still to come
    chip.write(bytes.fromhex("00 8D 14 A5 A6 AF"), 0)
    assert chip.pixels()[: int(chip.state["lines"]) if chip.state["com_reversed"] else 64].any()


def test_its_state_outlives_the_process_that_drives_it(tmp_path: Path) -> None:
    first = Ssd1306(run_dir=tmp_path)
    first.write(SET_UP, 0)
    first.write(b"\x00\x21\x05\x06", 0)
    first.write(b"\x40\xff", 0)
    again = Ssd1306(run_dir=tmp_path)
    assert (again.pixels() == first.pixels()).all()
    assert again.pixels().any()
    again.write(b"\x40\xaa", 0)
    assert again.state["ram"][0, 127 - 6] == 0xAA, "the pointer is where it was"


def test_luma_draws_on_it_pixel_for_pixel(bus_with: Callable) -> None:
    from luma.core.interface.serial import i2c
    from luma.core.render import canvas
    from luma.oled.device import ssd1306
    from PIL import Image

    chip = Ssd1306()
    device = ssd1306(i2c(bus=bus_with(chip), address=0x3C))
    assert not chip.pixels().any(), "luma clears it"
    rng = np.random.default_rng(5)
    for image in (
        Image.fromarray((rng.random((64, 128)) < 0.5).astype(np.uint8) * 255).convert("1"),
        Image.fromarray(np.eye(64, 128, dtype=np.uint8) * 255).convert("1"),
    ):
        device.display(image)
        assert (chip.pixels() == np.asarray(image)).all()
    with canvas(device) as draw:
        draw.text((3, 5), "C4 +2.00 V", fill="white")
        draw.rectangle(device.bounding_box, outline="white")
        expected = np.asarray(draw._image).copy()
    assert (chip.pixels() == expected).all()
    device.contrast(17)
    assert chip.state["contrast"] == 17
    device.hide()
    assert not chip.pixels().any()
    device.show()
    assert (chip.pixels() == expected).all()


@pytest.mark.usefixtures("without_blinka")
def test_adafruits_driver_draws_on_it(bus_with: Callable, busio: type) -> None:
    from adafruit_ssd1306 import SSD1306_I2C

    chip = Ssd1306()
    display = SSD1306_I2C(128, 64, busio(bus_with(chip)))
    display.pixel(3, 60, 1)
    display.show()
    assert lit(chip) == [(3, 60)]
    display.rotate(True)  # its way of turning needs the picture sent again
    display.show()
    assert chip.pixels().sum() == 1
