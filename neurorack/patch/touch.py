"""What makes one hit differ from the next: chance, macros, and how hard its onset is.

Rows are moved after the gesture's depth, so that a knob moves them as far at any depth.
"""

import numpy as np

from neurorack.bundle import Gesture
from neurorack.patch.gestures import LATENT
from neurorack.patch.performance import (
    MACRO,
    MACRO1,
    MACRO2,
    ONSET,
    TRANSIENT,
    VARIATION,
    VARIES,
    onset,
    principal_axes,
)


class Touch:
    """`hit` for every beginning, `note` for every hop, `move` for every block."""

    def __init__(self, gestures: tuple[Gesture, ...], hops: int, seed: int) -> None:
        self._axes, spread = principal_axes([gesture.latent for gesture in gestures])
        self._farthest = np.concatenate([VARIES, 2.0 * spread])
        self._random = np.random.default_rng(seed)
        self._chance = np.zeros(len(self._farthest))  # how this hit is varied at full
        self._varied = np.zeros((hops, len(self._farthest)))
        self._ages = np.zeros(hops)
        self.hit()

    def hit(self) -> None:
        """Draw where the next hit goes."""
        self._random.random(out=self._chance)
        self._chance *= 2.0
        self._chance -= 1.0
        self._chance *= self._farthest

    def note(self, hop: int, age_hops: float, variation: float) -> None:
        """How long the hit has sounded at this hop of the block, and how far it is varied there."""
        self._ages[hop] = age_hops
        np.multiply(self._chance, variation, out=self._varied[hop])

    def move(self, rows: np.ndarray, played: np.ndarray) -> None:
        """Rows [hops, 6 + latent], in place, by where the performance knobs stand [hops, 9]."""
        if played[:, VARIATION].any():
            rows += self._varied
        rows[:, LATENT:] += (MACRO * (2.0 * played[:, (MACRO1, MACRO2)] - 1.0)) @ self._axes
        emphasis = (2.0 * played[:, TRANSIENT] - 1.0) * onset(self._ages)
        rows[:, 1:LATENT] += emphasis[:, None] * ONSET
