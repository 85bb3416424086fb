"""Draws clips from a corpus: pieces of 0.256 s to learn from, with all that is known of them."""

from dataclasses import dataclass

import numpy as np

from neurorack.ears.descriptors import RMS_FLOOR_DB, WINDOW, WINDOW_SHAPE, describe_spectra
from neurorack.ears.features import FEATURE_HOP, FEATURES, features
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.corpus import MODES, Corpus, Sound
from neurorack.learn.glances import Glances
from neurorack.learn.level import hit_level_db, level_db, levelled, onset
from neurorack.words import DESCRIPTORS, HOP

CLIP_HOPS = 192
"""0.256 s."""
CLIP = CLIP_HOPS * HOP
FRAMES = CLIP // FEATURE_HOP
COARSE = FEATURE_HOP // HOP
"""Hops between frames."""

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
    `said` [n, CLIP_HOPS, 5] descriptors at the end of each hop, as a gesture says them; `bandwidth_hz` [n]; `octaves`
    [n, MODES]; `strike` [n] sample of the clip at which the sound begins, below 0 where that was before."""

    audio: np.ndarray
    features: np.ndarray
    f0_hz: np.ndarray
    said: np.ndarray
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
        self._struck = corpus.kind == "percussive"
        self._audio, self._features, self._f0_hz, self._level_db, self._onset = [], [], [], [], []
        self.glances = Glances()
        for i, sound in enumerate(
            tqdm(corpus.sounds, desc="hearing", unit="sound", mininterval=1.0, disable=not progress)
        ):
            behind = max(_LEAD, WINDOW // 2 + CLIP + WINDOW - len(sound.audio))
            behind += -(_LEAD + len(sound.audio) + behind) % FEATURE_HOP
            audio = np.pad(sound.audio, (_LEAD, behind))
            shown = features(audio * self.gain[i]).astype(np.float16)
            hops = len(audio) // HOP - len(sound.f0_hz) - _LEAD // HOP
            self._audio.append(audio)
            self._features.append(np.pad(shown, ((BEHIND + 1, AHEAD), (0, 0))))
            self._f0_hz.append(np.pad(sound.f0_hz, (_LEAD // HOP, hops), mode="edge"))
            self.glances.add(audio * self.gain[i], self._features[-1], self._f0_hz[-1])
            if len(sound.partials):
                self._octaves[i] = sound.partials
            first = onset(sound.audio.astype(np.float64), corpus.kind) if self._struck else 0
            self._onset.append(_LEAD + first)
            self._level_db.append(_level(sound, corpus.kind, first, len(audio) // HOP).astype(np.float32))
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
        said = np.empty((count, CLIP_HOPS, len(DESCRIPTORS)))
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
            strike[row] = self._onset[i] - begin
            said[row, :, 0] = self._level_db[i][begin // HOP :][:CLIP_HOPS] + 20 * np.log10(gain[row] / self.gain[i])
        said[..., 1:] = _described(audio)
        if self._struck:  # before a strike the frames stand ready at its first row, and nothing sounds
            for rows, struck in zip(said, np.clip(strike // HOP, 0, CLIP_HOPS - 1), strict=True):
                rows[:struck] = rows[struck]
        np.maximum(said[..., 0], RMS_FLOOR_DB, out=said[..., 0])
        return Batch(audio, shown, f0_hz, said, self._bandwidth_hz[index], self._octaves[index], strike)


def _level(sound: Sound, kind: str, first: int, hops: int) -> np.ndarray:
    """dBFS [hops] at the end of each hop of a levelled sound that has _LEAD samples of silence ahead of it."""
    audio = np.pad(levelled(sound), (_LEAD, max(0, hops * HOP - _LEAD - len(sound.audio))))
    ends = (np.arange(hops) + 1) * HOP - 1
    if kind != "percussive":
        return level_db(audio, sound, kind, ends)
    struck = _LEAD + first
    return hit_level_db(audio[struck:], sound, np.maximum(ends - struck, 0))


def _described(audio: np.ndarray) -> np.ndarray:
    """Of clips with their margins: the descriptors but the level [n, CLIP_HOPS, 4], every COARSE hops and in straight
    lines between."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW, axis=1)[:, ::FEATURE_HOP] * WINDOW_SHAPE
    power = np.abs(np.fft.rfft(frames)) ** 2
    rows = describe_spectra(power.reshape(-1, power.shape[-1]))[:, 1:].reshape(len(audio), 1 + FRAMES, -1)
    part = np.arange(1, COARSE + 1)[:, None] / COARSE
    lines: np.ndarray = rows[:, :-1, None] + (rows[:, 1:, None] - rows[:, :-1, None]) * part
    return lines.reshape(len(audio), CLIP_HOPS, -1)
