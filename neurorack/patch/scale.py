"""A scale quantiser: pitch goes to the nearest note of a scale, and stays there until it has clearly left it.

A scale is twelve bits, bit 0 is C. Hysteresis: a note is held until the pitch lies HYSTERESIS_V beyond the middle
between it and its neighbour, so that the converter's noise there does not trill.
"""

from neurorack.errors import BadInput

HYSTERESIS_V = 0.15 / 12
"""15 cents. A semitone's cell reaches 50 cents from its note; what a calibrated module is off by stays below 15."""

SCALES = {
    "off": 0,
    "chromatic": 0xFFF,
    "major": 0b1010_1011_0101,
    "minor": 0b0101_1010_1101,
    "pentatonic": 0b0010_1001_0101,
    "octaves": 0b1,
}
"""By name, from C. `off` lets every pitch be."""

_NOTES = 12


def scale_of(text: str) -> int:
    """Twelve bits for a name of SCALES or twelve digits from C to B, "101011010101". Raises BadInput."""
    if text in SCALES:
        return SCALES[text]
    if len(text) != _NOTES or set(text) - set("01"):
        mend = f"use {', '.join(SCALES)}, or a 1 or 0 for each of the twelve notes from C"
        raise BadInput(f"there is no scale {text[:40]!r}", "scale", mend)
    scale = int(text[::-1], 2)
    if not scale:
        raise BadInput("a scale without a note", "scale", "set at least one of the twelve to 1, or use off")
    return scale


def scale_text(scale: int) -> str:
    """What `scale_of` reads as this scale."""
    return f"{scale:0{_NOTES}b}"[::-1] if scale else "off"


class Quantiser:
    """`scale` is taken up at the next call; 0 lets every pitch be."""

    def __init__(self, scale: int = 0) -> None:
        self.scale = scale
        self._held = (0, 0)  # the scale, and the note in semitones from C4, in force
        self._low_v, self._high_v = 1.0, -1.0  # in between it stays: nowhere yet

    def play(self, volts: float) -> float:
        """The note's volts for these. At the same distance from two notes it is the lower."""
        scale = self.scale & 0xFFF
        if not scale:
            return volts
        if self._held[0] != scale or not self._low_v <= volts <= self._high_v:
            note = self._nearest(volts * _NOTES, scale)
            below = next(n for n in range(note - 1, note - 1 - _NOTES, -1) if scale >> n % _NOTES & 1)
            above = next(n for n in range(note + 1, note + 1 + _NOTES) if scale >> n % _NOTES & 1)
            self._held = scale, note
            self._low_v = (below + note) / 2 / _NOTES - HYSTERESIS_V
            self._high_v = (note + above) / 2 / _NOTES + HYSTERESIS_V
        return self._held[1] / _NOTES

    @staticmethod
    def _nearest(semitones: float, scale: int) -> int:
        first = int(semitones // 1) - _NOTES
        there = (n for n in range(first, first + 2 * _NOTES + 2) if scale >> n % _NOTES & 1)
        return min(there, key=lambda note: abs(note - semitones))
