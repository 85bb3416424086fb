"""SSD1306: controller of a 128×64 OLED (Solomon Systech's data sheet, rev 1.1), as mounted on the usual module.

It decodes the command stream into display RAM; `pixels` gives what the eye sees. The module's glass stands so that
the picture is upright with segment remap (A1) and COM scan reversed (C8), as drivers set it up.
"""

import random
from pathlib import Path

import numpy as np

from neurorack.shared import Snapshot

WIDTH, PAGES = 128, 8

OLED = np.dtype(
    [
        ("ram", "u1", (PAGES, WIDTH)),  # bit 0 on top; column = segment line of the glass
        ("on", "u1"),
        ("pump", "u1"),  # without the charge pump the glass is dark
        ("contrast", "u1"),
        ("inverted", "u1"),
        ("all_on", "u1"),
        ("start_line", "u1"),
        ("offset", "u1"),
        ("lines", "u1"),  # multiplex ratio
        ("remapped", "u1"),
        ("com_reversed", "u1"),
        ("mode", "u1"),  # 0 horizontal, 1 vertical, 2 page
        ("column", "u1"),
        ("page", "u1"),
        ("columns", "u1", 2),  # window: first, last
        ("pages", "u1", 2),
    ]
)
"""All the chip remembers, as it lies in the run directory (`rack.oled`)."""

HORIZONTAL, VERTICAL, PAGE = range(3)

_ARGUMENTS = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x26: 6, 0x27: 6, 0x29: 5, 0x2A: 5, 0x81: 1, 0x8D: 1, 0xA3: 2, 0xA8: 1,
    0xD3: 1, 0xD5: 1, 0xD6: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1, 0x23: 1,
}  # fmt: skip
"""Commands that are followed by arguments, and by how many."""


def pixels(state: np.record) -> np.ndarray:
    """What the eye sees of a record of OLED: bool [64, 128], row 0 on top."""
    if not (state["on"] and state["pump"]):
        return np.zeros((8 * PAGES, WIDTH), bool)
    if state["all_on"]:
        return np.ones((8 * PAGES, WIDTH), bool)
    rows = np.unpackbits(state["ram"][:, None, :], axis=1, bitorder="little").reshape(8 * PAGES, WIDTH).astype(bool)
    lit = np.roll(rows ^ bool(state["inverted"]), -(int(state["start_line"]) + int(state["offset"])), axis=0)
    lit[int(state["lines"]) :] = False
    if not state["com_reversed"]:
        lit = lit[::-1]
    return lit[:, ::-1]


class Ssd1306:
    """One display at `address`. With a run directory its state lies there and outlives the process that drives it."""

    def __init__(self, address: int = 0x3C, run_dir: Path | None = None) -> None:
        self.address = address
        self._command: list[int] = []  # a command whose arguments are still to come
        if run_dir is None:
            self._snapshot = None
            self.state = np.zeros(1, OLED).view(np.recarray)[0]
            self.reset(0)
        else:
            self._snapshot = Snapshot(run_dir / "rack.oled", OLED, create=True)
            self.state = self._snapshot.record
            if not self._snapshot.refresh():
                self.reset(0)

    def reset(self, t_ns: int) -> None:
        """Power on: everything off, and the RAM full of whatever it woke up with."""
        state = self.state
        for name in OLED.names or ():
            state[name] = 0
        state["ram"] = np.frombuffer(random.Random(1306).randbytes(PAGES * WIDTH), np.uint8).reshape(PAGES, WIDTH)
        state["contrast"], state["lines"], state["mode"] = 0x7F, 64, PAGE
        state["columns"], state["pages"] = (0, WIDTH - 1), (0, PAGES - 1)
        self._command = []
        self._publish()

    def pixels(self) -> np.ndarray:
        """bool [64, 128], row 0 on top."""
        return pixels(self.state)

    def answers(self, address: int) -> bool:
        return address == self.address

    def general_call(self, command: int, t_ns: int) -> None:
        """It does not heed general calls."""

    def read(self, count: int, t_ns: int) -> bytes:
        """Status: bit 6 says that the display is off."""
        return bytes([0x00 if self.state["on"] else 0x40]) * count

    def write(self, data: bytes, t_ns: int) -> None:
        """Control bytes with Co set are followed by one byte, one without it by all the rest."""
        at = 0
        while at + 1 < len(data):
            control, at = data[at], at + 1
            end = at + 1 if control & 0x80 else len(data)
            if control & 0x40:
                self._draw(data[at:end])
            else:
                for byte in data[at:end]:
                    self._decode(byte)
            at = end
        self._publish()

    def _publish(self) -> None:
        if self._snapshot is not None:
            self._snapshot.publish()

    def _decode(self, byte: int) -> None:
        self._command.append(byte)
        if len(self._command) <= _ARGUMENTS.get(self._command[0], 0):
            return
        command, *arguments = self._command
        self._command = []
        if arguments:
            self._set_up(command, arguments)
        else:
            self._switch(command)

    def _set_up(self, command: int, arguments: list[int]) -> None:
        """Commands with arguments; those that only shape currents, clocks and scrolling change nothing here."""
        state = self.state
        if command == 0x20:
            state["mode"] = min(arguments[0] & 3, PAGE)
        elif command == 0x21:
            state["columns"] = [argument & 127 for argument in arguments]
            state["column"] = state["columns"][0]
        elif command == 0x22:
            state["pages"] = [argument & 7 for argument in arguments]
            state["page"] = state["pages"][0]
        elif command == 0x81:
            state["contrast"] = arguments[0]
        elif command == 0x8D:
            state["pump"] = arguments[0] >> 2 & 1
        elif command == 0xA8:
            state["lines"] = (arguments[0] & 63) + 1
        elif command == 0xD3:
            state["offset"] = arguments[0] & 63

    def _switch(self, command: int) -> None:
        """Commands of one byte."""
        state = self.state
        if command < 0x10:
            state["column"] = int(state["column"]) & 0xF0 | command
        elif command < 0x20:
            state["column"] = (int(state["column"]) & 0x0F | command << 4) & 127
        elif 0x40 <= command < 0x80:
            state["start_line"] = command & 63
        elif command in (0xA0, 0xA1):
            state["remapped"] = command & 1
        elif command in (0xA4, 0xA5):
            state["all_on"] = command & 1
        elif command in (0xA6, 0xA7):
            state["inverted"] = command & 1
        elif command in (0xAE, 0xAF):
            state["on"] = command & 1
        elif 0xB0 <= command < 0xB8:
            state["page"] = command & 7
        elif 0xC0 <= command < 0xD0:
            state["com_reversed"] = command >> 3 & 1

    def _draw(self, data: bytes) -> None:
        """Data into RAM from the pointer on. Segment remap counts here: what is drawn already stays where it is."""
        state = self.state
        ram, mode = state["ram"], int(state["mode"])
        column, page, remapped = int(state["column"]), int(state["page"]), bool(state["remapped"])
        first, last = (0, WIDTH - 1) if mode == PAGE else map(int, state["columns"])
        top, bottom = map(int, state["pages"])
        for byte in data:
            ram[page, WIDTH - 1 - column if remapped else column] = byte
            if mode == VERTICAL:
                page = top if page == bottom else (page + 1) & 7
                if page != top:
                    continue
            at_end = column == last
            column = first if at_end else (column + 1) & 127
            if at_end and mode == HORIZONTAL:
                page = top if page == bottom else (page + 1) & 7
        state["column"], state["page"] = column, page
