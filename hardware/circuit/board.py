"""What the blocks are drawn with: parts are placed by kind, pins are joined to nets by name."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hardware.circuit import parts
from hardware.circuit.parts import Kind


@contextmanager
def silent_up_to(level: int) -> Iterator[None]:
    """What is logged at `level` or below stays unsaid meanwhile."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)


with silent_up_to(logging.WARNING):  # SKiDL complains of every KiCad library that we do not need
    from skidl import SKIDL, Circuit, Net, Part, Pin
    from skidl.logger import stop_log_file_output
    from skidl.pin import pin_drives, pin_types

stop_log_file_output()  # it has opened two in the working directory by now


class _Messages(logging.Handler):
    """Collects what SKiDL reports."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname}: {record.getMessage()}")


class Board:
    """One circuit board being drawn. `block` names the part of the schematic that parts are placed in now."""

    def __init__(self) -> None:
        self.circuit = Circuit()
        self.circuit.no_files = True
        self.block = ""
        self._nets: dict[str, Net] = {}

    def net(self, name: str) -> Net:
        """The net of that name, made on first use."""
        if name not in self._nets:
            self._nets[name] = Net(name, circuit=self.circuit)
        return self._nets[name]

    def rail(self, name: str) -> str:
        """Marks a net as supplied although it hangs on a fuse, a bead or a diode, which drive nothing by themselves."""
        self.net(name).drive = pin_drives.POWER
        return name

    def place(self, kind: Kind, text: str = "", value: float | None = None, /, **at: str | None) -> Part:
        """Puts a part on the board. `at` names a net for each pin; None leaves a pin open on purpose.

        Raises:
            ValueError: a pin that the kind does not have, or one of its pins that was forgotten.
        """
        names = {name for _, name, _ in kind.pins}
        wanted = {name for _, name, electrical in kind.pins if electrical != parts.NOT_CONNECTED}
        if not wanted <= set(at) <= names:
            raise ValueError(f"{kind.number}: pins {sorted(wanted ^ set(at))} forgotten or unknown")
        part = Part(
            name=kind.number,
            tool=SKIDL,
            ref_prefix=kind.prefix,
            tag=f"{self.block} {len(self.circuit.parts)}",
            footprint=parts.FOOTPRINTS.get(kind.package, kind.package),
            circuit=self.circuit,
            pins=[Pin(num=number, name=name, func=pin_types[electrical]) for number, name, electrical in kind.pins],
        )
        part.value = text or kind.number
        part.kind, part.block, part.amount = kind, self.block, value
        for name, net in at.items():
            if net is None:
                part.p[self._number(kind, name)].do_erc = False
            else:
                self.net(net).connect(part.p[self._number(kind, name)])
        return part

    @staticmethod
    def _number(kind: Kind, pin: str) -> str:
        return next(number for number, name, _ in kind.pins if name == pin)

    def resistor(self, ohms: float, a: str, b: str, tolerance: float = 0.01) -> Part:
        """A resistor between two nets."""
        kind, text = parts.resistor(ohms, tolerance)
        return self.place(kind, text, ohms, A=a, B=b)

    def capacitor(self, name: str, a: str, b: str = "GND") -> Part:
        """A capacitor of the catalogue between two nets."""
        kind, text, farads = parts.capacitor(name)
        return self.place(kind, text, farads, A=a, B=b)

    def test_point(self, net: str) -> Part:
        """A loop for a probe."""
        return self.place(parts.TEST_POINT, f"TP {net}", P=net)

    def check(self) -> list[str]:
        """What the electrical rules find: errors and warnings, one a line."""
        messages, logger = _Messages(), logging.getLogger("ERC_Logger")
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
        logger.addHandler(messages)
        with silent_up_to(logging.NOTSET):
            self.circuit.ERC()
        logger.removeHandler(messages)
        return messages.lines

    def netlist(self) -> str:
        """For KiCad's layout editor."""
        with silent_up_to(logging.WARNING):  # of symbol libraries, again
            return str(self.circuit.generate_netlist(tool="kicad9", do_backup=False, track_src=False))

    def parts(self, *blocks: str) -> list[Part]:
        """The parts of those blocks, or all."""
        return [part for part in self.circuit.parts if not blocks or part.block in blocks]

    def pins(self, net: str) -> Iterator[tuple[Part, str, str]]:
        """(part, number, name) of every pin on a net."""
        for part in self.circuit.parts:
            for number, name, _ in part.kind.pins:
                if at(part, name) == net:
                    yield part, number, name


def at(part: Part, pin: str) -> str | None:
    """The name of the net at a pin, by the pin's name."""
    found = part.p[Board._number(part.kind, pin)]
    return found.net.name if found.net is not None else None
