"""One instrument, playing: voice → excitation → decoder → amplifier, a block at a time.

Where the decoder is too slow for that, takes of the gestures stand in its place (`ahead`).
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from neurorack.bundle import Bundle, Gesture
from neurorack.ears.follower import Follower
from neurorack.engine.ahead import Ahead
from neurorack.engine.decoder import Decoder
from neurorack.engine.modes import Modes
from neurorack.engine.source import source_for
from neurorack.engine.space import Space
from neurorack.errors import BadInput
from neurorack.patch.found import NEW, Kept, Map
from neurorack.patch.gestures import Trajectory
from neurorack.patch.voice import Voice
from neurorack.statedir import state_dir
from neurorack.takes.store import load
from neurorack.words import HOP

MAPS = 8
"""That are held on to, so that none of their 0.3 MB is given back inside the callback, which lets go of them last."""


class Live:
    """Excitation and decoder, hop by hop. A voice fills `controls`, and says the pitch and what was struck."""

    def __init__(self, bundle: Bundle, hops: int, seed: int = 0, *, noisy: bool = True) -> None:
        self._decoder = Decoder(bundle, hops)
        self._source = source_for(self._decoder, seed, noisy=noisy)
        self.controls = self._decoder.controls

    complete = True

    def work(self, first: int) -> bool:
        """Nothing is to be done ahead."""
        return True

    def run(self, voice: Voice) -> np.ndarray:
        """The next hops [hops · HOP]. The next call may write over them."""
        if self._source is not None:
            if isinstance(self._source, Modes):
                for offset, partials in voice.strikes:
                    self._source.strike(offset, partials)
            self._source.render(voice.f0_hz)
        return self._decoder.run()

    def reset(self) -> None:
        """All states zero, phase and noise as they began."""
        self._decoder.reset()
        if self._source is not None:
            self._source.reset()


class Player:
    """Loaded and warm once it is made. `gate` in the order of time, `set_targets`, then `render`, for every block.

    Nothing is shared between two players, so that one can fade over to another. `noisy=False` leaves the white noise
    out of the excitation: what remains is exactly periodic.
    """

    def __init__(self, bundle: Bundle, block: int, seed: int = 0, *, noisy: bool = True) -> None:
        hops = block // HOP
        self.bundle, self._block = bundle, block
        self.follower: Follower | None = None
        """Makes of a block of sound what `render` takes as heard; None until `listen`."""
        self.finite = True
        """Whether the newest block was made of numbers. Where not, a state may be spoilt: `reset`."""
        ahead = bundle.card.ahead
        self._sound: Ahead | Live
        self._sound = Ahead(bundle, hops, seed, noisy=noisy) if ahead else Live(bundle, hops, seed, noisy=noisy)
        self._voice = Voice(bundle, block, self._sound.controls, seed, tells_places=ahead)
        self._space = Space(bundle, self._voice.trajectories)
        self._offered: tuple[int | None, Sequence[Trajectory]] = None, ()
        self._ways: tuple[int, Map | None] = 0, None  # the gesture, and what is to be found from it
        self._maps: deque[Map | None] = deque(maxlen=MAPS)
        for _ in range(2):  # touches every array; the noise so used up is given back by the reset
            self.render(np.zeros(block, np.float32))
        self.reset()

    @property
    def sounding(self) -> bool:
        """Whether a gesture is still to be heard."""
        return self._voice.sounding

    def gate(self, offset: int, jack: str, level: int) -> None:
        """An edge that acts on sample `offset` 0…block-1 of the coming block."""
        self._voice.gate(offset, jack, level)

    def set_targets(
        self,
        pitch_hz: float,
        descriptors: np.ndarray,
        performance: np.ndarray | None = None,
        envelope: np.ndarray | None = None,
    ) -> None:
        """Pitch and knob positions 0…1 from now on, as `Voice.set_targets` has them. Finite, and a pitch above 0."""
        self._voice.set_targets(pitch_hz, descriptors, performance, envelope)

    def find(self, gesture: int, seed: int = 0, kept: Kept = NEW) -> None:
        """Get ready what `find1` and `find2` lead to from this gesture, or from what is kept of an earlier search; the
        next `set_gesture` takes it up. A millisecond or two, outside of the callback. Raises BadInput, and nothing is
        found, where what is kept is of another instrument."""
        way = None
        try:
            played = [*self._voice.trajectories[: len(self.bundle.gestures)], *self._offered[1]]
            way = self._space.map(played[gesture % len(played)], seed, kept)
        finally:
            self._maps.append(way)
            self._ways = gesture, way

    @property
    def finds(self) -> bool:
        """Whether those knobs lead anywhere."""
        return self.bundle.space_onnx is not None

    @property
    def found(self) -> Kept:
        """What they have found: where they stand, and the change that makes; nothing in the middle."""
        at, way = self._voice.finding, self._ways[1]
        change = None if way is None else way.whole(*at)
        return Kept(at, NEW.change if change is None else change)

    def set_gesture(
        self, index: int, depth: float, intonation: float = 1.0, morph_to: int = -1, takes: int | None = None
    ) -> None:
        """The gesture to play from the next gate on, the one to morph to, and how far they move knobs and pitch from
        now on; `takes` is the number of the offer that those of recorded gestures count in."""
        number, offered = self._offered
        if number is not None and number == takes:
            self._voice.offer(offered)
        gesture, way = self._ways
        self._voice.choose(index, morph_to, way if gesture == index else None)
        self._voice.depth, self._voice.intonation = depth, intonation

    def offer(self, takes: Sequence[Gesture], number: int | None = None) -> None:
        """Gestures behind the bundle's own from the next `set_gesture` on, with a `number` from the next that says it:
        until then one that is chosen anew is not a neighbour of what was meant. From any thread. An instrument that is
        rendered ahead has none: it cannot follow what they do to the knobs."""
        if self.bundle.card.ahead:
            return
        self._offered = number, [Trajectory(take) for take in takes]
        if number is None:
            self._voice.offer(self._offered[1])

    def offer_takes(self, number: int | None = None) -> None:
        """Those that were recorded with this bundle, as they lie in the state directory; who records them tells of what
        is wrong there."""
        self.offer(load(state_dir(), self.bundle.card).gestures, number)

    def frames(self) -> np.ndarray:
        """FRAMES [hops]: what the newest block asked of the decoder."""
        return self._voice.frames()

    def set_task(self, gate2: str) -> None:
        """What `gate2` does, of GATE2_TASKS."""
        self._voice.set_task(gate2)

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        """The next block into `out` [block] float32; `heard` [hops, 6 + latent] in place of the gesture."""
        voice = self._voice
        voice.render(heard)
        sound = self._sound.run(voice)
        np.multiply(sound, voice.gain, out=out)
        self.finite = math.isfinite(sound.dot(voice.gain))

    @property
    def complete(self) -> bool:
        """Whether nothing is left to prepare."""
        return self._sound.complete

    def prepare(self, first: int) -> bool:
        """Of an instrument that is rendered ahead, render a piece of gesture `first`, counted round, or of another that
        is not there yet; whether `first` is there. Silent until then. Not for the callback: a piece takes long."""
        return self._sound.work(first)

    def await_gesture(self, index: int) -> None:
        """Prepare that gesture to its end, where nobody waits for sound meanwhile."""
        while not self.prepare(index):
            pass

    def listen(self) -> None:
        """Make the follower, in some 30 ms. Raises BadInput where the bundle has no encoder for it, or is rendered
        ahead."""
        if self.bundle.card.ahead:
            where = str(self.bundle.folder)
            raise BadInput("an instrument that is rendered ahead plays no other sound", where, "choose another bundle")
        if self.follower is None:
            self.follower = Follower(self.bundle, self._block)

    def reset(self) -> None:
        """Forget all sound: states, phase and noise begin anew. What is held and asked for stays."""
        self._sound.reset()
        if self.follower is not None:
            self.follower.reset()
        self.finite = True
