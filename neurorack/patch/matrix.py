"""The patch: which jack feeds which knob.

A knob stands at

    curve(clip(base + offset + Σ attenuverter × volts / 10, 0, 1))

where base is a pot or a value and the sum runs over the CV jacks. At full attenuverter a jack's ten volts are the
whole travel: with base 0.5, +5 V is the knob's top and −5 V its bottom. Pitch is counted in volts instead,

    base + scale(offset + Σ attenuverter × volts) + octave + fine

so at full attenuverter every jack is a volt-per-octave input. `octave` goes in whole octaves, one a volt at full
attenuverter, `fine` reaches a semitone either way; both and the base tune what the scale has made of the jacks.

A jack cannot feel whether a cable is in it. One that the patch calls `enveloped` has none: its volts are not heard, and
its attenuverters get the gesture's own envelope instead, as if ENVELOPE_V lay there at its loudest. The voice adds it.
"""

import math
from collections.abc import Sequence

import numpy as np

from neurorack.errors import BadInput
from neurorack.patch.performance import PLAYED, REST, RUNNING, SCRUB
from neurorack.patch.pitch import pitch_hz
from neurorack.patch.scale import Quantiser
from neurorack.shared import PATCH
from neurorack.words import CV_JACKS, KNOBS, PATCHABLE, POTS

SPAN_V = 10.0
"""Volts at a jack that move a knob from bottom to top at full attenuverter."""

ENVELOPE, ENVELOPE_V = "envelope", 5.0
"""What a jack without a cable is assigned to, and how far up it then goes."""

HIGHEST_V = 10.0
"""Beyond every pitch."""

CURVES = ("linear", "exponential", "logarithmic", "s-curve")
"""Shapes of a knob's travel. All run from 0 to 1 and only rise."""

_BEND = 4.0
"""Exponential and logarithmic: (e^(4x) − 1) / (e^4 − 1) and its inverse; half way lies 0.12, and 0.83."""
_BENT = math.expm1(_BEND)


def shaped(position: float, curve: int) -> float:
    """Position 0…1 on a curve, by its index into CURVES."""
    if curve == 1:
        return math.expm1(_BEND * position) / _BENT
    if curve == 2:
        return math.log1p(position * _BENT) / _BEND
    if curve == 3:
        return position * position * (3.0 - 2.0 * position)
    return position


def standing(base: float, attenuverters: Sequence[float], volts: Sequence[float], offset: float, curve: int) -> float:
    """Where one knob other than the pitch stands, 0…1, by the formula above."""
    moved = sum(amount * v for amount, v in zip(attenuverters, volts, strict=True)) / SPAN_V
    return shaped(min(max(base + offset + moved, 0.0), 1.0), curve)


def empty_patch() -> np.recarray:
    """A PATCH record without a cable: knobs of the sound half way, pitch at C4, performance at rest.

    Its fields are read by name in brackets: `record.base` is numpy's own.
    """
    record = np.zeros(1, PATCH).view(np.recarray)[0]
    record["base"] = REST
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
    for jack, _, knob in (assignment.partition("=") for assignment in assignments):
        if jack.strip() in CV_JACKS and knob.strip() != ENVELOPE:
            record["attenuverter"][:, CV_JACKS.index(jack.strip())] = 0.0
    for assignment in assignments:
        assign(record, assignment)
    return record


def assign(record: np.recarray, assignment: str) -> None:
    """Patch `JACK=KNOB`, e.g. "cv1=centroid", at full attenuverter into `record`.

    The knob's base becomes half way, so +5 V is its top and −5 V its bottom; other jacks on it stay. `JACK=envelope`
    declares the jack to have no cable: what its attenuverters turn then follows the gesture's envelope.
    Raises BadInput, naming the valid jacks and knobs.
    """
    jack, equals, knob = (part.strip() for part in assignment.partition("="))
    where = f"assignment {assignment!r}"
    if not equals:
        raise BadInput("an assignment needs a jack and a knob", where, "write JACK=KNOB, e.g. cv1=centroid")
    if jack not in CV_JACKS:
        raise BadInput(f"there is no CV jack {jack!r}", where, f"use one of {', '.join(CV_JACKS)}")
    if knob == ENVELOPE:
        record["enveloped"][CV_JACKS.index(jack)] = 1
        return
    if knob not in PATCHABLE:
        raise BadInput(f"there is no knob {knob!r}", where, f"use one of {', '.join((*PATCHABLE, ENVELOPE))}")
    row = PATCHABLE.index(knob)
    record["attenuverter"][row, CV_JACKS.index(jack)] = 1.0
    if knob != "pitch":
        record["base"][row], record["pot"][row] = 0.5, -1


class Matrix:
    """A patch, ready to be played. Numbers that cannot be are brought into range, never an error."""

    def __init__(self, record: np.recarray) -> None:
        self.envelope = np.zeros(PLAYED)
        """What the gesture's envelope adds at its loudest to pitch (octaves), descriptors and performance."""
        self._targets = np.zeros(len(PATCHABLE))
        self._inputs = np.zeros(len(CV_JACKS) + len(POTS) + 1)
        self._weights = np.zeros((len(PATCHABLE), len(self._inputs)))
        self._notes, self._octaves = Quantiser(), Quantiser(scale=1)
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
        enveloped = record["enveloped"] != 0
        np.sum(weights[:PLAYED, :jacks] * (enveloped * ENVELOPE_V), axis=1, out=self.envelope)
        weights[:, :jacks][:, enveloped] = 0.0
        for row, pot in enumerate(pots):
            if pot >= 0:
                weights[row, jacks + pot] = 1.0
        base = np.where(pots < 0, np.nan_to_num(record["base"]), 0.0)
        self._tuning_v, base[0] = float(base[0]), 0.0
        weights[:, constant] = np.nan_to_num(record["offset"]) + base
        self._inputs[constant] = 1.0
        self._bent = [(row, int(curve)) for row, curve in enumerate(record["curve"]) if row and 0 < curve < len(CURVES)]
        self._notes.scale = int(record["scale"])
        self._runs = not (weights[len(KNOBS) + SCRUB].any() or self.envelope[len(KNOBS) + SCRUB])

    def play(self, volts: np.ndarray, pots: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """(pitch in Hz, descriptor positions 0…1 [5], performance positions 0…1 [9]) for jack volts [5] and pots 0…1
        [4]. `scrub` is RUNNING where nothing feeds it and its base is 0.

        The arrays returned are overwritten by the next call.
        """
        jacks = len(CV_JACKS)
        self._inputs[:jacks] = volts
        self._inputs[jacks:-1] = pots
        targets = np.dot(self._weights, self._inputs, out=self._targets)
        knobs = targets[1:]
        np.minimum(np.maximum(knobs, 0.0, out=knobs), 1.0, out=knobs)
        for row, curve in self._bent:
            targets[row] = shaped(float(targets[row]), curve)
        if self._runs:
            targets[len(KNOBS) + SCRUB] = RUNNING
        octave, fine = targets[PLAYED:].tolist()
        pitch_v = self._notes.play(min(max(float(targets[0]), -HIGHEST_V), HIGHEST_V)) + self._tuning_v
        pitch_v += self._octaves.play(SPAN_V * (octave - 0.5)) + (fine - 0.5) / 6
        return pitch_hz(pitch_v), targets[1 : len(KNOBS)], targets[len(KNOBS) : PLAYED]
