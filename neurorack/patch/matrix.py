"""The patch: which jack feeds which knob.

A knob stands at

    curve(clip(base + offset + Σ attenuverter × volts / 10, 0, 1))

where base is a pot or a value and the sum runs over the CV jacks. At full attenuverter a jack's ten volts are the
whole travel: with base 0.5, +5 V is the knob's top and −5 V its bottom. Pitch is counted in volts instead,

    base + offset + Σ attenuverter × volts

so at full attenuverter every jack is a volt-per-octave input.
"""

from collections.abc import Sequence

import numpy as np

from neurorack.errors import BadInput
from neurorack.patch.pitch import pitch_hz
from neurorack.shared import PATCH
from neurorack.words import CV_JACKS, DESCRIPTORS, KNOBS, POTS

SPAN_V = 10.0
"""Volts at a jack that move a knob from bottom to top at full attenuverter."""

CURVES = ("linear", "exponential", "logarithmic", "s-curve")
"""Shapes of a knob's travel. All run from 0 to 1 and only rise."""

_BEND = 4.0
"""Exponential and logarithmic: (e^(4x) − 1) / (e^4 − 1) and its inverse; half way lies 0.12, and 0.83."""


def shaped(position: float, curve: int) -> float:
    """Position 0…1 on a curve, by its index into CURVES."""
    if curve == 1:
        return float(np.expm1(_BEND * position) / np.expm1(_BEND))
    if curve == 2:
        return float(np.log1p(position * np.expm1(_BEND)) / _BEND)
    if curve == 3:
        return position * position * (3.0 - 2.0 * position)
    return position


def standing(base: float, attenuverters: Sequence[float], volts: Sequence[float], offset: float, curve: int) -> float:
    """Where one knob other than the pitch stands, 0…1, by the formula above."""
    moved = sum(amount * v for amount, v in zip(attenuverters, volts, strict=True)) / SPAN_V
    return shaped(min(max(base + offset + moved, 0.0), 1.0), curve)


def empty_patch() -> np.recarray:
    """A PATCH record without a cable: every knob half way, pitch at C4.

    Its fields are read by name in brackets: `record.base` is numpy's own.
    """
    record = np.zeros(1, PATCH).view(np.recarray)[0]
    record["base"][1:] = 0.5
    record["pot"][:] = -1
    record["recalled"][:] = np.nan
    return record


def bare_patch() -> np.recarray:
    """`voct` plays the pitch, the pots are the first four descriptors; the CV jacks go nowhere yet."""
    record = empty_patch()
    record["attenuverter"][0, CV_JACKS.index("voct")] = 1.0
    record["pot"][1 : 1 + len(POTS)] = range(len(POTS))
    return record


def default_patch() -> np.recarray:
    """The patch of a module just out of its box: the bare one, and `cv1`…`cv4` on the knobs of `pot1`…`pot4`."""
    record = bare_patch()
    for number in range(1, 1 + len(POTS)):
        record["attenuverter"][number, CV_JACKS.index(f"cv{number}")] = 1.0
    return record


def patched(assignments: Sequence[str]) -> np.recarray:
    """The default patch, but for the jacks that are assigned: those go where the assignments say. Raises BadInput."""
    record = default_patch()
    for jack in {assignment.partition("=")[0].strip() for assignment in assignments} & set(CV_JACKS):
        record["attenuverter"][:, CV_JACKS.index(jack)] = 0.0
    for assignment in assignments:
        assign(record, assignment)
    return record


def assign(record: np.recarray, assignment: str) -> None:
    """Patch `JACK=KNOB`, e.g. "cv1=centroid", at full attenuverter into `record`.

    The knob's base becomes half way, so +5 V is its top and −5 V its bottom; other jacks on it stay.
    Raises BadInput, naming the valid jacks and knobs.
    """
    jack, equals, knob = (part.strip() for part in assignment.partition("="))
    where = f"assignment {assignment!r}"
    if not equals:
        raise BadInput("an assignment needs a jack and a knob", where, "write JACK=KNOB, e.g. cv1=centroid")
    if jack not in CV_JACKS:
        raise BadInput(f"there is no CV jack {jack!r}", where, f"use one of {', '.join(CV_JACKS)}")
    if knob not in KNOBS:
        raise BadInput(f"there is no knob {knob!r}", where, f"use one of {', '.join(KNOBS)}")
    row = KNOBS.index(knob)
    record["attenuverter"][row, CV_JACKS.index(jack)] = 1.0
    if knob != "pitch":
        record["base"][row], record["pot"][row] = 0.5, -1


class Matrix:
    """A patch, ready to be played. Numbers that cannot be are brought into range, never an error."""

    def __init__(self, record: np.recarray) -> None:
        self._targets = np.zeros(1 + len(DESCRIPTORS))
        self._inputs = np.zeros(len(CV_JACKS) + len(POTS) + 1)
        self._weights = np.zeros((1 + len(DESCRIPTORS), len(self._inputs)))
        self.load(record)

    def load(self, record: np.recarray) -> None:
        """Take up another patch."""
        pots = np.where((record["pot"] >= 0) & (record["pot"] < len(POTS)), record["pot"], -1)
        pots[0] = -1  # no pot tunes
        jacks, constant = len(CV_JACKS), len(self._inputs) - 1
        weights = self._weights
        weights[:] = 0.0
        weights[:, :jacks] = np.clip(np.nan_to_num(record["attenuverter"]), -1.0, 1.0)
        weights[1:, :jacks] /= SPAN_V
        for row, pot in enumerate(pots):
            if pot >= 0:
                weights[row, jacks + pot] = 1.0
        weights[:, constant] = np.nan_to_num(record["offset"]) + np.where(pots < 0, np.nan_to_num(record["base"]), 0.0)
        self._inputs[constant] = 1.0
        self._bent = [(row, int(curve)) for row, curve in enumerate(record["curve"]) if row and 0 < curve < len(CURVES)]

    def play(self, volts: np.ndarray, pots: np.ndarray) -> tuple[float, np.ndarray]:
        """(pitch in Hz, descriptor positions 0…1 [5]) for jack volts [5] and pots 0…1 [4].

        The array returned is overwritten by the next call.
        """
        jacks = len(CV_JACKS)
        self._inputs[:jacks] = volts
        self._inputs[jacks:-1] = pots
        targets = np.dot(self._weights, self._inputs, out=self._targets)
        descriptors = targets[1:]
        np.minimum(np.maximum(descriptors, 0.0, out=descriptors), 1.0, out=descriptors)
        for row, curve in self._bent:
            targets[row] = shaped(float(targets[row]), curve)
        return pitch_hz(float(targets[0])), descriptors
