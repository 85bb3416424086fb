"""An adapter that offers SMBus transfers alone, as those of PC chipsets do (i801, piix4), under the drivers' calls.

The chips remember which register a bare read means; an adapter of SMBus names the register in every read. So the
register that was written last is remembered here, and a transaction of joined messages becomes a transfer for each
reading: the same registers in the same order, in more of the bus's time (48 bit times a reading instead of 28). At 400
kHz `voct` is read 2 % less often, each CV jack 80 to 125 times a second instead of 144 to 158.
"""

import os
from errno import EOPNOTSUPP

from smbus2 import SMBus, i2c_msg

READ = 0x0001
"""A message's flag: the chip talks."""

WORD = 2
"""Bytes of the registers that a bare read can mean here: a converter's."""


class SmbusOnly:
    """`bus` with smbus2's `i2c_rdwr` made of SMBus transfers: writes of a register's number alone or with a word, reads
    of a word. Other messages raise OSError (EOPNOTSUPP), as the kernel does where an adapter cannot carry them."""

    def __init__(self, bus: SMBus) -> None:
        self._bus = bus
        self._pointers: dict[int, int] = {}
        self.read_byte = bus.read_byte
        self.write_byte = bus.write_byte
        self.read_i2c_block_data = bus.read_i2c_block_data
        self.write_i2c_block_data = bus.write_i2c_block_data
        self.close = bus.close

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        """Carry smbus2 messages one after the other."""
        for message in messages:
            if message.flags & READ:
                self._read(message)
            else:
                self._write(message.addr, bytes(message))

    def _read(self, message: i2c_msg) -> None:
        if message.len == 1:  # whether anybody is there
            message.buf[0] = self._bus.read_byte(message.addr)
            return
        if message.len != WORD:
            raise _refusal()
        word = self._bus.read_word_data(message.addr, self._pointers.get(message.addr, 0))
        message.buf[0], message.buf[1] = word & 0xFF, word >> 8  # SMBus sends the low byte first

    def _write(self, address: int, data: bytes) -> None:
        if len(data) == 1:
            self._pointers[address] = data[0]  # the next read says so
        elif len(data) == 1 + WORD:
            self._bus.write_word_data(address, data[0], int.from_bytes(data[1:], "little"))
            self._pointers[address] = data[0]
        else:
            raise _refusal()


def _refusal() -> OSError:
    return OSError(EOPNOTSUPP, os.strerror(EOPNOTSUPP))
