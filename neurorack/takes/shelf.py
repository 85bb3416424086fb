"""The one owner of a bundle's takes: records, keeps, renames and removes them beside the daemon's loop.

    record ──▶ WAITING ──gate──▶ RECORDING ──over──▶ KEEPING ──on the disk──▶ KEPT
                  └─cancel─▶ IDLE    └─frames missed─▶ FAILED ◀─the disk refuses─┘

What writes is a thread: a dying card holds an fsync for seconds, and panel and restarts must not wait for it.
"""

import enum
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurorack.bundle import Card
from neurorack.errors import BadInput
from neurorack.settings.model import named
from neurorack.shared import FrameTap
from neurorack.takes import store
from neurorack.takes.recording import Phase, Recording
from neurorack.takes.store import TAKES_MAX, Take
from neurorack.takes.take import gesture_of

END_S = 1.5
"""How long the end waits for the disk."""


class Stage(enum.Enum):
    IDLE = "idle"
    WAITING = "waiting for a gate"
    RECORDING = "recording"
    KEEPING = "keeping"
    KEPT = "kept"
    FAILED = "failed"


class Progress(NamedTuple):
    """Of the newest recording or other deed. `left_s` while it is recorded, `name` once it is kept, `fault` where it
    failed."""

    stage: Stage = Stage.IDLE
    left_s: float = 0.0
    name: str = ""
    fault: str = ""


class Shelf:
    """Call `turn_to` for every bundle, then `step` often. `takes` are in their order, behind the bundle's gestures."""

    def __init__(self, state: Path) -> None:
        self.takes: list[Take] = []
        self.progress = Progress()
        self._state = state
        self._card: Card | None = None
        self._recording: Recording | None = None
        self._name = ""  # for what is being recorded
        self._thread: threading.Thread | None = None
        self._fault = ""  # the thread's
        self._done: Callable[[], list[Take]] = list  # the takes after it

    @property
    def busy(self) -> bool:
        return self.progress.stage in (Stage.WAITING, Stage.RECORDING, Stage.KEEPING)

    def turn_to(self, card: Card) -> list[str]:
        """Take up another bundle's; a recording of the one before is given up. Lines for the player."""
        self.cancel()
        self._card = card
        self._done = lambda: store.load(self._state, card).takes  # what is being kept may be the other's
        self.takes, _, notices = store.load(self._state, card)
        return notices

    def record(self, frames: Path, name: str = "") -> None:
        """Wait for a gate and record what the engine writes to `frames`. BadInput where that cannot be."""
        card = self._free()
        if card.ahead:
            raise BadInput("knobs do nothing to what is rendered ahead", card.name, "choose another instrument")
        if len(self.takes) >= TAKES_MAX:
            raise BadInput(f"{card.name} has {TAKES_MAX} recorded gestures", "gestures", "remove one first")
        self._name = self._unused(named(name)) if name else ""
        self._recording = Recording(FrameTap(frames), percussive=card.kind == "percussive")
        self.progress = Progress(Stage.WAITING)

    def stop(self) -> None:
        """Keep what there is of the one that is recorded; one that waits for its gate is given up."""
        if self._recording is not None:
            self._recording.stop()
            if self._recording.phase is Phase.WAITING:
                self.cancel()

    def cancel(self) -> None:
        """Keep nothing of it."""
        if self._recording is not None:
            self._recording, self.progress = None, Progress()

    def rename(self, name: str, to: str) -> None:
        """Give a take another name. BadInput where that cannot be."""
        card, take = self._free(), self.take(name)
        if to == take.name:
            return
        to = self._unused(named(to))
        after = [take._replace(name=to) if one is take else one for one in self.takes]
        self._begin(lambda: store.rename(self._state, card, take, to), lambda: after, to)

    def remove(self, name: str) -> None:
        """BadInput where there is none of that name."""
        card, take = self._free(), self.take(name)
        after = [one for one in self.takes if one is not take]
        self._begin(lambda: store.remove(self._state, card, take), lambda: after, take.name)

    def take(self, name: str) -> Take:
        """BadInput where there is none of that name."""
        for take in self.takes:
            if take.name == name:
                return take
        mend = f"use one of {', '.join(take.name for take in self.takes)}" if self.takes else "record one first"
        raise BadInput(f"no recorded gesture is called {name[:40]!r}", "gestures", mend)

    def step(self, resting: Callable[[], np.ndarray]) -> bool:
        """Take up what has been played; whether the takes have changed.

        `resting` says where the descriptors' knobs stand without a cable, [5].
        """
        if (recording := self._recording) is not None:
            recording.step()
            if recording.phase is Phase.RECORDING:
                self.progress = Progress(Stage.RECORDING, recording.left_s)
            elif recording.phase is not Phase.WAITING:
                self._recording = None
                self._keep(recording, resting())
        if self._thread is None or self._thread.is_alive():
            return False
        self._thread = None
        if self._fault:
            self.progress = Progress(Stage.FAILED, fault=self._fault)
            return False
        self.takes = self._done()
        self.progress = Progress(Stage.KEPT, name=self.progress.name)
        return True

    def finish(self, wait_s: float | None = END_S) -> None:
        """Wait for the disk, so long or for as long as it takes."""
        if self._thread is not None:
            self._thread.join(wait_s)

    def _free(self) -> Card:
        if self._card is None:
            raise BadInput("no instrument is loaded", "gestures", "choose one first")
        if self.busy:
            raise BadInput("a gesture is being recorded", "gestures", "let it come to its end first")
        return self._card

    def _unused(self, name: str) -> str:
        if self._card is not None and name in (*self._card.gestures.names, *(take.name for take in self.takes)):
            raise BadInput(f"another gesture is called {name!r}", "gestures", "give another name")
        return name

    def _keep(self, recording: Recording, resting: np.ndarray) -> None:
        card = self._card
        assert card is not None
        if recording.phase is Phase.LOST:
            self.progress = Progress(Stage.FAILED, fault="the machine was too busy to hear all of it: record it again")
            return
        frames, name = recording.frames, self._name or self._next_name(card)
        number = 1 + max((take.number for take in self.takes), default=0)
        kept: list[Take] = []

        def keep() -> None:
            gesture = replace(gesture_of(card, frames, resting), name=name)
            kept.append(store.save(self._state, card, gesture, number))

        self._begin(keep, lambda: [*self.takes, *kept], name)

    def _next_name(self, card: Card) -> str:
        used = {*card.gestures.names, *(take.name for take in self.takes)}
        return next(name for n in range(1, len(used) + 2) if (name := f"take {n}") not in used)

    def _begin(self, deed: Callable[[], None], done: Callable[[], list[Take]], name: str) -> None:
        self._done, self._fault = done, ""
        self.progress = Progress(Stage.KEEPING, name=name)
        self._thread = threading.Thread(target=self._do, args=(deed,), daemon=True)
        self._thread.start()

    def _do(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except OSError as error:
            self._fault = f"the disk refuses: {error.strerror or error}"
        except ValueError as error:
            self._fault = str(error)
