"""MIDI 1.0: bytes → messages → keys, knobs, presets.

The stream is decoded here in a few lines, since mido 1.3.3, which would do it, knows no running status (its issue
340), and forgets the message in which a clock or active sensing arrives; either loses notes of usual keyboards.
"""

from collections.abc import Iterator

from neurorack.controllers.keys import Keys
from neurorack.controllers.knobs import Knobs
from neurorack.controllers.player import Player
from neurorack.settings.model import PRESETS

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
SYSTEM, REAL_TIME, SENSING = 0xF0, 0xF8, 0xFE

SUSTAIN, SOUND_OFF, RESET, NOTES_OFF = 64, 120, 121, 123
"""Controllers that are not for a knob. All from NOTES_OFF on let go of notes (MIDI 1.0, channel mode messages)."""

BEND_REST = 8192

SENSED_S = 0.33
"""A cable that has said it lives (active sensing) and is silent for so long has been pulled (MIDI 1.0: 300 ms)."""


class Stream:
    """Channel messages out of a port's bytes. System messages are skipped; what is broken costs itself alone."""

    def __init__(self) -> None:
        self.senses = False
        """Whether the cable says every 300 ms that it lives."""
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """(status, data, data) of each; the last is 0 where there is none."""
        for byte in data:
            if byte >= REAL_TIME:  # may come inside of a message, which goes on
                self.senses = self.senses or byte == SENSING
            elif byte >= 0x80:
                self._status = byte if byte < SYSTEM else 0
                self._data.clear()
            elif self._status:
                self._data.append(byte)
                if len(self._data) == (1 if self._status & 0xE0 == PROGRAM else 2):
                    first, second = self._data[0], self._data[-1] if len(self._data) == 2 else 0
                    self._data.clear()  # the status stays: running status
                    yield self._status, first, second


class Midi:
    """Ports have numbers; each of their channels has its own pedal and wheel."""

    def __init__(self, player: Player, keys: Keys, knobs: Knobs) -> None:
        self._player, self._keys, self._knobs = player, keys, knobs
        self._paths = knobs.paths

    def hear(self, port: int, message: tuple[int, int, int]) -> None:
        """Do what a channel message says."""
        status, first, second = message
        kind, channel = status & 0xF0, status & 0x0F
        if self._knobs.channel not in (0, channel + 1):
            return
        source = port, channel
        if kind == NOTE_ON and second:
            self._keys.press(source, first, first, second)
        elif kind in (NOTE_ON, NOTE_OFF):
            self._keys.release(source, first)
        elif kind == BEND:
            self._keys.bend(source, ((second << 7 | first) - BEND_REST) / BEND_REST * self._knobs.bend_semitones)
        elif kind == PROGRAM and first < PRESETS:
            self._player.recall(first + 1)
        elif kind == CONTROL:
            self._control(source, first, second)

    def _control(self, source: tuple[int, int], number: int, value: int) -> None:
        if number == SUSTAIN:
            self._keys.pedal(source, value >= 64)
        elif number == RESET:
            self._keys.pedal(source, False)
            self._keys.bend(source, 0.0)
        elif number == SOUND_OFF or number >= NOTES_OFF:
            self._keys.let_go(source)
        elif (path := self._paths.get(number)) is not None:
            self._player.set(path, position(value))

    def gone(self, port: int) -> None:
        """Let go of all that its channels hold."""
        self._keys.let_go(*((port, channel) for channel in range(16)))


def position(value: int) -> float:
    """Of a knob, 0…1, for a controller's 0…127: 64, where wheels and knobs with a notch rest, is the middle.

    >>> position(0), position(64), position(127)
    (0.0, 0.5, 1.0)
    """
    return value / 128 if value <= 64 else 0.5 + (value - 64) / 126
