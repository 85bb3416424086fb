"""A take without a player: frames as an engine might have written them."""

import numpy as np

from neurorack.shared import FRAMES
from neurorack.words import HOP

HELD, RELEASED = 200, 40


def frames(held: int = HELD, released: int = RELEASED, seed: int = 1) -> np.ndarray:
    """FRAMES of one note whose knobs wander, its gate up for so many hops."""
    random = np.random.default_rng(seed)
    made = np.zeros(held + released, FRAMES)
    made["age"] = (1 + np.arange(len(made))) * HOP
    made["gate"][:held] = 1
    made["sounds"][:-1] = 1
    made["controls"][:, 1] = -30.0
    made["controls"][:, 2:14] = np.cumsum(random.normal(size=(len(made), 12)) * 0.01, axis=0)
    return made
