"""Pick-up: after a recall a knob stands where it was stored, and its pot takes over when it passes that place.

recall ──▶ waiting: the stored value plays ──the pot comes near, or jumps to the other side──▶ the pot plays
"""

import numpy as np

from neurorack.words import POTS

NEAR = 0.01
"""A pot this near takes over at once: 3° of a pot's 300, and no ear tells a knob's hundredth."""


class Pickup:
    """`pots` is what the knobs hear of the pots, `waiting` which of them have not taken over yet; both [4]."""

    def __init__(self) -> None:
        self.pots = np.full(len(POTS), 0.5)
        self.waiting = np.zeros(len(POTS), bool)
        self.recalled_ns = 0
        """Which recall this is about."""
        self._above = np.zeros(len(POTS), bool)  # on which side of its value a waiting pot was seen
        self._seen = False

    def recall(self, values: np.ndarray, recalled_ns: int) -> None:
        """Stored values [4] stand in for the pots, NaN for none, if this recall is another than the last."""
        if recalled_ns == self.recalled_ns:
            return  # the same patch with other cables
        self.recalled_ns, self._seen = recalled_ns, False
        self.waiting = ~np.isnan(values)
        np.clip(values, 0.0, 1.0, out=self.pots, where=self.waiting)

    def resume(self, pots: np.ndarray, waiting: np.ndarray, recalled_ns: int) -> None:
        """Go on where another one, which ended, stood."""
        self.pots[:], self.waiting[:] = pots, waiting
        self.recalled_ns, self._seen = recalled_ns, False

    def follow(self, pots: np.ndarray) -> None:
        """Take up where the pots themselves stand [4]."""
        if self.waiting.any():
            above = pots > self.pots
            if not self._seen:
                self._above, self._seen = above, True
            self.waiting &= (np.abs(pots - self.pots) > NEAR) & (above == self._above)
        np.copyto(self.pots, pots, where=~self.waiting)
