"""The space of gestures of a bundle, asked ahead of time: of one chosen gesture, all that two knobs can find.

The network is run here, outside of the callback, once for a whole grid of places. What it says is a
`patch.found.Map`, which the callback follows without it.
"""

from collections.abc import Sequence

import numpy as np

from neurorack.bundle import Bundle
from neurorack.errors import BadInput
from neurorack.onnx_session import bounded_memory, open_session
from neurorack.patch.found import GRID, NEW, Kept, Map, directions, points, steps
from neurorack.patch.gestures import LATENT, RMS, Trajectory
from neurorack.words import KNOTS

REACH = 4.0
"""Standard deviations of what was learnt from, between the middle of a knob and its end; a space bends at 3 of them."""


class Space:
    """Ready to be asked once it is made, in some milliseconds, about the bundle's gestures as they are played. BadInput
    where its network does not run.

    A bundle without one leads nowhere: its maps hold what is kept alone.
    """

    def __init__(self, bundle: Bundle, trajectories: Sequence[Trajectory]) -> None:
        self._session = None
        if bundle.space_onnx is None or bundle.card.space is None:
            return
        rows = np.concatenate([trajectory.rows for trajectory in trajectories])
        self._low, self._high = np.full_like(rows[0], -np.inf), np.full_like(rows[0], np.inf)
        self._low[LATENT:], self._high[LATENT:] = rows[:, LATENT:].min(axis=0), rows[:, LATENT:].max(axis=0)
        self._high[RMS] = rows[:, RMS].max()
        self._where = str(bundle.folder / bundle.card.space.file)
        self._coordinates = next(int(t.shape[1]) for t in bundle.card.space.inputs if t.name == "steps")
        try:
            with bounded_memory():
                self._session = open_session(bundle.space_onnx, GRID * GRID)
        except Exception as error:  # ONNX Runtime has a class for each kind, all of them plain Exceptions
            raise self._fault(error) from error
        self.map(trajectories[0])

    def map(self, played: Trajectory, seed: int = 0, kept: Kept = NEW) -> Map | None:
        """What is to be found from this gesture along the directions of a seed; None where nothing is. In a millisecond
        or two. BadInput where what is kept is of another instrument, or the network fails."""
        described = points(played.rows, played.stages, played.partials)
        if len(kept.change) and (len(kept.change) != len(described) or not np.isfinite(kept.change).all()):
            raise BadInput("what was found is of another instrument", "preset", "find it again, and store it anew")
        width = played.rows.shape[1]
        if self._session is None:
            return Map(played.stages, width, None, kept) if len(kept.change) else None
        if len(kept.change):
            described += kept.change
        asked = {
            "points": np.tile(described, (GRID * GRID, 1)),
            "steps": steps(REACH * directions(seed, self._coordinates), kept),
        }
        try:
            with bounded_memory():
                changes = self._session.run(["changes"], asked)[0]
        except Exception as error:
            raise self._fault(error) from error
        if not np.isfinite(changes).all():
            raise self._fault("it finds what is no number")
        self._bound(described, changes, width)
        return Map(played.stages, width, changes.reshape(GRID, GRID, -1), kept)

    def _bound(self, described: np.ndarray, changes: np.ndarray, width: int) -> None:
        """Keep latents within those of the bundle's gestures, and levels below the loudest: in place."""
        rows = KNOTS * width
        before = described[:rows].reshape(KNOTS, width)
        moved = changes[:, :rows].reshape(-1, KNOTS, width) + before
        np.clip(moved, np.minimum(before, self._low), np.maximum(before, self._high), out=moved)
        changes[:, :rows] = (moved - before).reshape(-1, rows)

    def _fault(self, why: object) -> BadInput:
        return BadInput(f"the space of gestures does not run: {str(why)[:300]}", self._where, "use another bundle")


def prove_space(bundle: Bundle) -> None:
    """Ask for what every gesture leads to. BadInput says what is wrong with it. 2 ms a gesture."""
    trajectories = [Trajectory(gesture) for gesture in bundle.gestures]
    space = Space(bundle, trajectories)
    for trajectory in trajectories:
        space.map(trajectory)
