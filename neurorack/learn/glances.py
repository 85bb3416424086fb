"""Single frames of all sounds: what an encoder sees of each, and what it is. Far more sounds than the clips of a step
have, so that what their latents tell of them can be read off one step."""

import numpy as np

from neurorack.ears.descriptors import WINDOW, WINDOW_SHAPE, describe_spectra
from neurorack.ears.features import FEATURE_HOP
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.words import C4_HZ, HOP

PER_SOUND = 48
_AUDIBLE, _FAINT = 1e-6, 1e-4
"""Mean squares, absolute and relative to the loudest, above which a frame sounds."""


class Glances:
    """`add` sounds, then `draw` from their frames."""

    def __init__(self) -> None:
        self._seen: list[np.ndarray] = []
        self._known: list[np.ndarray] = []

    def add(self, audio: np.ndarray, shown: np.ndarray, f0_hz: np.ndarray) -> None:
        """Up to PER_SOUND frames of a sound [samples] that sound, evenly. `shown` [BEHIND + 1 + frames + AHEAD,
        FEATURES] its features, a row and what an encoder sees ahead of them; `f0_hz` [hops] its pitch."""
        power = np.square(audio).reshape(-1, FEATURE_HOP).mean(axis=1)
        heard = np.flatnonzero(power > max(_AUDIBLE, power.max() * _FAINT))
        if not len(heard):
            return
        frames = np.unique(heard[np.linspace(0, len(heard) - 1, PER_SOUND).astype(int)])
        cut = np.lib.stride_tricks.sliding_window_view(np.pad(audio, WINDOW // 2), WINDOW)[(frames + 1) * FEATURE_HOP]
        described = describe_spectra(np.abs(np.fft.rfft(cut * WINDOW_SHAPE)) ** 2)
        pitch_oct = np.log2(f0_hz[(frames + 1) * (FEATURE_HOP // HOP) - 1] / C4_HZ)
        around = np.arange(BEHIND + 1 + AHEAD)
        self._seen.append(shown[frames[:, None] + 1 + around])
        self._known.append(np.column_stack([pitch_oct, described]).astype(np.float32))

    def draw(self, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` frames: what an encoder sees of them [count, BEHIND + 1 + AHEAD, FEATURES], and pitch in octaves from
        C4 and descriptors [count, 6]."""
        if len(self._seen) > 1:
            self._seen, self._known = [np.concatenate(self._seen)], [np.concatenate(self._known)]
        rows = random.integers(0, len(self._known[0]), count)
        return self._seen[0][rows], self._known[0][rows]
