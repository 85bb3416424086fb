"""Sounds at rest, described without being made.

Where pitch and gains stand still, the power spectrum of a sound is known: every element's own times its gain's square.
So a step can ask for hundreds of knob positions at the price of one sound. What the mean of many frames leaves out is
how neighbouring partials beat, and how noise flickers: of its magnitude a frame shows √(π/4) of the power's root on
average (Rayleigh). Sounds that are made, and move, are judged beside these.
"""

from functools import cache

import numpy as np
import torch

from neurorack.ears.descriptors import BINS, WINDOW, WINDOW_SHAPE
from neurorack.engine.bands import noise_shape
from neurorack.engine.excitation import F_TOP_HZ, excite
from neurorack.engine.modes import FADE
from neurorack.learn.networks.twins import Descriptors
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ

LOWEST_OCT, STEP_OCT, PITCHES = -4.5, 1 / 12, 109
"""Pitches at which harmonic sounds are described: semitones from 11.6 Hz to 5.9 kHz, in octaves from C4."""
_FRAMES = 24
"""That a spectrum is the mean of: half a second, so that every phase has come by."""
_RAYLEIGH = np.pi / 4


def nearest(pitch_oct: np.ndarray) -> np.ndarray:
    """The described pitches nearest to these, in octaves from C4."""
    at = np.clip(np.rint((pitch_oct - LOWEST_OCT) / STEP_OCT), 0, PITCHES - 1)
    pitches: np.ndarray = LOWEST_OCT + at * STEP_OCT
    return pitches


class Still(torch.nn.Module):
    """Gains → descriptors."""

    def __init__(self, modal: bool) -> None:
        super().__init__()
        self.describe = Descriptors()
        self.register_buffer("lines", torch.from_numpy(_mode_lines() if modal else _tone_lines()), persistent=False)
        self.register_buffer("noise", torch.from_numpy(_noise_bands()), persistent=False)
        self.modal = modal

    def forward(
        self, gains: torch.Tensor, pitch_oct: torch.Tensor, octaves: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`gains` [n, many, elements] at pitches [n, 1, 1] (`nearest` ones where partials are harmonics), with modes
        `octaves` [n, 1, MODES] above them → descriptors [n, many, 5]."""
        if octaves is None:
            lines = self.lines[self._at(pitch_oct[:, 0, 0])]
        else:
            place = (pitch_oct + octaves)[:, 0]
            fade = ((1.0 - torch.exp2(place) * (C4_HZ / F_TOP_HZ)) / FADE).clamp(0.0, 1.0)
            lines = self.lines[self._at(place)] * fade[..., None] ** 2
        squares = gains**2
        tones = squares[..., : lines.shape[1]] @ lines
        noise = squares[..., lines.shape[1] :] @ self.noise
        return self.describe.of_power(tones + noise, tones + _RAYLEIGH * noise)

    def _at(self, pitch_oct: torch.Tensor) -> torch.Tensor:
        at = torch.round((pitch_oct - LOWEST_OCT) / (_MODE_STEP_OCT if self.modal else STEP_OCT))
        return at.long().clamp(0, len(self.lines) - 1)


_MODE_STEP_OCT = 1 / 48


@cache
def _tone_lines() -> np.ndarray:
    """|X|² [PITCHES, harmonics and bands of pulse, BINS] of elements of gain 1."""
    hops = _FRAMES * WINDOW // HOP
    made = []
    for pitch_hz in C4_HZ * np.exp2(LOWEST_OCT + STEP_OCT * np.arange(PITCHES)):
        harmonics, pulse, _ = excite(np.full(hops, pitch_hz))
        elements = np.concatenate([harmonics, pulse], axis=2).reshape(hops * HOP, -1)
        frames = elements.reshape(_FRAMES, WINDOW, -1) * WINDOW_SHAPE[None, :, None].astype(np.float32)
        made.append((np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0).T.astype(np.float32))
    return np.stack(made)


@cache
def _mode_lines() -> np.ndarray:
    """|X|² [frequencies, BINS] of a sine of amplitude 1, from LOWEST_OCT up to half the sample rate."""
    top_oct = np.log2(SAMPLE_RATE_HZ / 2 / C4_HZ)
    f_hz = C4_HZ * np.exp2(np.arange(LOWEST_OCT, top_oct, _MODE_STEP_OCT))
    turns = np.outer(f_hz / SAMPLE_RATE_HZ, np.arange(WINDOW))
    sine, cosine = (np.fft.rfft(wave(2 * np.pi * turns) * WINDOW_SHAPE, axis=1) for wave in (np.sin, np.cos))
    lines: np.ndarray = ((np.abs(sine) ** 2 + np.abs(cosine) ** 2) / 2).astype(np.float32)
    return lines


@cache
def _noise_bands() -> np.ndarray:
    """Mean |X|² [BANDS, BINS] of the noise's bands, of mean square 1 each."""
    fine = 16
    shape = noise_shape(np.arange(fine * (BINS - 1) + 1) * (SAMPLE_RATE_HZ / (fine * WINDOW))) ** 2
    seen = np.abs(np.fft.rfft(WINDOW_SHAPE, fine * WINDOW)) ** 2
    skirt = np.concatenate([seen[4 * fine : 0 : -1], seen[: 4 * fine + 1]])
    smeared = np.array([np.convolve(band, skirt, "same")[::fine] for band in shape])
    scale = np.sum(WINDOW_SHAPE**2) * WINDOW / 2
    bands: np.ndarray = (smeared * (scale / smeared.sum(axis=1, keepdims=True))).astype(np.float32)
    return bands
