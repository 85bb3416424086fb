"""Rows on their way from the gesture to the knobs: remembered for half a second, looped while frozen, never torn.

    live     each row as it comes
    frozen   the last `length` hops before the freeze, round and round

The loop's drift is taken out: it begins and ends on the row that was heard when the freeze began, so neither its
beginning nor its seam is heard, and its length may be another with every turn. While somebody scrubs, what lies between
the rows heard and the rows that come fades with the time constant of a knob. Going back to live is a leap, and a leap
goes at once: what lies between two timbres may be louder, or steeper, than both.
"""

import math

import numpy as np

from neurorack.patch.performance import FREEZE_MAX_S, SLEW_S
from neurorack.words import HOP, SAMPLE_RATE_HZ

_REMEMBERED = 384
"""Hops: the longest loop, in whole blocks of every size."""

_LAG = np.float32(math.exp(-HOP / SAMPLE_RATE_HZ / SLEW_S))
_TINY = 1e-6


class Rows:
    """`pass_on` every block of rows [hops, width]."""

    def __init__(self, width: int) -> None:
        assert _REMEMBERED * HOP > FREEZE_MAX_S * SAMPLE_RATE_HZ
        self.length = 75.0
        """Of the loop, in hops; taken up at its next turn."""
        self._past = np.zeros((_REMEMBERED, width), np.float32)
        self._at = 0
        self._begun = False
        self._loop = np.zeros((_REMEMBERED, width), np.float32)  # the past as it was when it was frozen
        self._drift = np.zeros(width, np.float32)
        self._turn, self._phase = 0.0, 0.0  # length and place of the turn that plays
        self._frozen = False
        self._apart = np.zeros(width, np.float32)  # rows heard less the ones that come
        self._parted = False

    def pass_on(
        self, rows: np.ndarray, frozen: list[bool], smooth: list[bool], leaps: list[bool], *, plain: bool
    ) -> None:
        """In place. `frozen`, `smooth` and `leaps` [hops]: which hops are looped, which go no faster than a knob, and
        which of these at once all the same; `plain` where none has any."""
        if not self._begun:
            self._past[:], self._begun = rows[0], True
        at, hops = self._at, len(rows)
        if self._frozen or self._parted or not plain:
            for hop, row in enumerate(rows):
                self._pass_one(row, at + hop, frozen[hop], smooth[hop], leaps[hop])
        self._past[at : at + hops] = rows
        self._at = (at + hops) % _REMEMBERED

    def _pass_one(self, row: np.ndarray, at: int, frozen: bool, smooth: bool, leaps: bool) -> None:
        """One row, whose place in the past is `at`."""
        before = self._past[at - 1]
        if frozen and not self._frozen:
            self._capture(at)
        elif leaps or self._frozen != frozen:
            self._parted = False
        elif smooth:
            np.subtract(before, row, out=self._apart)
            self._parted = True
        self._frozen = frozen
        if frozen:
            self._go_round(row)
        elif self._parted:
            self._apart *= _LAG
            row += self._apart
            self._parted = bool(np.abs(self._apart).max() > _TINY)
        self._past[at] = row

    def _capture(self, at: int) -> None:
        """What was heard up to the row before `at` is what goes round."""
        first = _REMEMBERED - at
        self._loop[:first], self._loop[first:] = self._past[at:], self._past[:at]
        self._parted = False
        self._begin_turn(0.0)

    def _begin_turn(self, phase: float) -> None:
        self._turn = min(max(self.length, 1.0), _REMEMBERED - 1.0)
        self._phase = phase % self._turn
        np.subtract(self._loop[-1], self._row(0.0), out=self._drift)

    def _row(self, phase: float) -> np.ndarray:
        place = _REMEMBERED - 1 - self._turn + phase
        low = min(int(place), _REMEMBERED - 2)
        here = self._loop[low]
        row: np.ndarray = here + np.float32(place - low) * (self._loop[low + 1] - here)
        return row

    def _go_round(self, row: np.ndarray) -> None:
        phase = self._phase + 1.0
        if phase >= self._turn:
            self._begin_turn(phase - self._turn)
        else:
            self._phase = phase
        row[:] = self._row(self._phase) + np.float32(1.0 - self._phase / self._turn) * self._drift
