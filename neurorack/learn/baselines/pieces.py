"""Draws pieces of 0.68 s from a corpus: a backbone that sees 21 ms at a glance needs longer ones than `learn.clips`."""

import numpy as np

from neurorack.learn.baselines.backbone import FRAME
from neurorack.learn.corpus import Corpus

PIECE_FRAMES = 32
PIECE = PIECE_FRAMES * FRAME

_LEAD = 2048
"""As in `learn.clips`: silence ahead of every sound, the share of pieces that begin before it, and their levels."""
_ONSETS = 0.4
_LEVELS_DB = (-12.0, 3.0)


class Pieces:
    def __init__(self, corpus: Corpus) -> None:
        self._sounds = corpus.sounds
        length = np.array([len(sound.audio) for sound in corpus.sounds], float)
        self._share = length / length.sum()

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """[count, PIECE] float32, each at a level of its own."""
        pieces = np.zeros((count, PIECE), np.float32)
        chosen = random.choice(len(self._sounds), count, p=self._share)
        gain_db = random.uniform(*_LEVELS_DB, count)
        onset, place = random.random(count) < _ONSETS, random.random(count)
        for row, i in enumerate(chosen):
            sound = self._sounds[i]
            latest = 0 if onset[row] else max(0, len(sound.audio) - PIECE)
            begin = int(-_LEAD + place[row] * (_LEAD + latest))
            part = sound.audio[max(begin, 0) : begin + PIECE]
            pieces[row, max(-begin, 0) :][: len(part)] = part * (sound.gain / 32768.0 * 10 ** (gain_db[row] / 20))
        return pieces
