"""Held-out sounds made ready for measuring, chosen evenly and always the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurorack.ears import descriptors
from neurorack.learn.corpus import Corpus, Sound
from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.instrument import Playable
from neurorack.learn.heard import as_heard
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

LOWEST_DB, FAINT_DB = -55.0, -40.0
"""A frame sounds where its level is above the first, and above the second relative to the loudest."""
LEAST_HOPS = 12 * score.POINT_HOPS
"""0.26 s."""
BODY_DB = -6.0
"""The body is what is this near to the loudest."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One held-out sound as the instrument is asked to play it."""

    sound: Sound
    audio: np.ndarray  # [hops · HOP] float32, at the level all sounds are brought to
    pitch_oct: np.ndarray  # [hops] from C4
    targets: np.ndarray  # [hops, 5] in the card's units
    latent: np.ndarray  # [hops, Z]

    @property
    def partials(self) -> np.ndarray | None:
        return self.sound.partials if len(self.sound.partials) else None

    @cached_property
    def sounding(self) -> np.ndarray:
        """[hops] bool."""
        level_db = self.targets[:, 0]
        heard: np.ndarray = level_db > max(LOWEST_DB, level_db.max() + FAINT_DB)
        return heard

    @cached_property
    def body(self) -> int:
        """The hop in the middle of the body."""
        level_db = self.targets[:, 0]
        return int(np.median(np.nonzero(level_db > level_db.max() + BODY_DB)[0]))


def make_clip(instrument: Playable, sound: Sound) -> Clip:
    """`sound` with its descriptors and the latent that the instrument's encoder reads from it; a click of a few
    milliseconds is given the silence that follows it."""
    short = max(0, LEAST_HOPS - len(sound.f0_hz))
    heard = sound.audio[: len(sound.f0_hz) * HOP] * (sound.gain / 32768.0)
    audio = np.pad(heard, (0, short * HOP)).astype(np.float32)
    pitch_oct = np.log2(np.pad(sound.f0_hz, (0, short), mode="edge").astype(np.float64) / C4_HZ)
    return Clip(sound, audio, pitch_oct, descriptors.describe(audio), instrument.latent(audio))


def scorer_off(instrument: Playable, clips: list[Clip]) -> dict[str, float]:
    """`scorer_off_NAME`: mean distance, in positions, of what the scorer and the descriptors of training hear in the
    recordings themselves; median over clips."""
    off = []
    for clip in clips:
        heard = score.points(clip.audio)
        sounds = score.pooled(clip.sounding.astype(float))[: len(heard)] == 1.0
        if sounds.any():
            seen = as_heard(clip.targets, score.WINDOW_HOPS)
            pitch_oct, defined = (score.pooled(x)[: len(heard)][sounds] for x in (clip.pitch_oct, seen))
            positions = [instrument.positions.of(pitch_oct, y) for y in (heard[sounds], defined)]
            off.append(np.abs(positions[0] - positions[1]).mean(axis=0))
    return {f"scorer_off_{name}": float(np.median([o[k] for o in off])) for k, name in enumerate(DESCRIPTORS) if off}


def choose(corpus: Corpus, count: int) -> list[Sound]:
    """Up to `count` sounds: from all sources in turn, and from each evenly along its list, never one twice."""
    by_source = [[s for s in corpus.sounds if s.source == source] for source in corpus.sources]
    chosen: list[Sound] = []
    for k, sounds in enumerate(by_source):
        own = len(range(k, count, len(by_source)))
        places = (np.arange(own) + (k + 0.5) / len(by_source)) * len(sounds) / max(1, own)
        chosen += [sounds[int(place)] for place in places]
    return list(dict.fromkeys(chosen))


def first(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Up to `count` clips: of all sources in turn, those of one source from low to high in the corpus' order."""
    order = {}
    seen: dict[str, int] = {}
    for clip in clips:
        order[clip] = seen.get(clip.sound.source, 0)
        seen[clip.sound.source] = order[clip] + 1
    places = sorted(range(len(clips)), key=lambda i: (order[clips[i]], i))
    return [clips[i] for i in places[:count]]
