"""The display: Adafruit's SSD1306 driver over any smbus2-compatible bus, sending only what changed.

Adafruit's driver initialises the chip and owns its framebuffer; the pixels are written into that buffer directly (its
`image()` takes 3.6 ms of Python a frame) and the changed columns of each page leave as one window each. A full frame
holds a 400 kHz bus for 23.5 ms, a bar that moves by a pixel for 0.3 ms.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from smbus2 import i2c_msg

from neurorack.clock import Clock
from neurorack.panel.backoff import Backoff
from neurorack.panel.canvas import HEIGHT, WIDTH, pages

_WINDOW_BYTES = 11
"""What a window of its own costs on the bus: two addresses, eight of column and page range, one that says data."""

BRIGHT, DIM = 0xCF, 0x08
"""Contrast registers: what the data sheet's application note sets for the internal charge pump, and about a tenth of
the light, which is still read in a dark room."""

REFRESH_S = 1.0
"""So often the display is told to be on, and one page is sent although it did not change: one that left is noticed, and
one whose supply blinked is whole again after eight seconds."""


class Bus(Protocol):
    """The part of smbus2 that the panel's drivers need."""

    def i2c_rdwr(self, *messages: i2c_msg) -> None: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: list[int]) -> None: ...


class I2C:
    """The part of CircuitPython's `busio.I2C` that Adafruit's drivers need, over an smbus2-compatible bus.

    Errors are the bus's own OSError. The bus has one user, the panel's thread, so its lock is always free.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        pass

    def writeto(self, address: int, buffer: bytes, *, start: int = 0, end: int | None = None) -> None:
        self._bus.i2c_rdwr(i2c_msg.write(address, bytes(buffer[start:end])))

    def readfrom_into(self, address: int, buffer: bytearray, *, start: int = 0, end: int | None = None) -> None:
        end = len(buffer) if end is None else end
        message = i2c_msg.read(address, end - start)
        self._bus.i2c_rdwr(message)
        buffer[start:end] = bytes(message)


class _StandIn(ModuleType):
    """A module whose every name is `object`, but for `const`, which hands back what it is given."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return (lambda value: value) if name == "const" else object


@contextmanager
def _without_blinka() -> Iterator[None]:
    """Let Adafruit's driver be imported without Adafruit-Blinka.

    The driver needs of Blinka one function, `micropython.const` (it returns its argument), and the names of a few
    types for its annotations. Blinka itself brings USB and shared-memory libraries that a module has no use for.
    The stand-ins exist only during the import, so Blinka works as ever where something else loads it.
    """
    names = [n for n in ("micropython", "busio", "digitalio", "circuitpython_typing") if n not in sys.modules]
    sys.modules.update({name: _StandIn(name) for name in names})
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


@lru_cache(maxsize=1)
def _driver() -> Any:
    with _without_blinka():
        import adafruit_ssd1306
    return adafruit_ssd1306.SSD1306_I2C


def windows(shown: np.ndarray, wanted: np.ndarray) -> list[tuple[int, int, int]]:
    """What to send to turn `shown` into `wanted`, both bytes [8, 128]: (page, first column, last column).

    Unchanged columns between two changed ones are sent too where that is cheaper than another window.
    """
    runs = []
    changed = shown != wanted
    for page in np.flatnonzero(changed.any(axis=1)):
        columns = np.flatnonzero(changed[page])
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > _WINDOW_BYTES) + 1):
            runs.append((int(page), int(run[0]), int(run[-1])))
    return runs


class Oled:
    """One display. `show` never raises: a display that stops answering is asked again later and set up anew."""

    def __init__(self, bus: Bus, address: int, clock: Clock, *, rotated: bool = False) -> None:
        self._bus, self._address, self._rotated = I2C(bus), address, rotated
        self._clock, self._backoff = clock, Backoff(clock)
        self._refresh_ns, self._refresh_page = 0, 0
        scan = (0xA0, 0xC0) if rotated else (0xA1, 0xC8)
        # commands: horizontal addressing, charge pump, segment and COM scan, display on, contrast
        self._wake = bytes((0x00, 0x20, 0x00, 0x8D, 0x14, *scan, 0xAF, 0x81))
        self._contrast = BRIGHT
        self._chip: Any = None
        self._shown = np.zeros((HEIGHT // 8, WIDTH), np.uint8)

    @property
    def ok(self) -> bool:
        """The display answers, as far as is known."""
        return not self._backoff.failing

    def show(self, pixels: np.ndarray, *, contrast: int = BRIGHT) -> bool:
        """Bring pixels [64, 128] of bool onto the display; False where it does not answer."""
        if not self._backoff.begin():
            return False
        try:
            if self._chip is None:
                self._chip = _driver()(WIDTH, HEIGHT, self._bus, addr=self._address)
                if self._rotated:
                    self._chip.rotate(False)  # the driver's own set-up has the flat cable on top
                self._shown = np.zeros_like(self._shown)
            self._send(pages(pixels), contrast)
        except (OSError, ValueError):  # ValueError: the driver's own "no I2C device at address"
            self._chip = None
            self._backoff.failed()
            return False
        self._backoff.worked()
        return True

    def _send(self, wanted: np.ndarray, contrast: int) -> None:
        device = self._chip.i2c_device
        self._chip.buffer[1:] = wanted.tobytes()
        now_ns = self._clock.now_ns()
        if now_ns >= self._refresh_ns:
            self._refresh_ns, self._refresh_page = now_ns + round(REFRESH_S * 1e9), (self._refresh_page + 1) % 8
            device.write(self._wake + bytes((contrast,)))
            self._contrast = contrast
            self._shown[self._refresh_page] = ~wanted[self._refresh_page]
        if contrast != self._contrast:
            device.write(bytes((0x00, 0x81, contrast)))
            self._contrast = contrast
        for page, first, last in windows(self._shown, wanted):
            device.write(bytes((0x00, 0x21, first, last, 0x22, page, page)))  # commands: column and page range
            device.write(b"\x40" + wanted[page, first : last + 1].tobytes())
            self._shown[page, first : last + 1] = wanted[page, first : last + 1]

    def blank(self) -> None:
        """Switch the display off, as the module is about to end."""
        try:
            if self._chip is not None:
                self._chip.poweroff()
        except OSError:
            pass
        self._chip = None
