"""What a knob's position means in physical units, given the pitch and the knobs before it.

Descriptors are not free of each other: a bright sound at C2 is a dark one at C7. So each knob is scaled by quantiles
that are conditioned on the pitch and on the knobs before it (rms; centroid; bandwidth; sharpness; boominess), and every
combination of positions asks for something that a sound can be. With position u in 0…1 and conditions x, each
clamped to its range and taken to −1…+1,

    y = location(x) + spread(x) · Q(u)

The polynomials and the rising table Q are the card's (`bundle.Knob`), y is in the knob's unit there.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import mul
from typing import NamedTuple

import numpy as np

from neurorack.bundle import Card, Knob
from neurorack.words import KNOBS

CONDITIONS = len(KNOBS)
"""Pitch in octaves from C4, then the five descriptors, in this order."""


class Table:
    """Rising values at equal steps of u 0…1, joined by straight lines; beyond, its ends."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.steps = values, np.linspace(0.0, 1.0, len(values))
        self._values = values.tolist()
        self._lines = list(zip(self._values, [*np.diff(values).tolist(), 0.0], strict=True))
        self._last = float(len(values) - 1)

    def at(self, u: float) -> float:
        """The value at u."""
        place = 0.0 if u < 0.0 else self._last if u > 1.0 else u * self._last
        low = int(place)
        here, rise = self._lines[low]
        return here + (place - low) * rise

    def at_all(self, u: np.ndarray) -> np.ndarray:
        """The same, for many."""
        return np.interp(u, self.steps, self.values)

    def share(self, value: float) -> float:
        """The u 0…1 at which this is the value."""
        above = bisect_right(self._values, value)
        if above == 0 or above > self._last:
            return 0.0 if above == 0 else 1.0
        here, rise = self._lines[above - 1]
        return (above - 1 + (value - here) / rise) / self._last

    def share_all(self, values: np.ndarray) -> np.ndarray:
        """The same, for many."""
        return np.interp(values, self.values, self.steps)


class _Scale:
    """One knob's tables, and its polynomials for rows."""

    def __init__(self, knob: Knob) -> None:
        self.conditions = [
            (KNOBS.index(c.name), c.low, c.high, (c.low + c.high) / 2, 2 / (c.high - c.low)) for c in knob.conditions
        ]
        self.terms = [tuple(i for i, power in enumerate(term) for _ in range(power)) for term in knob.terms]
        self.floor = knob.spread_floor
        conditions = np.array(self.conditions).reshape(-1, 5)
        self._given = conditions[:, 0].astype(int)
        self._low, self._high, self._centre, self._slope = conditions[:, 1:].T
        degree = max(1, *map(len, self.terms))
        one = len(self.conditions)
        self._factors = np.array([(*f, *[one] * (degree - len(f))) for f in self.terms], int).T
        self.weights = np.column_stack([knob.location, knob.spread])
        self.table = Table(np.array(knob.quantiles))

    def grounds(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(location, spread), given pitch and the descriptors before this knob, for rows of `before`
        [rows, CONDITIONS]."""
        x = np.ones((len(before), len(self._given) + 1))
        given = np.minimum(np.maximum(before[:, self._given], self._low), self._high)
        np.multiply(given - self._centre, self._slope, out=x[:, :-1])
        products = x[:, self._factors[0]]
        for factors in self._factors[1:]:
            products *= x[:, factors]
        place, spread = (products @ self.weights).T
        return place, np.maximum(spread, self.floor)


class _Rung(NamedTuple):
    """What one knob adds: conditions, products as (product so far, condition), and its weights of all of these."""

    fresh: list[tuple[int, float, float, float, float]]
    steps: list[tuple[int, int]]
    locations: list[float]
    spreads: list[float]
    floor: float


class _Ladder:
    """The polynomials of knobs as plain Python numbers: for up to 8 hops that is faster than arrays.

    What one knob has made of pitch and descriptors, clamped conditions and products of them, the next ones build on:
    half of all there is to compute.
    """

    def __init__(self, scales: Sequence[_Scale]) -> None:
        slots: dict[tuple[int, float, float, float, float], int] = {}
        known: dict[tuple[int, ...], int] = {(): 0}
        self._rungs: list[_Rung] = []
        for scale in scales:
            fresh = [condition for condition in scale.conditions if condition not in slots]
            slots |= {condition: len(slots) + number for number, condition in enumerate(fresh)}
            terms = [tuple(sorted(slots[scale.conditions[i]] for i in term)) for term in scale.terms]
            steps = []
            for term in terms:
                for length in range(1, len(term) + 1):
                    if (factors := term[:length]) not in known:
                        known[factors] = len(known)
                        steps.append((known[factors[:-1]], factors[-1]))
            weights = np.zeros((2, len(known)))
            for term, pair in zip(terms, scale.weights, strict=True):
                weights[:, known[term]] += pair
            self._rungs.append(_Rung(fresh, steps, weights[0].tolist(), weights[1].tolist(), scale.floor))

    def climb(self, values: Sequence[float]) -> Iterator[tuple[float, float]]:
        """(location, spread) of each knob in turn, given pitch and the descriptors before it: before the next one is
        asked for, `values` must hold these."""
        x, products = [], [1.0]
        for fresh, steps, locations, spreads, floor in self._rungs:
            for i, low, high, centre, slope in fresh:
                value = values[i]
                x.append(((low if value < low else high if value > high else value) - centre) * slope)
            for product, i in steps:
                products.append(products[product] * x[i])
            spread = sum(map(mul, products, spreads))
            yield sum(map(mul, products, locations)), spread if spread > floor else floor


class Scales:
    """The scales of one instrument's five descriptor knobs.

    >>> scales = Scales.from_card(card)
    >>> scales.physical(0.0, [0.5] * 5)  # C4, every knob in the middle
    [-15.0, 10.2, 10.7, 1.1, -0.5]
    """

    def __init__(self, knobs: Sequence[Knob]) -> None:
        level, *self._scales = [_Scale(knob) for knob in knobs]
        place, spread = level.grounds(np.empty((1, CONDITIONS)))
        self.level_db = Table(place + spread * level.table.values)
        """What the first knob, which has no conditions, asks for."""
        self._tables = [scale.table for scale in self._scales]
        self._ladder = _Ladder(self._scales)

    @classmethod
    def from_card(cls, card: Card) -> "Scales":
        return cls(card.knobs)

    def physical(self, pitch_oct: float, u: Sequence[float], rms_db: float | None = None) -> list[float]:
        """Knob positions u [5] at a pitch in octaves from C4 → y [5] in the card's units. About 5 µs.

        `rms_db`, where given, is the level in force instead of the first knob's: a gesture moves it in dB.
        """
        values = [pitch_oct, self.level_db.at(u[0]) if rms_db is None else rms_db]
        for table, position, (place, spread) in zip(self._tables, u[1:], self._ladder.climb(values), strict=True):
            values.append(place + spread * table.at(position))
        return values[1:]

    def physical_frames(self, pitch_oct: np.ndarray, u: np.ndarray, rms_db: np.ndarray | None = None) -> np.ndarray:
        """`physical` for rows: pitch_oct [rows], u [rows, 5] → [rows, 5]. Cheaper from 10 rows on: 60 µs for 16."""
        values = np.empty((len(pitch_oct), CONDITIONS))
        values[:, 0] = pitch_oct
        values[:, 1] = self.level_db.at_all(u[:, 0]) if rms_db is None else rms_db
        for i, scale in enumerate(self._scales, 2):
            place, spread = scale.grounds(values)
            values[:, i] = place + spread * scale.table.at_all(u[:, i - 1])
        return values[:, 1:]

    def position(self, pitch_oct: float, y: Sequence[float]) -> list[float]:
        """The knob positions, within 0…1, that ask for y [5]. About 15 µs."""
        positions = [self.level_db.share(y[0])]
        grounds = self._ladder.climb([pitch_oct, *y])
        for table, value, (place, spread) in zip(self._tables, y[1:], grounds, strict=True):
            positions.append(table.share((value - place) / spread))
        return positions

    def position_frames(self, pitch_oct: np.ndarray, y: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
        """`position` for rows: pitch_oct [rows], y [rows, 5] → [rows, 5]. The scales stand where `given` [rows, 5] puts
        them, by default y itself."""
        values = np.column_stack([pitch_oct, y if given is None else given])
        positions = [self.level_db.share_all(y[:, 0])]
        for scale, value in zip(self._scales, y.T[1:], strict=True):
            place, spread = scale.grounds(values)
            positions.append(scale.table.share_all((value - place) / spread))
        return np.column_stack(positions)

    def travel(self, pitch_oct: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far each descriptor goes over the middle 90 % of its knob around y [rows, 5], in its unit [rows, 5]."""
        values = np.column_stack([pitch_oct, y])
        spreads = [np.ones(len(y)), *(scale.grounds(values)[1] for scale in self._scales)]
        tables = [self.level_db, *self._tables]
        return np.column_stack(
            [spread * (table.at(0.95) - table.at(0.05)) for spread, table in zip(spreads, tables, strict=True)]
        )
