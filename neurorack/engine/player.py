"""One instrument, playing: voice → excitation → decoder → amplifier, a block at a time.

Where the decoder is too slow for that, takes of the gestures stand in its place (`ahead`).
"""

import math

import numpy as np

from neurorack.bundle import Bundle
from neurorack.ears.follower import Follower
from neurorack.engine.ahead import Ahead
from neurorack.engine.decoder import Decoder
from neurorack.engine.modes import Modes
from neurorack.engine.source import source_for
from neurorack.errors import BadInput
from neurorack.patch.voice import Voice
from neurorack.words import HOP


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

    def set_gesture(self, index: int, depth: float, intonation: float = 1.0, morph_to: int = -1) -> None:
        """The gesture to play from the next gate on, the one to morph to, and how far they move knobs and pitch from
        now on."""
        self._voice.choose(index, morph_to)
        self._voice.depth, self._voice.intonation = depth, intonation

    def set_task(self, gate2: str) -> None:
        """What `gate2` does, of GATE2_TASKS."""
        self._voice.set_task(gate2)

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        """The next block into `out` [block] float32; `heard` [hops, 6 + latent] in place of the gesture."""
        voice = self._voice
        voice.render(heard)
        np.multiply(self._sound.run(voice), voice.gain, out=out)
        self.finite = math.isfinite(float(np.add.reduce(out)))

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
