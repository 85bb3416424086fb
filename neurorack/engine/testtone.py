"""The test tone: what an engine plays when no instrument stays up. It needs nothing but numpy."""

import numpy as np
from numpy.typing import NDArray

from neurorack.patch.found import NEW, Kept
from neurorack.shared import FRAMES
from neurorack.words import HOP, SAMPLE_RATE_HZ

TONES_HZ = (440.0, 660.0)
"""A fifth, up and down, half a second each: no instrument does that by itself, so nobody takes it for his own."""

PEAK = 10 ** (-30 / 20)
"""-30 dB of full scale: heard in a mix, and no harm at full volume."""


class TestTone:
    """A `Player` that does the same whatever is asked of it, for ever."""

    __test__ = False  # its name makes it no test

    finite, complete, finds = True, True, False
    follower, found = None, NEW

    def __init__(self, block: int) -> None:
        half = np.arange(SAMPLE_RATE_HZ // 2) / SAMPLE_RATE_HZ  # whole periods of both: no click
        self._loop = np.concatenate([PEAK * np.sin(2 * np.pi * hz * half) for hz in TONES_HZ]).astype(np.float32)
        self._places = np.arange(block)
        self._frames = np.zeros(block // HOP, FRAMES)

    def render(self, out: NDArray[np.float32], heard: NDArray[np.float32] | None = None) -> None:
        """The next block into `out` [block]."""
        np.take(self._loop, self._places, out=out, mode="wrap")
        self._places += len(out)
        self._places %= len(self._loop)

    def frames(self) -> NDArray[np.void]:
        return self._frames

    def prepare(self, first: int) -> bool:
        return True

    def reset(self) -> None:
        self._places = np.arange(len(self._places))

    def gate(self, offset: int, jack: str, level: int) -> None:
        pass

    def set_targets(
        self,
        pitch_hz: float,
        descriptors: NDArray[np.float64],
        performance: NDArray[np.float64] | None = None,
        envelope: NDArray[np.float64] | None = None,
    ) -> None:
        pass

    def set_gesture(self, index: int, depth: float, intonation: float, morph_to: int, takes: int = 0) -> None:
        pass

    def set_task(self, gate2: str) -> None:
        pass

    def find(self, gesture: int, seed: int, kept: Kept) -> None:
        pass

    def offer_takes(self, number: int) -> None:
        pass

    def listen(self) -> None:
        pass
