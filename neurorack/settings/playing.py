"""What plays: from a remembered sound to the records by which engine and jacks hear of it, and back."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np

from neurorack.errors import BadInput
from neurorack.patch.matrix import CURVES, default_patch, empty_patch, standing
from neurorack.settings.model import CurveName, Find, Gate2Task, JackName, Knob, KnobName, PotName, Sound
from neurorack.shared import FOUND, INTENT, PATCH, Snapshot
from neurorack.words import CV_JACKS, DESCRIPTORS, GATE2_TASKS, PATCHABLE, POTS

STILL = 0.005
"""A pot that moved less has not been moved: its noise must not wear the flash out."""


def patch_of(sound: Sound) -> np.recarray:
    """The PATCH record of a sound; a knob that it does not name is at rest."""
    record = empty_patch()
    for row, name in enumerate(PATCHABLE):
        if (knob := sound.knobs.get(name)) is not None:  # type: ignore[call-overload]
            record["base"][row], record["offset"][row] = knob.base, knob.offset
            record["pot"][row] = -1 if knob.pot is None else POTS.index(knob.pot)
            record["curve"][row] = CURVES.index(knob.curve)
            for jack, amount in knob.attenuverter.items():
                record["attenuverter"][row, CV_JACKS.index(jack)] = amount
    record["enveloped"] = [jack in sound.enveloped for jack in CV_JACKS]
    record["scale"] = sound.scale
    if sound.pots is not None:
        record["recalled"] = sound.pots
    return record


def knobs_of(record: np.recarray) -> dict[KnobName, Knob]:
    """The knobs of a PATCH record."""
    return {
        name: Knob(
            base=float(record["base"][row]),
            pot=get_args(PotName)[record["pot"][row]] if record["pot"][row] >= 0 else None,
            attenuverter={
                jack: float(v) for jack, v in zip(get_args(JackName), record["attenuverter"][row], strict=True) if v
            },
            offset=float(record["offset"][row]),
            curve=get_args(CurveName)[record["curve"][row]],
        )
        for row, name in enumerate(get_args(KnobName))
    }


def resting(sound: Sound, picked: Sequence[float]) -> np.ndarray:
    """Where the descriptors' knobs stand without a cable, 0…1 [5]; `picked` [4] are those of the pots."""
    none = [0.0] * len(CV_JACKS)
    positions = []
    for name in DESCRIPTORS:
        knob = sound.knobs.get(name, Knob(base=0.5))  # type: ignore[call-overload]
        base = knob.base if knob.pot is None else picked[POTS.index(knob.pot)]
        positions.append(standing(base, none, none, knob.offset, CURVES.index(knob.curve)))
    return np.array(positions)


def safe(bundle: str) -> Sound:
    """What a module out of its box plays."""
    return Sound(bundle=bundle, knobs=knobs_of(default_patch()))


def is_safe(sound: Sound) -> bool:
    """Whether it is what a module out of its box plays, wherever the pots stand."""
    return msgspec.structs.replace(sound, pots=None) == safe(sound.bundle)


def enveloped_of(record: np.recarray) -> tuple[JackName, ...]:
    """Of a PATCH record, the jacks without a cable."""
    return tuple(jack for jack, envelope in zip(get_args(JackName), record["enveloped"], strict=True) if envelope)


def _find(at: np.ndarray, change: np.ndarray) -> Find | None:
    """What is kept of a search: `at` [2], `change` [points] float16; None where nothing was found."""
    if not len(change):
        return None
    first, second = np.clip(at, 0.0, 1.0).tolist()
    return Find(at=(first, second), change=change.astype("<f2").tobytes())


def sound_of(patch: np.recarray, intent: np.recarray) -> Sound:
    """The sound of a PATCH and an INTENT record."""
    return Sound(
        bundle=bytes(intent["bundle"]).decode(errors="replace"),
        gesture=int(intent["gesture"]),
        depth=float(intent["depth"]),
        intonation=float(intent["intonation"]),
        knobs=knobs_of(patch),
        morph_to=int(intent["morph_to"]),
        gate2=get_args(Gate2Task)[intent["gate2"]],
        enveloped=enveloped_of(patch),
        scale=int(patch["scale"]),
        find_seed=int(intent["find_seed"]),
        found=_find(intent["found_at"], intent["found"][: intent["found_size"]]),
        pots=None if np.isnan(patch["recalled"]).any() else tuple(map(float, patch["recalled"])),  # type: ignore[arg-type]
    )


class Playing:
    """The one writer of the run directory's `patch` and `intent`; `sound` is what they say, and `sheltered` that it is
    safe and the player has not chosen it.

    >>> playing.play(msgspec.structs.replace(playing.sound, gesture=3))
    """

    def __init__(self, run_dir: Path, *, gate_delay_s: float, listen: bool) -> None:
        self._patch = Snapshot(run_dir / "patch", PATCH, create=True)
        self._intent = Snapshot(run_dir / "intent", INTENT, create=True)
        self._found = self._patch.refresh() and self._intent.refresh()
        self.sheltered = self._found and bool(self._intent.record["sheltered"])
        self._finds = run_dir / "found"
        intent = self._intent.record
        intent["gain_db"], intent["muted"] = 0.0, 0
        intent["gate_delay_s"], intent["listen"] = gate_delay_s, listen

    def found(self) -> Sound | None:
        """What the records said when they were opened: of a module that plays on, it is what plays."""
        if not self._found:
            return None
        return sound_of(self._patch.record, self._intent.record)

    def play(self, sound: Sound, *, recall: bool = False, other_takes: bool = False) -> None:
        """Tell engine and jacks. With `recall` the pots' knobs go where `sound` has them, until a pot passes that; with
        `other_takes` the engine reads anew which gestures were recorded."""
        patch, record = self._patch.record, patch_of(sound)
        for name in PATCH.names or ():
            if recall or name not in ("recalled", "recalled_ns"):
                patch[name] = record[name]
        if recall:
            patch["recalled_ns"] = time.monotonic_ns()
        self._patch.publish()
        intent = self._intent.record
        intent["bundle"], intent["sheltered"] = sound.bundle.encode(errors="replace"), self.sheltered
        intent["gesture"], intent["depth"], intent["intonation"] = sound.gesture, sound.depth, sound.intonation
        intent["morph_to"], intent["gate2"] = sound.morph_to, GATE2_TASKS.index(sound.gate2)
        numbers = np.frombuffer(b"" if sound.found is None else sound.found.change, "<f2")
        intent["find_seed"], intent["found_size"] = sound.find_seed, len(numbers)
        intent["found"][: len(numbers)] = numbers
        if sound.found is not None:
            intent["found_at"] = sound.found.at
        intent["takes"] += np.uint32(other_takes)
        self._intent.publish()
        self.sound = sound

    def keeping(self) -> Sound:
        """What plays, with what is found of it just now, as far as the engine has heard what plays."""
        try:
            found = Snapshot(self._finds, FOUND)
        except BadInput:
            return self.sound  # no engine has been here yet
        heard, record = found.refresh(), found.record
        found.close()
        if not heard or record["intent"] != self._intent.number:
            return self.sound
        return msgspec.structs.replace(self.sound, found=_find(record["at"], record["change"][: record["size"]]))

    def look(self, volts: np.recarray) -> None:
        """Take up from a VOLTS record where the knobs of the pots stand, once the jacks know of the last recall."""
        pots = self.sound.pots
        if volts["recalled_ns"] != self._patch.record["recalled_ns"] or volts["readings"][-1] < len(POTS):
            return
        if pots is None or np.abs(volts["picked"] - pots).max() > STILL:
            first, second, third, fourth = (round(float(position), 4) for position in volts["picked"])
            self.sound = msgspec.structs.replace(self.sound, pots=(first, second, third, fourth))

    def close(self) -> None:
        self._patch.close()
        self._intent.close()
