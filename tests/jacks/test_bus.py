"""Buses by name."""

import pytest

from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.jacks.bus import open_bus
from neurorack.rack.world import World


def test_a_missing_device_is_refused_with_the_mend(tmp_path):
    with pytest.raises(BadInput, match=r"no such I2C bus \(/dev/i2c-99\): .*board"):
        open_bus("/dev/i2c-99", SimulatedClock(), tmp_path)


def test_a_device_that_is_no_bus_is_refused(tmp_path):
    path = tmp_path / "i2c"
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="cannot open the I2C bus"):
        open_bus(str(path), SimulatedClock(), tmp_path)


def test_a_rack_bus_takes_bus_time():
    clock = SimulatedClock()
    open_bus("rack:a", clock, World.from_toml()).read_i2c_block_data(0x48, 0, 2)
    assert clock.now_ns() == 48 * 2_500  # a byte out, two in, at 400 kHz


def test_the_rack_has_no_other_buses():
    with pytest.raises(BadInput, match="rack:z"):
        open_bus("rack:z", SimulatedClock(), World.from_toml())
