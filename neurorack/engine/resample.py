"""48 kHz to the rates of cards that have none, and back: soxr's streaming converter and a small FIFO."""

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


class InputConverter:
    """Takes what a card hears, at its rate, and hands out engine blocks at 48 kHz.

    soxr gives some 900 samples at a time, seldom, and so does `RateConverter` take them: AHEAD is as much silence as
    lets neither wait for the other. Should that ever not do, the rest of a block is silence as well.
    """

    AHEAD = 2048

    def __init__(self, block: int, rate_hz: int) -> None:
        import soxr  # heavy, and needed by few

        self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        self._fifo = np.zeros(8 * block + 8192, np.float32)
        self._held = self.AHEAD + 2 * block

    def push(self, chunk: NDArray[np.float32]) -> None:
        """Any number of samples at the card's rate. What there is no room for is the oldest, and is dropped."""
        converted = self._stream.resample_chunk(chunk)
        fifo, over = self._fifo, self._held + len(converted) - len(self._fifo)
        if over > 0:
            self._held -= over
            fifo[: self._held] = fifo[over : over + self._held]
        fifo[self._held : self._held + len(converted)] = converted
        self._held += len(converted)

    def pull(self, out: NDArray[np.float32]) -> None:
        """The next len(out) samples at 48 kHz."""
        fifo, ready = self._fifo, min(len(out), self._held)
        out[:ready] = fifo[:ready]
        out[ready:] = 0.0
        self._held -= ready
        fifo[: self._held] = fifo[ready : ready + self._held]
