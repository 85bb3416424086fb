"""Open an I2C bus by name: a kernel device through smbus2, or one of the virtual rack's.

Both take smbus2's calls and fail as it does: OSError with ENXIO, EREMOTEIO or ETIMEDOUT where no chip answers.
"""

from pathlib import Path
from typing import Protocol

from smbus2 import SMBus, i2c_msg

from neurorack.clock import Clock
from neurorack.errors import BadInput


class I2cBus(Protocol):
    """The part of smbus2's interface that the drivers use."""

    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None: ...

    def read_byte(self, i2c_addr: int) -> int: ...

    def write_byte(self, i2c_addr: int, value: int) -> None: ...

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None: ...

    def close(self) -> None: ...


def open_bus(device: str, clock: Clock, run_dir: Path | None) -> I2cBus:
    """Open `/dev/i2c-N`, or `rack:NAME`, whose chips hear and show the world kept in `run_dir`.

    Raises BadInput where the device is missing or may not be opened.
    """
    if device.startswith("rack:"):
        from neurorack.rack.bus import open_rack_bus  # only a virtual module pays for it

        return open_rack_bus(device, clock, run_dir)
    try:
        return SMBus(device)
    except FileNotFoundError as error:
        raise BadInput("there is no such I2C bus", device, "enable it, or correct `buses` in the board file") from error
    except PermissionError as error:
        raise BadInput("may not open the I2C bus", device, "add the user to the group i2c") from error
    except OSError as error:
        raise BadInput(f"cannot open the I2C bus: {error.strerror}", device, "correct `buses` in the board file") from error
