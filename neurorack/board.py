"""What is soldered where: buses, chips, jacks, pots and lines, read from one TOML and checked before use.

Three ship in `boards/`, each with its sources and to be copied: `orin` (the default), `nano` and `generic`. A file that
says `like = "orin"` takes every key, at every level, that it does not give itself from that board. The virtual rack
has the same board with other names for its buses and its GPIO chip (`Board.on_rack`), so drivers cannot tell the
difference.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from neurorack.boards import BOARDS, DEFAULT_BOARD
from neurorack.errors import BadInput
from neurorack.statedir import read_plain
from neurorack.words import CV_JACKS, POTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 1 << 18
"""Those that ship take 3 kB."""

SUPPLY_V = 3.3
"""Supply of the ADCs: a pin outside 0…3.3 V is clipped or harmed."""

RAIL_V = 0.05
"""So near the supply's ends no op-amp drives a pin well, and what a jack takes must end before: a pin that stands there
is a jack over range, or one whose conditioning is missing."""

AdcKind = Literal["ads1115", "ads1015"]

RATES_SPS: dict[str, tuple[int, ...]] = {
    "ads1115": (8, 16, 32, 64, 128, 250, 475, 860),
    "ads1015": (128, 250, 490, 920, 1600, 2400, 3300),
}
"""Data rates by chip, in the order of their codes in the config register (datasheets SBAS444 and SBAS473)."""

RANGES_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256)
"""Full scales of the PGA, in the order of their codes in the config register."""

HEADER_LINES = (15, 29, 31, 32, 33)
"""Header pins that the overlays make inputs and the board's drivers lead to (`hardware/circuit/header.py`). Of others,
too, Jetson.GPIO knows the line, and it would read nothing for ever."""

Address = Annotated[int, msgspec.Meta(ge=0x08, le=0x77)]
Input = Annotated[int, msgspec.Meta(ge=0, le=3)]
Channel = Annotated[int, msgspec.Meta(ge=0, le=15)]
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the TOML: every key known, nothing changes after loading."""


class Bus(_Table, frozen=True):
    """An I2C bus. `device` is a path for smbus2, or `rack:NAME` for the virtual one."""

    device: str
    clock_hz: Annotated[int, msgspec.Meta(ge=100_000, le=1_000_000)] = 400_000


class Adc(_Table, frozen=True):
    """One ADS1115 or ADS1015."""

    kind: AdcKind
    bus: str
    address: Annotated[int, msgspec.Meta(ge=0x48, le=0x4B)]
    rate_sps: int
    range_v: float


class Adcs(_Table, frozen=True):
    """The three converters, each with one task."""

    voct: Adc
    cv: Adc
    pots: Adc


class Jack(_Table, frozen=True):
    """Conditioning of one CV jack: pin volts = offset_v + gain × jack volts."""

    input: Input
    gain: float
    offset_v: float
    low_v: float
    high_v: float

    def pin_v(self, jack_v: float) -> float:
        """Volts at the ADC's pin for volts at the jack."""
        return self.offset_v + self.gain * jack_v

    def jack_v(self, pin_v: float) -> float:
        """Volts at the jack, as built nominally, for volts at the ADC's pin; not clamped."""
        return (pin_v - self.offset_v) / self.gain


class Jacks(_Table, frozen=True):
    """The CV jacks: `voct` on its own ADC, the others share one."""

    voct: Jack
    cv1: Jack
    cv2: Jack
    cv3: Jack
    cv4: Jack

    def in_order(self) -> tuple[Jack, ...]:
        """In the order of `words.CV_JACKS`."""
        return self.voct, self.cv1, self.cv2, self.cv3, self.cv4


class Reference(_Table, frozen=True):
    """The voltage that lifts `voct`'s line, wired to another input of its converter, which so tells its own gain."""

    input: Input
    volts: float


class Pot(_Table, frozen=True):
    """A pot of the panel: pin volts at its left and right stop."""

    input: Input
    low_v: float
    high_v: float

    def pin_v(self, position: float) -> float:
        """Volts at the ADC's pin for a position 0…1."""
        return self.low_v + position * (self.high_v - self.low_v)

    def position(self, pin_v: float) -> float:
        """Position for volts at the ADC's pin; not clamped."""
        return (pin_v - self.low_v) / (self.high_v - self.low_v)


class Pots(_Table, frozen=True):
    """The pots, bases of the first four knobs."""

    pot1: Pot
    pot2: Pot
    pot3: Pot
    pot4: Pot

    def in_order(self) -> tuple[Pot, ...]:
        """In the order of `words.POTS`."""
        return self.pot1, self.pot2, self.pot3, self.pot4


class Line(_Table, frozen=True):
    """A GPIO line, by header pin or by line of its chip. `debounce_us`: deaf that long after an edge."""

    pin: int | None = None
    line: Annotated[int, msgspec.Meta(ge=0)] | None = None
    debounce_us: Microseconds = 0
    active_low: bool = False


class Gpio(_Table, frozen=True):
    """Gates and encoder. `chip` is the label or the path of a GPIO chip, or `rack` for the virtual one."""

    chip: str
    gate1: Line
    gate2: Line
    encoder_a: Line
    encoder_b: Line
    encoder_push: Line

    def by_name(self) -> dict[str, Line]:
        """Lines in the order of `shared.EDGE_JACKS`."""
        return {name: getattr(self, name) for name in ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push")}


class Encoder(_Table, frozen=True):
    """`reversed` swaps the direction of a turn."""

    reversed: bool = False
    steps_per_detent: Annotated[int, msgspec.Meta(ge=1, le=4)] = 4


class Oled(_Table, frozen=True):
    """The 128×64 display. `rotated` turns the picture by 180°."""

    kind: Literal["ssd1306"]
    bus: str
    address: Annotated[int, msgspec.Meta(ge=0x3C, le=0x3D)]
    rotated: bool = False


class Leds(_Table, frozen=True):
    """The LED driver and which of its outputs lights what."""

    kind: Literal["pca9685"]
    bus: str
    address: Annotated[int, msgspec.Meta(ge=0x40, le=0x77)]
    channels: dict[str, Channel]
    pwm_hz: Annotated[int, msgspec.Meta(ge=24, le=1526)] = 1_000


LED_NAMES = ("gate1", "gate2", "level", "clip", "load", "fault", "voltage", "engine")
"""What the LEDs show (`panel.leds` says how); every one needs a number."""


class Board(_Table, frozen=True):
    """The whole module."""

    name: str
    buses: dict[str, Bus]
    adc: Adcs
    jacks: Jacks
    pots: Pots
    gpio: Gpio
    encoder: Encoder
    oled: Oled
    leds: Leds
    reference: Reference | None = None

    def on_rack(self) -> "Board":
        """The same board in the virtual rack: buses `rack:NAME`, GPIO chip `rack`."""
        buses = {name: msgspec.structs.replace(bus, device=f"rack:{name}") for name, bus in self.buses.items()}
        return msgspec.structs.replace(self, buses=buses, gpio=msgspec.structs.replace(self.gpio, chip="rack"))

    def bus_of(self, chip: Adc | Oled | Leds) -> Bus:
        """The bus a chip hangs on."""
        return self.buses[chip.bus]


def load_board(path: Path | None = None, *, rack: bool = False) -> Board:
    """Read and check a board file (`orin` of the shipped ones by default), as it is or on the virtual rack.

    Raises BadInput with file, key path and mend.
    """
    path = path or DEFAULT_BOARD
    board = _convert(_document(path), str(path))
    for key, what, mend in _faults(board):
        raise BadInput(what, f"{path}, key {key}", mend)
    return board.on_rack() if rack else board


def _document(path: Path) -> dict[str, Any]:
    """The tables of a file, upon those of the board it is `like`."""
    another = f"give --board one of {', '.join(BOARDS)}, or a file"
    try:
        content = read_plain(path, MOST_BYTES)
    except OSError as error:
        raise BadInput(f"cannot read the board: {error.strerror}", str(path), another) from error
    except ValueError as error:
        raise BadInput(f"this is no board, {error}", str(path), another) from error
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of 5,000 digits, endless nesting
        raise BadInput(f"the board is not TOML: {error}", str(path), "mend that line") from error
    if "like" not in document:
        return document
    like = document.pop("like")
    if not isinstance(like, str) or like not in BOARDS or BOARDS[like] == path:
        raise BadInput(f"there is no board {like!r} to be like", f"{path}, key like", f"use {', '.join(BOARDS)}")
    return _merged(_document(BOARDS[like]), document)


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with what `own` gives: tables key by key, all else whole."""
    for one, other in (("pin", "line"), ("line", "pin")):  # of a GPIO line, which has one of both
        if one in own and other not in own:
            base = {key: value for key, value in base.items() if key != other}
    both = {k: _merged(base[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return base | own | both


def _convert(document: dict[str, Any], path: str) -> Board:
    try:
        return msgspec.convert(document, Board)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        key = where.rstrip("`").lstrip(".") or "top level"
        if "[...]" in key:
            key = _exact_key(document, key)
        raise BadInput(what, f"{path}, key {key}", f"compare with {DEFAULT_BOARD.name} of the package") from error


def _exact_key(document: dict[str, Any], key: str) -> str:
    """Which entry of `buses` or `leds.channels` it is that msgspec calls [...]."""
    path, _, rest = key.partition("[...]")
    types = {"buses": Bus, "leds.channels": Channel}
    table = document
    for name in path.split("."):
        table = table[name]
    for name, entry in table.items():
        try:
            msgspec.convert(entry, types[path])
        except msgspec.ValidationError:
            return f"{path}.{name}{rest}"
    return key


def _faults(board: Board) -> Iterator[tuple[str, str, str]]:
    """(key path, what, mend) of everything types alone cannot tell."""
    yield from _chip_faults(board)
    yield from _adc_faults(board)
    for name, jack in zip(CV_JACKS, board.jacks.in_order(), strict=True):
        yield from _jack_faults(f"jacks.{name}", jack)
    for name, pot in zip(POTS, board.pots.in_order(), strict=True):
        if abs(pot.high_v - pot.low_v) < 0.1 or not all(0 <= v <= SUPPLY_V for v in (pot.low_v, pot.high_v)):
            what = f"{pot.low_v} to {pot.high_v} V is no pot"
            yield f"pots.{name}", what, f"give two pin volts between 0 and {SUPPLY_V}"
    if board.reference is not None:
        yield from _reference_faults(board, board.reference)
    yield from _input_faults("jacks", ("cv1", "cv2", "cv3", "cv4"), board.jacks)
    yield from _input_faults("pots", POTS, board.pots)
    yield from _line_faults(board.gpio)
    yield from _led_faults(board.leds)


def _chip_faults(board: Board) -> Iterator[tuple[str, str, str]]:
    devices: dict[str, str] = {}
    names = {f"buses.{name}.device": bus.device for name, bus in board.buses.items()} | {"gpio.chip": board.gpio.chip}
    for key, device in names.items():
        if not device.isprintable() or not device.strip():
            yield key, f"{device!a} is no device", "give its name in printable characters, e.g. /dev/i2c-7"
    for name, bus in board.buses.items():
        if bus.device in devices:
            what = f"{bus.device} is bus {devices[bus.device]} already"
            yield f"buses.{name}.device", what, "give each bus its own device"
        devices[bus.device] = name
    chips: dict[str, Adc | Oled | Leds] = {
        "adc.voct": board.adc.voct,
        "adc.cv": board.adc.cv,
        "adc.pots": board.adc.pots,
        "oled": board.oled,
        "leds": board.leds,
    }
    taken: dict[tuple[str, int], str] = {}
    for key, chip in chips.items():
        if chip.bus not in board.buses:
            yield f"{key}.bus", f"there is no bus {chip.bus!r}", f"use one of {', '.join(board.buses)}"
            return
        place = (chip.bus, chip.address)
        if place in taken:
            what = f"address {chip.address:#04x} on bus {chip.bus} is {taken[place]} already"
            yield f"{key}.address", what, "strap another address"
        taken[place] = key
    if board.leds.address == 0x70:
        yield "leds.address", "0x70 is the all-call address of every PCA9685", "strap another address, e.g. 0x60"


def _adc_faults(board: Board) -> Iterator[tuple[str, str, str]]:
    for name, adc in (("voct", board.adc.voct), ("cv", board.adc.cv), ("pots", board.adc.pots)):
        if adc.bus != board.adc.voct.bus:
            yield f"adc.{name}.bus", f"bus {adc.bus} is not that of voct", "put all ADCs on one bus"
        if adc.rate_sps not in RATES_SPS[adc.kind]:
            what = f"an {adc.kind} cannot do {adc.rate_sps} SPS"
            yield f"adc.{name}.rate_sps", what, f"use one of {RATES_SPS[adc.kind]}"
        if adc.range_v not in RANGES_V:
            yield f"adc.{name}.range_v", f"there is no range of {adc.range_v} V", f"use one of {RANGES_V}"
        ends_v = _pin_ends_v(board, name)
        if max(ends_v) > adc.range_v:
            yield f"adc.{name}.range_v", f"pins reach {max(ends_v):.2f} V, beyond ±{adc.range_v} V", "use a wider range"


def _pin_ends_v(board: Board, adc: str) -> list[float]:
    if adc == "pots":
        return [v for pot in board.pots.in_order() for v in (pot.low_v, pot.high_v)]
    jacks = board.jacks.in_order()[:1] if adc == "voct" else board.jacks.in_order()[1:]
    return [jack.pin_v(v) for jack in jacks for v in (jack.low_v, jack.high_v)]


def _jack_faults(key: str, jack: Jack) -> Iterator[tuple[str, str, str]]:
    if jack.gain == 0:
        yield f"{key}.gain", "a gain of 0 hears nothing", "give pin volts per jack volt, e.g. -0.3"
    elif jack.low_v >= jack.high_v:
        yield f"{key}.low_v", f"{jack.low_v} V is not below high_v, {jack.high_v} V", "swap them"
    else:
        for end, volts in (("low_v", jack.low_v), ("high_v", jack.high_v)):
            if not RAIL_V <= jack.pin_v(volts) <= SUPPLY_V - RAIL_V:
                what = f"{volts} V puts {jack.pin_v(volts):.2f} V on the pin"
                yield f"{key}.{end}", what, f"stay within {RAIL_V:g}…{SUPPLY_V - RAIL_V:g} V there"


def _reference_faults(board: Board, reference: Reference) -> Iterator[tuple[str, str, str]]:
    if reference.input == board.jacks.voct.input:
        yield "reference.input", f"input {reference.input} is voct already", "give it its own input, 0 to 3"
    if not 1.0 <= reference.volts <= SUPPLY_V:
        yield "reference.volts", f"{reference.volts} V is no reference", f"give pin volts from 1 to {SUPPLY_V}"


def _input_faults(table: str, names: tuple[str, ...], owner: Jacks | Pots) -> Iterator[tuple[str, str, str]]:
    taken: dict[int, str] = {}
    for name in names:
        number = getattr(owner, name).input
        if number in taken:
            what = f"input {number} is {taken[number]} already"
            yield f"{table}.{name}.input", what, "give each its own input, 0 to 3"
        taken[number] = name


def _line_faults(gpio: Gpio) -> Iterator[tuple[str, str, str]]:
    pins: dict[int, str] = {}
    lines: dict[int, str] = {}
    for name, line in gpio.by_name().items():
        if (line.pin is None) == (line.line is None):
            yield f"gpio.{name}", "needs a header pin or a line, one of both", "write e.g. pin = 29"
        if line.pin is not None:
            if line.pin not in HEADER_LINES:
                what = f"neither overlay nor circuit make header pin {line.pin} an input"
                mend = f"use one of {', '.join(map(str, HEADER_LINES))}; with an overlay of your own give its `line`"
                yield f"gpio.{name}.pin", what, mend
            if line.pin in pins:
                yield f"gpio.{name}.pin", f"header pin {line.pin} is {pins[line.pin]} already", "give each its own pin"
            pins[line.pin] = name
        if line.line is not None:
            if line.line in lines:
                yield f"gpio.{name}.line", f"line {line.line} is {lines[line.line]} already", "give each its own line"
            lines[line.line] = name


def _led_faults(leds: Leds) -> Iterator[tuple[str, str, str]]:
    taken: dict[int, str] = {}
    for name, channel in leds.channels.items():
        if name not in LED_NAMES:
            yield f"leds.channels.{name}", "there is no such LED", f"use {', '.join(LED_NAMES)}"
        if channel in taken:
            yield f"leds.channels.{name}", f"output {channel} is {taken[channel]} already", "give each its own output"
        taken[channel] = name
    for name in LED_NAMES:
        if name not in leds.channels:
            yield f"leds.channels.{name}", "is missing", "give it an output, 0 to 15"
