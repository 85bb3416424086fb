"""From codes to volts at the jack: the board's nominal line, and per jack a measured correction.

The calibration file is optional and stands apart from all settings. Per jack it lists what the module reads,
nominally converted, where the true voltage is known:

    [voct]
    read_v = [-2.98, 0.013, 3.04]
    true_v = [-3.0, 0.0, 3.0]

Between points the correction is linear, outside it goes on as in the last piece. A damaged file never stops the
module: what cannot be used is named in `notices`, and those jacks play nominally.
"""

import sys
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from neurorack.words import CV_JACKS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_POINTS = 32
WORST_CORRECTION_V = 1.0
"""A module that is further off is broken or was calibrated with the wrong voltage."""

_Point = Annotated[float, msgspec.Meta(ge=-13.0, le=13.0)]
_Points = Annotated[list[_Point], msgspec.Meta(min_length=2, max_length=MOST_POINTS)]


class Correction(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Points of one jack: nominal reading and truth, both in volts, both rising."""

    read_v: _Points
    true_v: _Points

    def fault(self) -> str:
        """Why it cannot be used, or ""."""
        if len(self.read_v) != len(self.true_v):
            return f"{len(self.read_v)} readings for {len(self.true_v)} true volts"
        for row in (self.read_v, self.true_v):
            if any(after - before < 0.01 for before, after in pairwise(row)):
                return "volts must rise by at least 0.01 V from point to point"
        worst_v = max(abs(read - true) for read, true in zip(self.read_v, self.true_v, strict=True))
        return f"a correction of {worst_v:.2f} V is not plausible" if worst_v > WORST_CORRECTION_V else ""

    def true(self, read_v: float) -> float:
        """Volts at the jack for a nominal reading."""
        piece = min(max(bisect_right(self.read_v, read_v) - 1, 0), len(self.read_v) - 2)
        span_v = self.read_v[piece + 1] - self.read_v[piece]
        part = (read_v - self.read_v[piece]) / span_v
        return self.true_v[piece] + part * (self.true_v[piece + 1] - self.true_v[piece])


class Calibration:
    """Corrections by jack; jacks without one are nominal."""

    def __init__(self, corrections: dict[str, Correction] | None = None, notices: tuple[str, ...] = ()) -> None:
        self.corrections = corrections or {}
        self.notices = notices
        """What of the file could not be used, one line each."""

    @classmethod
    def load(cls, path: Path | None) -> "Calibration":
        """Read a file. No file is no error; a damaged one costs a notice."""
        if path is None or not path.exists():
            return cls()
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            return cls(notices=(f"calibration {path} cannot be read, playing nominally: {error}",))
        corrections, notices = {}, []
        for jack, table in document.items():
            try:
                if jack not in CV_JACKS:
                    raise ValueError(f"there is no such jack, use {', '.join(CV_JACKS)}")
                correction = msgspec.convert(table, Correction)
                if fault := correction.fault():
                    raise ValueError(fault)
            except ValueError as error:  # msgspec's ValidationError is one
                notices.append(f"calibration {path}, {jack}: {error}; {jack} plays nominally")
            else:
                corrections[jack] = correction
        return cls(corrections, tuple(notices))
