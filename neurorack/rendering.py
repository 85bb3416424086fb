"""A rack played offline: its sources, the module as its patch sheet sets it, and what sounds, faster than real time.

    rendering = play_rack("morph")      # a rack of the package, or a file
    rendering.save(Path("morph.wav"))   # rendering_picture draws it

The road is that of `render`, all of it; the same file gives the same bits.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.bundle import load
from neurorack.errors import BadInput
from neurorack.patch.matrix import patched
from neurorack.patchsheet import PatchSheet, sheet_of
from neurorack.rack.plan import Rack, find_rack, load_rack
from neurorack.rack.world import World
from neurorack.render import BLOCK, LEAD_NS, Module, Wav, play_out
from neurorack.settings.model import Sound
from neurorack.settings.playing import knobs_of, patch_of
from neurorack.statedir import state_dir
from neurorack.takes import store
from neurorack.words import SAMPLE_RATE_HZ

SECONDS = 20.0
"""Of a rack that does not say how long it is."""

OUT_OF_THE_BOX = Sound(bundle="fluid", knobs=knobs_of(patched([])))
"""What the module plays of a rack that has no patch sheet."""


@dataclass(frozen=True)
class Rendering:
    """`sound` [n] float32 at SAMPLE_RATE_HZ: the rack's `seconds` and what rings on. `world` has the volts
    at the jacks, its time zero is LEAD_NS; `patch` says what they do."""

    name: str
    about: str
    world: World
    patch: Sound
    bundle: str
    seconds: float
    sound: np.ndarray
    took_s: float

    def save(self, path: Path) -> None:
        """As WAV. Raises BadInput."""
        with Wav(path, self.seconds) as wav:
            wav.write(self.sound, 0)


class _Kept:
    """The sound in memory."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def write(self, samples: np.ndarray, clipped: int) -> None:
        self.blocks.append(samples.copy())


class _Heard:
    """Another module, plugged into the jack `in`."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def read(self, samples: int) -> np.ndarray:
        assert samples == self._module.block
        return self._module.next_block()


def play_rack(rack: str) -> Rendering:
    """Play a file, or a rack of the package by its name, for as long as it says. Raises BadInput."""
    began_s = time.monotonic()
    path = find_rack(rack)
    plan = load_rack(path)
    sheet = _sheet(plan)
    world = World.from_toml(path, epoch_ns=LEAD_NS)
    module, kept, seconds = _module(plan, sheet, world), _Kept(), plan.duration_s or SECONDS
    play_out(module, round(seconds * SAMPLE_RATE_HZ) - BLOCK - 1, kept)  # what begins with the end is not heard
    sound, took_s = np.concatenate(kept.blocks), time.monotonic() - began_s
    return Rendering(path.stem, plan.about, world, sheet.sound, module.player.bundle.name, seconds, sound, took_s)


def _sheet(plan: Rack) -> PatchSheet:
    return sheet_of(plan) or PatchSheet(OUT_OF_THE_BOX)


def _module(plan: Rack, sheet: PatchSheet, world: World) -> Module:
    """Set as the patch sheet says."""
    sound, source = sheet.sound, None
    if sheet.listens is not None:
        other = load_rack(sheet.listens)
        if (theirs := _sheet(other)).listens is not None:
            mend = "let one of the two play gestures"
            raise BadInput("a rack that is listened to listens itself", f"{plan.path}, key module.listens", mend)
        source = _Heard(_module(other, theirs, World.from_toml(other.path, epoch_ns=LEAD_NS)))
    bundle = load(sound.bundle)
    numbers = [number for each in (sound, *sheet.presets) for number in (each.gesture, each.morph_to)]
    return Module(
        bundle, world, patch_of(sound),
        seed=plan.seed, gesture=sound.gesture, depth=sound.depth, intonation=sound.intonation,
        morph_to=sound.morph_to, gate2=sound.gate2, presets=sheet.presets, source=source, find_seed=sound.find_seed,
        takes=store.load(state_dir(), bundle.card).gestures if max(numbers) >= len(bundle.gestures) else (),
    )  # fmt: skip
