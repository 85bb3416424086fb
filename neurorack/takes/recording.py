"""One recording: from the gate it waits for to the end of that note's sound.

    WAITING ──a gesture starts──▶ RECORDING ──its sound ends, `stop`, 20 s──▶ DONE
                                      └──frames were missed──▶ LOST

It reads what the engine has written anyway, some hops late: the engine knows nothing of it. A start before the sound
has ended belongs to the take, as a slur does; where things are struck it ends it, since a gesture is one stroke.
"""

import enum

import numpy as np

from neurorack.shared import FRAMES, FrameTap
from neurorack.takes.take import TAKE_HOPS, begins
from neurorack.words import HOP, SAMPLE_RATE_HZ


class Phase(enum.Enum):
    WAITING = "waiting"
    RECORDING = "recording"
    DONE = "done"
    LOST = "lost"


class Recording:
    """Call `step` at least once a second. `percussive`: of an instrument of struck things."""

    def __init__(self, tap: FrameTap, *, percussive: bool) -> None:
        self.phase = Phase.WAITING
        self._tap, self._percussive = tap, percussive
        self._before = np.zeros(0, FRAMES)  # the newest frame, while it waits
        self._parts: list[np.ndarray] = []
        self._hops = 0

    @property
    def left_s(self) -> float:
        """How much longer it may last."""
        return (TAKE_HOPS - self._hops) * HOP / SAMPLE_RATE_HZ

    @property
    def frames(self) -> np.ndarray:
        """FRAMES [n] of the take, n ≥ 1 once it is recording."""
        return np.concatenate(self._parts)

    def step(self) -> None:
        """Take up what has been played since."""
        frames = self._tap.read()
        if self.phase is Phase.WAITING:
            frames = self._from_the_start(frames)
            self._tap.missed = 0
        if self.phase is not Phase.RECORDING:
            return
        if self._tap.missed:
            self.phase = Phase.LOST
            return
        ended, struck = frames["sounds"] == 0, begins(frames)
        if not self._hops:  # the start itself, and the onset that stood ready before it
            ended[: 1 + int(np.argmax(struck))] = struck[: 1 + int(np.argmax(struck))] = False
        length = _first(ended) + 1  # with the one that stands on the gesture's end
        if self._percussive:
            length = min(length, _first(struck))
        self._keep(frames[: min(length, TAKE_HOPS - self._hops)])
        if length <= len(frames) or self._hops == TAKE_HOPS:
            self.phase = Phase.DONE

    def stop(self) -> None:
        """It is long enough."""
        if self.phase is Phase.RECORDING:
            self.phase = Phase.DONE

    def _from_the_start(self, frames: np.ndarray) -> np.ndarray:
        """What belongs to the take of frames that may have none of it."""
        frames = np.concatenate([self._before, frames])
        if not len(frames):
            return frames
        starts = np.nonzero(begins(frames[len(self._before) :]))[0]
        if not len(starts):
            self._before = frames[-1:]
            return frames[:0]
        self.phase = Phase.RECORDING
        start = int(starts[0]) + len(self._before)
        onset_stood_ready = start > 0 and not frames["sounds"][start - 1]
        return frames[start - 1 if onset_stood_ready and frames["age"][start] > HOP // 2 else start :]

    def _keep(self, frames: np.ndarray) -> None:
        self._parts.append(frames)
        self._hops += len(frames)


def _first(of: np.ndarray) -> int:
    """Where the first True is, far away where there is none."""
    return int(np.argmax(of)) if of.any() else TAKE_HOPS
