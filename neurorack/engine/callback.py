"""What the sound card calls: gates and knobs in, one block of sound out, on time.

In order: clock, input, edges, knob targets, follower, player, output stage, card, tap, meters. On the way no lock is
taken, no file read or written but mapped memory, nothing logged, no array made that could be kept, and no exception
let out. What the main thread wants is left in plain attributes that the callback takes up at its next block; what the
callback no longer needs (a player, whose end takes long) it leaves for the main thread to drop.
"""

from dataclasses import dataclass
from math import ceil, isfinite
from time import monotonic_ns
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurorack.engine.meters import Meters
from neurorack.engine.output import OutputStage
from neurorack.engine.resample import InputConverter, RateConverter
from neurorack.engine.timeline import GateSchedule, LockedTimeline
from neurorack.patch.found import Kept
from neurorack.patch.performance import PLAYED, RUNNING, at_rest
from neurorack.realtime import flush_denormals, make_fifo, pin
from neurorack.shared import AudioTap, EdgeRing, FrameTap, Snapshot, Switch
from neurorack.words import C4_HZ, DESCRIPTORS, GATE2_TASKS, GATE_JACKS, SAMPLE_RATE_HZ

WARM_S = 0.02
"""Played muted at the start and after a reset, until filters and states have forgotten that they began at zero."""

REST = np.float32(-(2.0**-22))
"""Added to all that is not muted: two steps of 24 bits, −132 dBFS, which no capacitor lets through. In words of 24 or
32 bits it is a run of ones that ends, an edge for the circuit that opens the output (`hardware/circuit/audio.py`)."""

FARTHEST_V = 25.0
"""All five jacks' attenuverters on an envelope."""

CROSSFADE_S = 0.03
"""From one bundle to the next."""


class Follower(Protocol):
    """Makes of sound what a player can play. `ears.follower` has the real one, and with it ONNX Runtime, whose threads
    would take the process's signals were it imported before those are blocked."""

    def hear(self, audio: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def reset(self) -> None: ...


class Player(Protocol):
    """One instrument: voice, excitation and decoder. `engine.player` has the real one."""

    @property
    def finite(self) -> bool: ...

    @property
    def follower(self) -> Follower | None: ...

    @property
    def finds(self) -> bool: ...

    @property
    def found(self) -> Kept: ...

    def prepare(self, first: int) -> bool: ...

    @property
    def complete(self) -> bool: ...

    def listen(self) -> None: ...

    def find(self, gesture: int, seed: int, kept: Kept) -> None: ...

    def gate(self, offset: int, jack: str, level: int) -> None: ...

    def set_targets(
        self,
        pitch_hz: float,
        descriptors: NDArray[np.float64],
        performance: NDArray[np.float64] | None = None,
        envelope: NDArray[np.float64] | None = None,
    ) -> None: ...

    def set_gesture(self, index: int, depth: float, intonation: float, morph_to: int, takes: int) -> None: ...

    def set_task(self, gate2: str) -> None: ...

    def offer_takes(self, number: int) -> None: ...

    def frames(self) -> NDArray[np.void]: ...

    def render(self, out: NDArray[np.float32], heard: NDArray[np.float32] | None = None) -> None: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class Wishes:
    """What the player of the instrument chose, as the callback takes it up."""

    gain_db: float = 0.0
    gate_delay_samples: int = 288
    muted: bool = False
    gesture: int = 0
    depth: float = 1.0
    intonation: float = 1.0
    listen: bool = False
    morph_to: int = -1
    gate2: str = GATE2_TASKS[0]
    takes: int = 0
    """Of which offer of recorded gestures these numbers are (`Player.offer_takes`): both change in one assignment."""


class AudioCallback:
    """Hand it to a device as its callback. Public attributes may be set by the main thread at any time.

    block      samples the device asks for at `rate_hz`, and of an engine block at 48 kHz
    controls, edges, tap, frames, panic   mapped files, or None until they are there
    held       gate jacks that were up before there were edges to read; taken
    wishes     taken up at the next block
    incoming   a warm player to fade over to; taken, and the old one left in `outgoing`
    entries    callbacks so far: the main thread sees from it that sound goes on
    inside     a callback is under way
    fault      the newest exception that was kept inside
    """

    def __init__(
        self,
        player: Player,
        block: int,
        meters: Meters,
        *,
        channels: int = 2,
        rate_hz: int = SAMPLE_RATE_HZ,
        wishes: Wishes | None = None,
        cpu: int | None = None,
        priority: bool = True,
    ) -> None:
        self.controls: Snapshot | None = None
        self.edges: EdgeRing | None = None
        self.held: tuple[str, ...] = ()
        self.tap: AudioTap | None = None
        self.frames: FrameTap | None = None
        self.panic: Switch | None = None
        self.wishes = wishes or Wishes()
        self.incoming: Player | None = None
        self.outgoing: Player | None = None
        self.entries = 0
        self.inside = False
        self.fault: Exception | None = None
        self.realtime_refused: str | None = None
        self.ending = False
        self._player, self._next = player, None  # type: Player, Player | None
        self._meters, self._block, self._channels = meters, block, channels
        self._cpu, self._priority = cpu, priority
        self._stage = OutputStage(block, self.wishes.gain_db)
        self._timeline = LockedTimeline(block, rate_hz)
        self._schedule = GateSchedule(block, self.wishes.gate_delay_samples)
        self._taken: Wishes | None = None
        self._hushed = False  # by the panic switch
        self._start = -block  # sample, at 48 kHz, with which the newest block begins
        self._ratio, self._ahead = 1.0, 0
        self._pitch_hz, self._descriptors = C4_HZ, np.full(len(DESCRIPTORS), 0.5)
        self._performance, self._envelope = at_rest(), np.zeros(PLAYED)
        self._levels = dict.fromkeys(GATE_JACKS, 0)
        self._muted_blocks = ceil(WARM_S * SAMPLE_RATE_HZ / block)
        self._warming = self._muted_blocks
        self._mono = np.zeros(block, np.float32)
        self._input = np.zeros(block, np.float32)
        self._has_input = False
        self._other = np.zeros(block, np.float32)
        fade = np.linspace(0.0, 0.5 * np.pi, ceil(CROSSFADE_S * SAMPLE_RATE_HZ / block) * block)
        self._rising = np.sin(fade).astype(np.float32).reshape(-1, block)
        self._falling = np.cos(fade).astype(np.float32).reshape(-1, block)
        self._faded = 0
        self._converter: RateConverter | None = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._converter = RateConverter(self._render, block, rate_hz, block)
            self._ratio = self._converter.ratio
            self._ahead = ceil(block * self._ratio)  # rendered before the card asks for it
            self._device_mono = np.zeros(block, np.float32)
            self._input_converter = InputConverter(block, rate_hz)

    @property
    def silent(self) -> bool:
        """Faded out after `ending` was set, or never begun."""
        return self._stage.silent

    @property
    def player(self) -> Player:
        """Who plays, or is about to."""
        return self.incoming or self._next or self._player

    def __call__(self, buffer: Any, frames: int, times: Any, flags: Any, heard: Any = None) -> None:
        """PortAudio's callback: fill `buffer` (frames × channels, interleaved float32). `heard` is what came in
        meanwhile (frames, one channel), where the device has an input."""
        entry_ns = monotonic_ns()
        self.inside = True
        out = np.frombuffer(buffer, np.float32)
        try:
            if self.entries == 0:
                self._first()
            self._timeline.tick(entry_ns)
            self._meters.enter(entry_ns, self._timeline.lateness_s, self._timeline.lost, flagged=bool(flags))
            self._take_input(heard)
            mono = self._mono
            if self._converter is None:
                self._render(mono)
            else:
                mono = self._device_mono
                self._converter.fill(mono)
            if not self._stage.silent:
                np.add(mono, REST, out=mono)
            out.reshape(frames, self._channels)[:] = mono[:, None]
            self._meters.leave(self._timeline.since_start_s(monotonic_ns()))
        except Exception as error:
            out[:] = 0.0
            self.fault = error
        self.entries += 1
        self.inside = False

    def _take_input(self, heard: Any) -> None:
        self._has_input = heard is not None
        if heard is None:
            return
        if self._converter is None:
            np.copyto(self._input, np.frombuffer(heard, np.float32))
        else:
            self._input_converter.push(np.frombuffer(heard, np.float32))

    def _first(self) -> None:
        """In the callback's own thread, once: PortAudio's threads are not real-time by themselves."""
        np.seterr(all="ignore")  # a warning would be I/O; what is not finite is seen and counted
        flush_denormals()
        if self._priority:
            self.realtime_refused = make_fifo()
            self._meters.realtime(self.realtime_refused is None)
        if self._cpu is not None:
            self.realtime_refused = pin(self._cpu) or self.realtime_refused

    def _render(self, out: NDArray[np.float32]) -> None:
        """The next block at 48 kHz into `out` [block]."""
        self._start += self._block
        try:
            if self._has_input and self._converter is not None:
                self._input_converter.pull(self._input)
            self._look()
            self._play(out)
        except Exception as error:
            self.fault = error
            out.fill(np.nan)  # goes the way of every sound that is none
        sound = self._stage.process(out, out)
        if not sound or not self._player.finite:
            self._recover()
        elif self._warming:
            self._warming -= 1
        elif not self.ending and not self.wishes.muted and not self._hushed:
            self._stage.open()
            self._meters.first_sound(monotonic_ns())
        if self.ending:
            self._stage.close()
        if self.tap is not None:
            self.tap.write(out)
        if self.frames is not None:
            self.frames.write(self._player.frames())
        self._meters.sound(self._stage.rms, self._stage.peak, self._stage.bent)
        self._meters.gates(self._schedule.count, self._schedule.late)
        self._meters.voice(self._pitch_hz, max(self._levels.values()), self.wishes.gesture)

    def _look(self) -> None:
        """All that may have changed since the last block."""
        if self.wishes is not self._taken:
            self._take_wishes(self.wishes)
        if self.incoming is not None and self._next is None and self.outgoing is None:
            self._welcome(self.incoming)
        self._read_controls()
        self._read_edges()
        self._read_panic()

    def _take_wishes(self, wishes: Wishes) -> None:
        if wishes.listen and self._player.follower is not None and not (self._taken and self._taken.listen):
            self._player.follower.reset()  # what it heard long ago
        self._taken = wishes
        self._stage.set_gain_db(wishes.gain_db)
        self._schedule.delay_samples = wishes.gate_delay_samples + self._ahead
        self._tell(self._player)
        if self._next is not None:
            self._tell(self._next)
        if wishes.muted:
            self._stage.close()

    def _welcome(self, player: Player) -> None:
        """Begin the crossfade; a note that is held sounds on in the new instrument."""
        self.incoming, self._next, self._faded = None, player, 0
        self._tell(player)
        player.set_targets(self._pitch_hz, self._descriptors, self._performance, self._envelope)
        if self._levels["gate1"]:  # what gate 2 did was done to the other's sound
            player.gate(0, "gate1", 1)

    def _tell(self, player: Player) -> None:
        wishes = self.wishes
        player.set_gesture(wishes.gesture, wishes.depth, wishes.intonation, wishes.morph_to, wishes.takes)
        player.set_task(wishes.gate2)

    def _read_edges(self) -> None:
        if self.held:
            for jack in self.held:
                self._turn(0, jack, 1)
            self.held = ()
        if self.edges is not None:
            for t_ns, jack, level in self.edges.read():
                if jack in self._levels:
                    self._schedule.add(self._timeline.sample_at(t_ns) * self._ratio, jack, level)
        for offset, jack, level in self._schedule.take(self._start):
            self._turn(offset, jack, level)

    def _turn(self, offset: int, jack: str, level: int) -> None:
        if self._levels[jack] == level:  # jacks that were started again tell where their lines stand
            return
        self._levels[jack] = level
        self._player.gate(offset, jack, level)
        if self._next is not None:
            self._next.gate(offset, jack, level)

    def _read_panic(self) -> None:
        """Fade out for as long as the switch is on, and let go of notes that hang: the next edge plays again."""
        before, self._hushed = self._hushed, self.panic is not None and self.panic.on
        if not self._hushed or before:
            return
        self._stage.close()
        for jack, level in self._levels.items():
            if level:
                self._player.gate(0, jack, 0)
                if self._next is not None:
                    self._next.gate(0, jack, 0)

    def _read_controls(self) -> None:
        controls = self.controls
        if controls is None:
            return
        if controls.refresh():
            record = controls.record
            pitch_hz, descriptors = float(record["pitch_hz"]), record["descriptors"]
            performance, envelope = record["performance"], record["envelope"]
            squares = descriptors.dot(descriptors) + performance.dot(performance) + envelope.dot(envelope)
            if pitch_hz > 0.0 and isfinite(pitch_hz + squares):
                self._pitch_hz = pitch_hz
                descriptors.clip(0.0, 1.0, out=self._descriptors)
                performance.clip(RUNNING, 1.0, out=self._performance)
                envelope.clip(-FARTHEST_V, FARTHEST_V, out=self._envelope)
                targets = pitch_hz, self._descriptors, self._performance, self._envelope
                self._player.set_targets(*targets)
                if self._next is not None:
                    self._next.set_targets(*targets)
        else:
            self._meters.stale()

    def _play(self, out: NDArray[np.float32]) -> None:
        self._player.render(out, self._heard_by(self._player))
        if self._next is None:
            return
        other = self._other
        self._next.render(other, self._heard_by(self._next))
        np.multiply(out, self._falling[self._faded], out=out)
        np.multiply(other, self._rising[self._faded], out=other)
        np.add(out, other, out=out)
        self._faded += 1
        if self._faded == len(self._rising):
            self.outgoing, self._player, self._next = self._player, self._next, None

    def _heard_by(self, player: Player) -> NDArray[np.float32] | None:
        """What this player is to play instead of its gesture, if anything."""
        if not (self.wishes.listen and self._has_input and player.follower is not None):
            return None
        return player.follower.hear(self._input)

    def _recover(self) -> None:
        """Something was no number: begin again, muted."""
        self._meters.nan_reset()
        self._stage.close()
        self._warming = self._muted_blocks
        self._player.reset()
        if self._next is not None:
            self._next.reset()
