"""One voice: gates, pitch and knobs in; control frames, pitch and gain out.

    target of a knob = knob + depth × (gesture − its median)        rms in dB, the others in knob positions, 0…1
    pitch = pitch played × 2^(intonation × gesture)                 in octaves

Pitch follows at once; knobs follow within some milliseconds so that they do not click. A gate acts on its own sample:
the gesture begins there, inside the hop, and the gain opens there. What the decoder makes of a frame comes
`delay_samples` later, so everything about the gain that must fit the sound (the dip of a retrigger, the end) waits for
that long; opening does not, since in silence the frames stand ready at the gesture's first row.

A percussive voice opens faster, and its retriggers look ahead: gains glide to a hop's end from its beginning, so a new
strike would be heard coming. The sound before it goes as the hop begins, and the strike has its own sample for itself.

What is heard instead of a gesture, another sound's rows, goes the same way with the gain open.

Performance (`patch.performance`) acts where it belongs: morph, find, scrub and release on the walk along the gesture,
freeze on the rows that come of it (`patch.frozen`), macros, variation and transient on the rows as they are heard,
glide on the pitch. The gesture's envelope, where the patch routes it, moves pitch and descriptors with the row that it
is of, and these knobs one hop after it.
"""

import math
from collections.abc import Sequence
from operator import add, sub
from typing import NamedTuple

import numpy as np

from neurorack.bundle import Bundle
from neurorack.patch.found import Map
from neurorack.patch.frozen import Rows
from neurorack.patch.gate2 import Gate2
from neurorack.patch.gestures import LATENT, PITCH, Stage, Trajectory, Walk
from neurorack.patch.glide import Glide
from neurorack.patch.knobs import Scales
from neurorack.patch.performance import (
    FAR,
    FIND1,
    FIND2,
    FREEZE,
    GLIDE,
    MORPH,
    PLAYED,
    RELEASE,
    SCRUB,
    SLEW_S,
    VARIATION,
    Slewed,
    freeze_hops,
    pace,
)
from neurorack.patch.pitch import HIGHEST_HZ, LOWEST_HZ
from neurorack.patch.swell import Swell
from neurorack.patch.touch import Touch
from neurorack.patch.vca import Vca
from neurorack.shared import FRAMES
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, KNOBS, SAMPLE_RATE_HZ

OPEN_SAMPLES = 48
"""1 ms."""
DIP_SAMPLES = 32
"""0.7 ms down before a retrigger's first sound, then OPEN_SAMPLES up: under 2 ms in all."""
STRIKE_SAMPLES = 8
"""0.17 ms: the same two of a percussive voice, whose retrigger costs 0.33 ms."""
CLOSE_SAMPLES = 720
"""15 ms, at a gesture's end."""

DEEPEST = 4.0
"""How far a gesture may move the knobs, as a multiple of what was recorded."""

FARTHEST = 2.0
"""How far a gesture may move the pitch, as a multiple of what was recorded."""

RMS_MAX_DB, RMS_MIN_DB = -3.0, -120.0
"""What a knob and a gesture together may ask of the level."""

ONCE_SAMPLES = 960
"""20 ms. Starts of the two gates that are nearer than that are one: both mean the same beat."""

OLD_SAMPLES = 1 << 30
"""What has begun longer ago than that, 6 hours, is no older in a frame."""


class Place(NamedTuple):
    """Where a hop arrives: a gesture by number, the position in it in hops, and samples since it was started."""

    gesture: int
    position: float
    since: int


_TICK = "tick"
_GOING = (Stage.HELD, Stage.LEFT)

_LOG_C4 = math.log2(C4_HZ)
_LOWEST_OCT, _HIGHEST_OCT = (math.log2(hz) - _LOG_C4 for hz in (LOWEST_HZ, HIGHEST_HZ))
_FIVE = len(DESCRIPTORS)


class Voice:
    """Of `block` samples, a whole number of hops. Call `gate` in the order of time, then `render`. `seed` is of what
    varies from hit to hit.

    controls  [hops, 6 + latent] float32: pitch in octaves re C4, descriptors in the card's units, latent
    f0_hz     [hops] float64
    gain      [block] float32
    strikes   (sample of the block, partials) of every strike in it, where gestures have partials
    places    of every hop, where `tells_places`: at the nearer end of `morph`
    """

    def __init__(
        self,
        bundle: Bundle,
        block: int,
        controls: np.ndarray | None = None,
        seed: int = 0,
        *,
        tells_places: bool = False,
    ) -> None:
        hops, latent = block // HOP, bundle.card.latent
        self._hops = hops
        self.controls = np.zeros((hops, 1 + _FIVE + latent), np.float32) if controls is None else controls
        self.f0_hz = np.full(hops, C4_HZ)
        self.strikes: list[tuple[int, np.ndarray]] = []
        self.places = [Place(0, 0.0, HOP)] * hops
        self._tells_places = tells_places
        self.depth = 1.0
        """Of the gesture's descriptors about their medians."""
        self.intonation = 1.0
        """Of the gesture's pitch: 0 plays exactly the pitch that knobs and jacks ask for."""
        self._own = [Trajectory(gesture) for gesture in bundle.gestures]
        self._walk = Walk(self._own, hops)
        self._vca = Vca(block)
        self.gain = self._vca.gain
        self._scales = Scales.from_card(bundle.card)
        self._delay = bundle.card.delay_samples
        self._percussive = bundle.card.kind == "percussive"
        self._open_samples = STRIKE_SAMPLES if self._percussive else OPEN_SAMPLES
        self._struck: tuple[object, ...] = ()  # the place between gestures whose partials sound
        self._hearing = False
        self._heard = np.zeros(LATENT + latent, np.float32)  # the newest row of another sound, until that has faded
        self._forget_in = 0  # samples until then
        self._events: list[tuple[int, str, int]] = []
        self._pitch_hz, self._pitch_oct = C4_HZ, 0.0
        self._knobs_and_targets = np.full((2, _FIVE), 0.5)
        self._knobs, self._targets = self._knobs_and_targets  # the first as it was at the end of the last block
        lag = np.exp(-HOP / SAMPLE_RATE_HZ / SLEW_S) ** np.arange(1, hops + 1)[:, None]
        self._shares = np.hstack([lag, 1.0 - lag])  # of these, in every hop's
        self._positions = np.zeros((hops, _FIVE))
        self._closed_in = 0  # samples until an ended gesture has faded out
        self._slewed = Slewed(hops, lag)
        self._played = self._slewed.rows
        self._with_envelope = np.zeros_like(self._played)
        self._envelope = np.zeros(PLAYED)  # what the gesture's own does to each at its loudest
        self._enveloped = False
        self._loudness, self._loudnesses = 0.0, np.zeros((hops, 1))  # the gesture's envelope: now, and as it is heard
        self._touch = Touch(bundle.gestures, hops, seed)
        self._sample = 0  # with which the block begins
        self._started = -ONCE_SAMPLES  # the newest sample on which a gesture began
        self._twofold = False  # that was gate 2's doing
        self._glide = Glide(hops)
        self._rows_heard = Rows(LATENT + latent)
        self._swell = Swell(hops, LATENT + latent)
        self._lowest = 1.0  # partial of what sounds, times the pitch
        self._gate2 = Gate2()
        self._held = False  # gate 1 is up
        self._frozen, self._smooth, self._leaps = ([False] * hops for _ in range(3))
        self._noted = self._scrubbed = False  # something in these; the newest hop was scrubbed
        self._frames = frames = np.zeros(hops, FRAMES)
        self._ages, self._asked_oct, self._asked = frames["age"], frames["asked_oct"], frames["controls"]
        self._asked = self._asked[:, : self.controls.shape[1]]
        self._gates, self._goes_on = frames["gate"], frames["sounds"]
        self._to_ends = np.arange(1, hops + 1, dtype=np.int32) * HOP

    @property
    def sounding(self) -> bool:
        """Whether anything of a gesture is still to be heard."""
        return self._walk.stage is not Stage.SILENT or self._vca.value > 0.0

    @property
    def trajectories(self) -> list[Trajectory]:
        """The gestures, as they are played."""
        return self._walk.trajectories

    @property
    def finding(self) -> tuple[float, float]:
        """Where the knobs that find stand, 0…1, at the newest hop."""
        return self._walk.finding

    def offer(self, takes: Sequence[Trajectory]) -> None:
        """Gestures behind the bundle's own, in place of those offered before; from the next `choose` on.

        May be called from another thread: it is one assignment.
        """
        self._walk.trajectories = [*self._own, *takes]

    def choose(self, gesture: int, morph_to: int = -1, way: Map | None = None) -> None:
        """Play the gesture of this number, counted round, from the next gate on, and at the far end of `morph` another,
        -1 for the one that follows it. `way` is what is to be found from the first."""
        self._walk.choose(gesture, morph_to, way)

    def set_task(self, task: str) -> None:
        """What `gate2` does, of GATE2_TASKS. Those that choose something else to play are not for a voice to do."""
        self._gate2.set_task(task)

    def gate(self, offset: int, jack: str, level: int) -> None:
        """An edge that acts on sample `offset` 0…block-1 of the coming block. `gate1` plays, `gate2` has its task."""
        self._events.append((offset, jack, level))

    def set_targets(
        self,
        pitch_hz: float,
        descriptors: np.ndarray,
        performance: np.ndarray | None = None,
        envelope: np.ndarray | None = None,
    ) -> None:
        """What knobs and jacks ask for from now on: pitch, positions 0…1 of descriptors [5] and of performance [11],
        and what the gesture's envelope adds to these at its loudest [17]; None: as before."""
        pitch_oct = math.log2(pitch_hz) - _LOG_C4
        if performance is not None and self._slewed.set(performance):
            self._glide.set(float(performance[GLIDE]))
            self._rows_heard.length = freeze_hops(performance[FREEZE])
        if envelope is not None:
            self._envelope[:] = envelope
            self._enveloped = bool(np.count_nonzero(envelope))
        if self._sample > 0:
            self._glide.jump(pitch_oct - self._pitch_oct)
        else:  # nothing has been heard yet
            self._knobs[:] = descriptors
        self._pitch_hz, self._pitch_oct = pitch_hz, pitch_oct
        self._targets[:] = descriptors

    def render(self, heard: np.ndarray | None = None) -> None:
        """The next block of `controls`, `f0_hz`, `gain` and `strikes`.

        `heard` [hops, 6 + latent]: rows of another sound, as a walk along a gesture gives them, to play instead of the
        gesture; its gates go on unheard.
        """
        self.strikes.clear()
        if (heard is not None) != self._hearing:
            self._turn_to(heard is not None)
        self._slewed.render()
        self._add_ticks()
        played = self._with_envelope if self._enveloped else self._slewed.rows
        steers = self._slewed.moving or self._enveloped or played is not self._played
        self._played, walk, at = played, self._walk, 0
        performs = steers or not self._slewed.neutral
        if self._noted:
            self._frozen[:] = self._smooth[:] = self._leaps[:] = [False] * self._hops
            self._noted = False
        for hop in range(self._hops):
            end = (hop + 1) * HOP
            if steers:
                self._steer(hop)
            if walk.stage is Stage.ENDED:
                self._closed_in -= HOP
                if self._closed_in <= 0:
                    walk.rest()
                    self._touch.hit()
            while self._events and self._events[0][0] < end:
                offset, jack, level = self._events.pop(0)
                self._advance(at, offset)
                at = offset
                self._act(offset, jack, level)
            if walk.stage is Stage.SILENT and walk.place != self._struck:
                self._strike(hop * HOP)  # unheard: the partials stand ready as the first row does
            self._advance(at, end)
            at = end
            walk.mark(hop)
            self._gates[hop] = self._held
            self._goes_on[hop] = self._held if self._hearing else walk.stage in _GOING
            if self._tells_places:
                self.places[hop] = Place(*walk.nearest(), self._sample + end - self._started)
            if performs or self._gate2.freezes:
                self._note(hop)
        self._fill_controls(self._rows(heard))
        self._vca.render()
        self._sample += len(self.gain)

    def frames(self) -> np.ndarray:
        """FRAMES [hops] of the newest block; overwritten by the next call."""
        since = self._sample - len(self.gain) - self._started
        np.add(self._to_ends, min(since, OLD_SAMPLES), out=self._ages)
        self._asked_oct.fill(self._pitch_oct)
        self._asked[:] = self.controls
        return self._frames

    def _add_ticks(self) -> None:
        """Ticks of the tapped clock that fall into the coming block."""
        if ticks := self._gate2.ticks(self._sample, self._sample + len(self.gain)):
            self._events += [(sample - self._sample, _TICK, 1) for sample in ticks]
            self._events.sort(key=_offset)  # stable: edges come first

    def _steer(self, hop: int) -> None:
        """Take up where the performance knobs stand at this hop."""
        row, walk = self._slewed.rows[hop], self._walk
        if self._enveloped:
            moved = self._envelope[len(KNOBS) :] * self._loudness
            moved += row
            np.minimum(np.maximum(moved, 0.0, out=moved), 1.0, out=moved)
            if row[SCRUB] < 0.0:
                moved[SCRUB] = row[SCRUB]
            row = self._played[hop]
            row[:] = moved
        leads = float(row[SCRUB]), float(row[MORPH]), float(row[FIND1]), float(row[FIND2])
        was = walk.scrub, walk.morph, *walk.finding
        self._leaps[hop] = min(leads[0], was[0]) >= 0.0 and max(map(abs, map(sub, leads, was))) > FAR
        if (morph := leads[1]) != walk.morph:
            walk.blend(morph)
        if (found := leads[2:]) != walk.finding:
            walk.find(*found)
        walk.scrub, walk.pace = float(row[SCRUB]), pace(float(row[RELEASE]))

    def _note(self, hop: int) -> None:
        """What is to be known later of the hop that was marked."""
        walk, self._noted = self._walk, True
        scrubs = walk.scrub >= 0.0
        self._smooth[hop] = scrubs or self._scrubbed  # when the scrub is let go, time goes on from anywhere
        self._scrubbed = scrubs
        self._frozen[hop] = self._gate2.freezes
        since = self._sample + (hop + 1) * HOP - self._started
        age_hops = 0.0 if walk.stage is Stage.SILENT else since / HOP  # in silence the onset stands ready
        self._touch.note(hop, age_hops, float(self._played[hop, VARIATION]))
        if self._enveloped:
            self._loudnesses[hop] = self._loudness = walk.loudness(hop)

    def _act(self, offset: int, jack: str, level: int) -> None:
        """An edge, on its sample."""
        if jack == "gate1":
            self._held = bool(level)
            if not level:
                self._walk.release()
            elif self._twofold and self._sample + offset - self._started < ONCE_SAMPLES:
                self._walk.hold()
            else:
                self._start(offset)
                self._twofold = False
        elif jack == _TICK:
            if self._held:
                self._start_again(offset)
        elif self._gate2.turn(self._sample + offset, level, held=self._held):
            self._start_again(offset)

    def _start_again(self, offset: int) -> None:
        """Gate 2 or its clock starts the gesture; without gate 1 it is left at once, as after a trigger."""
        if self._sample + offset - self._started < ONCE_SAMPLES:
            return
        self._start(offset)
        self._twofold = True
        if not self._held:
            self._walk.release()

    def _turn_to(self, hearing: bool) -> None:
        """Change between the gesture and another sound."""
        self._hearing = hearing
        if hearing or self._walk.stage in (Stage.HELD, Stage.LEFT):
            self._forget_in = 0
            self._open(0, silent=self._vca.value == 0.0)
        else:
            self._forget_in = self._delay + CLOSE_SAMPLES
            self._vca.go(self._delay, 0.0, CLOSE_SAMPLES)

    def _start(self, offset: int) -> None:
        """The gate rises."""
        if self._walk.stage is not Stage.SILENT:  # there it stands ready
            self._touch.hit()
        silent = self._walk.stage in (Stage.SILENT, Stage.ENDED)
        self._walk.start()
        self._started = self._sample + offset
        self._swell.begin(offset // HOP)
        if not self._hearing:
            self._forget_in = 0
            self._open(offset, silent=silent)

    def _open(self, offset: int, *, silent: bool) -> None:
        """Let what begins here be heard; what is heard still makes room for it."""
        vca, opening = self._vca, self._open_samples
        if silent:
            vca.go(offset, 1.0, opening)
        elif self._percussive:
            begin = offset - offset % HOP
            offset = max(offset, begin + STRIKE_SAMPLES)
            vca.go(begin + self._delay, 0.0, STRIKE_SAMPLES)
            vca.go(offset + self._delay, 1.0, opening)
        else:
            dip = offset + max(0, self._delay - DIP_SAMPLES)
            vca.go(dip, 0.0, DIP_SAMPLES)
            vca.go(dip + DIP_SAMPLES, 1.0, opening)
        self._strike(offset)

    def _strike(self, offset: int) -> None:
        self._struck = self._walk.place
        if (partials := self._walk.partials) is not None:
            self.strikes.append((offset, partials))
            self._lowest = 2.0 ** float(partials[0])
            self._frames["partials"][:, : len(partials)] = partials

    def _advance(self, begin: int, end: int) -> None:
        """Let the gesture go on over these samples; where it ends, plan the fade. Frozen, it stands still."""
        if self._gate2.freezes:
            return
        after = self._walk.advance(end - begin)
        if after >= 0:
            self._closed_in = self._delay + CLOSE_SAMPLES + HOP
            if not self._hearing:
                self._vca.go(end - after + self._delay, 0.0, CLOSE_SAMPLES)

    def _rows(self, heard: np.ndarray | None) -> np.ndarray:
        """[hops, 6 + latent]: where pitch, descriptors and latent go in this block."""
        rows = self._walk.values()
        if heard is not None:
            rows[:] = heard
            self._heard[:] = rows[-1]
        elif self._forget_in > 0:
            rows[:] = self._heard
            self._forget_in -= len(self.gain)
        self._rows_heard.pass_on(rows, self._frozen, self._smooth, self._leaps, plain=not self._noted)
        return rows

    def _fill_controls(self, rows: np.ndarray) -> None:
        positions = self._positions
        np.dot(self._shares, self._knobs_and_targets, out=positions)
        self._knobs[:] = positions[-1]
        descriptors = rows[:, 1:LATENT]
        if self.depth != 1.0:
            descriptors *= self.depth
        if self._enveloped or not self._slewed.neutral:
            self._touch.move(rows, self._played)
        self._glide.render()
        bent_oct = self._glide.behind_oct
        if self._enveloped:
            positions += self._loudnesses * self._envelope[1 : len(KNOBS)]
            bent_oct = bent_oct + self._loudnesses[:, 0] * self._envelope[PITCH]
        self.controls[:] = rows
        self._place(rows, bent_oct, positions)
        self._swell.pass_on(self.controls, self.f0_hz, self._lowest)

    def _place(self, rows: np.ndarray, bent_oct: np.ndarray, positions: np.ndarray) -> None:
        """Pitch and descriptors, a hop at a time: for 8 hops, a block of 512, plain numbers are still faster than
        arrays."""
        level_db, physical = self._scales.level_db.at, self._scales.physical
        hops = zip(rows[:, :LATENT].tolist(), bent_oct.tolist(), positions.tolist(), strict=True)
        for hop, ((moved_oct, moved_db, *moved), by_oct, (level, *knobs)) in enumerate(hops):
            moved_oct = moved_oct * self.intonation + by_oct
            self.f0_hz[hop] = _within(LOWEST_HZ, self._pitch_hz * 2.0**moved_oct, HIGHEST_HZ)
            pitch_oct = _within(_LOWEST_OCT, self._pitch_oct + moved_oct, _HIGHEST_OCT)
            rms_db = _within(RMS_MIN_DB, level_db(level) + moved_db, RMS_MAX_DB)
            u = level, *map(add, knobs, moved)  # the scales hold positions within 0…1
            self.controls[hop, :LATENT] = pitch_oct, *physical(pitch_oct, u, rms_db)


def _within(low: float, value: float, high: float) -> float:
    return low if value < low else high if value > high else value


def _offset(event: tuple[int, str, int]) -> int:
    return event[0]
