"""How fast a level may move: no faster than the slowest wave it is the level of.

The decoder crosses from frame to frame in a hop, in a straight line. A wave of amplitude A and frequency f is nowhere
steeper than 2πf·A, but where it is cut short, or set up, in a time T, by A/T more: the line itself is heard, as a
click. So a level takes a quarter of the lowest partial's period at least to rise or to fall: f·4 to 2πf is steeper by
√(1 + (4/2π)²), 1.5 dB. From 188 Hz on that is less than a hop, and nothing is held back.

A level that falls keeps its row until it has arrived, for it is the sound before that must fade; one that rises has its
new row from the first. What is struck, or begins where it was silent, has its level at once: its waves begin at 0.
"""

import math

import numpy as np

from neurorack.patch.gestures import RMS
from neurorack.words import HOP, SAMPLE_RATE_HZ

QUICK_HZ = SAMPLE_RATE_HZ / (4.0 * HOP)
"""A quarter of its period is a hop."""

_DB = math.log(10.0) / 20.0


class Swell:
    """`begin` for every beginning, then `pass_on`, for every block of `hops`; `width` is a row's."""

    def __init__(self, hops: int, width: int) -> None:
        self._begins = [False] * hops
        self._row = np.zeros(width, np.float32)
        self._hz, self._level = 0.0, 0.0  # pitch and amplitude of this row, the newest
        self._loud = 0.0  # amplitude from which it falls
        self.begin(0)

    def begin(self, hop: int) -> None:
        """What begins in this hop of the coming block has the level that it is to have."""
        self._begins[hop] = self._noted = True

    def pass_on(self, controls: np.ndarray, f0_hz: np.ndarray, lowest: float) -> None:
        """Rows `controls` [hops, width], level in dB, and `f0_hz` [hops] of each, in place; `lowest` is the lowest
        partial that sounds, as a multiple of the pitch."""
        pitches_hz = f0_hz.tolist()
        if lowest * min(self._hz or QUICK_HZ, *pitches_hz) < QUICK_HZ:
            self._pass_each(controls, f0_hz, pitches_hz, lowest)
        else:
            self._level = self._loud = math.exp(_DB * float(controls[-1, RMS]))
        if self._noted:
            for hop in range(len(self._begins)):
                self._begins[hop] = False
            self._noted = False
        self._row[:] = controls[-1]
        self._hz = float(f0_hz[-1])

    def _pass_each(self, controls: np.ndarray, f0_hz: np.ndarray, pitches_hz: list[float], lowest: float) -> None:
        level, loud, before, before_hz = self._level, self._loud, self._row, self._hz
        for hop, hz in enumerate(pitches_hz):
            asked = math.exp(_DB * float(controls[hop, RMS]))
            if self._begins[hop]:
                level = loud = asked
            elif asked < level - (fall := loud * lowest * before_hz / QUICK_HZ):
                level -= fall
                controls[hop], f0_hz[hop] = before, before_hz
                controls[hop, RMS] = math.log(level) / _DB
            elif asked > level + (rise := asked * lowest * hz / QUICK_HZ):
                level = loud = level + rise
                controls[hop, RMS] = math.log(level) / _DB
            else:
                level = loud = asked
            before, before_hz = controls[hop], float(f0_hz[hop])
        self._level, self._loud = level, loud
