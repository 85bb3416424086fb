"""A clock tapped in: the time between two taps, and ticks at that time from the last of them on.

Taps closer than PERIOD_MIN_S are bounces or noise and pass unheard; after a pause longer than PERIOD_MAX_S the next one
is the first of a new pair, and stops the clock. So a cable that never moves, 0 Hz, and one that buzzes set none.
"""

from neurorack.words import SAMPLE_RATE_HZ

PERIOD_MIN_S, PERIOD_MAX_S = 0.05, 4.0
"""1,200 and 15 beats a minute."""

_MIN, _MAX = round(PERIOD_MIN_S * SAMPLE_RATE_HZ), round(PERIOD_MAX_S * SAMPLE_RATE_HZ)


class Taps:
    """Counts in samples of the sound."""

    def __init__(self) -> None:
        self.period = 0
        """Samples between taps; 0 while there is no clock."""
        self.next_tick = -1
        """Sample of the next tick; -1 for none."""
        self._last = -1

    def tap(self, sample: int) -> None:
        """A tap on this sample, later than those before."""
        apart = sample - self._last
        if self._last >= 0 and apart < _MIN:
            return
        heard = self._last >= 0 and apart <= _MAX
        self.period = apart if heard else 0
        self.next_tick = sample + self.period if heard else -1
        self._last = sample

    def tick(self) -> None:
        """The tick has been heard."""
        self.next_tick += self.period

    def forget(self) -> None:
        self.period, self.next_tick, self._last = 0, -1, -1
