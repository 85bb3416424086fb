"""Gates and encoder: edges of GPIO lines with the kernel's timestamps, through libgpiod.

The header pins' names are looked up in Jetson.GPIO's tables; the lines themselves belong to libgpiod alone, since a
line has one owner and Jetson.GPIO's callbacks drop edges and carry no time.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import gpiod
from gpiod import EdgeEvent

from neurorack.board import Gpio
from neurorack.clock import Clock
from neurorack.errors import BadInput

if TYPE_CHECKING:
    from neurorack.rack.world import World

DEVICES = Path("/dev")

CONSUMER = "neurorack"
"""Who `gpioinfo` says has our lines."""

KERNEL_EVENTS = 1024
"""Edges the kernel keeps for us: the most it grants, half a second of gates at audio rate. A read brings 64 of them."""

Edge = tuple[int, str, int]
"""(t_ns, line, level)."""


class LineRequest(Protocol):
    """The part of libgpiod's `LineRequest` that is used."""

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool: ...

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]: ...

    def get_values(self, lines: Any = None) -> list[Any]: ...

    def release(self) -> None: ...


def open_lines(gpio: Gpio, clock: Clock, place: "Path | World") -> "Lines":
    """Request all lines of the board, of a GPIO chip or of the virtual world at `place`. Raises BadInput."""
    offsets = _offsets(gpio)
    names = {offset: name for name, offset in offsets.items()}
    if gpio.chip == "rack":
        from neurorack.rack.gpio import open_rack_lines  # only a virtual module pays for it

        request: LineRequest = open_rack_lines(names, clock, place)
    else:
        device = chip_device(gpio.chip)
        for fault in _line_faults(device, gpio, offsets):
            raise fault
        request = _request(device, gpio, offsets)
    return Lines(request, names, {name: line.debounce_us * 1_000 for name, line in gpio.by_name().items()}, clock)


class Lines:
    """Edges in the order of time, debounced line by line.

    A line's first edge counts at once; then it is deaf for its debounce time, and if it stands elsewhere at the
    end of that, this end is an edge. So bouncing costs no delay, and the last level is never lost.
    """

    def __init__(
        self, request: LineRequest, names: Mapping[int, str], debounce_ns: Mapping[str, int], clock: Clock
    ) -> None:
        self._request, self._names, self._clock = request, dict(names), clock
        self._lines = {name: _Debounced(name, debounce_ns.get(name, 0)) for name in names.values()}
        self._settling: list[_Debounced] = []

    def first(self) -> list[Edge]:
        """All lines as they stand now, each as an edge, so that no earlier note or press hangs on."""
        now_ns = self._clock.now_ns()
        values = self._request.get_values(list(self._names))
        levels = dict(zip(self._names.values(), (int(value.value) for value in values), strict=True))
        for name, level in levels.items():
            self._lines[name].level = level
        return [(now_ns, name, level) for name, level in levels.items()]

    def edges(self) -> list[Edge]:
        """Edges since the last call, oldest first. Never waits."""
        found: list[Edge] = []
        heard = 0
        while heard < KERNEL_EVENTS and self._request.wait_edge_events(0):
            for event in self._request.read_edge_events():
                heard += 1
                line = self._lines[self._names[event.line_offset]]
                line.hear(event.timestamp_ns, int(event.event_type is EdgeEvent.Type.RISING_EDGE), found)
                if line.settles_ns and line not in self._settling:
                    self._settling.append(line)
        if self._settling:
            now_ns = self._clock.now_ns()
            for line in self._settling:
                line.settle(now_ns, found)
            self._settling = [line for line in self._settling if line.settles_ns]
        if len(found) > 1:
            found.sort(key=lambda edge: edge[0])
        return found

    def close(self) -> None:
        self._request.release()


class _Debounced:
    """One line."""

    def __init__(self, name: str, deaf_ns: int) -> None:
        self.name, self._deaf_ns = name, deaf_ns
        self.level = 0
        self.settles_ns = 0
        """When the level heard while deaf counts; 0 where none waits."""
        self._raw = 0
        self._deaf_until_ns = -1

    def hear(self, t_ns: int, level: int, found: list[Edge]) -> None:
        self.settle(t_ns, found)
        self._raw = level
        if t_ns < self._deaf_until_ns:
            self.settles_ns = self._deaf_until_ns
        else:
            self._accept(t_ns, level, found)

    def settle(self, now_ns: int, found: list[Edge]) -> None:
        if self.settles_ns and now_ns >= self.settles_ns:
            at_ns, self.settles_ns = self.settles_ns, 0
            self._accept(at_ns, self._raw, found)

    def _accept(self, t_ns: int, level: int, found: list[Edge]) -> None:
        if level != self.level:
            self.level = level
            self._deaf_until_ns = t_ns + self._deaf_ns
            found.append((t_ns, self.name, level))


def line_faults(gpio: Gpio) -> list[BadInput]:
    """What keeps the board's lines from being had from a real chip now. Raises BadInput where there is no chip."""
    return list(_line_faults(chip_device(gpio.chip), gpio, _offsets(gpio)))


def chip_device(chip: str) -> str:
    """The path of a GPIO chip that a board names by its path or its label. Raises BadInput."""
    if chip.startswith("/"):
        if not Path(chip).exists():
            raise BadInput("there is no such GPIO chip", chip, "correct `gpio.chip` in the board file")
        if not gpiod.is_gpiochip_device(chip):
            raise BadInput("this is no GPIO chip", chip, "correct `gpio.chip` in the board file")
        return chip
    labels = {}
    for path in sorted(DEVICES.glob("gpiochip*")):
        if gpiod.is_gpiochip_device(str(path)):
            with _opened(str(path)) as opened:
                labels[opened.get_info().label] = str(path)
    if chip not in labels:
        mend = f"correct `gpio.chip` in the board file: {', '.join(labels) or 'none at all'} is here"
        raise BadInput("there is no GPIO chip with this label", chip, mend)
    return labels[chip]


def _opened(device: str) -> gpiod.Chip:
    try:
        return gpiod.Chip(device)
    except PermissionError as error:
        raise BadInput("may not open the GPIO chip", device, "add the user to the group gpio") from error
    except OSError as error:
        mend = "correct `gpio.chip` in the board file"
        raise BadInput(f"cannot open the GPIO chip: {error.strerror}", device, mend) from error


def _line_faults(device: str, gpio: Gpio, offsets: Mapping[str, int]) -> Iterator[BadInput]:
    with _opened(device) as chip:
        count = chip.get_info().num_lines
        for name, offset in offsets.items():
            where = f"chip {gpio.chip}, gpio.{name}"
            if offset >= count:
                mend = f"the last one is {count - 1}: correct the board file"
                yield BadInput(f"there is no line {offset}", where, mend)
                continue
            info = chip.get_line_info(offset)
            if info.used:
                mend = "end that, or take another pin in the board file"
                yield BadInput(f"line {offset} is used by {info.consumer or 'the kernel'}", where, mend)


def header_line(pin: int) -> int:
    """Line offset of a header pin, from Jetson.GPIO's tables. Raises BadInput where this is no Jetson."""
    mend = "run on a Jetson with Jetson.GPIO installed, give `line` instead of `pin`, or use the virtual rack"
    try:
        from Jetson.GPIO import gpio_pin_data  # reads the device tree; fails everywhere else

        channels = gpio_pin_data.get_data()[2]["BOARD"]
    except Exception as error:
        raise BadInput(f"cannot look up header pin {pin}: {error}", "GPIO", mend) from error
    if pin not in channels:
        raise BadInput(f"this board has no GPIO at header pin {pin}", "GPIO", "correct `gpio` in the board file")
    return int(channels[pin].line_offset)


def _offsets(gpio: Gpio) -> dict[str, int]:
    """Offsets by name; the virtual chip numbers its lines like the header. Raises BadInput where two are the same."""
    offsets: dict[str, int] = {}
    for name, line in gpio.by_name().items():
        if line.line is not None:
            offset = line.line
        else:
            assert line.pin is not None  # the board was checked: one of both is there
            offset = line.pin if gpio.chip == "rack" else header_line(line.pin)
        if offset in offsets.values():
            where = f"chip {gpio.chip}, gpio.{name}"
            raise BadInput(f"line {offset} is on the board twice", where, "correct `gpio` in the board file")
        offsets[name] = offset
    return offsets


def _request(device: str, gpio: Gpio, offsets: Mapping[str, int]) -> LineRequest:
    from gpiod.line import Bias, Clock, Direction
    from gpiod.line import Edge as LineEdge

    settings = {
        offsets[name]: gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=LineEdge.BOTH,
            bias=Bias.AS_IS,  # the drivers are push-pull, and the pads are set by the device tree
            active_low=line.active_low,
            event_clock=Clock.MONOTONIC,
        )
        for name, line in gpio.by_name().items()
    }
    try:
        return gpiod.request_lines(device, consumer=CONSUMER, config=settings, event_buffer_size=KERNEL_EVENTS)
    except OSError as error:
        mend = "end whatever else uses these lines, or correct `gpio` in the board file"
        raise BadInput(f"cannot take the GPIO lines: {error.strerror}", gpio.chip, mend) from error
