"""Volts from a CSV file: what `--cv FILE.csv` plays into the jacks.

    t,voct,gate1
    0,0.0,0
    0.5,,5        an empty cell gives nothing
    1.0,1.0,0
    1.0,2.0,      the same t twice is a step

CVs run straight between the rows that give them and hold before the first and after the last; gates hold, and are
0 V before the first. A column that is missing is a jack without a cable.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.words import CV_JACKS, GATE_JACKS

COLUMNS = ("t", *CV_JACKS, *GATE_JACKS)
HIGHEST_V = 24.0
"""Beyond twice the ±12 V of the supply no module gives and no jack survives."""
LONGEST_S = 86_400.0
LARGEST_BYTES = 64 << 20

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LINE_END = re.compile(r"\r\n|\n|\r")


class Track:
    """One column as a signal: `times_ns` [n] never falling, `volts` [n]; `holds` between rows or runs straight."""

    def __init__(self, times_ns: list[int], volts: list[float], *, holds: bool) -> None:
        self._times, self._volts, self._holds = times_ns, volts, holds

    def volts(self, t_ns: int) -> float:
        after = bisect_right(self._times, t_ns)
        if after == 0:
            return 0.0 if self._holds or not self._volts else self._volts[0]
        before_v = self._volts[after - 1]
        if self._holds or after == len(self._times):
            return before_v
        begin = self._times[after - 1]
        return before_v + (self._volts[after] - before_v) * ((t_ns - begin) / (self._times[after] - begin))

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        return sorted(set(self._times[bisect_right(self._times, t0_ns) : bisect_right(self._times, t1_ns)]))


class VoltsFile:
    """A file read and checked. Raises BadInput with file, line and column."""

    def __init__(self, path: Path) -> None:
        rows = _rows(_text(path), str(path))
        _, names = next(rows)
        times: dict[str, list[int]] = {name: [] for name in names if name != "t"}
        volts: dict[str, list[float]] = {name: [] for name in times}
        t_ns = -1
        for line, cells in rows:
            t_ns = _time_ns(cells[names.index("t")], t_ns, f"{path}:{line}, column t")
            for name, cell in zip(names, cells, strict=True):
                if name != "t" and cell:
                    times[name].append(t_ns)
                    volts[name].append(_volts(cell, f"{path}:{line}, column {name}"))
        if t_ns < 0:
            raise BadInput("there are no rows below the header", str(path), "give at least one, e.g. 0,0.0")
        self.duration_s = t_ns * 1e-9
        """Time of the last row."""
        self.tracks = {name: Track(times[name], volts[name], holds=name in GATE_JACKS) for name in times}
        """Signals by the name of their jack."""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot read the volts file: {error.strerror}", str(path), "give another --cv FILE") from error
    if len(raw) > LARGEST_BYTES:
        raise BadInput("the volts file is larger than 64 MiB", str(path), "split it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput("the volts file is not UTF-8", f"{path}:{line}", "save it as plain UTF-8 CSV") from error


def _rows(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the header and of every row below it, all as wide as the header."""
    lines = _LINE_END.split(text)
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise BadInput("the volts file is empty", path, "begin with a header, e.g. t,voct,gate1")
    width = 0
    for number, line in enumerate(lines, 1):
        cells = [cell.strip(" \t") for cell in line.split(",")]
        if number == 1:
            _check_header(cells, f"{path}:1")
            width = len(cells)
        elif len(cells) != width:
            raise BadInput(
                f"{len(cells)} cells in this row, {width} in the header",
                f"{path}:{number}, column {min(len(cells), width) + 1}",
                "leave cells empty, never out",
            )
        yield number, cells


def _check_header(names: list[str], where: str) -> None:
    for index, name in enumerate(names, 1):
        if name not in COLUMNS:
            what = f"unknown column {name[:40]!r}" if name else "a column without a name"
            raise BadInput(what, f"{where}, column {index}", f"use {','.join(COLUMNS)}")
        if name in names[: index - 1]:
            raise BadInput(f"column {name} is there twice", f"{where}, column {index}", "keep one of them")
    if "t" not in names:
        raise BadInput("there is no column t", where, "add it, with seconds that never fall")


def _number(cell: str, where: str, mend: str) -> float:
    if not _NUMBER.fullmatch(cell):
        raise BadInput(f"{cell[:40]!r} is not a number", where, mend)
    return float(cell)


def _time_ns(cell: str, last_ns: int, where: str) -> int:
    if not cell:
        raise BadInput("this row has no time", where, "give seconds")
    t_s = _number(cell, where, "give seconds, e.g. 1.25")
    if not 0.0 <= t_s <= LONGEST_S:
        raise BadInput(
            f"time {cell[:40]} s is not between 0 and {LONGEST_S:.0f}", where, "begin at 0 and split long files"
        )
    t_ns = round(t_s * 1e9)
    if t_ns < last_ns:
        raise BadInput(f"time falls from {last_ns * 1e-9:g} to {t_s:g} s", where, "sort the rows by t")
    return t_ns


def _volts(cell: str, where: str) -> float:
    volts = _number(cell, where, "give volts, e.g. 1.25, or nothing")
    if abs(volts) > HIGHEST_V:
        raise BadInput(f"{cell[:40]} V is more than any jack takes", where, f"stay within ±{HIGHEST_V:g} V")
    return volts
