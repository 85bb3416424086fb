"""The burn-in guard: an OLED's pixels age by shining, so a display that nobody looks at rests.

    bright ──5 minutes without a hand──▶ dim ──20 minutes──▶ dark
       ◀────────────── a hand, or a trouble that is new ──────────

A hand is the encoder, or a pot that turns. What wakes the display does nothing else: nobody can mean what he does not
see. LEDs go on, so a dark display is not taken for a dead module.
"""

from collections.abc import Sequence
from enum import Enum

DIM_S, DARK_S = 300.0, 1200.0

POT_MOVED = 0.02
"""More than a pot's converter ever wanders."""


class Light(Enum):
    BRIGHT = "bright"
    DIM = "dim"
    DARK = "dark"


class Rest:
    def __init__(self) -> None:
        self._touched_s = 0.0
        self._pots: tuple[float, ...] | None = None
        self._trouble: object = None

    def light(self, t_s: float) -> Light:
        still_s = t_s - self._touched_s
        return Light.BRIGHT if still_s < DIM_S else Light.DIM if still_s < DARK_S else Light.DARK

    def touch(self, t_s: float) -> bool:
        """A hand is at the encoder; whether it only wakes the display."""
        wakes = self.light(t_s) is not Light.BRIGHT
        self._touched_s = t_s
        return wakes

    def look(self, t_s: float, pots: Sequence[float], trouble: object) -> None:
        """Take up where the pots stand, and what is wrong now."""
        if self._pots is None or any(abs(a - b) > POT_MOVED for a, b in zip(pots, self._pots, strict=True)):
            if self._pots is not None:
                self._touched_s = t_s
            self._pots = tuple(pots)
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                self._touched_s = t_s
