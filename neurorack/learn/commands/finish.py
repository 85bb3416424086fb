"""From weights to something that plays: a verified bundle, and a preview to hear."""

import copy
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from neurorack import bundle
from neurorack.bundle import CARD, Bundle, write_card
from neurorack.engine.player import Player
from neurorack.learn.corpus import Corpus
from neurorack.learn.pack import pack
from neurorack.learn.space import FIGURES
from neurorack.words import C4_HZ, DESCRIPTORS, SAMPLE_RATE_HZ

BLOCK = 512
GESTURES = 4
"""Heard in a preview, spread over all there are."""
PITCHES_OCT = (-1.0, 0.0, 1.0)
HELD_S, GAP_S, SWEEP_S = 0.7, 0.4, 2.0


def make_bundle(
    training: Any,
    corpus: Corpus,
    folder: Path,
    title: str,
    licence: str,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Pack the training's averaged weights into `folder`, a bundle that is proven; `say` is told why it has fewer
    gestures than wanted. The random state stays as it was."""
    average = copy.deepcopy(training.average).cpu().eval()
    with torch.random.fork_rng(devices=[]):
        pack(average["decoder"], average["encoder"], training.knobs, corpus, folder, title, licence, say=say)
    return bundle.load(folder)


def write_figures(made: Bundle, figures: dict[str, float]) -> None:
    """Make `figures` the quality on the bundle's card, beside those of its space; whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".card-", dir=made.folder) as folder:
        kept = {name: figure for name, figure in made.card.quality.items() if name.startswith(FIGURES)}
        write_card(Path(folder), msgspec.structs.replace(made.card, quality=figures | kept))
        (Path(folder) / CARD).replace(made.folder / CARD)


def write_preview(made: Bundle, path: Path) -> None:
    """A tour of the bundle as a WAV file, whole or not at all."""
    sound = tour(made)
    peak = float(np.abs(sound).max())
    scaled = np.rint(sound * (32_767 / max(1.0, peak))).astype("<i2")
    part = path.with_suffix(".part")
    with open(part, "wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(scaled.tobytes())
    part.replace(path)


def tour(made: Bundle) -> np.ndarray:
    """Some gestures at three pitches with the knobs in the middle, then every knob but the level from end to end:
    [samples] float32."""
    player = Player(made, BLOCK)
    middle = np.full(len(DESCRIPTORS), 0.5)
    middle[0] = 0.8  # nearly as loud as recorded
    count = len(made.gestures)
    chosen = sorted({round(i * (count - 1) / max(1, GESTURES - 1)) for i in range(GESTURES)})
    parts = []
    for gesture in chosen:
        player.set_gesture(gesture, 1.0, 1.0)
        for pitch_oct in PITCHES_OCT:
            parts.append(_play(player, pitch_oct, middle[None], HELD_S))
    player.set_gesture(chosen[0], 1.0, 1.0)
    for knob in range(1, len(DESCRIPTORS)):
        way = np.repeat(middle[None], 64, axis=0)
        way[:, knob] = np.linspace(0, 1, len(way))
        parts.append(_play(player, 0.0, way, SWEEP_S))
    return np.concatenate(parts)


def _play(player: Player, pitch_oct: float, knobs: np.ndarray, held_s: float) -> np.ndarray:
    """One note, held and released: [samples]. `knobs` [steps, 5] are passed through while it is held."""
    held, rest = (round(seconds * SAMPLE_RATE_HZ / BLOCK) for seconds in (held_s, GAP_S))
    out = np.zeros((held + rest, BLOCK), np.float32)
    for block in range(len(out)):
        if block in (0, held):
            player.gate(0, "gate1", int(block == 0))
        step = min(block * len(knobs) // held, len(knobs) - 1)
        player.set_targets(C4_HZ * 2.0**pitch_oct, knobs[step])
        player.render(out[block])
    return out.reshape(-1)
