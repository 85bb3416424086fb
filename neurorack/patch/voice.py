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
"""

import math

import numpy as np

from neurorack.bundle import Bundle
from neurorack.patch.gestures import LATENT, PITCH, Stage, Trajectory, Walk
from neurorack.patch.knobs import Scales
from neurorack.patch.pitch import HIGHEST_HZ, LOWEST_HZ
from neurorack.patch.vca import Vca
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, SAMPLE_RATE_HZ

SLEW_S = 0.004
"""Time constant of a knob: half way in 2.8 ms, three frames."""

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

_MANY = 8
"""Hops in a block from which on arrays are faster: 16 take 60 µs, one by one 160."""

_LOG_C4 = math.log2(C4_HZ)
_LOWEST_OCT, _HIGHEST_OCT = (math.log2(hz) - _LOG_C4 for hz in (LOWEST_HZ, HIGHEST_HZ))
_FIVE = len(DESCRIPTORS)


class Voice:
    """Of `block` samples, a whole number of hops. Call `gate` in the order of time, then `render`.

    controls  [hops, 6 + latent] float32: pitch in octaves re C4, descriptors in the card's units, latent
    f0_hz     [hops] float64
    gain      [block] float32
    strikes   (sample of the block, partials) of every strike in it, where gestures have partials
    """

    def __init__(self, bundle: Bundle, block: int, controls: np.ndarray | None = None) -> None:
        hops, latent = block // HOP, bundle.card.latent
        self._hops = hops
        self.controls = np.zeros((hops, 1 + _FIVE + latent), np.float32) if controls is None else controls
        self.f0_hz = np.full(hops, C4_HZ)
        self.strikes: list[tuple[int, np.ndarray]] = []
        self.depth = 1.0
        """Of the gesture's descriptors about their medians."""
        self.intonation = 1.0
        """Of the gesture's pitch: 0 plays exactly the pitch that knobs and jacks ask for."""
        self._walk = Walk([Trajectory(gesture) for gesture in bundle.gestures], hops)
        self._vca = Vca(block)
        self.gain = self._vca.gain
        self._scales = Scales.from_card(bundle.card)
        rms = bundle.card.knobs[0]
        self._rms_db = rms.location[0] + max(rms.spread[0], rms.spread_floor) * np.array(rms.quantiles)
        self._rms_steps = np.linspace(0.0, 1.0, len(rms.quantiles))
        self._delay = bundle.card.delay_samples
        self._percussive = bundle.card.kind == "percussive"
        self._open_samples = STRIKE_SAMPLES if self._percussive else OPEN_SAMPLES
        self._struck: Trajectory | None = None  # whose partials sound
        self._hearing = False
        self._heard = np.zeros(LATENT + latent, np.float32)  # the newest row of another sound, until that has faded
        self._forget_in = 0  # samples until then
        self._events: list[tuple[int, int]] = []
        self._pitch_hz, self._pitch_oct = C4_HZ, 0.0
        self._targets = np.full(_FIVE, 0.5)
        self._knobs: np.ndarray | None = None  # slewed, at the end of the last block
        self._lag = np.exp(-HOP / SAMPLE_RATE_HZ / SLEW_S) ** np.arange(1, hops + 1)[:, None]
        self._positions = np.zeros((hops, _FIVE))
        self._closed_in = 0  # samples until an ended gesture has faded out

    @property
    def sounding(self) -> bool:
        """Whether anything of a gesture is still to be heard."""
        return self._walk.stage is not Stage.SILENT or self._vca.value > 0.0

    def choose(self, gesture: int) -> None:
        """Play the gesture of this number, counted round, from the next gate on."""
        self._walk.choose(gesture)

    def gate(self, offset: int, jack: str, level: int) -> None:
        """An edge that acts on sample `offset` 0…block-1 of the coming block. `gate1` plays, no other gate does."""
        if jack == "gate1":
            self._events.append((offset, level))

    def set_targets(self, pitch_hz: float, descriptors: np.ndarray) -> None:
        """What knobs and jacks ask for from now on: pitch, and positions 0…1 [5]."""
        self._pitch_hz, self._pitch_oct = pitch_hz, math.log2(pitch_hz) - _LOG_C4
        self._targets[:] = descriptors
        if self._knobs is None:  # nothing has been heard yet
            self._knobs = self._targets.copy()

    def render(self, heard: np.ndarray | None = None) -> None:
        """The next block of `controls`, `f0_hz`, `gain` and `strikes`.

        `heard` [hops, 6 + latent]: rows of another sound, as a walk along a gesture gives them, to play instead of the
        gesture; its gates go on unheard.
        """
        self.strikes.clear()
        if (heard is not None) != self._hearing:
            self._turn_to(heard is not None)
        at = 0
        for hop in range(self._hops):
            end = (hop + 1) * HOP
            if self._walk.stage is Stage.ENDED:
                self._closed_in -= HOP
                if self._closed_in <= 0:
                    self._walk.rest()
            while self._events and self._events[0][0] < end:
                offset, level = self._events.pop(0)
                self._advance(at, offset)
                at = offset
                if level:
                    self._start(offset)
                else:
                    self._walk.release()
            if self._walk.playing is not self._struck and self._walk.stage is Stage.SILENT:
                self._strike(hop * HOP)  # unheard: the partials stand ready as the first row does
            self._advance(at, end)
            at = end
            self._walk.mark(hop)
        self._fill_controls(self._rows(heard))
        self._vca.render()

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
        silent = self._walk.stage in (Stage.SILENT, Stage.ENDED)
        self._walk.start()
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
        self._struck = self._walk.playing
        if self._struck.partials is not None:
            self.strikes.append((offset, self._struck.partials))

    def _advance(self, begin: int, end: int) -> None:
        """Let the gesture go on over these samples; where it ends, plan the fade."""
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
        return rows

    def _fill_controls(self, rows: np.ndarray) -> None:
        controls, positions = self.controls, self._positions
        if self._knobs is None:
            self._knobs = self._targets.copy()
        np.subtract(self._knobs, self._targets, out=self._knobs)
        np.multiply(self._lag, self._knobs, out=positions)
        np.add(positions, self._targets, out=positions)
        self._knobs[:] = positions[-1]
        descriptors = rows[:, 1:LATENT]
        if self.depth != 1.0:
            descriptors *= self.depth
        rms_db = np.interp(positions[:, 0], self._rms_steps, self._rms_db)
        rms_db += descriptors[:, 0]
        np.minimum(np.maximum(rms_db, RMS_MIN_DB, out=rms_db), RMS_MAX_DB, out=rms_db)
        positions += descriptors  # the scales hold positions within 0…1
        if self._hops < _MANY:
            self._place_each(rows, rms_db, positions)
        else:
            self._place_all(rows, rms_db, positions)
        controls[:, LATENT:] = rows[:, LATENT:]

    def _place_each(self, rows: np.ndarray, rms_db: np.ndarray, positions: np.ndarray) -> None:
        """Pitch and descriptors, a hop at a time: in short blocks plain numbers are faster than arrays."""
        hops = zip(rows[:, PITCH].tolist(), rms_db.tolist(), positions.tolist(), strict=True)
        for hop, (moved_oct, level, row) in enumerate(hops):
            moved_oct *= self.intonation
            self.f0_hz[hop] = min(max(self._pitch_hz * 2.0**moved_oct, LOWEST_HZ), HIGHEST_HZ)
            pitch_oct = min(max(self._pitch_oct + moved_oct, _LOWEST_OCT), _HIGHEST_OCT)
            self.controls[hop, :LATENT] = pitch_oct, *self._scales.physical(pitch_oct, row, level)

    def _place_all(self, rows: np.ndarray, rms_db: np.ndarray, positions: np.ndarray) -> None:
        moved_oct = rows[:, PITCH] * self.intonation
        np.clip(self._pitch_hz * np.exp2(moved_oct), LOWEST_HZ, HIGHEST_HZ, out=self.f0_hz)
        pitch_oct = np.clip(self._pitch_oct + moved_oct, _LOWEST_OCT, _HIGHEST_OCT)
        self.controls[:, PITCH] = pitch_oct
        self.controls[:, 1:LATENT] = self._scales.physical_frames(pitch_oct, positions, rms_db)
