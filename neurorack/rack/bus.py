"""An I2C bus of the virtual module with smbus2's calls, times and errors.

A transaction takes nine bit times a byte and returns when the stop condition would have been sent, as the
kernel's ioctl does. A chip that does not acknowledge is OSError EREMOTEIO, a bus held low is ETIMEDOUT. Lines are open
drain: of chips at one address each hears what is written, one acknowledge is enough, and a bit that is read is 1 where
all of them let it be.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from ctypes import memmove
from errno import EREMOTEIO, ETIMEDOUT
from operator import and_
from pathlib import Path
from types import TracebackType

from smbus2 import i2c_msg

from neurorack.board import load_board
from neurorack.clock import Clock
from neurorack.errors import BadInput
from neurorack.rack.chips import Chip
from neurorack.rack.module import virtual_chips
from neurorack.rack.state import Fault
from neurorack.rack.world import World

I2C_M_RD = 0x0001
SMBUS_BLOCK = 32


class RackBus:
    """One bus. `chips` by name; `faults()` gives the faults now in force by the name of a chip or of this bus."""

    def __init__(
        self,
        clock: Clock,
        chips: Mapping[str, Chip],
        *,
        name: str = "bus_a",
        speed_hz: int = 400_000,
        faults: Callable[[], Mapping[str, Fault]] = dict,
    ) -> None:
        self.name, self.speed_hz = name, speed_hz
        self._clock, self._chips, self._faults = clock, dict(chips), faults
        self._bit_ns = round(1e9 / speed_hz)
        self._free_ns = 0
        self._lock = threading.Lock()
        self._answered: dict[str, tuple[int, int]] = {}  # chip → (onset of its fault, answers since then)
        self._unpowered: set[str] = set()

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        """One transaction of smbus2 `i2c_msg`s joined by repeated starts."""
        with self._lock:
            t_ns = max(self._clock.now_ns(), self._free_ns)
            faults = self._faults()
            try:
                if faults and self.name in faults:
                    t_ns += round(faults[self.name].seconds * 1e9)
                    raise OSError(ETIMEDOUT, os.strerror(ETIMEDOUT))
                for message in messages:
                    t_ns = self._message(message, t_ns, faults)
            except _Silence as silence:
                t_ns = silence.t_ns
                raise OSError(EREMOTEIO, os.strerror(EREMOTEIO)) from None
            finally:
                self._free_ns = t_ns + self._bit_ns  # stop
                self._clock.sleep_until_ns(self._free_ns)

    def _message(self, message: i2c_msg, t_ns: int, faults: Mapping[str, Fault]) -> int:
        """Play one message; returns when its last acknowledge has passed."""
        address, count = message.addr, message.len
        acknowledged_ns = t_ns + 10 * self._bit_ns  # start, address, acknowledge
        heard = self._heard(address, faults, acknowledged_ns)
        if not heard:
            raise _Silence(acknowledged_ns)
        for name, _ in heard:
            if faults and name in faults and faults[name].kind == "slow":
                acknowledged_ns += round(faults[name].seconds * 1e9)
        end_ns = acknowledged_ns + 9 * count * self._bit_ns
        if message.flags & I2C_M_RD:
            answer = heard[0][1].read(count, acknowledged_ns)
            for _, chip in heard[1:]:
                answer = bytes(map(and_, answer, chip.read(count, acknowledged_ns)))
            memmove(message.buf, answer, count)
        else:
            data = bytes(message)
            for _, chip in heard:
                if address:
                    chip.write(data, end_ns)
                elif data:
                    chip.general_call(data[0], end_ns)
        return end_ns

    def _heard(self, address: int, faults: Mapping[str, Fault], t_ns: int) -> Sequence[tuple[str, Chip]]:
        """Chips that acknowledge. One that comes back from a fault has lost its registers."""
        heard = [pair for pair in self._chips.items() if address == 0 or _answers(*pair, address, faults)]
        if not faults and not self._unpowered:
            return heard
        present = []
        for name, chip in heard:
            if self._is_absent(name, faults):
                self._unpowered.add(name)
                continue
            if name in self._unpowered:
                self._unpowered.discard(name)
                chip.reset(t_ns)
            present.append((name, chip))
        return present

    def _is_absent(self, name: str, faults: Mapping[str, Fault]) -> bool:
        fault = faults.get(name)
        if fault is None or fault.kind in ("slow", "strapped"):
            return False
        if fault.kind == "absent":
            return True
        onset_ns, answers = self._answered.get(name, (fault.since_ns, 0))
        if onset_ns != fault.since_ns:
            answers = 0
        self._answered[name] = fault.since_ns, answers + 1
        return answers >= fault.after

    def write_quick(self, i2c_addr: int, force: bool | None = None) -> None:
        """Address only: does anybody answer?"""
        self._write(i2c_addr, b"")

    def read_byte(self, i2c_addr: int, force: bool | None = None) -> int:
        return self._read(i2c_addr, 1)[0]

    def write_byte(self, i2c_addr: int, value: int, force: bool | None = None) -> None:
        self._write(i2c_addr, bytes((value,)))

    def read_byte_data(self, i2c_addr: int, register: int, force: bool | None = None) -> int:
        return self._read(i2c_addr, 1, register)[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int, force: bool | None = None) -> None:
        self._write(i2c_addr, bytes((register, value)))

    def read_word_data(self, i2c_addr: int, register: int, force: bool | None = None) -> int:
        """SMBus words are little-endian."""
        return int.from_bytes(self._read(i2c_addr, 2, register), "little")

    def write_word_data(self, i2c_addr: int, register: int, value: int, force: bool | None = None) -> None:
        self._write(i2c_addr, bytes((register,)) + value.to_bytes(2, "little"))

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, force: bool | None = None) -> list[int]:
        return list(self._read(i2c_addr, length, register))

    def write_i2c_block_data(
        self, i2c_addr: int, register: int, data: Sequence[int], force: bool | None = None
    ) -> None:
        self._write(i2c_addr, bytes((register, *data)))

    def _write(self, address: int, data: bytes) -> None:
        if len(data) > 1 + SMBUS_BLOCK:
            raise ValueError(f"Data length cannot exceed {SMBUS_BLOCK} bytes")  # as smbus2 says it
        self.i2c_rdwr(i2c_msg.write(address, data))

    def _read(self, address: int, count: int, register: int | None = None) -> bytes:
        if count > SMBUS_BLOCK:
            raise ValueError(f"Desired block length over {SMBUS_BLOCK} bytes")
        answer = i2c_msg.read(address, count)
        if register is None:
            self.i2c_rdwr(answer)
        else:
            self.i2c_rdwr(i2c_msg.write(address, (register,)), answer)
        return bytes(answer)

    def close(self) -> None:
        """Nothing to give back: the chips stand on."""

    def __enter__(self) -> "RackBus":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answers(name: str, chip: Chip, address: int, faults: Mapping[str, Fault]) -> bool:
    if faults and name in faults and faults[name].kind == "strapped":
        return address == faults[name].address
    return chip.answers(address)


class _Silence(Exception):
    """Nobody acknowledged."""

    def __init__(self, t_ns: int) -> None:
        self.t_ns = t_ns


def open_rack_bus(device: str, clock: Clock, place: Path | World | None) -> RackBus:
    """Open `rack:NAME` with every chip the board has on bus NAME.

    `place` is the run directory, whose world and chips outlive the process, or a world in memory; None is the demo
    in memory. Raises BadInput where the board has no such bus.
    """
    if isinstance(place, Path):
        world = World.attach(place, clock.now_ns())
    else:
        world = place or World.from_toml(epoch_ns=clock.now_ns())
    board = load_board(Path(world.state.board) if world.state.board else None, rack=True)
    name = next((name for name, bus in board.buses.items() if bus.device == device), None)
    if name is None:
        raise BadInput(f"the virtual module has no bus {device}", "buses", f"use rack:{', rack:'.join(board.buses)}")
    chips = virtual_chips(board, name, world, place if isinstance(place, Path) else None)

    def faults() -> Mapping[str, Fault]:
        world.refresh()
        return world.faults()

    return RackBus(clock, chips, name=f"bus_{name}", speed_hz=board.buses[name].clock_hz, faults=faults)
