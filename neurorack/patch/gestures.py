"""Gestures in time: attack, a loop while the gate is held, release; at any fraction of a hop.

A gesture's rows are points one hop apart, joined by straight lines. `Walk` moves along them in samples, so that the
first row stands on the gate's own sample, wherever that lies inside a hop.

    SILENT  at the first row: the onset is ready          → start
    HELD    attack, then round and round the loop         → release, start
    LEFT    along the release                             → start, and at the last row
    ENDED   stands on the last row until told to rest     → rest, start

A gate shorter than the attack is a trigger: the attack is played out first, up to `TRIGGER_HOPS`, and then left.
A one-shot, which has no loop, is left as soon as it starts: its gate can fall whenever it likes.

Nothing jumps: the loop's drift is taken out, so that its end meets its beginning (a note that decays is held level),
and on leaving, what is between here and the release's first row is carried along: level for good (a note is released
from where it is), the rest fades over `JOIN_HOPS`.
"""

import enum

import numpy as np

from neurorack.bundle import Gesture
from neurorack.words import DESCRIPTORS, HOP

JOIN_HOPS = 16
"""21 ms, in which a release forgets what the loop sounded like."""

TRIGGER_HOPS = 75
"""100 ms. Triggers of 5 to 10 ms are common, and a release from there would be all but silent."""

PITCH, RMS, LATENT = 0, 1 + DESCRIPTORS.index("rms"), 1 + len(DESCRIPTORS)
"""Columns of a row; the latent's first."""


class Stage(enum.Enum):
    SILENT = 0
    HELD = 1
    LEFT = 2
    ENDED = 3


class Trajectory:
    """One gesture as it is played: `rows` [N, 6 + latent] float32: pitch, descriptors less their medians, latent."""

    def __init__(self, gesture: Gesture) -> None:
        self.name = gesture.name
        self.partials = gesture.partials
        self.rows = np.column_stack([gesture.pitch, gesture.descriptors - gesture.median, gesture.latent])
        self.rows = self.rows.astype(np.float32)
        self.loop_start, self.loop_end, self.last = gesture.loop_start, gesture.loop_end, len(self.rows) - 1
        self.release = min(self.loop_end, self.last)  # one without a release ends where it stands
        length = self.loop_end - self.loop_start
        self.is_one_shot = length == 0
        if not self.is_one_shot:
            beyond = self.rows[self.release].copy()
            share = np.arange(length, dtype=np.float32)[:, None] / length
            self.rows[self.loop_start : self.loop_end] -= share * (beyond - self.rows[self.loop_start])


class Walk:
    """Where in its gesture a voice stands. Per hop: `advance` to each event and to the hop's end, then `mark`."""

    def __init__(self, trajectories: list[Trajectory], hops: int) -> None:
        self.trajectories = trajectories
        self.stage = Stage.SILENT
        self.position = 0.0
        """In hops, along the gesture."""
        self._now = self._next = trajectories[0]
        self._leaving = False
        width = self._now.rows.shape[1]
        self._row, self._following = np.zeros(hops, np.intp), np.zeros(hops, np.intp)
        self._fraction = np.zeros((hops, 1), np.float32)
        self._of: list[Trajectory] = [self._now] * hops
        self._offset = np.zeros(width, np.float32)  # of the place that was left from the release's first row
        self._carried = np.zeros((hops, width), np.float32)  # what is left of it
        self._carries = False
        self._values, self._ahead = np.zeros((hops, width), np.float32), np.zeros((hops, width), np.float32)

    @property
    def playing(self) -> Trajectory:
        """The gesture it stands in."""
        return self._now

    def choose(self, index: int) -> None:
        """Play this gesture from the next start on."""
        self._next = self.trajectories[index % len(self.trajectories)]
        if self.stage is Stage.SILENT:
            self._now = self._next

    def start(self) -> None:
        """The gate rises here."""
        self.position, self._now, self._leaving = 0.0, self._next, False
        self.stage = Stage.LEFT if self._now.is_one_shot else Stage.HELD

    def release(self) -> None:
        """The gate falls here."""
        if self.stage is Stage.HELD:
            if self.position < self._played_out():
                self._leaving = True
            else:
                self._leave()

    def _played_out(self) -> float:
        return float(min(self._now.loop_start, TRIGGER_HOPS))

    def _leave(self) -> None:
        gesture, (row, following, fraction) = self._now, self._place()
        here = gesture.rows[row] + np.float32(fraction) * (gesture.rows[following] - gesture.rows[row])
        self._offset[:] = here - gesture.rows[gesture.release]
        self.stage, self.position, self._leaving = Stage.LEFT, float(gesture.release), False

    def rest(self) -> None:
        """Nobody hears it any more: back to the first row."""
        self.stage, self.position, self._now = Stage.SILENT, 0.0, self._next

    def advance(self, samples: int) -> int:
        """Move on. Of these samples, how many lie after the gesture's end was reached here; -1 where it was not."""
        gesture, hops = self._now, samples / HOP
        if self.stage is Stage.HELD:
            self.position += hops
            if self._leaving and self.position >= self._played_out():
                hops = self.position - self._played_out()
                self.position -= hops
                self._leave()
            while self.position >= gesture.loop_end and self.stage is Stage.HELD:
                self.position -= gesture.loop_end - gesture.loop_start
        if self.stage is Stage.LEFT:
            self.position += hops
            beyond = self.position - gesture.last
            if beyond >= 0:
                self.stage, self.position = Stage.ENDED, float(gesture.last)
                return min(samples, int(beyond * HOP))
        return -1

    def mark(self, hop: int) -> None:
        """What stands here is what hop number `hop` of the block arrives at."""
        self._row[hop], self._following[hop], self._fraction[hop, 0] = self._place()
        self._of[hop] = self._now
        if self.stage in (Stage.LEFT, Stage.ENDED) and not self._now.is_one_shot:
            carried, self._carries = self._carried[hop], True
            np.multiply(self._offset, max(0.0, 1.0 - (self.position - self._now.release) / JOIN_HOPS), out=carried)
            carried[RMS] = self._offset[RMS]
        elif self._carries:
            self._carried[hop] = 0.0

    def values(self) -> np.ndarray:
        """Of all marked hops: pitch, descriptors about their medians and latent, [hops, 6 + latent] float32."""
        values, ahead = self._values, self._ahead
        for hop, gesture in enumerate(self._of):
            values[hop] = gesture.rows[self._row[hop]]
            ahead[hop] = gesture.rows[self._following[hop]]
        ahead -= values
        ahead *= self._fraction
        values += ahead
        if self._carries:
            values += self._carried
            self._carries = bool(self._carried.any())
        return values

    def _place(self) -> tuple[int, int, float]:
        """Rows on either side of the position, and how far it is between them."""
        gesture, row = self._now, int(self.position)
        if self.stage is Stage.HELD and row + 1 == gesture.loop_end:
            following = gesture.loop_start
        else:
            following = min(row + 1, gesture.last)
        return row, following, self.position - row
