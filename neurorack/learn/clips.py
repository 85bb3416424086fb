"""Draws clips from a corpus: pieces of 0.256 s to learn from, with all that is known of them."""

from dataclasses import dataclass

import numpy as np

from neurorack.ears.descriptors import WINDOW
from neurorack.ears.features import FEATURE_HOP, FEATURES, features
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.corpus import MODES, Corpus
from neurorack.words import HOP

CLIP_HOPS = 192
"""0.256 s."""
CLIP = CLIP_HOPS * HOP
FRAMES = CLIP // FEATURE_HOP

_LEAD = 2048
"""Samples of silence ahead of every sound, so that attacks are learnt from before they begin."""
_ONSETS = 0.4
"""Share of clips that begin before their sound."""
_WHOLE = 96_000
"""Sounds are drawn by their length, but none by more than 2 s."""
_LEVELS_DB = (-12.0, 3.0)


@dataclass(frozen=True, eq=False)
class Batch:
    """`audio` [n, CLIP + WINDOW] with half a window to each side; `features` [n, 1 + FRAMES + BEHIND + AHEAD,
    FEATURES], from a frame ahead of the clip on, with what an encoder sees around; `f0_hz` [n, CLIP_HOPS];
    `bandwidth_hz` [n]; `octaves` [n, MODES]; `strike` [n] sample of the clip at which the sound begins, below 0 where
    that was before."""

    audio: np.ndarray
    features: np.ndarray
    f0_hz: np.ndarray
    bandwidth_hz: np.ndarray
    octaves: np.ndarray
    strike: np.ndarray


class Clips:
    """A corpus with its features, in memory."""

    def __init__(self, corpus: Corpus, *, progress: bool = False) -> None:
        from tqdm import tqdm

        self.gain = np.array([s.gain for s in corpus.sounds]) / 32768.0
        self._bandwidth_hz = np.array([s.bandwidth_hz for s in corpus.sounds], np.float32)
        self._octaves = np.zeros((len(corpus), MODES), np.float32)
        self._audio, self._features, self._f0_hz = [], [], []
        for i, sound in enumerate(tqdm(corpus.sounds, desc="hearing", unit="sound", disable=not progress)):
            behind = max(_LEAD, WINDOW // 2 + CLIP + WINDOW - len(sound.audio))
            behind += -(_LEAD + len(sound.audio) + behind) % FEATURE_HOP
            audio = np.pad(sound.audio, (_LEAD, behind))
            shown = features(audio * self.gain[i]).astype(np.float16)
            hops = len(audio) // HOP - len(sound.f0_hz) - _LEAD // HOP
            self._audio.append(audio)
            self._features.append(np.pad(shown, ((BEHIND + 1, AHEAD), (0, 0))))
            self._f0_hz.append(np.pad(sound.f0_hz, (_LEAD // HOP, hops), mode="edge"))
            if len(sound.partials):
                self._octaves[i] = sound.partials
        length = np.minimum([len(s.audio) for s in corpus.sounds], _WHOLE).astype(float)
        self._share = length / length.sum()

    def draw(self, count: int, random: np.random.Generator) -> Batch:
        """`count` clips, each at a level of its own."""
        index = random.choice(len(self._audio), count, p=self._share)
        gain = self.gain[index] * 10 ** (random.uniform(*_LEVELS_DB, count) / 20)
        onset, place = random.random(count) < _ONSETS, random.random(count)
        audio = np.empty((count, WINDOW + CLIP), np.float32)
        shown = np.empty((count, 1 + FRAMES + BEHIND + AHEAD, FEATURES), np.float32)
        f0_hz = np.empty((count, CLIP_HOPS), np.float32)
        strike = np.empty(count, np.int64)
        first = WINDOW // 2 // FEATURE_HOP
        for row, i in enumerate(index):
            last = (len(self._audio[i]) - CLIP - WINDOW // 2) // FEATURE_HOP
            until = _LEAD // FEATURE_HOP if onset[row] else last + 1
            frame = first + int(place[row] * (until - first))
            begin = frame * FEATURE_HOP
            audio[row] = self._audio[i][begin - WINDOW // 2 :][: WINDOW + CLIP] * gain[row]
            shown[row] = self._features[i][frame:][: shown.shape[1]]
            f0_hz[row] = self._f0_hz[i][begin // HOP :][:CLIP_HOPS]
            strike[row] = _LEAD - begin
        return Batch(audio, shown, f0_hz, self._bandwidth_hz[index], self._octaves[index], strike)
