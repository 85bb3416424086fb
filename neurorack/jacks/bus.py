"""Open an I2C bus by name: a kernel device through smbus2, or one of the virtual rack's.

Where an adapter of the kernel cannot carry plain messages, SMBus transfers do (`smbus`), but for the display's, which
are longer and refused. All take smbus2's calls and fail as it does, with OSError: ENXIO or EREMOTEIO where a chip does
not acknowledge, one of `HELD_LOW` where the bus itself does not work.
"""

from errno import EAGAIN, EBUSY, EIO, ETIMEDOUT
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from smbus2 import I2cFunc, SMBus, i2c_msg

from neurorack.clock import Clock
from neurorack.errors import BadInput
from neurorack.jacks.smbus import SmbusOnly

if TYPE_CHECKING:
    from neurorack.rack.world import World


HELD_LOW = {ETIMEDOUT, EAGAIN, EBUSY, EIO}
"""What the kernel says where SDA or SCL is held low (its i2c/fault-codes). i2c-tegra waits 100 ms for ETIMEDOUT, in
NVIDIA's 4.9 a second; after an attempt to clear the bus it is EAGAIN or EIO. One chip can cause them by itself, too."""


class I2cBus(Protocol):
    """The part of smbus2's interface that the drivers use."""

    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None: ...

    def read_byte(self, i2c_addr: int) -> int: ...

    def write_byte(self, i2c_addr: int, value: int) -> None: ...

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None: ...

    def close(self) -> None: ...


def open_bus(device: str, clock: Clock, place: "Path | World") -> I2cBus:
    """Open `/dev/i2c-N`, or `rack:NAME` of the virtual world at `place`: a run directory, or a world in memory.

    Raises BadInput where the device is missing or may not be opened.
    """
    if device.startswith("rack:"):
        from neurorack.rack.bus import open_rack_bus  # only a virtual module pays for it

        return open_rack_bus(device, clock, place)
    try:
        bus = SMBus(device, force=True)  # registers as plain messages: a kernel driver at the address refuses neither
    except FileNotFoundError as error:
        raise BadInput("there is no such I2C bus", device, "enable it, or correct `buses` in the board file") from error
    except PermissionError as error:
        raise BadInput("may not open the I2C bus", device, "add the user to the group i2c") from error
    except OSError as error:
        what = f"cannot open the I2C bus: {error.strerror}"
        raise BadInput(what, device, "correct `buses` in the board file") from error
    return bus if bus.funcs & I2cFunc.I2C else SmbusOnly(bus)
