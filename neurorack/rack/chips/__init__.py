"""Chips of the module as their data sheets describe them, one file each."""

from typing import Protocol

GENERAL_CALL_RESET = 0x06
"""Second byte of I2C's general call (address 0): every chip that heeds it resets."""


class Chip(Protocol):
    """What the bus knows of a chip. All times are those of the bus's clock, in nanoseconds."""

    def answers(self, address: int) -> bool:
        """Whether the chip acknowledges this 7-bit address now."""
        ...

    def write(self, data: bytes, t_ns: int) -> None:
        """One write message; `t_ns` is its last acknowledge."""
        ...

    def read(self, count: int, t_ns: int) -> bytes:
        """One read message of `count` bytes; `t_ns` is the acknowledge of the address."""
        ...

    def general_call(self, command: int, t_ns: int) -> None:
        """The byte after address 0, which every chip on the bus hears."""
        ...

    def reset(self, t_ns: int) -> None:
        """Power on: every register as after the supply came up."""
        ...
