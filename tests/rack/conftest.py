"""What lets drivers of other houses talk to the virtual chips."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from smbus2 import i2c_msg

from neurorack.clock import SimulatedClock
from neurorack.rack.bus import RackBus
from neurorack.rack.chips import Chip


class BusioI2C:
    """CircuitPython's `busio.I2C`, as far as Adafruit's drivers use it, over a bus with smbus2's interface."""

    def __init__(self, bus: RackBus) -> None:
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

    def writeto_then_readfrom(
        self,
        address: int,
        out_buffer: bytes,
        in_buffer: bytearray,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
    ) -> None:
        in_end = len(in_buffer) if in_end is None else in_end
        message = i2c_msg.read(address, in_end - in_start)
        self._bus.i2c_rdwr(i2c_msg.write(address, bytes(out_buffer[out_start:out_end])), message)
        in_buffer[in_start:in_end] = bytes(message)


class _StandIn(ModuleType):
    """Any name is `object`, but `const` returns its argument: all that the drivers need of MicroPython and Blinka."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return (lambda value: value) if name == "const" else object


@pytest.fixture
def without_blinka() -> Iterator[None]:
    """Adafruit's drivers can be imported while this lives."""
    names = ("micropython", "busio", "digitalio", "circuitpython_typing", "circuitpython_typing.device_drivers")
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update({name: _StandIn(name) for name in names})
    yield
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def sleeps_simulated(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """`time.sleep` of a driver passes on the simulated clock."""
    monkeypatch.setattr("time.sleep", lambda seconds: clock.sleep_until_ns(clock.now_ns() + round(seconds * 1e9)))


@pytest.fixture
def bus_with(clock: SimulatedClock) -> Callable[..., RackBus]:
    """`bus_with(chip, …)`: a bus with these chips on the simulated clock."""

    def make(*chips: Chip) -> RackBus:
        return RackBus(clock, {f"chip{number}": chip for number, chip in enumerate(chips)})

    return make


@pytest.fixture
def busio() -> type[BusioI2C]:
    return BusioI2C
