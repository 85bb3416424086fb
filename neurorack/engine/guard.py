"""What keeps an engine that falls again and again from ending in silence: a ladder of ever safer sounds.

    own ──3 falls in a row──▶ safe ──3 more──▶ tone
     ▲                          │                │
     └──────────────────────────┴────────────────┘
       the player's next choice loads, or the engine is ended on purpose, or the power comes anew

A start is written down before anything that can fall is begun. WELL_S of sound cross out those before it, and an end
that was meant crosses out itself: what is left are falls, whatever ended them, a signal, a watchdog or a network that
gives no numbers. The file lies in the run directory, so it outlives the engine and not the power.
"""

import contextlib
import json
from enum import IntEnum
from pathlib import Path

from neurorack.rundir import FALLS
from neurorack.statedir import read_plain, replace_file

FALLS_MAX = 3
"""On each rung: one may be chance and two bad luck, and each costs the player half a second of silence or more."""

WELL_S = 10.0
"""So much sound, and the falls before it count no more: the time after which whoever restarts the engine takes it for
well, too (`keeper.STEADY_S`). A window of time would not do: an engine that hangs while it loads is killed after 30 s
(TimeoutStartSec), one that crashes with its first block is gone in half a second."""

_BYTES_MAX = 1 << 10


class Rung(IntEnum):
    """What an engine begins with."""

    OWN = 0
    """What the player has chosen."""
    SAFE = 1
    """The instrument of a module out of its box, as that plays it."""
    TONE = 2
    """The test tone, which needs neither a bundle nor ONNX Runtime."""


class Guard:
    """`begin` before anything else, in an engine that is the only one. Nothing raises: a full run directory costs the
    guard alone."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FALLS
        self.rung, self._starts = self._read()

    def begin(self) -> Rung:
        """Write this start down; what it is to begin with."""
        if self._starts >= FALLS_MAX and self.rung < Rung.TONE:
            self.rung, self._starts = Rung(self.rung + 1), 0
        self._write(self._starts + 1)
        return self.rung

    def well(self) -> None:
        """It has sounded for WELL_S: what it falls by from here on is the first."""
        self._write(1)

    def chosen(self) -> None:
        """What the player has chosen anew is loaded. From here it may fall as often as any other."""
        self.rung = Rung.OWN
        self._write(1)

    def excuse(self) -> None:
        """This start ends, and through no fault of what it plays."""
        self._write(max(self._starts - 1, 0))

    def dismiss(self) -> None:
        """Somebody ends the engine on purpose: the next one begins with what the player has chosen."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _read(self) -> tuple[Rung, int]:
        try:
            rung, starts = json.loads(read_plain(self._path, _BYTES_MAX))
            return Rung(rung), max(int(starts), 0)
        except (OSError, ValueError, TypeError):
            return Rung.OWN, 0  # the first; or cut short by a full disk

    def _write(self, starts: int) -> None:
        self._starts = starts
        with contextlib.suppress(OSError):
            replace_file(self._path, json.dumps([self.rung, starts]).encode())
