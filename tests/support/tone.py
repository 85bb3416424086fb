"""A player of one sine that needs no bundle; run as a program it is an engine that plays it.

    python tests/support/tone.py --run-dir DIR --bundle tone --device null

Bundles are named `tone`, `tone@HZ`, `slow` (a softer tone that is rendered ahead), `click` (silence, and 0.5 on the
sample of every rising gate), and `fluid`, a tone that stands for a new module's. Some fall in their first second:
`segfault`, `hang`, `spoilt` (no numbers), `refused`. In FALLS_TOO `fluid` may stand as well.
"""

import os
import signal
import sys
import threading
import time

import numpy as np

from neurorack.errors import BadInput
from neurorack.patch.found import NEW, Kept
from neurorack.shared import FRAMES
from neurorack.words import HOP

RATE_HZ = 48_000


class TonePlayer:
    """A sine of fixed pitch, exact in phase; `render` counts its blocks."""

    def __init__(self, block: int, hz: float = 440.0, level: float = 0.25) -> None:
        self.block, self.hz, self.level = block, hz, level
        self.finite = True
        self.follower = None
        self.complete = True
        self.heard: np.ndarray | None = None
        self.at = 0
        self.poison_at = -1
        self.gates: list[tuple[int, str, int]] = []
        self.targets: list[tuple[float, np.ndarray]] = []
        self.performed: list[tuple[np.ndarray, np.ndarray]] = []
        self.gesture: tuple[int, float, float] | None = None
        self.task = ""
        self.resets = 0
        self.finds = False
        self.found = NEW

    def gate(self, offset: int, jack: str, level: int) -> None:
        self.gates.append((self.at + offset, jack, level))

    def set_targets(
        self,
        pitch_hz: float,
        descriptors: np.ndarray,
        performance: np.ndarray | None = None,
        envelope: np.ndarray | None = None,
    ) -> None:
        self.targets.append((pitch_hz, descriptors.copy()))
        if performance is not None and envelope is not None:
            self.performed.append((performance.copy(), envelope.copy()))

    def set_gesture(self, index: int, depth: float, intonation: float, morph_to: int, takes: int = 0) -> None:
        self.gesture, self.takes = (index, depth, intonation), takes

    def find(self, gesture: int, seed: int, kept: Kept) -> None:
        self.found = kept

    def set_task(self, gate2: str) -> None:
        self.task = gate2

    def offer_takes(self, number: int) -> None:
        """It is heard that it was asked for: half as loud."""
        self.level /= 2

    def frames(self) -> np.ndarray:
        return np.zeros(self.block // HOP, FRAMES)

    def prepare(self, first: int) -> bool:
        return True

    def listen(self) -> None:
        raise BadInput("tone cannot listen, it has no encoder", "tests", "choose another bundle")

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        self.heard = heard
        n = self.at + np.arange(self.block)
        out[:] = self.level * np.sin(2 * np.pi * self.hz / RATE_HZ * (n % (RATE_HZ * 10)))
        if self.at <= self.poison_at < self.at + self.block:
            out[self.poison_at - self.at] = np.nan
        self.at += self.block

    def reset(self) -> None:
        self.resets += 1


class SlowPlayer(TonePlayer):
    """There after ten pieces of 30 ms. Of `tone`'s third harmonic, which cannot cancel it in a fade."""

    def __init__(self, block: int) -> None:
        super().__init__(block, 1320.0, level=0.05)
        self.complete, self._pieces = False, 0

    def prepare(self, first: int) -> bool:
        if not self.complete:
            time.sleep(0.03)
            self._pieces += 1
        self.complete = self._pieces == 10
        return self.complete

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        super().render(out, heard)
        if not self.complete:
            out.fill(0.0)


class ClickPlayer(TonePlayer):
    """0.5 on the sample where gate1 rises, else 0; not a number for as long as gate2 is up."""

    def __init__(self, block: int) -> None:
        super().__init__(block)
        self._clicks: list[int] = []
        self._poisoned = 0

    def gate(self, offset: int, jack: str, level: int) -> None:
        if jack == "gate2":
            self._poisoned = level
        elif level:
            self._clicks.append(offset)

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        out[:] = np.nan if self._poisoned else 0.0
        out[self._clicks] = 0.5
        self._clicks.clear()


class FallingPlayer(TonePlayer):
    """Well for a moment, then it falls in its own way, in the audio callback."""

    def __init__(self, block: int, way: str) -> None:
        super().__init__(block)
        self._way = way

    def render(self, out: np.ndarray, heard: np.ndarray | None = None) -> None:
        super().render(out, heard)
        if self.at < RATE_HZ // 10:
            return
        if self._way == "segfault":
            signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)
        elif self._way == "hang":
            time.sleep(60.0)
        else:
            out[:] = np.nan


FALLS = ("segfault", "hang", "spoilt")


def make_player(bundle: str, block: int, seed: int = 0) -> tuple[str, TonePlayer]:
    if bundle in (*FALLS, os.environ.get("FALLS_TOO")):
        return bundle, FallingPlayer(block, bundle if bundle in FALLS else "segfault")
    if bundle == "fluid":
        return bundle, TonePlayer(block, 220.0)
    if bundle == "click":
        return bundle, ClickPlayer(block)
    if bundle == "slow":
        return bundle, SlowPlayer(block)
    if not bundle.startswith("tone"):
        raise BadInput(f"no bundle {bundle!r}", "tests", "give tone or click")
    _, _, hz = bundle.partition("@")
    return bundle, TonePlayer(block, float(hz or 440.0))


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from neurorack.engine.process import main

    sys.exit(main(sys.argv[1:], make_player))
