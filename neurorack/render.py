"""A file of volts, or a sound, played into a WAV file: the whole road on a simulated clock, faster than real time, bit
for bit the same for the same seed.

The chips, the drivers, the patch, the voice and the output stage are those of the module. What differs is time: here
it passes only where something waits for it, and a block of sound begins exactly where its first sample lies. As in the
module a block hears what the jacks knew when it began, and a gate acts one block and the gate's delay after its edge.
"""

import errno
import math
import os
import secrets
import signal
import stat
import sys
import threading
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neurorack.board import load_board
from neurorack.bundle import Bundle, Gesture, load
from neurorack.clock import SimulatedClock
from neurorack.ears.follower import LEVEL_DELAY, TIMBRE_DELAY
from neurorack.engine.output import OutputStage
from neurorack.engine.player import Player
from neurorack.engine.timeline import ExactTimeline, GateSchedule
from neurorack.errors import BadInput
from neurorack.jacks.bus import open_bus
from neurorack.jacks.lines import open_lines
from neurorack.jacks.scan import Scan
from neurorack.patch.matrix import Matrix, assign, bare_patch
from neurorack.patch.scale import scale_of
from neurorack.patch.voice import DEEPEST, FARTHEST
from neurorack.rack.world import World
from neurorack.recorder import BYTES, pcm24
from neurorack.settings.model import Sound
from neurorack.settings.playing import patch_of
from neurorack.sound_in import SoundIn
from neurorack.statedir import state_dir
from neurorack.takes import store
from neurorack.terminal import complain
from neurorack.words import FIND, FIND_SEED_MAX, GATE2_TASKS, GATE_DELAY_S, GATE_JACKS, PATCHABLE, SAMPLE_RATE_HZ

BLOCK = 128
LEAD = 6_144
"""Samples before the file's t = 0 in which converters settle and filters warm up: 128 ms, a whole number of blocks of
every size and of nanoseconds."""
LEAD_NS = LEAD * 1_000_000_000 // SAMPLE_RATE_HZ

TAIL_S = 5.0
"""What may ring on after the file's last row."""

LONGEST_S = 8 * 3600.0
"""A WAV file ends at 4 GiB."""


class Source(Protocol):
    """What is plugged into the jack `in`."""

    def read(self, samples: int) -> np.ndarray:
        """The next [samples] float32."""
        ...


class Sink(Protocol):
    """What takes up the sound."""

    def write(self, samples: np.ndarray, clipped: int) -> None:
        """A block, of which so many samples were bent by the limit."""
        ...


class Module:
    """The module on a simulated clock, from the chips to the output. `world` must begin at LEAD_NS."""

    def __init__(
        self,
        bundle: Bundle,
        world: World,
        patch: np.recarray,
        *,
        seed: int = 0,
        gesture: int = 0,
        depth: float = 1.0,
        intonation: float = 1.0,
        morph_to: int = -1,
        gate2: str = GATE2_TASKS[0],
        find_seed: int = 0,
        block: int = BLOCK,
        gate_delay_s: float = GATE_DELAY_S,
        noisy: bool = True,
        source: Source | None = None,
        takes: Sequence[Gesture] = (),
        presets: Sequence[Sound] = (),
    ) -> None:
        board = load_board(rack=True)
        self.block = block
        self.latency = block + round(gate_delay_s * SAMPLE_RATE_HZ)
        """Samples from a gate's edge to its first sound."""
        self.resets = 0
        """Times the decoder gave what is no number and was begun anew."""
        self.player = Player(bundle, block, seed, noisy=noisy)
        self.player.offer(takes)
        self._gesture, self._find_seed = (gesture, depth, intonation, morph_to), find_seed
        self._choose()
        self.player.set_task(gate2)
        self._gate2, self._presets = gate2, presets
        self._recalled = -1  # the newest preset that gate 2 has come to
        if source is not None:
            self.player.listen()
        self._source: Source | None = None
        self.stage = OutputStage(block)
        self._clock = SimulatedClock()
        bus = open_bus(board.bus_of(board.adc.voct).device, self._clock, world)
        self._scan = Scan(board, bus, open_lines(board.gpio, self._clock, world), self._clock)
        self._matrix = Matrix(patch)
        self._timeline = ExactTimeline(block)
        self._schedule = GateSchedule(block, self.latency - block)
        self._due_ns = 0
        self._up: dict[str, float] = {}  # gates that are up, and the sample at which they rose
        self._end = math.inf
        self._heard = False  # the newest targets are the player's
        self._targets = self._matrix.play(self._scan.volts, self._scan.pots)
        self._sound = np.zeros(block, np.float32)
        for _ in range(LEAD // block):
            self.next_block()
        self._source = source
        self.stage.open()

    @property
    def sounding(self) -> bool:
        """Whether something is still to be heard. What follows another sound ends with it, its delay later."""
        if self._source is None:
            return self.player.sounding
        return self.position + LEAD < self._end + TIMBRE_DELAY + self.player.bundle.card.delay_samples

    @property
    def position(self) -> int:
        """Samples of the file's time that have been played."""
        return self._timeline.start + self.block - LEAD

    def end(self, position: int) -> None:
        """Gates that are still up at sample `position` of the file's time fall there, one that rises there as well; of
        what rises more than a block later nothing is heard."""
        self._end = position + LEAD

    def next_block(self) -> np.ndarray:
        """The next `block` samples, float32; overwritten by the next call."""
        self._timeline.tick()
        self._read_jacks(self._timeline.block_ns())
        if self._timeline.start >= self._end:
            for jack, rose in self._up.items():  # a bouncing one may have risen a little after the end
                self._schedule.add(max(rose, self._end), jack, 0)
            self._up.clear()
        for offset, jack, level in self._schedule.take(self._timeline.start):
            self.player.gate(offset, jack, level)
            if jack == "gate2" and level:
                self._step()
        self.player.render(self._sound, self._listen())
        if not self.stage.process(self._sound, self._sound):
            self.resets += 1
            self.player.reset()
            self.stage.open()
        return self._sound

    def _step(self) -> None:
        """What gate 2 chooses, it chooses here; in the module it is the desk that does."""
        if self._gate2 == "next gesture":
            self._gesture = (self._gesture[0] + 1, *self._gesture[1:])
            self._choose()
        elif self._gate2 == "next preset" and self._presets:
            self._recalled = (self._recalled + 1) % len(self._presets)
            sound = self._presets[self._recalled]
            self._matrix.load(patch_of(sound))
            self._gesture = (sound.gesture, sound.depth, sound.intonation, sound.morph_to)
            self._choose()

    def _choose(self) -> None:
        """Take up the gesture, what is to be found from it, and render ahead what that needs."""
        gesture, _, _, morph_to = self._gesture
        for needed in (gesture, gesture + 1 if morph_to < 0 else morph_to):
            self.player.await_gesture(needed)
        self.player.find(gesture, self._find_seed)
        self.player.set_gesture(*self._gesture)

    def _listen(self) -> np.ndarray | None:
        """What the next block of the source asks the voice to play."""
        follower = self.player.follower
        return None if self._source is None or follower is None else follower.hear(self._source.read(self.block))

    def _read_jacks(self, begin_ns: int) -> None:
        """Scan up to the moment the block begins; what is known by then is what it plays."""
        clock, scan = self._clock, self._scan
        while True:
            if not self._heard and clock.now_ns() <= begin_ns:
                self.player.set_targets(*self._targets, self._matrix.envelope)
                self._heard = True
            if max(clock.now_ns(), self._due_ns) > begin_ns:
                return
            clock.sleep_until_ns(self._due_ns)
            self._due_ns = scan.step()
            for t_ns, line, level in scan.take_edges():
                if line in GATE_JACKS:
                    sample = self._timeline.sample_at(t_ns)
                    if sample > self._end + self.block:
                        continue
                    self._schedule.add(sample, line, level)
                    if level:
                        self._up[line] = sample
                    else:
                        self._up.pop(line, None)
            if scan.fresh:
                self._targets = self._matrix.play(scan.volts, scan.pots)
                self._heard = False


def render(
    bundle: str | Path,
    cv: Path | None,
    out: Path,
    assignments: Sequence[str] = (),
    *,
    seed: int = 0,
    gesture: str | None = None,
    depth: float = 1.0,
    intonation: float = 1.0,
    morph_to: str | None = None,
    gate2: str = GATE2_TASKS[0],
    scale: str = "off",
    find_seed: int = 0,
    block: int = BLOCK,
    noisy: bool = True,
    sound: Path | None = None,
) -> dict[str, Any]:
    """Play the volts file `cv` into the WAV file `out`, 24 bits, 48 kHz, mono; a report for programs.

    The sound ends with the file's last row and what rings on after it; a gate that is still up there falls there.
    With a file `sound` the instrument plays what that does, instead of gestures, from its beginning to its end; `cv`
    turns knobs and pitch meanwhile, and may be None. Of the report, `latency_s` is how far level and onsets, and
    `timbre_latency_s` how far everything else nominally comes after the sound.
    `assignments` patch jacks to knobs, "cv1=centroid". `depth`, 0 to DEEPEST, is how far the gesture moves the knobs,
    `intonation`, 0 to FARTHEST, how far it moves the pitch. The knob `morph` goes towards the gesture `morph_to`, or
    the next; `gate2` is the task of that jack, `scale` as `patch.scale` reads it. `find_seed` says
    where the knobs `find1` and `find2` lead.
    `noisy=False` takes the noise from converters and decoder. Raises BadInput.
    """
    begun_s = time.monotonic()
    if seed < 0:
        raise BadInput(f"a seed of {seed}", "--seed", "give a whole number from 0 on")
    if not 0.0 <= depth <= DEEPEST:
        raise BadInput(f"a depth of {depth:g}", "--depth", f"give a number from 0 to {DEEPEST:g}")
    if not 0.0 <= intonation <= FARTHEST:
        mend = f"give a number from 0 to {FARTHEST:g}"
        raise BadInput(f"an intonation of {intonation:g}", "--intonation", mend)
    if gate2 not in GATE2_TASKS:
        raise BadInput(f"gate 2 has no task {gate2[:40]!r}", "--gate2", f"use one of {', '.join(GATE2_TASKS)}")
    if not 0 <= find_seed <= FIND_SEED_MAX:
        raise BadInput(f"a seed of {find_seed}", "--find-seed", f"give a whole number from 0 to {FIND_SEED_MAX}")
    patch = bare_patch()
    patch["scale"] = scale_of(scale)
    for assignment in assignments:
        assign(patch, assignment)
    if cv is not None:
        world = World.from_volts_file(cv, epoch_ns=LEAD_NS, seed=seed)
    else:
        world = World.at_rest(epoch_ns=LEAD_NS, seed=seed)
    source = None if sound is None else SoundIn(sound)
    if cv is None and source is None:
        raise BadInput("there is nothing to play", "neurorack render", "give --cv FILE.csv or --in FILE.wav")
    duration_s = world.duration_s or 0.0 if source is None else source.duration_s
    if duration_s > LONGEST_S:
        mend = "split it, 8 hours at most"
        raise BadInput(f"{duration_s:.0f} s are more than a WAV file holds", str(sound or cv), mend)
    for given, what in ((cv, "volts"), (sound, "source")):
        if given is not None and os.path.exists(out) and os.path.samefile(given, out):
            raise BadInput(f"the sound would replace its {what}", str(out), "give another --out FILE.wav")
    world.state.noise = noisy
    instrument = load(bundle)
    names = [one.name for one in instrument.gestures]
    takes: list[Gesture] = []
    if not {gesture, morph_to} <= {None, *names}:  # without need nothing of this machine decides how it sounds
        takes = store.load(state_dir(), instrument.card).gestures
        names += [take.name for take in takes]
    for name in (gesture, morph_to):
        if name is not None and name not in names:
            raise BadInput(f"no gesture {name!r}", instrument.name, f"use one of {', '.join(names)}")
    if instrument.card.space is None and any(patch["attenuverter"][PATCHABLE.index(name)].any() for name in FIND):
        complain(f"neurorack: find1 and find2 do nothing: {instrument.name} has no space of gestures")
    number = names.index(gesture) if gesture else 0
    module = Module(
        instrument, world, patch,
        seed=seed, gesture=number, depth=depth, intonation=intonation, block=block, noisy=noisy, source=source,
        morph_to=names.index(morph_to) if morph_to else -1, gate2=gate2, takes=takes, find_seed=find_seed,
    )  # fmt: skip
    with _unwound_by_signals(), Wav(out, duration_s) as wav:
        play_out(module, round(duration_s * SAMPLE_RATE_HZ), wav)
    took_s = time.monotonic() - begun_s
    seconds = wav.samples / SAMPLE_RATE_HZ
    return {
        "bundle": instrument.name,
        "out": str(out),
        "seconds": seconds,
        "peak_dbfs": _db(wav.peak),
        "rms_dbfs": _db(math.sqrt(wav.energy / max(1, wav.samples))),
        "clipped": wav.clipped,
        "resets": module.resets,
        "gesture": names[number],
        "depth": depth,
        "intonation": intonation,
        "latency_s": _latency_s(instrument, LEVEL_DELAY) if source else None,
        "timbre_latency_s": _latency_s(instrument, TIMBRE_DELAY) if source else None,
        "seed": seed,
        "find_seed": find_seed,
        "took_s": round(took_s, 3),
        "times_real_time": round(seconds / took_s, 2),
    }


@contextmanager
def _unwound_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the program as an exception does, tidily; those that somebody ignores or handles, as
    under nohup, stay theirs."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    in_main = threading.current_thread() is threading.main_thread()
    ends = [signal.SIGTERM, signal.SIGHUP] if in_main else []
    free = [number for number in ends if signal.getsignal(number) is signal.SIG_DFL]
    for number in free:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)


def play_out(module: Module, end: int, sink: Sink) -> None:
    """Everything up to sample `end`, and what rings on."""
    last = end + round(TAIL_S * SAMPLE_RATE_HZ)
    module.end(end)
    while module.position < end:
        sink.write(module.next_block(), module.stage.bent)
    while module.position < last and (module.position < end + module.latency + module.block or module.sounding):
        sink.write(module.next_block(), module.stage.bent)
    module.stage.close()
    while not module.stage.silent:
        sink.write(module.next_block(), module.stage.bent)


class Wav:
    """A WAV file that is there whole or not at all, and what was written into it. It takes the place of a plain file
    only, and grows beside it under a name of its own, so that two renders into one file do not meet."""

    def __init__(self, path: Path, duration_s: float) -> None:
        self.samples = self.clipped = 0
        self.peak = self.energy = 0.0
        self._path, self._part = path, path.parent / f".neurorack-{secrets.token_hex(6)}.part"
        self._total = max(1, round(duration_s * SAMPLE_RATE_HZ))
        self._shows = duration_s > 10.0 and sys.stderr.isatty()
        try:
            _want_plain(path)
            self._stream = self._part.open("xb")
        except OSError as error:
            mend = "give another FILE.wav"
            raise BadInput(f"cannot write the sound: {error.strerror}", str(path), mend) from error
        self._file = wave.open(self._stream, "wb")  # noqa: SIM115 (closed by __exit__)
        self._file.setparams((1, BYTES, SAMPLE_RATE_HZ, 0, "NONE", ""))

    def write(self, samples: np.ndarray, clipped: int) -> None:
        try:
            self._file.writeframesraw(pcm24(samples))
        except OSError as error:
            raise self._full(error) from error
        before = self.samples * 100 // self._total
        self.samples += len(samples)
        self.clipped += clipped
        self.peak = max(self.peak, float(np.abs(samples).max()))
        self.energy += float(np.dot(samples, samples))
        percent = min(100, self.samples * 100 // self._total)
        if self._shows and percent != before:
            print(f"\r{self._path.name}: {percent} %", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "Wav":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._shows:
            print(file=sys.stderr)
        try:
            self._file.close()
            self._stream.close()
            if kind is None:
                os.replace(self._part, self._path)
        except OSError as error:
            raise self._full(error) from error
        finally:
            self._part.unlink(missing_ok=True)

    def _full(self, error: OSError) -> BadInput:
        return BadInput(f"cannot write the sound: {error.strerror}", str(self._path), "free some space")


def _want_plain(path: Path) -> None:
    """Raise OSError where there is something other than a plain file: a folder, a device, a pipe."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {'a folder' if stat.S_ISDIR(mode) else 'no plain file'}")


def _latency_s(bundle: Bundle, following: int) -> float:
    return round((following + bundle.card.delay_samples) / SAMPLE_RATE_HZ, 4)


def _db(level: float) -> float | None:
    """dBFS; None for silence."""
    return round(20 * math.log10(level), 2) if level > 0 else None
