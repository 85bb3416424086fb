"""The drivers of converters, display and LEDs on the kernel's I2C: smbus2, i2c-dev and the core between them and chips.

The chips here are the virtual rack's, behind an adapter of the kernel that takes any message (`relay.py`). The kernel's
own simulation, i2c-stub, is in test_smbus.py. What neither has are wires: clock rate, stretching, arbitration, and the
errors with which a Jetson's own adapter reports them.
"""

from errno import EREMOTEIO
from pathlib import Path

import numpy as np
import pytest

from neurorack.board import load_board
from neurorack.clock import MonotonicClock
from neurorack.errors import BadInput
from neurorack.jacks.ads1x15 import Ads1x15
from neurorack.jacks.bus import I2cBus, open_bus
from neurorack.jacks.scan import Scan
from neurorack.panel.leds import Leds, duty
from neurorack.panel.oled import Oled
from neurorack.rack.chips.pca9685 import LEDS
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.state import Fault, WorldState
from neurorack.shared import Snapshot

BOARD, CLOCK = load_board(), MonotonicClock()


def opened(bus: str) -> I2cBus:
    return open_bus(BOARD.buses[bus].device, CLOCK, Path("/nowhere"))


def watch(scan: Scan, seconds: float) -> None:
    end_ns = CLOCK.now_ns() + round(seconds * 1e9)
    while CLOCK.now_ns() < end_ns:
        CLOCK.sleep_until_ns(scan.step())


def ails(**faults: Fault):
    def edit(state: WorldState) -> None:
        state.faults = faults

    return edit


def test_every_jack_and_pot_is_read(rack):
    rack.plug(voct=1.25, cv1=-2.0, cv2=3.5, cv3=0.25, cv4=-4.75)
    rack.change(lambda state: state.pots.update(pot1=0.1, pot2=0.4, pot3=0.7, pot4=1.0))
    scan = Scan(BOARD, opened("a"), None, CLOCK)
    watch(scan, 1.0)
    np.testing.assert_allclose(scan.volts, [1.25, -2.0, 3.5, 0.25, -4.75], atol=2e-3)
    np.testing.assert_allclose(scan.pots, [0.1, 0.4, 0.7, 1.0], atol=2e-3)
    assert scan.i2c_errors == 0


def test_eight_reads_are_one_transaction(rack):
    rack.plug(voct=1.0)
    chip = Ads1x15(opened("a"), BOARD.adc.voct, 400_000)
    chip.run(BOARD.jacks.voct.input)
    CLOCK.sleep_until_ns(CLOCK.now_ns() + 10_000_000)
    codes = chip.readings(8)
    assert BOARD.jacks.voct.jack_v(codes[-1] * chip.lsb_v) == pytest.approx(1.0, abs=2e-3)
    assert max(codes) - min(codes) <= 1


def test_a_chip_that_does_not_acknowledge_is_what_a_kernel_says_of_it(rack):
    rack.change(ails(adc_voct=Fault("absent")))
    with pytest.raises(OSError) as raised:
        Ads1x15(opened("a"), BOARD.adc.voct, 400_000).start(0)
    assert raised.value.errno == EREMOTEIO


def test_a_converter_is_unplugged_and_comes_back_while_the_others_are_read(rack):
    rack.plug(voct=1.0, cv1=2.0)
    scan = Scan(BOARD, opened("a"), None, CLOCK)
    watch(scan, 0.5)
    rack.change(ails(adc_cv=Fault("absent")))
    watch(scan, 0.5)
    assert [reader.ok for reader in scan.readers] == [True, False, True]
    rack.plug(voct=1.5, cv1=3.0)
    watch(scan, 2.0)
    assert [reader.ok for reader in scan.readers] == [True, True, True]
    np.testing.assert_allclose(scan.volts[:2], [1.5, 3.0], atol=2e-3)


def test_a_bus_held_low_is_known_for_one_and_left(rack):
    scan = Scan(BOARD, opened("a"), None, CLOCK)
    watch(scan, 0.5)
    rack.change(ails(bus_a=Fault("stuck", seconds=0.1)))
    watch(scan, 1.0)
    assert scan.held_low
    rack.plug(voct=2.0)
    watch(scan, 2.0)
    assert not scan.held_low
    assert scan.volts[0] == pytest.approx(2.0, abs=2e-3)


def test_a_picture_arrives_dot_by_dot(rack):
    picture = np.random.default_rng(5).random((64, 128)) < 0.5
    assert Oled(opened("b"), BOARD.oled.address, CLOCK).show(picture)
    shown = Snapshot(rack.run_dir / "rack.oled", OLED)
    shown.refresh()
    np.testing.assert_array_equal(pixels(shown.record), picture)
    shown.close()


def test_leds_shine_as_bright_as_they_are_told(rack):
    leds = BOARD.leds
    assert Leds(opened("b"), leds.address, leds.channels, leds.pwm_hz, CLOCK).show({"level": 0.5, "engine": 1.0})
    lit = Snapshot(rack.run_dir / "rack.leds", LEDS)
    lit.refresh()
    shines = {channel: lit.record["duty"][channel] for channel in range(16) if lit.record["duty"][channel]}
    assert shines == pytest.approx({leds.channels["level"]: duty(0.5) / 4096, leds.channels["engine"]: 1.0}, abs=1e-6)
    lit.close()


def test_a_bus_that_is_not_there_is_one_clear_message():
    with pytest.raises(BadInput, match=r"no such I2C bus \(/dev/i2c-9\): .*`buses` in the board file"):
        open_bus("/dev/i2c-9", CLOCK, Path("/nowhere"))
