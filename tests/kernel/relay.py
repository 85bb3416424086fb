"""Play the virtual rack's chips behind the kernel's I2C: `python relay.py RUN_DIR` (see modules/i2c-relay.c).

Every bus of the default board is served by a thread of its own until the process is killed. Volts, pots and faults are
those of the world in RUN_DIR.
"""

import os
import struct
import sys
import threading
from pathlib import Path

from smbus2 import i2c_msg

from neurorack.board import load_board
from neurorack.clock import MonotonicClock
from neurorack.rack.bus import I2C_M_RD, RackBus, open_rack_bus

COUNT, HEAD, RESULT = struct.Struct("=I"), struct.Struct("=4H"), struct.Struct("=i")

MOST = 1 << 16
"""Bytes of a transaction."""


def serve(relay: int, bus: RackBus) -> None:
    """Answer transactions for ever."""
    while True:
        messages = unpack(os.read(relay, MOST))
        try:
            bus.i2c_rdwr(*messages)
        except OSError as error:
            os.write(relay, RESULT.pack(-(error.errno or 0)))
        else:
            os.write(relay, RESULT.pack(0) + b"".join(bytes(m) for m in messages if m.flags & I2C_M_RD))


def unpack(transaction: bytes) -> list[i2c_msg]:
    """The messages of a transaction as the kernel hands it out."""
    (count,) = COUNT.unpack_from(transaction)
    written_at = COUNT.size + count * HEAD.size
    messages = []
    for address, flags, length, _ in HEAD.iter_unpack(transaction[COUNT.size : written_at]):
        if flags & I2C_M_RD:
            messages.append(i2c_msg.read(address, length))
        else:
            messages.append(i2c_msg.write(address, transaction[written_at : written_at + length]))
            written_at += length
    return messages


if __name__ == "__main__":
    run_dir, clock = Path(sys.argv[1]), MonotonicClock()
    threads = []
    for name, bus in load_board().buses.items():
        relay = os.open(bus.device.replace("i2c-", "i2c-relay-"), os.O_RDWR)
        threads.append(threading.Thread(target=serve, args=(relay, open_rack_bus(f"rack:{name}", clock, run_dir))))
    for thread in threads:
        thread.start()
