"""What a jack's uncorrected volts count in: the line of the board file, and for `voct` the reference it is read beside.

A correction is worth what its readings counted in. By another line the same reading is another voltage: 1 % of the
pin's 2.23 V are 90 cents at the jack, and 0.25 % of the converter with 0.05 % of the reference, between reading beside
it and without, are 34 at −2 V. So each correction keeps its `Nominal`, the jacks process publishes what is `InForce`,
and both have to agree.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from neurorack.board import Board
from neurorack.words import CV_JACKS


class Nominal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pin volts = `offset_v` + `gain` × volts at the jack; `reference_v` is the reference by which the converter's
    volts were taken, 0 where they were its own."""

    gain: float
    offset_v: float
    reference_v: float = 0.0


@dataclass(frozen=True)
class InForce:
    """What the readings of a module that runs count in, in the order of CV_JACKS."""

    nominals: tuple[Nominal, ...]
    unseen_v: float = 0.0
    """A reference that the board names and that has not been seen since the start; 0: there is none such."""

    @classmethod
    def of_board(cls, board: Board, *, seen: bool = True) -> "InForce":
        """As a board says, its reference `seen` or not."""
        reference_v = 0.0 if board.reference is None else board.reference.volts
        nominals = [Nominal(jack.gain, jack.offset_v) for jack in board.jacks.in_order()]
        if seen:
            nominals[0] = msgspec.structs.replace(nominals[0], reference_v=reference_v)
        return cls(tuple(nominals), 0.0 if seen else reference_v)

    @classmethod
    def of_record(cls, volts: Any) -> "InForce | None":
        """As a record of `shared.VOLTS` has it; None where the jacks have never written one."""
        if not volts["t_ns"]:
            return None
        used = bool(volts["reference_used"])
        reference_v = float(volts["reference_v"])
        lines = zip(volts["gain"].tolist(), volts["offset_v"].tolist(), strict=True)
        first, *others = (Nominal(gain, offset_v) for gain, offset_v in lines)
        first = msgspec.structs.replace(first, reference_v=reference_v if used else 0.0)
        return cls((first, *others), 0.0 if used else reference_v)

    def fault(self, jack: str, nominal: Nominal | None) -> str:
        """Why readings of `jack` that counted in `nominal` say nothing now, or ""."""
        now = self.nominals[CV_JACKS.index(jack)]
        if nominal is None:
            # The shipped boards' lines changed by 1 %, and their reference came, before files said what they count in.
            # To trust an older one may cost 114 cents and nobody would know; not to trust it costs 20, and a line.
            return "it does not say what its volts count in, as older versions had it"
        if (nominal.gain, nominal.offset_v) != (now.gain, now.offset_v):
            return f"its volts count in {_line(nominal)}, the board's in {_line(now)}"
        if nominal.reference_v == now.reference_v:
            return ""
        if jack == CV_JACKS[0] and nominal.reference_v == self.unseen_v > 0.0:
            # The wire is off, which is told. By the correction it is 34 cents off at most, by none 50.
            return ""
        return f"measured {_beside(nominal)}, read {_beside(now)} now"


def _line(nominal: Nominal) -> str:
    return f"{nominal.offset_v:g} V {nominal.gain:+g} × jack"


def _beside(nominal: Nominal) -> str:
    return f"beside a reference of {nominal.reference_v:g} V" if nominal.reference_v else "without a reference"
