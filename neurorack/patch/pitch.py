"""Volt per octave: 0 V is C4, each volt an octave."""

from neurorack.words import C4_HZ

LOWEST_HZ, HIGHEST_HZ = 8.0, 8_000.0
"""The pitches the excitation can play."""

HIGHEST_V = 5.0
"""Above every pitch that can be played, and well below where a power overflows."""


def pitch_hz(volts: float) -> float:
    """Frequency for volts, within what can be played.

    >>> pitch_hz(1.0) / pitch_hz(0.0)
    2.0
    """
    return min(max(C4_HZ * 2.0 ** min(volts, HIGHEST_V), LOWEST_HZ), HIGHEST_HZ)


def tuning_v(octave: int = 0, fine_cents: float = 0.0) -> float:
    """Volts that the menu's octave and fine tune add: the base of the knob `pitch`."""
    return octave + fine_cents / 1_200.0
