"""From codes to volts at the jack: the board's nominal line, and per jack a measured correction.

The calibration file is optional and stands apart from all settings. Per jack it lists what the module reads,
nominally converted, where the true voltage is known:

    [voct]
    read_v = [-2.98, 0.013, 3.04]
    true_v = [-3.0, 0.0, 3.0]
    nominal = {gain = -0.29703, offset_v = 2.22772, reference_v = 2.5}

Between points the correction is linear; outside it goes on with the slope from the first point to the last, since a
piece of one volt would carry its converter's bow five volts far. A single point shifts. `nominal` is what `read_v`
counts in (`jacks.nominal`), and `load` leaves out what does not fit the module that runs: that jack plays nominally.

`save` writes a checksum into the first line and keeps the file before as a second generation, a damaged one as
`*.damaged`. What cannot be used is named in `notices`: a damaged file leaves the generation before, else those jacks
nominal, and never stops the module.
"""

import contextlib
import re
import sys
import zlib
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from neurorack.errors import BadInput
from neurorack.jacks.nominal import InForce, Nominal
from neurorack.jacks.tolerance import gain_limit
from neurorack.statedir import mend_of, read_plain, replace_file, set_aside
from neurorack.words import CV_JACKS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_POINTS = 32
WORST_CORRECTION_V = 1.0
"""A module that is further off is broken or was calibrated with the wrong voltage."""

MOST_BYTES = 1 << 16
"""Five jacks of 32 points take 7 kB."""

_TITLE = b"# neurorack calibration"
_SEAL = re.compile(_TITLE + rb", crc32 ([0-9a-f]{8})\n")

_Point = Annotated[float, msgspec.Meta(ge=-13.0, le=13.0)]
_Points = Annotated[list[_Point], msgspec.Meta(min_length=1, max_length=MOST_POINTS)]


class Correction(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Points of one jack: nominal reading and truth, both in volts, both rising; and what the readings count in, None
    where an older version wrote them."""

    read_v: _Points
    true_v: _Points
    nominal: Nominal | None = None

    @property
    def beside_reference(self) -> bool:
        """Whether the converter saw its reference when this was measured."""
        return self.nominal is not None and self.nominal.reference_v > 0.0

    def fault(self) -> str:
        """Why it cannot be used, or ""."""
        if len(self.read_v) != len(self.true_v):
            return f"{len(self.read_v)} readings for {len(self.true_v)} true volts"
        for row in (self.read_v, self.true_v):
            if any(after - before < 0.01 for before, after in pairwise(row)):
                return "volts must rise by at least 0.01 V from point to point"
        worst_v = max(abs(read - true) for read, true in zip(self.read_v, self.true_v, strict=True))
        if worst_v > WORST_CORRECTION_V:
            return f"a correction of {worst_v:.2f} V is not plausible"
        zero = min(range(len(self.true_v)), key=lambda point: abs(self.true_v[point]))  # where the wizard begins
        for read, true in zip(self.read_v, self.true_v, strict=True):
            asked_v, read_v = true - self.true_v[zero], read - self.read_v[zero]
            if abs(read_v - asked_v) > gain_limit(beside_reference=self.beside_reference) * abs(asked_v):
                return f"{asked_v:+g} V more read as {read_v:+.3f} V are not plausible"
        return ""

    def true(self, read_v: float) -> float:
        """Volts at the jack for a nominal reading."""
        reads, trues = self.read_v, self.true_v
        right = bisect_right(reads, read_v)
        if 0 < right < len(reads):
            left = right - 1
            part = (read_v - reads[left]) / (reads[right] - reads[left])
            return trues[left] + part * (trues[right] - trues[left])
        end = 0 if right == 0 else -1
        slope = (trues[-1] - trues[0]) / (reads[-1] - reads[0]) if len(reads) > 1 else 1.0
        return trues[end] + slope * (read_v - reads[end])


class Calibration:
    """Corrections by jack; jacks without one are nominal."""

    def __init__(self, corrections: dict[str, Correction] | None = None, notices: tuple[str, ...] = ()) -> None:
        self.corrections = corrections or {}
        self.notices = notices
        """What of the file could not be used, one line each."""

    @classmethod
    def load(cls, path: Path | None, now: InForce | None = None) -> "Calibration":
        """Read a file, or the generation before it where it is damaged or missing. No file is no error.

        `now` is what the module's readings count in: corrections that do not fit that are left out.
        """
        if path is None:
            return cls()
        found = cls._newest(path)
        return found if now is None else found._fitting(path, now)

    @classmethod
    def _newest(cls, path: Path) -> "Calibration":
        """The newest generation that can be read."""
        try:
            return cls._parse(path)
        except FileNotFoundError:
            notice = f"calibration {path} is missing"
        except (OSError, ValueError, RecursionError) as error:
            notice = f"calibration {path} cannot be read: {error}"
        try:
            former = cls._parse(former_path(path))
        except FileNotFoundError:
            missing = notice.endswith("is missing")  # a module that nobody has calibrated yet
            return cls(notices=() if missing else (f"{notice}; playing uncalibrated",))
        except (OSError, ValueError, RecursionError):
            return cls(notices=(f"{notice}, nor the one before; playing uncalibrated",))
        return cls(former.corrections, (f"{notice}; the one before is used", *former.notices))

    @classmethod
    def _parse(cls, path: Path) -> "Calibration":
        """Raises OSError, ValueError or RecursionError where the file as a whole is damaged."""
        return cls._read(read_plain(path, MOST_BYTES), path)

    @classmethod
    def _read(cls, content: bytes, path: Path) -> "Calibration":
        if (seal := _SEAL.match(content)) and int(seal[1], 16) != zlib.crc32(content[seal.end() :]):
            raise ValueError("its checksum does not match (remove the first line if you changed it yourself)")
        document = tomllib.loads(content.decode("utf-8-sig"))
        if not document:
            raise ValueError("it is empty")
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

    def _fitting(self, path: Path, now: InForce) -> "Calibration":
        """What of it counts in the same as the module does `now`."""
        faults: dict[str, list[str]] = {}
        for jack, correction in self.corrections.items():
            faults.setdefault(now.fault(jack, correction.nominal), []).append(jack)
        fitting = faults.pop("", [])
        notices = [
            f"calibration {path}, {', '.join(jacks)}: {fault}; played nominally: run `neurorack calibrate`"
            for fault, jacks in faults.items()
        ]
        return Calibration({jack: self.corrections[jack] for jack in fitting}, (*self.notices, *notices))

    def save(self, path: Path) -> None:
        """Write it to `path`, whole; a sound file there becomes the generation before, a damaged one is set aside.

        Raises OSError, also where the file that is there cannot be read: then it stays.
        """
        lines = []
        for jack, correction in self.corrections.items():
            lines += [f"[{jack}]", f"read_v = {_row(correction.read_v)}", f"true_v = {_row(correction.true_v)}"]
            lines += [f"nominal = {_table(correction.nominal)}"] if correction.nominal is not None else []
            lines.append("")
        content = "\n".join(lines).encode()
        seal = b"# neurorack calibration, crc32 %08x\n" % zlib.crc32(content)
        with contextlib.suppress(FileNotFoundError):
            try:
                before = read_plain(path, MOST_BYTES)
                if self._read(before, path).notices:
                    raise ValueError("a part of it cannot be used")
                replace_file(former_path(path), before)
            except (ValueError, RecursionError):
                set_aside(path)
        replace_file(path, seal + content)


def former_path(path: Path) -> Path:
    """The generation before the file at `path`."""
    return path.with_name(f"{path.name}.former")


def check_calibration(path: Path) -> None:
    """Raise BadInput where the file at `path` cannot be read, or is none of a calibration, not even a damaged one: it
    neither can be played by nor may be written over. FileNotFoundError or NotADirectoryError where there is none."""
    try:
        content = read_plain(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise BadInput(f"cannot read the calibration: {error.strerror}", str(path), mend_of(error)) from error
    except ValueError as error:
        raise BadInput(f"this is no calibration, {error}", str(path), "give another FILE") from error
    if content.startswith(_TITLE):
        return
    try:
        jacks = tomllib.loads(content.decode("utf-8-sig")).keys() & set(CV_JACKS)
    except (ValueError, RecursionError):
        jacks = set()
    if not jacks:
        mend = f"give a FILE with a table of {', '.join(CV_JACKS[:-1])} or {CV_JACKS[-1]}"
        raise BadInput("this is no calibration", str(path), mend)


def _table(nominal: Nominal) -> str:
    """Every digit: it is compared for equality."""
    return "{" + ", ".join(f"{key} = {value!r}" for key, value in msgspec.to_builtins(nominal).items()) + "}"


def _row(volts: list[float]) -> str:
    """Microvolts are a thousandth of a cent."""
    return "[" + ", ".join(f"{v:.6f}" for v in volts) + "]"
