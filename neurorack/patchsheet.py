"""A patch sheet: what the file of a rack says of the module itself, as the sound that the module then plays.

The live module takes it up in place of what it remembers (`daemon`), a rendering plays it (`rendering`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from neurorack.bundle import find, read_card
from neurorack.errors import BadInput
from neurorack.patch.matrix import patched
from neurorack.patch.scale import scale_of
from neurorack.rack.plan import ModulePlan, PresetPlan, Rack, find_rack, load_rack
from neurorack.settings.edit import edit
from neurorack.settings.model import Gate2Task, Sound
from neurorack.settings.playing import enveloped_of, knobs_of
from neurorack.statedir import state_dir
from neurorack.takes import store


@dataclass(frozen=True)
class PatchSheet:
    """`listens` is the rack that is plugged into the jack `in`, None where nothing is; `presets` are what gate 2 leads
    through."""

    sound: Sound
    listens: Path | None = None
    presets: tuple[Sound, ...] = ()


def read_sheet(rack: str) -> PatchSheet | None:
    """Of a file, or of a rack of the package by its name; None where it says nothing of the module. Raises BadInput."""
    return sheet_of(load_rack(find_rack(rack)))


def sheet_of(rack: Rack) -> PatchSheet | None:
    """Likewise of a rack that is loaded."""
    plan = rack.module
    if plan is None:
        return None
    listens = rack.path.parent / plan.listens if plan.listens is not None else None
    return PatchSheet(_sound(plan, plan, rack), listens, tuple(_sound(preset, plan, rack) for preset in plan.presets))


def _sound(plan: PresetPlan, module: ModulePlan, rack: Rack) -> Sound:
    record = patched(plan.assign)
    record["scale"] = scale_of(plan.scale)
    sound = Sound(
        bundle=module.bundle,
        gesture=_number(module.bundle, plan.gesture, 0, rack),
        depth=plan.depth,
        intonation=plan.intonation,
        knobs=knobs_of(record),
        morph_to=_number(module.bundle, plan.morph_to, -1, rack),
        gate2=cast(Gate2Task, module.gate2),
        enveloped=enveloped_of(record),
        scale=int(record["scale"]),
        find_seed=plan.find_seed,
    )
    for path, value in _leaves("knob", plan.knob):
        try:
            sound = edit(sound, path, value)
        except BadInput as error:
            raise BadInput(error.what, f"{rack.path}, key module.{path}", error.mend) from error
    return sound


def _number(bundle: str, gesture: str | None, default: int, rack: Rack) -> int:
    if gesture is None:
        return default
    card = read_card(find(bundle))
    names = [*card.gestures.names]
    if gesture not in names:  # without need nothing of this machine decides how it sounds
        names += [take.name for take in store.load(state_dir(), card).takes]
    if gesture not in names:
        where = f"{rack.path}, key module"
        raise BadInput(f"{bundle} has no gesture {gesture[:40]!r}", where, f"use one of {', '.join(names)}")
    return names.index(gesture)


def _leaves(at: str, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a table and those within it hold, each with its path."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(f"{at}.{key}", value)
        else:
            yield f"{at}.{key}", value
