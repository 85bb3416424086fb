"""The drivers of converters and LEDs, as they are, on the kernel's own simulation of chips, i2c-stub.

It is an adapter that offers SMBus alone, in transfers of up to 32 bytes. Its chips are registers that keep what is
written to them: the test plays the chip through a second handle, and so sees what the driver has said and says what
the driver reads. It converts nothing, and takes no time; test_bus.py has chips that do. A picture is more than 32 bytes
in one message, which only plain I2C carries: the display is refused.
"""

from errno import EOPNOTSUPP
from pathlib import Path

import msgspec
import numpy as np
import pytest
from smbus2 import SMBus, i2c_msg

from neurorack.board import Board, load_board
from neurorack.clock import MonotonicClock
from neurorack.jacks.ads1x15 import CONFIG, CONVERSION, Ads1x15
from neurorack.jacks.bus import I2cBus, open_bus
from neurorack.jacks.scan import Scan
from neurorack.panel.leds import Leds, registers
from neurorack.panel.oled import Oled

CLOCK = MonotonicClock()

IDLE = 0x8000
"""Of a config register that is read: no conversion is under way."""


class Registers:
    """A second hand on the chips of i2c-stub."""

    def __init__(self, device: str) -> None:
        self._bus = SMBus(device)

    def word(self, address: int, register: int) -> int:
        """A converter's register, whose high byte goes first on the wire: SMBus has it the other way round."""
        return int.from_bytes(self._bus.read_word_data(address, register).to_bytes(2, "little"), "big")

    def put(self, address: int, register: int, word: int) -> None:
        self._bus.write_word_data(address, register, int.from_bytes((word & 0xFFFF).to_bytes(2, "big"), "little"))

    def block(self, address: int, register: int, length: int) -> bytes:
        return bytes(self._bus.read_i2c_block_data(address, register, length))

    def close(self) -> None:
        self._bus.close()


@pytest.fixture
def board() -> Board:
    """The Orin's, with both buses on i2c-stub."""
    names = Path("/sys/bus/i2c/devices").glob("i2c-*/name")
    stub = next(path.parent.name for path in names if "stub" in path.read_text())
    made = load_board()
    buses = {name: msgspec.structs.replace(bus, device=f"/dev/{stub}") for name, bus in made.buses.items()}
    return msgspec.structs.replace(made, buses=buses)


@pytest.fixture
def chips(board) -> Registers:
    made = Registers(board.buses["a"].device)
    yield made
    made.close()


@pytest.fixture
def bus(board) -> I2cBus:
    opened = open_bus(board.buses["a"].device, CLOCK, Path("/nowhere"))
    yield opened
    opened.close()


@pytest.mark.parametrize("number", range(4))
def test_a_single_shot_asks_for_its_input_and_reads_what_is_converted(board, chips, bus, number):
    adc = board.adc.cv
    driver = Ads1x15(bus, adc, 400_000)
    driver.start(number)
    # Start, input against ground, ±4.096 V, single shot, 860 a second, comparator off (SBAS444, table 8).
    assert chips.word(adc.address, CONFIG) == 0x8000 | (4 + number) << 12 | 1 << 9 | 0x0100 | 7 << 5 | 3
    chips.put(adc.address, CONVERSION, -1234 - number)
    assert driver.poll() == -1234 - number


def test_a_conversion_that_is_not_done_is_asked_for_again(board, chips, bus):
    adc = board.adc.cv
    driver = Ads1x15(bus, adc, 400_000)
    driver.start(2)
    config = chips.word(adc.address, CONFIG)
    chips.put(adc.address, CONFIG, config & ~IDLE)
    chips.put(adc.address, CONVERSION, 20_000)
    assert [driver.poll(), driver.poll()] == [None, None]
    chips.put(adc.address, CONFIG, config)
    assert driver.poll() == 20_000


def test_a_chip_that_lost_its_settings_is_noticed(board, chips, bus):
    driver = Ads1x15(bus, board.adc.cv, 400_000)
    driver.start(0)
    chips.put(board.adc.cv.address, CONFIG, 0x8583)  # as after power-on (SBAS444, table 8)
    with pytest.raises(OSError, match="lost its settings"):
        driver.poll()


def test_continuous_readings_follow_the_chip(board, chips, bus):
    adc = board.adc.voct
    driver = Ads1x15(bus, adc, 400_000)
    driver.run(0)
    assert chips.word(adc.address, CONFIG) == 4 << 12 | 1 << 9 | 7 << 5 | 3
    for code in (18_000, -1, 17_999):
        chips.put(adc.address, CONVERSION, code)
        assert driver.readings(2) == [code, code]


def test_the_whole_scan_reads_jacks_and_pots(board, chips, bus):
    jacks = {"voct": (board.jacks.voct, board.adc.voct, 1.25), "cv": (board.jacks.cv1, board.adc.cv, -2.0)}
    for wire, adc, volts in jacks.values():
        chips.put(adc.address, CONVERSION, round(wire.pin_v(volts) / adc.range_v * 0x8000))
    pots = board.adc.pots
    chips.put(pots.address, CONVERSION, round(board.pots.pot1.pin_v(0.7) / pots.range_v * 0x8000))
    scan = Scan(board, bus, None, CLOCK)
    end_ns = CLOCK.now_ns() + 500_000_000
    while CLOCK.now_ns() < end_ns:
        CLOCK.sleep_until_ns(scan.step())
    np.testing.assert_allclose(scan.volts, [1.25, -2.0, -2.0, -2.0, -2.0], atol=1e-3)  # one register for four inputs
    np.testing.assert_allclose(scan.pots, [0.7] * 4, atol=1e-3)
    assert scan.i2c_errors == 0


def test_leds_light(board, chips, bus):
    leds = board.leds
    levels = {name: number / 10 for number, name in enumerate(leds.channels)}
    assert Leds(bus, leds.address, leds.channels, leds.pwm_hz, CLOCK).show(levels)
    by_channel = [levels[name] for name in sorted(leds.channels, key=leds.channels.__getitem__)]
    assert chips.block(leds.address, 0x06, 32) == registers(by_channel)
    assert chips.block(leds.address, 0x00, 2) == bytes((0x20, 0x04))  # awake, one block for all, push-pull
    assert chips.block(leds.address, 0xFE, 1) == bytes((5,))  # 1 kHz


def test_a_picture_is_refused_in_the_kernels_words(board, bus):
    oled = Oled(bus, board.oled.address, CLOCK)
    assert not oled.show(np.zeros((64, 128), bool))
    with pytest.raises(OSError) as raised:
        bus.i2c_rdwr(i2c_msg.write(board.oled.address, bytes(129)))
    assert raised.value.errno == EOPNOTSUPP
