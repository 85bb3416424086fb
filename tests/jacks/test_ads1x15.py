"""The driver against the virtual chip, register by register and in bus time."""

import msgspec
import pytest

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.jacks.ads1x15 import Ads1x15
from neurorack.rack.bus import RackBus
from neurorack.rack.chips.ads1x15 import Ads1x15 as VirtualChip

PINS_V = (0.25, 1.0, 2.0, 3.0)
BIT_NS = 2_500


@pytest.fixture(params=["ads1115", "ads1015"])
def bench(request):
    adc = load_board().adc.cv
    if request.param == "ads1015":
        adc = msgspec.structs.replace(adc, kind="ads1015", rate_sps=920)
    clock = SimulatedClock()
    pins = [lambda begin_ns, end_ns, volts=volts: volts for volts in PINS_V]
    virtual = VirtualChip(adc.address, pins, part=adc.kind, noisy=lambda: False)
    return Ads1x15(RackBus(clock, {"adc_cv": virtual}), adc, 400_000), clock, virtual


@pytest.mark.parametrize("number", range(4))
def test_a_single_shot_gives_the_volts_of_its_input(bench, number):
    chip, clock, _ = bench
    chip.start(number)
    clock.sleep_until_ns(clock.now_ns() + 2_000_000)
    code = chip.poll()
    assert code is not None
    assert code * chip.lsb_v == pytest.approx(PINS_V[number], abs=2.1e-3)  # one step of the ADS1015


def test_a_poll_before_the_end_says_so_and_the_next_still_works(bench):
    chip, clock, _ = bench
    chip.start(2)
    assert chip.poll() is None
    assert chip.poll() is None
    clock.sleep_until_ns(clock.now_ns() + 2_000_000)
    assert chip.poll() == round(2.0 / chip.lsb_v) & ~(0xF if chip.conversion_ns == pytest.approx(1e9 / 920) else 0)


def test_a_reading_in_continuous_mode_is_two_bytes(bench):
    chip, clock, _ = bench
    chip.run(3)
    clock.sleep_until_ns(10_000_000)
    codes = chip.readings(1)
    assert codes[0] * chip.lsb_v == pytest.approx(3.0, abs=2.1e-3)
    assert clock.now_ns() - 10_000_000 == pytest.approx(29 * BIT_NS, abs=BIT_NS)


def test_reads_in_one_transaction_are_each_their_own(bench):
    chip, clock, virtual = bench
    virtual._pins = (lambda begin_ns, end_ns: end_ns * 1e-9,)
    chip.run(0)
    clock.sleep_until_ns(30_000_000)
    codes = [code for _ in range(20) for code in chip.readings(8)]
    assert codes == sorted(codes)
    assert len(set(codes)) > 5


def test_power_down_ends_continuous_mode(bench):
    chip, clock, virtual = bench
    chip.run(0)
    chip.power_down()
    clock.sleep_until_ns(clock.now_ns() + 3_000_000)
    chip.start(1)
    clock.sleep_until_ns(clock.now_ns() + 2_000_000)
    code = chip.poll()
    assert code is not None
    assert code * chip.lsb_v == pytest.approx(1.0, abs=2.1e-3)
    assert virtual._running is None


def test_a_chip_that_was_reset_is_noticed(bench):
    chip, clock, virtual = bench
    chip.start(0)
    virtual.reset(clock.now_ns())
    chip._bus.write_byte(chip._address, 1)  # point at the config register, as the start left it
    with pytest.raises(OSError, match="lost its settings"):
        chip.poll()


def test_silence_is_an_oserror():
    silent = Ads1x15(RackBus(SimulatedClock(), {}), load_board().adc.cv, 400_000)
    with pytest.raises(OSError):
        silent.start(0)
