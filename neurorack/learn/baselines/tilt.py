"""What a plain effect does: gain and a tilt filter on the recording itself, frame by frame, and nothing learned.

Spectra through a Hann window of 1024 samples, one every 256, are weighted with f^tilt so that their centroid is the one
asked, then scaled to the level asked. Its *latent* is the recording. It need not be causal: as good as such a
filter can be. Bandwidth, sharpness and boominess go where they go.
"""

from collections.abc import Sequence

import numpy as np

from neurorack.bundle import Knob
from neurorack.ears import descriptors
from neurorack.ears.descriptors import WINDOW
from neurorack.learn.evaluate.instrument import Positions
from neurorack.patch.knobs import Scales
from neurorack.words import HOP

STEEPEST = 8.0
"""Bound of the tilt either way, as an exponent: 48 dB an octave."""
MOST_DB = 60.0
"""Bound of the gain either way."""
_STEP = 256
_HALVINGS = 24


class Tilt:
    def __init__(self, knobs: Sequence[Knob]) -> None:
        self.scales, self.positions = Scales(knobs), Positions(knobs)

    def latent(self, audio: np.ndarray) -> np.ndarray:
        """[hops, HOP]: the sound itself."""
        return audio[: len(audio) // HOP * HOP].reshape(-1, HOP)

    def play(
        self, pitch_oct: np.ndarray, targets: np.ndarray, latent: np.ndarray, partials: np.ndarray | None = None
    ) -> np.ndarray:
        """The recording in `latent`, at its own pitch, brought to the levels and centroids of `targets`."""
        audio = latent.astype(np.float64).reshape(-1)
        samples, shape = len(audio), descriptors.WINDOW_SHAPE
        frames = -(-samples // _STEP) + 1  # frame t is centred on sample t·_STEP
        padded = np.pad(audio, (WINDOW // 2, frames * _STEP - samples + WINDOW // 2))
        spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::_STEP][:frames] * shape)
        asked = targets[np.clip(np.arange(frames) * _STEP // HOP - 1, 0, len(targets) - 1)]
        f = np.maximum(descriptors.BIN_HZ, descriptors.FREQUENCY_FLOOR_HZ) / 1000.0
        magnitude = np.abs(spectra)
        low, high = np.full(frames, -STEEPEST), np.full(frames, STEEPEST)
        for _ in range(_HALVINGS):
            tilt = (low + high) / 2
            weighted = magnitude * f ** tilt[:, None]
            dark = weighted @ descriptors.BIN_HZ < weighted.sum(axis=1) * 2.0 ** asked[:, 1]
            low, high = np.where(dark, tilt, low), np.where(dark, high, tilt)
        spectra *= f ** low[:, None]
        level_db = 10 * np.log10((np.abs(spectra) ** 2).sum(axis=1) * descriptors.POWER_SCALE + 1e-20)
        own_db = 10 * np.log10((magnitude**2).sum(axis=1) * descriptors.POWER_SCALE + 1e-20)
        gain_db = asked[:, 0] - level_db
        gain_db += np.clip(asked[:, 0] - own_db, -MOST_DB, MOST_DB) - (asked[:, 0] - own_db)
        pieces = np.fft.irfft(spectra * 10 ** (gain_db[:, None] / 20)) * shape
        out, weight = np.zeros(len(padded)), np.zeros(len(padded))
        for t, piece in enumerate(pieces):
            out[t * _STEP : t * _STEP + WINDOW] += piece
            weight[t * _STEP : t * _STEP + WINDOW] += shape**2
        played: np.ndarray = (out / np.maximum(weight, 1e-3))[WINDOW // 2 :][:samples].astype(np.float32)
        return played
