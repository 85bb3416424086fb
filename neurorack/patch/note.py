"""Gate 1 and pitch have two players: the jacks, and whoever plays from afar, as by MIDI. Who began last has both.

    gate 1          jack or note, and it rises anew whenever one of them begins
    volts of voct   the jack's; the note's in their place from where that began until the jack begins

Where one of two that are held ends, the other has its say again, as with keys of which the last one down plays. The
note's pitch stays for its release, and goes when nobody plays from afar any more: the cable is then as it was.
"""

import numpy as np

GATE = "gate1"

STALE_NS = 3_000_000_000
"""A note that is held is written anew every 1.5 s at the latest (`remote.notes`): older, and its writer is dead."""


class Gate1:
    """`turn` and `note` return what gate 1 then does: levels one after the other, on one sample."""

    def __init__(self) -> None:
        self.held = False
        """Whether the note's own gate is up: until it is not, call `note` often, with the same record too."""
        self._jack = False
        self._strikes: int | None = None
        self._has_say = False
        self._volts, self._level = 0.0, 0.0

    @property
    def played(self) -> tuple[float | None, float]:
        """(volts in place of those of `voct`, None where these play; what is added to the position of `rms`)."""
        return (self._volts, self._level) if self._has_say else (None, 0.0)

    def turn(self, level: int) -> tuple[int, ...]:
        """The jack's gate rises, or falls."""
        self._jack = bool(level)
        if level:
            self._has_say = False
            return (0, 1) if self.held else (1,)
        self._has_say = self._has_say or self.held
        return () if self.held else (0,)

    def note(self, record: np.recarray, now_ns: int) -> tuple[int, ...]:
        """What is played from afar, a NOTE record, as it is at `now_ns`."""
        strikes, players = int(record["strikes"]), int(record["players"])
        was, self.held = self.held, bool(record["gate"]) and players > 0 and now_ns - int(record["t_ns"]) < STALE_NS
        struck, self._strikes = self._strikes not in (None, strikes), strikes
        self._volts, self._level = float(record["volts"]), float(record["level"])
        if struck or (self.held and not was):
            self._has_say = players > 0
            return (*(0,) * (was or self._jack), 1, *(0,) * (not self.held and not self._jack))
        ends = was and not self.held
        self._has_say = self._has_say and players > 0 and not (ends and self._jack)
        return (0,) if ends and not self._jack else ()
