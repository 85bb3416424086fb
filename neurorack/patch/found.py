"""Gestures that are found, not chosen: how far one is from the chosen one, and where two knobs lead from it.

A gesture is described by `points`: its rows at KNOTS places, close together where it begins and where it is left, the
length of each of its stages in octaves, and the partials of a strike. What is found is kept as a `change` of points,
which the walk along the chosen gesture adds to each row, with all the detail that this has between its knots.

    knots     attack [0 … loop], once round the loop, release [loop end … last row]
    one-shot  attack up to its loudest row, no loop, then release
    one that goes round from its first row: all of it is attack

A `Map` holds the changes of a grid of places; between them it goes in straight lines, so a knob that turns is heard as
it turns and costs no network. In its middle, where nothing is changed, it has some room: a pot or a converter's noise
does not leave it.
"""

from typing import NamedTuple

import numpy as np

from neurorack.words import DESCRIPTORS, KNOTS, STAGES

ATTACK, LOOP = 32, 12
RELEASE = KNOTS - ATTACK - LOOP + 1
"""Knots of each stage. The loop begins and ends on the attack's last."""
ATTACK_BEND, RELEASE_BEND = 1.5, 2.0
"""Knot k of n lies at (k / (n − 1))^bend of its stage: 4 ms apart where a hit of two seconds begins to fade."""

GRID = 9
"""Places along each knob: its ends, its middle, three on either side."""
MIDDLE = GRID // 2
ROOM = 0.01
"""Of a knob's travel, to either side of the middle: 0.1 V."""

SEAM_BEND = np.float32(4.0)
"""What goes round from its first row comes back to it in its last quarter."""

FARTHEST_STAGE_OCT = 2.0
"""A stage lasts ¼ to 4 times as long as the chosen gesture's."""
FARTHEST = np.array([2.0, 40.0, 1.0, 1.0, 1.0, 1.0], np.float32)
"""Most that a row is changed: octaves, dB, knob positions."""
FARTHEST_LATENT, FARTHEST_PARTIAL_OCT = 8.0, 4.0

_BEFORE_LATENT = 1 + len(DESCRIPTORS)
_LOOP_AT, _RELEASE_AT = ATTACK - 1, ATTACK + LOOP - 1


def points_size(latent: int, partials: int) -> int:
    """Numbers in the points of a gesture: rows at KNOTS, STAGES lengths, partials."""
    return KNOTS * (_BEFORE_LATENT + latent) + STAGES + partials


class Stages(NamedTuple):
    """Rows at which a gesture's attack ends, its loop ends and its release begins, and its last. `turns`: it goes round
    from its first row. `once`: it has no loop."""

    attack: float
    loop: float
    last: float
    turns: bool
    once: bool

    def knot(self, row: float, *, held: bool) -> tuple[int, int, float]:
        """Knots on either side of a row, and how far it is between them."""
        if row < self.attack or (held and self.attack >= self.loop):
            share = min(row / self.attack, 1.0) if self.attack > 0 else 1.0
            at: float = share ** (1 / ATTACK_BEND) * (ATTACK - 1)
            low = min(int(at), ATTACK - 2)
            return low, low + 1, at - low
        if held or row < self.loop:
            at = min((row - self.attack) / (self.loop - self.attack), 1.0) * LOOP
            low = min(int(at), LOOP - 1)
            return _LOOP_AT + low, _LOOP_AT + (low + 1) % LOOP, at - low
        share = min((row - self.loop) / (self.last - self.loop), 1.0) if self.last > self.loop else 1.0
        at = share ** (1 / RELEASE_BEND) * (RELEASE - 1)
        low = min(int(at), RELEASE - 2)
        return _RELEASE_AT + low, _RELEASE_AT + low + 1, at - low

    def stage(self, row: float) -> int:
        """0 attack, 1 loop, 2 release."""
        return 0 if row < self.attack else 1 if row < self.loop else 2


def knot_rows(stages: Stages) -> np.ndarray:
    """Where [KNOTS] the knots lie, in rows."""
    attack = stages.attack * np.linspace(0.0, 1.0, ATTACK) ** ATTACK_BEND
    loop = stages.attack + (stages.loop - stages.attack) * np.arange(1, LOOP) / LOOP
    release = stages.loop + (stages.last - stages.loop) * np.linspace(0.0, 1.0, RELEASE) ** RELEASE_BEND
    return np.concatenate([attack, loop, release])


def points(rows: np.ndarray, stages: Stages, partials: np.ndarray | None) -> np.ndarray:
    """[points_size] float32 of a gesture's `rows` [N, 6 + latent], as a walk has them, and its partials, if any."""
    at = knot_rows(stages)
    low = np.minimum(at.astype(np.intp), len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    held = at < stages.loop
    high[held & (high >= stages.loop)] = 0 if stages.turns else int(stages.attack)
    values = rows[low] + (at - low)[:, None] * (rows[high] - rows[low])
    lengths = np.log2(1.0 + np.diff([0.0, stages.attack, stages.loop, stages.last]))
    parts = [values.ravel(), lengths, *([] if partials is None else [partials])]
    return np.concatenate(parts).astype(np.float32)


class Change(NamedTuple):
    """What is added to the chosen gesture. `rates` are rows a hop goes on in each stage."""

    knots: np.ndarray  # [KNOTS, 6 + latent] float32
    rates: tuple[float, ...]
    partials: np.ndarray  # [partials] float32

    def row(self, stages: Stages, row: float, *, held: bool) -> np.ndarray:
        """[6 + latent]: what is added at a row of the chosen gesture."""
        low, high, fraction = stages.knot(row, held=held)
        before = self.knots[low]
        between: np.ndarray = before + np.float32(fraction) * (self.knots[high] - before)
        return between


class Kept(NamedTuple):
    """A change that was found before: where the knobs stood, 0…1, and [points_size] float32."""

    at: tuple[float, float]
    change: np.ndarray


NEW = Kept((0.5, 0.5), np.zeros(0, np.float32))
"""Nothing is kept: the middle of the knobs is the chosen gesture."""


class Map:
    """Of one chosen gesture: `at` gives the change for two positions of the knobs, None where there is none.

    `grid` [GRID, GRID, points_size] are changes about what is kept; its middle is passed over, for nothing changes
    there. Without a grid the knobs do nothing.
    """

    def __init__(self, stages: Stages, width: int, grid: np.ndarray | None, kept: Kept = NEW) -> None:
        self._stages, self._width = stages, width
        self._middle = kept.at
        self._kept = _bounded(kept.change, width) if len(kept.change) else None
        self._grid = None
        if grid is not None:
            grid = np.array(grid, np.float32)
            grid[MIDDLE, MIDDLE] = 0.0
            self._grid = _bounded(grid if self._kept is None else grid + self._kept, width)

    def whole(self, first: float, second: float) -> np.ndarray | None:
        """The change [points_size] at two positions 0…1, None where there is none."""
        x, y = (_place(position, middle) for position, middle in zip((first, second), self._middle, strict=True))
        if self._grid is None or x == y == MIDDLE:
            return self._kept
        row, column = min(int(x), GRID - 2), min(int(y), GRID - 2)
        across, along = np.float32(x - row), np.float32(y - column)
        low, high = self._grid[row], self._grid[row + 1]
        near = low[column] + across * (high[column] - low[column])
        far = low[column + 1] + across * (high[column + 1] - low[column + 1])
        far -= near
        far *= along
        near += far
        whole: np.ndarray = near
        return whole

    def at(self, first: float, second: float) -> Change | None:
        """The change there, as it is played: without a seam."""
        whole = self.whole(first, second)
        if whole is None:
            return None
        size = KNOTS * self._width
        knots = whole[:size].reshape(KNOTS, self._width).copy()
        if self._stages.once:
            knots[_RELEASE_AT] = knots[_LOOP_AT]
        elif self._stages.turns:
            share = (knot_rows(self._stages)[:ATTACK] / self._stages.attack).astype(np.float32)
            knots[:ATTACK] -= share[:, None] ** SEAM_BEND * (knots[ATTACK - 1] - knots[0])
        rates = tuple(np.exp2(-whole[size : size + STAGES]).tolist())
        return Change(knots, rates, whole[size + STAGES :])


def _bounded(change: np.ndarray, width: int) -> np.ndarray:
    """Changes [..., points_size] no farther than a gesture may be from the chosen one."""
    row = np.full(width, FARTHEST_LATENT)
    row[:_BEFORE_LATENT] = FARTHEST
    farthest = np.full(change.shape[-1], FARTHEST_PARTIAL_OCT)
    farthest[: KNOTS * width] = np.tile(row, KNOTS)
    farthest[KNOTS * width : KNOTS * width + STAGES] = FARTHEST_STAGE_OCT
    bounded: np.ndarray = np.clip(change, -farthest, farthest).astype(np.float32)
    return bounded


def _place(position: float, middle: float) -> float:
    """Along the grid, 0…GRID − 1: `middle`, and the room about it, is its MIDDLE, the knob's ends are its ends."""
    away = position - middle
    room = (1.0 - middle if away > 0.0 else middle) - ROOM
    beyond = abs(away) - ROOM
    if beyond <= 0.0 or room <= 0.0:
        return float(MIDDLE)
    share = min(beyond / room, 1.0)
    return MIDDLE * (1.0 + share) if away > 0.0 else MIDDLE * (1.0 - share)


def steps(directions: np.ndarray, kept: Kept = NEW) -> np.ndarray:
    """Where [GRID · GRID, D] the places of a map lie from its middle: −1 … +1 times `directions` [2, D] over the whole
    travel of a knob."""
    axes = []
    for middle in kept.at:
        below = np.linspace(-2.0 * middle, 0.0, MIDDLE + 1)
        axes.append(np.concatenate([below, np.linspace(0.0, 2.0 * (1.0 - middle), MIDDLE + 1)[1:]]))
    first, second = np.meshgrid(*axes, indexing="ij")
    places: np.ndarray = np.column_stack([first.ravel(), second.ravel()]) @ directions
    return places.astype(np.float32)


def directions(seed: int, coordinates: int) -> np.ndarray:
    """[2, coordinates], of length 1 and at right angles: the two leading coordinates for seed 0, else at random."""
    if seed == 0 or coordinates < 3:
        return np.eye(2, coordinates)
    first, second = np.random.default_rng(seed).standard_normal((2, coordinates))
    first /= np.sqrt(first @ first)
    second -= (second @ first) * first
    return np.stack([first, second / np.sqrt(second @ second)])
