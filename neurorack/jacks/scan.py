"""Every jack, pot and line in turn: what is due is done, and what comes of it are volts, positions and edges."""

import numpy as np

from neurorack.board import Board
from neurorack.clock import Clock
from neurorack.jacks.ads1x15 import Ads1x15
from neurorack.jacks.bus import I2cBus
from neurorack.jacks.calibration import Calibration, Correction
from neurorack.jacks.lines import Edge, Lines
from neurorack.jacks.measure import Totals
from neurorack.jacks.nominal import InForce
from neurorack.jacks.readers import POLL_BITS, START_BITS, Follower, Multiplexer, Reader
from neurorack.jacks.reference import Reference
from neurorack.jacks.smoothing import Smoother
from neurorack.words import CV_JACKS, GATE_JACKS, POTS

VOCT_JUMP_V, VOCT_REST = 2.5e-3, 1 / 16
"""3 cents, six steps of the converter: its noise never jumps, and nothing further off than that is averaged."""

CV_JUMP_V, CV_REST = 10e-3, 1 / 8
POT_JUMP, POT_REST = 0.005, 1 / 8

POT_PACE_NS = 4_000_000
"""A hand is slow: 250 readings a second, some 60 of each pot, leave the bus to the jacks."""

OVER_V = 0.1
"""So far beyond what a jack takes it is over range: more than an uncalibrated module is off, less than to the rail."""

SURPRISE_V = 0.1
"""A CV reading this far from the last one and from the line through the last two is a jump: confirmed at once."""

LOOK_NS = 500_000
"""Edges carry their time, so it is enough to collect them every half millisecond."""


class Scan:
    """The road in as far as volts. The same object runs live and in `render`: call `step` when it asks to.

    `bus` carries the three converters of `board`, `lines` may be None where only volts matter.
    """

    def __init__(
        self, board: Board, bus: I2cBus, lines: Lines | None, clock: Clock, calibration: Calibration | None = None
    ) -> None:
        self._clock, self._lines = clock, lines
        self.volts = np.zeros(len(CV_JACKS))
        """Calibrated, clamped and smoothed, in the order of CV_JACKS."""
        self.pots = np.full(len(POTS), 0.5)
        """Positions 0…1."""
        self.over = [0] * len(CV_JACKS)
        """1 where the last reading lay above what the jack takes, −1 below, in the order of CV_JACKS."""
        self.gates = [0] * len(GATE_JACKS)
        """Levels now."""
        self.fresh = False
        """Whether the last step changed `volts` or `pots`."""
        self.converted_ns = 0
        """When the youngest reading in `volts` was read from its chip."""
        self._edges: list[Edge] = []
        self._look_ns = 0

        adcs = (board.adc.voct, board.adc.cv, board.adc.pots)
        voct, cv, pots = (Ads1x15(bus, adc, board.bus_of(adc).clock_hz) for adc in adcs)
        self._jacks = [_CvInput(board, name, (voct if name == "voct" else cv).lsb_v) for name in CV_JACKS]
        self.calibrate(calibration or Calibration())
        self._pots = [_PotInput(pot.position(0.0), pot.position(pots.lsb_v)) for pot in board.pots.in_order()]
        inputs = board.jacks.in_order()
        self.reference = None if board.reference is None else Reference(board.reference, voct.lsb_v)
        """What `voct`'s converter reads of its reference; None where the board has none there."""
        self._unseen, self._seen = (InForce.of_board(board, seen=seen) for seen in (False, True))
        self._voct = Follower(voct, inputs[0].input, clock, self._take_voct, self.reference)
        self._cv = Multiplexer(cv, tuple(jack.input for jack in inputs[1:]), clock, self._take_cv)
        pot_inputs = tuple(pot.input for pot in board.pots.in_order())
        self._pot = Multiplexer(pots, pot_inputs, clock, self._take_pot, POT_PACE_NS)
        self.readers: tuple[Reader, ...] = (self._voct, self._cv, self._pot)
        """voct, cv and pot converter: `ok`, `readings` and `errors` of each."""
        turn_ns = int(1.2 * (POLL_BITS + START_BITS) * cv.bit_ns)
        self._clear_ns = turn_ns if 2 * turn_ns < voct.conversion_ns else 0
        if lines is not None:
            self._note(lines.first())

    @property
    def i2c_errors(self) -> int:
        """Turns that failed since start."""
        return sum(reader.errors for reader in self.readers)

    @property
    def held_low(self) -> bool:
        """Whether every converter fails as on a bus whose SDA or SCL is held low."""
        return all(reader.held_low for reader in self.readers)

    @property
    def totals(self) -> Totals:
        """Every reading since start as its chip gave it (`voct`'s beside the reference), neither calibrated nor clamped
        nor smoothed."""
        counts, sums_v = tuple(jack.count for jack in self._jacks), tuple(jack.sum_v for jack in self._jacks)
        return Totals(self._clock.now_ns(), counts, sums_v, self.in_force.nominals)

    @property
    def in_force(self) -> InForce:
        """What readings count in now."""
        return self._seen if self.reference is None or self.reference.used else self._unseen

    @property
    def reference_lost(self) -> bool:
        """Whether the board names a reference that `voct`'s converter, which answers, does not see."""
        return self.reference is not None and self.readers[0].ok and not self.reference.known

    def calibrate(self, calibration: Calibration) -> None:
        """Correct readings by another calibration from now on."""
        for name, jack in zip(CV_JACKS, self._jacks, strict=True):
            jack.correction = calibration.corrections.get(name)

    @property
    def pots_known(self) -> bool:
        """Whether every pot has been read since the start."""
        return self._pot.readings >= len(self._pots)

    def step(self) -> int:
        """Do what is due now; returns when it wants to be called next, in the clock's nanoseconds."""
        self.fresh = False
        now_ns = self._clock.now_ns()
        if self._lines is not None and now_ns >= self._look_ns:
            self._look_ns = now_ns + LOOK_NS
            if edges := self._lines.edges():
                self._note(edges)
            now_ns = self._clock.now_ns()
        voct = self._voct
        if now_ns >= voct.due_ns:
            self._turn(voct, now_ns)
            now_ns = self._clock.now_ns()
        for reader in (self._cv, self._pot):
            # `voct` is due to the microsecond; a turn that would run into it waits until after it.
            if now_ns >= reader.due_ns and not 0 <= voct.due_ns - now_ns < self._clear_ns:
                self._turn(reader, now_ns)
                now_ns = self._clock.now_ns()
        due_ns = voct.due_ns
        if self._lines is not None:
            due_ns = min(due_ns, self._look_ns + LOOK_NS)
        for reader in (self._cv, self._pot):
            held = reader.due_ns <= now_ns and 0 <= voct.due_ns - now_ns < self._clear_ns
            if reader.due_ns < due_ns and not held:
                due_ns = reader.due_ns
        return due_ns

    def _turn(self, reader: Reader, now_ns: int) -> None:
        """On a bus that is held low one try tells of all chips: it blocks for 100 ms, and the gates wait for it."""
        reader.turn(now_ns)
        if reader.held_low and self.held_low:
            for other in self.readers:
                other.due_ns = max(other.due_ns, reader.due_ns)

    def take_edges(self) -> list[Edge]:
        """Edges since the last call, oldest first: (t_ns, line, level)."""
        edges, self._edges = self._edges, []
        return edges

    def _note(self, edges: list[Edge]) -> None:
        self._edges += edges
        for _, line, level in edges:
            if line in GATE_JACKS:
                self.gates[GATE_JACKS.index(line)] = level

    def _take_voct(self, code: int) -> None:
        self.volts[0] = self._jacks[0].take(code if self.reference is None else code * self.reference.gain)
        self.over[0] = self._jacks[0].over
        self._renew()

    def _take_cv(self, index: int, code: int) -> bool:
        jack = self._jacks[1 + index]
        self.volts[1 + index] = jack.take(code)
        self.over[1 + index] = jack.over
        self._renew()
        return jack.surprised

    def _take_pot(self, index: int, code: int) -> bool:
        self.pots[index] = self._pots[index].take(code)
        self._renew()
        return False

    def _renew(self) -> None:
        self.fresh = True
        self.converted_ns = self._clock.now_ns()


class _CvInput:
    """From the codes of one jack to its volts."""

    def __init__(self, board: Board, name: str, lsb_v: float) -> None:
        jack = getattr(board.jacks, name)
        self._zero_v, self._step_v = jack.jack_v(0.0), lsb_v / jack.gain
        self._low_v, self._high_v = jack.low_v, jack.high_v
        self.correction: Correction | None = None
        self._smoother = Smoother(VOCT_JUMP_V, VOCT_REST) if name == "voct" else Smoother(CV_JUMP_V, CV_REST)
        self._last_v = self._before_v = 0.0
        self.surprised = False
        """Whether the last reading was a jump."""
        self.over = 0
        """Where the last reading lay: 1 above what the jack takes, −1 below, 0 within."""
        self.count, self.sum_v = 0, 0.0
        """Readings so far, and their nominal volts together."""

    def take(self, code: float) -> float:
        """Volts at the jack, smoothed, within what the jack takes."""
        volts = self._zero_v + code * self._step_v
        self.count += 1
        self.sum_v += volts
        if self.correction is not None:
            volts = self.correction.true(volts)
        self.over = (volts > self._high_v + OVER_V) - (volts < self._low_v - OVER_V)
        volts = min(max(volts, self._low_v), self._high_v)
        moved_v, moved_before_v = volts - self._last_v, self._last_v - self._before_v
        self.surprised = min(abs(moved_v), abs(moved_v - moved_before_v)) > SURPRISE_V
        self._last_v, self._before_v = volts, self._last_v
        return self._smoother.take(volts)


class _PotInput:
    """From the codes of one pot to its position."""

    def __init__(self, zero: float, one_step: float) -> None:
        self._zero, self._step = zero, one_step - zero
        self._smoother = Smoother(POT_JUMP, POT_REST)

    def take(self, code: int) -> float:
        """Position 0…1, smoothed."""
        return self._smoother.take(min(max(self._zero + code * self._step, 0.0), 1.0))
