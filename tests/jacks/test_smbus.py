"""The converters' driver over SMBus transfers alone; the kernel's own adapter of that kind is in tests/kernel."""

from errno import EOPNOTSUPP
from types import SimpleNamespace

import msgspec
import pytest
from smbus2 import I2cFunc, i2c_msg

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.jacks import bus as buses
from neurorack.jacks.ads1x15 import Ads1x15
from neurorack.jacks.scan import Scan
from neurorack.jacks.smbus import SmbusOnly
from neurorack.rack.bus import RackBus
from neurorack.rack.chips.ads1x15 import Ads1x15 as VirtualChip

PINS_V = (0.25, 1.0, 2.0, 3.0)
MS = 1_000_000


@pytest.fixture(params=["ads1115", "ads1015"])
def bench(request):
    adc = load_board().adc.cv
    if request.param == "ads1015":
        adc = msgspec.structs.replace(adc, kind="ads1015", rate_sps=920)
    clock = SimulatedClock()
    pins = [lambda begin_ns, end_ns, volts=volts: volts for volts in PINS_V]
    virtual = VirtualChip(adc.address, pins, part=adc.kind, noisy=lambda: False)
    return Ads1x15(SmbusOnly(RackBus(clock, {"adc_cv": virtual})), adc, 400_000), clock


def test_the_same_driver_reads_every_input(bench):
    chip, clock = bench
    for number, volts in enumerate(PINS_V):
        chip.start(number)
        assert chip.poll() is None
        clock.sleep_until_ns(clock.now_ns() + 2 * MS)
        assert chip.poll() * chip.lsb_v == pytest.approx(volts, abs=2.1e-3)
    chip.run(1)
    clock.sleep_until_ns(clock.now_ns() + 4 * MS)
    assert [code * chip.lsb_v for code in chip.readings(8)] == pytest.approx([1.0] * 8, abs=2.1e-3)


def test_a_whole_module_is_read_voct_nearly_as_often_and_the_others_more_seldom(module):
    made = module(voct=1.25, cv1=-2.0)
    made.scan = Scan(made.board, SmbusOnly(made.bus), None, made.clock)
    made.run_to(300)
    before = [reader.readings for reader in made.scan.readers]
    made.run_to(800)
    voct, cv, pots = ((r.readings - n) / 0.5 for r, n in zip(made.scan.readers, before, strict=True))
    assert (voct >= 750, cv / 4 >= 75, pots / 4 >= 40) == (True, True, True), (voct, cv / 4, pots / 4)
    assert made.scan.volts[:2] == pytest.approx([1.25, -2.0], abs=2e-3)
    assert made.scan.i2c_errors == 0


def test_more_than_a_word_in_a_message_is_refused_in_the_kernels_words():
    bus = SmbusOnly(RackBus(SimulatedClock(), {}))
    for message in (i2c_msg.write(0x3C, bytes(129)), i2c_msg.read(0x48, 3)):
        with pytest.raises(OSError) as raised:
            bus.i2c_rdwr(message)
        assert raised.value.errno == EOPNOTSUPP


@pytest.mark.parametrize(
    ("functions", "wrapped"), [(I2cFunc.I2C | I2cFunc.SMBUS_BYTE, False), (I2cFunc.SMBUS_BYTE, True)]
)
def test_an_adapter_that_carries_plain_messages_is_used_as_it_is(monkeypatch, tmp_path, functions, wrapped):
    """So nothing comes between the driver and smbus2 on a board's own adapter: the same transactions as ever."""
    methods = dict.fromkeys(("read_byte", "write_byte", "read_i2c_block_data", "write_i2c_block_data", "close"))
    adapter = SimpleNamespace(funcs=functions, **methods)
    monkeypatch.setattr(buses, "SMBus", lambda device, force: adapter)
    opened = buses.open_bus("/dev/i2c-7", SimulatedClock(), tmp_path)
    assert isinstance(opened, SmbusOnly) == wrapped
    assert wrapped or opened is adapter
