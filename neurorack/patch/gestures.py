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

Two gestures can be walked at once. Each stage then lasts between what it lasts in the one and in the other, and both
stand at the same share of it, so that at either end of `morph` one of them is walked exactly as by itself.

Scrubbed, time stands still: the place is `scrub` of the whole, and the gate's fall is the end.

What is found (`patch.found`) is added to the rows of the chosen gesture, and its stages last longer or shorter: time
goes along them faster or slower, so marks and positions stay those of the chosen one.
"""

import enum
from typing import NamedTuple

import numpy as np

from neurorack.bundle import PARTIALS_OCT, Gesture
from neurorack.patch.found import Change, Map, Stages
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


class Marks(NamedTuple):
    """Where stages begin, in hops: a loop that runs from `start` to `end`, the release, the last row."""

    start: float
    end: float
    release: float
    last: float

    def between(self, other: "Marks", morph: float) -> "Marks":
        return Marks(*(here + morph * (there - here) for here, there in zip(self, other, strict=True)))

    def onto(self, other: "Marks", position: float, *, held: bool) -> float:
        """The position by other marks, at the same share of the same stage."""
        if position < self.start:
            return position / self.start * other.start
        if held:
            return _share(position, self.start, self.end, other.start, other.end)
        if position < self.release:
            return _share(position, self.start, self.release, other.start, other.release)
        return _share(position, self.release, self.last, other.release, other.last)


def _share(position: float, low: float, high: float, low_there: float, high_there: float) -> float:
    return low_there + (position - low) / (high - low) * (high_there - low_there) if high > low else low_there


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
        self._lines = np.stack([self.rows, np.diff(self.rows, axis=0, append=self.rows[-1:])], axis=1)
        self._closing = self._lines[self.loop_end - 1].copy()  # from the loop's last row to its first
        if not self.is_one_shot:
            self._closing[1] = self.rows[self.loop_start] - self._closing[0]
        self.marks = Marks(self.loop_start, self.loop_end, self.release, self.last)
        loudest = int(np.argmax(self.rows[:, RMS]))
        self.peak_db = float(self.rows[loudest, RMS])
        self.tail = float(loudest if self.is_one_shot else self.release)
        """From where on the release's pace counts: of a hit everything after its loudest row is release."""
        turns = not self.is_one_shot and self.loop_start == 0
        middle = self.tail if self.is_one_shot or turns else float(self.loop_start)
        self.stages = Stages(middle, self.tail, float(self.last), turns, self.is_one_shot)

    def line(self, position: float, *, held: bool) -> tuple[np.ndarray, float]:
        """The row before a position and what it rises by to the next one, [2, 6 + latent], and how far it is there."""
        row = min(int(position), self.last)
        if held and row + 1 >= self.loop_end > self.loop_start:
            if row + 1 > self.loop_end:  # by rounding
                return self._lines[self.loop_start], 0.0
            return self._closing, position - row
        return self._lines[row], position - row

    def at(self, position: float, *, held: bool) -> np.ndarray:
        """The row [6 + latent] at a position."""
        (row, rise), share = self.line(position, held=held)
        between: np.ndarray = row + np.float32(share) * rise
        return between


class Walk:
    """Where in its gesture a voice stands. Per hop: `advance` to each event and to the hop's end, then `mark`.

    `morph` 0…1 is set with `blend`, what is found with `find`; `scrub` 0…1, below 0 where time runs; `pace`: rows a hop
    goes on in a release.
    """

    def __init__(self, trajectories: list[Trajectory], hops: int) -> None:
        self.trajectories = trajectories
        self.stage = Stage.SILENT
        self.position = 0.0
        """In hops, along the gesture; where two are walked, along what lies between them."""
        self.morph, self.scrub, self.pace = 0.0, -1.0, 1.0
        self._now = self._next = trajectories[0]
        self._other = self._other_next = trajectories[1 % len(trajectories)]
        self._marks = self._now.marks
        self._leaving = False
        width = self._now.rows.shape[1]
        self._here, self._there = _Places(hops, width), _Places(hops, width)
        self._mix = np.zeros((hops, 1), np.float32)
        self._mixed = False
        self._offset = np.zeros(width, np.float32)  # of the place that was left from the release's first row
        self._carried = np.zeros((hops, width), np.float32)  # what is left of it
        self._carries = False
        self._map: Map | None = None
        self._map_next: Map | None = None
        self.finding = 0.5, 0.5
        """Where the knobs that find stand."""
        self._change: Change | None = None
        self._changed = np.zeros((hops, width), np.float32)
        self._changes = False

    @property
    def partials(self) -> np.ndarray | None:
        """What a strike here sounds of."""
        here, there = self._now.partials, self._other.partials
        if here is None or there is None:
            return here
        if self.morph:
            here = here + np.float32(self.morph) * (there - here)
        if self._change is not None:
            here = np.sort(np.clip(here + self._change.partials, *PARTIALS_OCT)).astype(np.float32)
        return here

    @property
    def place(self) -> tuple[object, ...]:
        """Where between gestures it stands; what a strike sounds of changes with it alone."""
        return self._now, self.morph, self._map, self.finding

    def choose(self, index: int, other: int = -1, way: Map | None = None) -> None:
        """Play this gesture from the next start on, with another, -1 for the next, at the far end of `morph`; `way` is
        what is to be found from it."""
        trajectories = self.trajectories  # another thread may put others there
        count = len(trajectories)
        self._map_next = way
        self._next = trajectories[index % count]
        self._other_next = trajectories[(index + 1 if other < 0 else other) % count]
        if self.stage is Stage.SILENT:
            self._take_up()

    def blend(self, morph: float) -> None:
        """Go on at the same share of the stage, so far between the two gestures."""
        before, self.morph = self._marks, morph
        self._marks = self._lay()
        if self.stage is not Stage.SILENT:
            self.position = before.onto(self._marks, self.position, held=self.stage is Stage.HELD)

    def find(self, first: float, second: float) -> None:
        """Go on with what is found where the knobs, 0…1, stand."""
        self.finding = first, second
        self._change = None if self._map is None else self._map.at(first, second)

    def _lay(self) -> Marks:
        if self.morph in (0.0, 1.0):
            return (self._other if self.morph else self._now).marks
        return self._now.marks.between(self._other.marks, self.morph)

    def _take_up(self) -> None:
        self._now, self._other = self._next, self._other_next
        self._marks = self._lay()
        if self._map is not self._map_next:
            self._map = self._map_next
            self.find(*self.finding)

    @property
    def _nearer(self) -> Trajectory:
        return self._other if self.morph >= 0.5 else self._now

    def start(self) -> None:
        """The gate rises here."""
        self.position, self._leaving = 0.0, False
        self._offset[:] = 0.0
        self._take_up()
        is_hit = self._nearer.is_one_shot and self.scrub < 0.0
        self.stage = Stage.LEFT if is_hit else Stage.HELD

    def hold(self) -> None:
        """The gate is up after all."""
        self._leaving = False

    def release(self) -> None:
        """The gate falls here."""
        if self.stage is Stage.HELD:
            if self.scrub >= 0.0 or self.position < self._played_out():
                self._leaving = True
            else:
                self._leave()

    def _played_out(self) -> float:
        return float(min(self._marks.start, TRIGGER_HOPS))

    def _leave(self) -> None:
        now, marks = self._now, self._marks
        here = marks.onto(now.marks, self.position, held=True)
        self._offset[:] = now.at(here, held=True) - now.rows[now.release]
        if self.morph:
            other = self._other
            there = other.at(marks.onto(other.marks, self.position, held=True), held=True) - other.rows[other.release]
            self._offset += np.float32(self.morph) * (there - self._offset)
        if self._change is not None:
            self._offset += self._change.row(now.stages, here, held=True)
            self._offset -= self._change.row(now.stages, now.release, held=False)
        self.stage, self.position, self._leaving = Stage.LEFT, float(marks.release), False

    def rest(self) -> None:
        """Nobody hears it any more: back to the first row."""
        self.stage, self.position = Stage.SILENT, 0.0
        self._take_up()

    def advance(self, samples: int) -> int:
        """Move on. Of these samples, how many lie after the gesture's end was reached here; -1 where it was not."""
        marks, rate = self._marks, self._rate()
        hops = samples / HOP * rate
        if self.scrub >= 0.0:
            if self.stage is Stage.LEFT or (self.stage is Stage.HELD and self._leaving):
                self.stage, self.position = Stage.ENDED, marks.last
                return samples
            return -1
        if self.stage is Stage.HELD:
            if marks.end <= marks.start and self._nearer.is_one_shot:
                self.stage = Stage.LEFT  # it was scrubbed, or morphed into a hit
            else:
                self.position += hops
                if self._leaving and self.position >= self._played_out():
                    hops = self.position - self._played_out()
                    self.position -= hops
                    self._leave()
                while self.position >= marks.end > marks.start and self.stage is Stage.HELD:
                    self.position -= marks.end - marks.start
        if self.stage is Stage.LEFT:
            if self.pace == 1.0:
                self.position += hops
                beyond = self.position - marks.last
            else:
                beyond = self._decay(hops)
            if beyond >= 0:
                self.stage, self.position = Stage.ENDED, float(marks.last)
                return min(samples, int(beyond / rate * HOP))
        return -1

    def _rate(self) -> float:
        """Rows of the chosen gesture a hop goes on here."""
        if self._change is None:
            return 1.0
        now = self._now
        held = self.stage is Stage.HELD
        return self._change.rates[now.stages.stage(self._marks.onto(now.marks, self.position, held=held))]

    def _decay(self, hops: float) -> float:
        """Go on at the release's pace, as recorded up to where it begins; hops beyond the end, or below 0."""
        tail = self._now.marks.onto(self._marks, self._now.tail, held=False)
        before = min(max(tail - self.position, 0.0), hops)
        self.position += before + (hops - before) * self.pace
        return (self.position - self._marks.last) / self.pace

    def mark(self, hop: int) -> None:
        """What stands here is what hop number `hop` of the block arrives at."""
        now, other, marks = self._now, self._other, self._marks
        scrubs = self.scrub >= 0.0
        held = self.stage is Stage.HELD and not scrubs
        if scrubs:
            self.position = self.scrub * marks.last
        position = here = self.position
        if self.morph == 0.0:
            self._here.set(hop, now, position, held=held)
            if self._mixed:
                self._mix[hop] = 0.0
        else:
            here = marks.onto(now.marks, position, held=held)
            self._here.set(hop, now, here, held=held)
            self._there.set(hop, other, marks.onto(other.marks, position, held=held), held=held)
            self._mix[hop], self._mixed = self.morph, True
        if self.stage in (Stage.LEFT, Stage.ENDED) and not scrubs and not self._nearer.is_one_shot:
            carried, self._carries = self._carried[hop], True
            np.multiply(self._offset, max(0.0, 1.0 - (position - marks.release) / JOIN_HOPS), out=carried)
            carried[RMS] = self._offset[RMS]
        elif self._carries:
            self._carried[hop] = 0.0
        if self._change is not None:
            self._changed[hop], self._changes = self._change.row(now.stages, here, held=held), True
        elif self._changes:
            self._changed[hop] = 0.0

    def nearest(self) -> tuple[int, float]:
        """Of the gesture at the nearer end of `morph`: its number, and the position in it."""
        one = self._nearer
        position = self._marks.onto(one.marks, self.position, held=self.stage is Stage.HELD and self.scrub < 0.0)
        return self.trajectories.index(one), position

    def loudness(self, hop: int) -> float:
        """Of a marked hop: amplitude 0…1, 1 at the gesture's loudest."""
        below_db = self._here.rms_db(hop) - self._now.peak_db + float(self._carried[hop, RMS])
        below_db += float(self._changed[hop, RMS])
        if self.morph:
            below_db += self.morph * (
                self._there.rms_db(hop) - self._other.peak_db - self._here.rms_db(hop) + self._now.peak_db
            )
        return float(10.0 ** (min(below_db, 0.0) / 20.0))

    def values(self) -> np.ndarray:
        """Of all marked hops: pitch, descriptors about their medians and latent, [hops, 6 + latent] float32."""
        values = self._here.values()
        if self._mixed:
            there = self._there.values()
            there -= values
            there *= self._mix
            values += there
            self._mixed = bool(self._mix.any())
        if self._carries:
            values += self._carried
            self._carries = bool(self._carried.any())
        if self._changes:
            values += self._changed
            self._changes = bool(self._changed.any())
        return values


class _Places:
    """Of every hop: which line of a gesture it is on, and how far along."""

    def __init__(self, hops: int, width: int) -> None:
        self._lines = [np.zeros((2, width), np.float32)] * hops
        self._shares = np.ones((hops, 2), np.float32)  # of a line's row, and of its rise
        self._values = np.zeros((hops, width), np.float32)
        self._by_hop = list(zip(self._shares, self._values, strict=True))

    def set(self, hop: int, gesture: Trajectory, position: float, *, held: bool) -> None:
        self._lines[hop], self._shares[hop, 1] = gesture.line(position, held=held)

    def rms_db(self, hop: int) -> float:
        return float(self._lines[hop][0, RMS])

    def values(self) -> np.ndarray:
        """[hops, 6 + latent]; overwritten by the next call."""
        for line, (shares, values) in zip(self._lines, self._by_hop, strict=True):
            shares.dot(line, out=values)
        return self._values
