"""What a volt of `voct`'s converter is worth, by its reading of the reference that lifts the jack's line.

A converter's gain drifts by up to 40 ppm/°C (SBAS444, electrical characteristics), the reference by 3 (REF5025,
SBOS410); at 0 V in the jack the pin's 2.25 V count as 7.5 V of it, so that the former alone would make 5.4 cents over
15 °C. The converter reads the reference at another of its inputs now and then, and pin volts are taken for what they
are beside it. What the reference itself drifts, the lift of the line does too: at 0 V both cancel.
"""

from neurorack import board

MOST_OFF = 0.015
"""What reads further off is no reference: 1 % of any kind, the converter's 0.25 %, 50 °C of drift."""

READINGS = 16
"""Of which the running mean is, in the end: 4 ppm of noise, 0.04 cents."""


class Reference:
    """Feed it with `take`. `gain` is 1 until a plausible reading has come, and stays as it was after the last one."""

    def __init__(self, wire: board.Reference, lsb_v: float) -> None:
        self.input = wire.input
        self.gain = 1.0
        """True pin volts per volt that the converter takes them for."""
        self.known = False
        """Whether the newest reading was plausible."""
        self._code = wire.volts / lsb_v
        self._mean, self._count = 0.0, 0

    @property
    def used(self) -> bool:
        """Whether `gain` comes of readings: there has been a plausible one."""
        return self._count > 0

    def take(self, code: int) -> None:
        """One more reading of the reference."""
        self.known = abs(code / self._code - 1.0) <= MOST_OFF
        if self.known:
            self._count = min(self._count + 1, READINGS)
            self._mean += (code - self._mean) / self._count
            self.gain = self._code / self._mean
