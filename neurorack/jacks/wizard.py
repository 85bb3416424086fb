"""Calibration step by step, for whoever asks the player: a terminal, the display, a script.

    ASK ─go_on▶ MEASURE ─▶ ASK … ─▶ RESULT ─go_on▶ SAVED
     ▲             │
     └───go_on── REFUSED          leave, at any time ─▶ LEFT: nothing is changed

0 V on all jacks first, then the other voltages on `voct` alone. Nothing is written here: `calibration` is what the
caller saves when the player has seen the report and goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np

from neurorack.board import Board
from neurorack.errors import BadInput
from neurorack.jacks.calibration import MOST_POINTS, Calibration, Correction
from neurorack.jacks.measure import CV_LIMIT_V, VOCT_LIMIT_V, Estimate, Measurement, Totals
from neurorack.jacks.nominal import Nominal
from neurorack.jacks.tolerance import CENTS_PER_V, gain_limit, limits
from neurorack.words import CV_JACKS

POINTS_V = (0.0, 1.0, 3.0)

CLOSEST_V = 0.5
"""Between two points; their distance carries their errors on."""

STRAIGHT_V = 10e-3
"""Furthest from a straight line a point may lie: the converter bows by 0.4 mV, keyboards and sequencers keep 5."""


class Stage(Enum):
    ASK = "ask"
    MEASURE = "measure"
    REFUSED = "refused"
    RESULT = "result"
    SAVED = "saved"
    LEFT = "left"


@dataclass(frozen=True)
class Point:
    """What `voct` read, nominally, with this voltage in it."""

    true_v: float
    read_v: float
    confidence_v: float

    @property
    def error_cents(self) -> float:
        return CENTS_PER_V * (self.read_v - self.true_v)


def parse_points(text: str) -> tuple[float, ...]:
    """`0,1,3` → (0.0, 1.0, 3.0). Raises BadInput where they cannot calibrate."""
    try:
        points_v = tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise BadInput(f"{text!r} are no volts", "--points", "give e.g. 0,1,3") from error
    if fault := points_fault(points_v):
        raise BadInput(fault, "--points", "give e.g. 0,1,3")
    return points_v


def points_fault(points_v: Sequence[float]) -> str:
    """Why these true voltages cannot calibrate, or ""."""
    ordered = sorted(points_v)
    if 0.0 not in points_v or not 2 <= len(points_v) <= MOST_POINTS:
        return f"0 V and one to {MOST_POINTS - 1} others are needed"
    if not all(-3.0 <= v <= 7.0 for v in ordered):  # NaN too
        return "voct takes -3…+7 V"
    if any(after - before < CLOSEST_V for before, after in pairwise(ordered)):
        return f"points must lie {CLOSEST_V:g} V apart or more"
    return ""


class Wizard:
    """Calls: `take` with every look at the totals, `go_on` and `leave` for what the player says.

    `save` is called once, when the player accepts the result; what it raises (OSError) leaves the stage at RESULT.
    """

    def __init__(self, board: Board, save: Callable[[Calibration], None], points_v: Sequence[float] = POINTS_V) -> None:
        self._board, self._save = board, save
        self.steps_v = sorted(points_v, key=abs)  # 0 V first
        self.step = 0
        self.stage = Stage.ASK
        self.fault = ""
        """Why the last step was refused or could not be saved, in one sentence."""
        self.points: list[Point] = []
        self._zeros: dict[str, Point] = {}
        self._running: dict[str, Measurement] = {}
        self._since: Totals | None = None  # when this step began to be measured
        self._nominals: tuple[Nominal, ...] = ()  # what readings counted in when the first step began

    @property
    def true_v(self) -> float:
        """The voltage of this step."""
        return self.steps_v[min(self.step, len(self.steps_v) - 1)]

    @property
    def jacks(self) -> tuple[str, ...]:
        """Jacks that this step measures."""
        return CV_JACKS if self.true_v == 0.0 else CV_JACKS[:1]

    @property
    def over(self) -> bool:
        return self.stage in (Stage.SAVED, Stage.LEFT)

    @property
    def estimate(self) -> Estimate | None:
        """What `voct` reads and how well that is known, while it is measured; mean NaN until it is read."""
        return self._running[CV_JACKS[0]].estimate if self.stage is Stage.MEASURE else None

    @property
    def moving(self) -> str:
        """A jack that is not still, so that nothing can be measured yet; "" where all are."""
        return next((jack for jack, m in self._running.items() if m.moves), "")

    @property
    def progress(self) -> float:
        """How far this step's measurement is, 0…1; its slowest jack counts."""
        return min((m.progress for m in self._running.values()), default=0.0)

    @property
    def calibration(self) -> Calibration:
        """What has been measured, complete from RESULT on."""
        rising = sorted(self.points, key=lambda point: point.true_v)
        nominals = dict(zip(CV_JACKS, self._nominals, strict=True))
        voct = Correction([p.read_v for p in rising], [p.true_v for p in rising], nominals[CV_JACKS[0]])
        others = {jack: Correction([zero.read_v], [zero.true_v], nominals[jack]) for jack, zero in self._zeros.items()}
        return Calibration({CV_JACKS[0]: voct, **others})

    def go_on(self) -> None:
        """The player has done what was asked, tries again, or accepts."""
        if self.stage in (Stage.ASK, Stage.REFUSED):
            self.fault = ""
            self._running = {j: Measurement(VOCT_LIMIT_V if j == CV_JACKS[0] else CV_LIMIT_V) for j in self.jacks}
            self.stage, self._since = Stage.MEASURE, None
        elif self.stage is Stage.RESULT:
            try:
                self._save(self.calibration)
            except OSError as error:
                self.fault = f"cannot save: {error.strerror or error}"
            else:
                self.stage = Stage.SAVED

    def leave(self) -> None:
        """Forget everything."""
        if not self.over:
            self.stage = Stage.LEFT

    def take(self, totals: Totals) -> None:
        """Look at the newest readings."""
        if self.stage is not Stage.MEASURE:
            return
        if self._since is None:
            self._since = totals
            self._nominals = self._nominals if self.points else totals.nominals
        for jack, measurement in self._running.items():
            index = CV_JACKS.index(jack)
            measurement.take(totals.t_ns, totals.counts[index], totals.sums_v[index])
            if measurement.fault:
                return self._refuse(f"{jack} {measurement.fault}")
        if all(measurement.done for measurement in self._running.values()):
            self._accept(totals)
        return None

    def _accept(self, totals: Totals) -> None:
        if totals.nominals != self._nominals:
            return self._refuse("the reference came or went: leave, and begin again")
        measured = {jack: Point(self.true_v, *m.estimate) for jack, m in self._running.items()}
        for jack, point in measured.items():
            if fault := self._point_fault(jack, point):
                return self._refuse(fault + self._wrong_jack(totals))
        voct = measured.pop(CV_JACKS[0])
        if fault := self._line_fault([*self.points, voct]):
            return self._refuse(fault)
        self.points.append(voct)
        self._zeros.update(measured)
        self.step += 1
        self.stage = Stage.RESULT if self.step == len(self.steps_v) else Stage.ASK
        return None

    def _refuse(self, fault: str) -> None:
        self.fault, self.stage = fault, Stage.REFUSED

    def _point_fault(self, jack: str, point: Point) -> str:
        """A reading further off than parts can make it."""
        wire = getattr(self._board.jacks, jack)
        adc = self._board.adc.voct if jack == CV_JACKS[0] else self._board.adc.cv
        bound_v = limits(wire, adc, beside_reference=self._beside(jack)).reading_v(point.true_v)
        if abs(point.read_v - point.true_v) <= bound_v:
            return ""
        return f"{jack} reads {point.read_v:+.2f} V, not {point.true_v:g} V"

    def _beside(self, jack: str) -> bool:
        """Whether its converter sees the reference."""
        return self._nominals[CV_JACKS.index(jack)].reference_v > 0.0

    def _wrong_jack(self, totals: Totals) -> str:
        """Where the cable is instead, if that can be seen."""
        assert self._since is not None
        for jack, zero in self._zeros.items():
            index = CV_JACKS.index(jack)
            count = totals.counts[index] - self._since.counts[index]
            sum_v = totals.sums_v[index] - self._since.sums_v[index]
            if count > 0 and abs(sum_v / count - zero.read_v - self.true_v) < CLOSEST_V / 2 <= abs(self.true_v):
                return f": the cable is in {jack}"
        return ""

    def _line_fault(self, points: list[Point]) -> str:
        """Points in the wrong order, too far apart or too near for the parts, or not on a line."""
        for after in points[1:]:
            asked_v, read_v = after.true_v - points[0].true_v, after.read_v - points[0].read_v
            if abs(read_v / asked_v - 1) > gain_limit(beside_reference=self._beside(CV_JACKS[0])):
                return f"{asked_v:g} V more read as {read_v:+.3f} V: check the voltage"
        if len(points) > 2:
            trues, reads = np.array([p.true_v for p in points]), np.array([p.read_v for p in points])
            worst_v = float(np.max(np.abs(reads - np.polyval(np.polyfit(trues, reads, 1), trues))))
            if worst_v > STRAIGHT_V:
                return f"the points lie {1e3 * worst_v:.0f} mV off a line: one voltage was another"
        return ""
