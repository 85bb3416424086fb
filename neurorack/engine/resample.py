"""48 kHz to the rates of cards that have none: soxr's streaming converter behind a small FIFO."""

from collections.abc import Callable
from math import ceil

import numpy as np
from numpy.typing import NDArray

from neurorack.words import SAMPLE_RATE_HZ


class RateConverter:
    """Pulls engine blocks as it needs them and hands out device blocks of another rate.

    `pull(out)` fills `out` [block] at 48 kHz. `fill(out)` fills any number of device samples up to `most`.
    """

    def __init__(self, pull: Callable[[NDArray[np.float32]], None], block: int, rate_hz: int, most: int) -> None:
        import soxr  # heavy, and needed by few

        self.ratio = SAMPLE_RATE_HZ / rate_hz
        self._pull = pull
        self._stream = soxr.ResampleStream(SAMPLE_RATE_HZ, rate_hz, 1, dtype="float32", quality="HQ")
        self._block = np.zeros(block, np.float32)
        self._fifo = np.zeros(most + 2 * ceil(block / self.ratio) + 4096, np.float32)
        self._held = 0
        while self._held < most:  # the converter's own delay, filled with silence once and for all
            self._feed(self._stream.resample_chunk(self._block))

    def _feed(self, chunk: NDArray[np.float32]) -> None:
        self._fifo[self._held : self._held + len(chunk)] = chunk
        self._held += len(chunk)

    def fill(self, out: NDArray[np.float32]) -> None:
        """The next len(out) samples at the device's rate."""
        need, fifo = len(out), self._fifo
        while self._held < need:
            self._pull(self._block)
            self._feed(self._stream.resample_chunk(self._block))
        out[:] = fifo[:need]
        self._held -= need
        fifo[: self._held] = fifo[need : need + self._held]
