"""Portamento: the pitch follows with a time constant, as far behind in octaves per second as it is behind."""

import numpy as np

from neurorack.patch.performance import glide_lag

_INAUDIBLE_OCT = 1e-6


class Glide:
    """`behind_oct` [hops]: by hop of the block, how far the pitch still is from where it is going."""

    def __init__(self, hops: int) -> None:
        self.behind_oct = np.zeros(hops)
        self._now_oct, self._lag = 0.0, 0.0

    def set(self, position: float) -> None:
        """Where the knob stands: at 0 the pitch jumps."""
        self._lag = glide_lag(position)
        if not self._lag:
            self._now_oct = 0.0

    def jump(self, octaves: float) -> None:
        """The pitch to go to is another by this much."""
        if self._lag:
            self._now_oct -= octaves

    def render(self) -> None:
        """The next block of `behind_oct`."""
        if not self._now_oct:
            if self.behind_oct[-1]:
                self.behind_oct.fill(0.0)
            return
        for hop in range(len(self.behind_oct)):
            self._now_oct *= self._lag
            self.behind_oct[hop] = self._now_oct
        if abs(self._now_oct) < _INAUDIBLE_OCT:
            self._now_oct = 0.0
