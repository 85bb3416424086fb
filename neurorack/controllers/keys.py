"""The keys that are down, of everybody: one voice, and the last key pressed has it (last-note priority)."""

from collections.abc import Hashable

from neurorack.controllers.player import Player

C4 = 60
"""MIDI's number of it, which `voct` plays at 0 V."""

STILL = 64
"""The velocity that changes no loudness: what keyboards send that feel none (MIDI 1.0, note on)."""

HELD_MAX = 128
"""Keys down at once; the oldest is let go for another."""


class Keys:
    """`legato`: a key pressed while another is down moves the pitch and does not begin the gesture anew, but where the
    instrument is of struck things: pads are hit before the hand has left the last one. `velocity` is how far from
    softest to hardest moves the knob `rms`, 0…1.

    A `source` is whatever has a pedal and a pitch wheel of its own, as a channel of a port. `key` is its name for the
    key, `pitch` in semitones as MIDI counts them, fractions too.
    """

    def __init__(self, player: Player, *, legato: bool, velocity: float) -> None:
        self._player, self._legato, self._velocity = player, legato, velocity
        self._down: dict[tuple[Hashable, Hashable], tuple[float, float]] = {}  # → pitch, level; the newest last
        self._kept: set[tuple[Hashable, Hashable]] = set()  # of these, held by a pedal alone
        self._pedals: set[Hashable] = set()
        self._bends: dict[Hashable, float] = {}
        self._newest: tuple[Hashable, float, float] = (None, C4, 0.0)  # source, pitch, level

    def press(self, source: Hashable, key: Hashable, pitch: float, velocity: int = STILL) -> None:
        """`velocity` 1…127."""
        at = source, key
        legato = self._legato and not self._player.struck
        slides = legato and any(other not in self._kept for other in self._down if other != at)
        self._down.pop(at, None)
        self._kept.discard(at)
        if len(self._down) >= HELD_MAX:
            self._forget(next(iter(self._down)))
        self._down[at] = pitch, self._velocity * (velocity - STILL) / 127
        self._tell(strike=not slides)

    def release(self, source: Hashable, key: Hashable) -> None:
        at = source, key
        if at not in self._down:
            return
        if source in self._pedals:
            self._kept.add(at)
            return
        self._forget(at)
        self._tell()

    def pedal(self, source: Hashable, down: bool) -> None:
        """Sustain: while it is down, keys that are released sound on."""
        if down:
            self._pedals.add(source)
            return
        self._pedals.discard(source)
        if kept := [at for at in self._kept if at[0] == source]:
            for at in kept:
                self._forget(at)
            self._tell()

    def bend(self, source: Hashable, semitones: float) -> None:
        if self._bends.get(source, 0.0) != semitones:
            self._bends[source] = semitones
            if self._newest[0] == source:
                self._tell()

    def let_go(self, *sources: Hashable) -> None:
        """Of all keys of these, pedals and wheels too."""
        held = [at for at in self._down if at[0] in sources]
        for source in sources:
            self._pedals.discard(source)
            self._bends.pop(source, None)
        for at in held:
            self._forget(at)
        if held:
            self._tell()

    def _forget(self, at: tuple[Hashable, Hashable]) -> None:
        del self._down[at]
        self._kept.discard(at)

    def _tell(self, *, strike: bool = False) -> None:
        if self._down:
            (source, _), (pitch, level) = next(reversed(self._down.items()))
            self._newest = source, pitch, level
        source, pitch, level = self._newest  # a released note keeps its pitch
        volts = (pitch - C4 + self._bends.get(source, 0.0)) / 12
        self._player.play(min(max(volts, -10.0), 10.0), gate=bool(self._down), strike=strike, level=level)
