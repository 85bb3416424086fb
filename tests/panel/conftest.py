"""Stand-ins for the panel's bus: they hear what a driver sends, and can stop answering."""

import errno
import os

import numpy as np
import pytest
from smbus2 import i2c_msg

from neurorack.clock import SimulatedClock
from neurorack.panel.canvas import Canvas

WRITE = 0
TWO_BYTES = (0x20, 0x81, 0x8D, 0xA8, 0xAD, 0xD3, 0xD5, 0xD9, 0xDA, 0xDB)


class FakeBus:
    """Keeps every write message (address, bytes); with `answers` off every transaction fails as smbus2's does."""

    def __init__(self) -> None:
        self.answers = True
        self.sent: list[tuple[int, bytes]] = []
        self.tries = 0

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        self.tries += 1
        if not self.answers:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        for message in messages:
            if message.flags == WRITE:
                self.sent.append((message.addr, bytes(message)))

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None:
        assert len(data) <= 32, "more than an adapter carries in a block"
        self.i2c_rdwr(i2c_msg.write(i2c_addr, [register, *data]))

    def close(self) -> None:
        pass

    def take(self) -> list[bytes]:
        """Messages since the last call."""
        sent, self.sent = [data for _, data in self.sent], []
        return sent

    def bytes_on_wire(self) -> int:
        """What `sent` costs, address bytes included."""
        return sum(1 + len(data) for _, data in self.sent)


class FakeDisplay(FakeBus):
    """Keeps display memory as an SSD1306 in horizontal addressing does: bytes [8, 128]."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = np.full((8, 128), 0xAA, np.uint8)
        self.on = False
        self._commands = bytearray()
        self._columns, self._pages = (0, 127), (0, 7)
        self._column = self._page = 0

    def lose_power(self) -> None:
        """What a reset or a pulled cable does."""
        self.memory[:] = 0x55
        self.on = False

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        before = len(self.sent)
        super().i2c_rdwr(*messages)
        for _, data in self.sent[before:]:
            if data[:1] == b"\x40":
                self._data(data[1:])
            elif data:
                self._command(data[1:])

    def _command(self, data: bytes) -> None:
        self._commands += data
        while self._commands:
            code = self._commands[0]
            length = 3 if code in (0x21, 0x22) else 2 if code in TWO_BYTES else 1
            if len(self._commands) < length:
                return
            argument = tuple(self._commands[1:length])
            del self._commands[:length]
            if code == 0x21:
                self._columns, self._column = argument, argument[0]
            elif code == 0x22:
                self._pages, self._page = argument, argument[0]
            elif code in (0xAE, 0xAF):
                self.on = code == 0xAF

    def _data(self, data: bytes) -> None:
        for byte in data:
            self.memory[self._page, self._column] = byte
            self._column += 1
            if self._column > self._columns[1]:
                self._column = self._columns[0]
                self._page = self._pages[0] if self._page == self._pages[1] else self._page + 1


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(5)


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def display() -> FakeDisplay:
    return FakeDisplay()


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is written on a screen."""
    seen: list[str] = []
    write = Canvas.text

    def written(self: Canvas, x: int, y: int, text: str, scale: int = 1) -> int:
        seen.append(text)
        return write(self, x, y, text, scale)

    monkeypatch.setattr(Canvas, "text", written)
    return seen
