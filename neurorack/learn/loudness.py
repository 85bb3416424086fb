"""How loud gestures are heard, played by their own instrument with all knobs in the middle, and how to make them even.

Equal levels are not equally loud: a hit is over before it was quite heard, and a hiss is louder than a thump.
"""

import dataclasses

import numpy as np
from tqdm import tqdm

from neurorack.bundle import Bundle
from neurorack.ears.descriptors import loudness_sone
from neurorack.engine.player import Player
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

EVEN_PHON, ROUNDS = 0.5, 4
"""Gestures are brought this near to their median, in so many rounds at most."""
FARTHEST_DB = 12.0
"""At most so far from equal levels."""

_BLOCK = 256
_EAR_HOPS = 94
"""125 ms: over about so long an ear adds up intensity, so that a sound a quarter as long is heard 6 dB softer."""


def heard_phon(bundle: Bundle) -> np.ndarray:
    """Loudness level [gestures] of each gesture's loudest 125 ms, in phon: 10 for a doubling in sone."""
    gestures = range(len(bundle.gestures))
    seen = tqdm(gestures, desc="listening", unit="gesture", mininterval=1.0, delay=1.0, leave=False)
    return np.array([_heard_phon(bundle, index) for index in seen])


def even_medians(bundle: Bundle) -> list[np.ndarray]:
    """The gestures' medians with their levels moved so that all are heard equally loud, within EVEN_PHON."""
    medians = [gesture.median.copy() for gesture in bundle.gestures]
    moved_db = np.zeros(len(medians))
    for _ in range(ROUNDS):
        gestures = [dataclasses.replace(g, median=m) for g, m in zip(bundle.gestures, medians, strict=True)]
        off_phon = heard_phon(dataclasses.replace(bundle, gestures=tuple(gestures)))
        off_phon -= np.median(off_phon)
        if np.abs(off_phon).max() <= EVEN_PHON:
            break
        further_db = np.clip(moved_db + off_phon, -FARTHEST_DB, FARTHEST_DB) - moved_db
        moved_db += further_db
        for median, db in zip(medians, further_db, strict=True):
            median[0] += db  # a level is heard above its median
    return medians


def _heard_phon(bundle: Bundle, index: int) -> float:
    gesture = bundle.gestures[index]
    hops = gesture.loop_end + 2 * _EAR_HOPS
    player = Player(bundle, _BLOCK)
    player.await_gesture(index)
    player.set_gesture(index, 1.0)
    player.set_targets(C4_HZ, np.full(len(DESCRIPTORS), 0.5))
    player.gate(0, "gate1", 1)
    audio = np.zeros((-(-hops * HOP // _BLOCK), _BLOCK), np.float32)
    for block in audio:
        player.render(block)
    intensity = (loudness_sone(audio.ravel()) + 1e-6) ** (1 / np.log10(2))
    return 40 + 10 * float(np.log10(np.convolve(intensity, np.full(_EAR_HOPS, 1 / _EAR_HOPS), "valid").max()))
