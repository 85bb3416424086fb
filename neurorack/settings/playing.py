"""What plays: from a remembered sound to the records by which engine and jacks hear of it, and back."""

import time
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np

from neurorack.patch.matrix import CURVES, default_patch, empty_patch
from neurorack.settings.model import CurveName, Gate2Task, JackName, Knob, KnobName, PotName, Sound
from neurorack.shared import INTENT, PATCH, Snapshot
from neurorack.words import CV_JACKS, GATE2_TASKS, PATCHABLE, POTS

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


def safe(bundle: str) -> Sound:
    """What a module out of its box plays."""
    return Sound(bundle=bundle, knobs=knobs_of(default_patch()))


def enveloped_of(record: np.recarray) -> tuple[JackName, ...]:
    """Of a PATCH record, the jacks without a cable."""
    return tuple(jack for jack, envelope in zip(get_args(JackName), record["enveloped"], strict=True) if envelope)


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
        pots=None if np.isnan(patch["recalled"]).any() else tuple(map(float, patch["recalled"])),  # type: ignore[arg-type]
    )


class Playing:
    """The one writer of the run directory's `patch` and `intent`; `sound` is what they say.

    >>> playing.play(msgspec.structs.replace(playing.sound, gesture=3))
    """

    def __init__(self, run_dir: Path, *, gate_delay_s: float, listen: bool) -> None:
        self._patch = Snapshot(run_dir / "patch", PATCH, create=True)
        self._intent = Snapshot(run_dir / "intent", INTENT, create=True)
        self._found = self._patch.refresh() and self._intent.refresh()
        intent = self._intent.record
        intent["gain_db"], intent["muted"] = 0.0, 0
        intent["gate_delay_s"], intent["listen"] = gate_delay_s, listen

    def found(self) -> Sound | None:
        """What the records said when they were opened: of a module that plays on, it is what plays."""
        if not self._found:
            return None
        return sound_of(self._patch.record, self._intent.record)

    def play(self, sound: Sound, *, recall: bool = False) -> None:
        """Tell engine and jacks. With `recall` the pots' knobs go where `sound` has them, until a pot passes that."""
        patch, record = self._patch.record, patch_of(sound)
        for name in PATCH.names or ():
            if recall or name not in ("recalled", "recalled_ns"):
                patch[name] = record[name]
        if recall:
            patch["recalled_ns"] = time.monotonic_ns()
        self._patch.publish()
        intent = self._intent.record
        intent["bundle"] = sound.bundle.encode(errors="replace")
        intent["gesture"], intent["depth"], intent["intonation"] = sound.gesture, sound.depth, sound.intonation
        intent["morph_to"], intent["gate2"] = sound.morph_to, GATE2_TASKS.index(sound.gate2)
        self._intent.publish()
        self.sound = sound

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
