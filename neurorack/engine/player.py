"""One instrument, playing: voice → excitation → decoder → amplifier, a block at a time."""

import math
from collections.abc import Sequence

import numpy as np

from neurorack.bundle import Bundle, Gesture
from neurorack.ears.follower import Follower
from neurorack.engine.decoder import Decoder
from neurorack.engine.modes import Modes
from neurorack.engine.source import source_for
from neurorack.patch.gestures import Trajectory
from neurorack.patch.voice import Voice
from neurorack.statedir import state_dir
from neurorack.takes.store import load
from neurorack.words import HOP


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
        self._decoder = Decoder(bundle, hops)
        self._excitation = source_for(self._decoder, seed, noisy=noisy)
        self._voice = Voice(bundle, block, self._decoder.controls, seed)
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

    def offer(self, takes: Sequence[Gesture]) -> None:
        """Gestures behind the bundle's own from the next `set_gesture` on; from any thread."""
        self._voice.offer([Trajectory(take) for take in takes])

    def offer_takes(self) -> None:
        """Those that were recorded with this bundle, as they lie in the state directory; who records them tells of what
        is wrong there."""
        self.offer(load(state_dir(), self.bundle.card).gestures)

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
        if self._excitation is not None:
            if isinstance(self._excitation, Modes):
                for offset, partials in voice.strikes:
                    self._excitation.strike(offset, partials)
            self._excitation.render(voice.f0_hz)
        np.multiply(self._decoder.run(), voice.gain, out=out)
        self.finite = math.isfinite(float(np.add.reduce(out)))

    def listen(self) -> None:
        """Make the follower, in some 30 ms. Raises BadInput where the bundle has no encoder for it."""
        if self.follower is None:
            self.follower = Follower(self.bundle, self._block)

    def reset(self) -> None:
        """Forget all sound: states, phase and noise begin anew. What is held and asked for stays."""
        self._decoder.reset()
        if self._excitation is not None:
            self._excitation.reset()
        if self.follower is not None:
            self.follower.reset()
        self.finite = True
