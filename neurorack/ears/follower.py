"""Follows a sound: audio in, out come the rows that play it with the bundle's timbre, hop by hop.

A row stands where a gesture's would: pitch in octaves re C4, descriptors as offsets, latent. With every knob half way,
a depth of 1 and 0 V at `voct` the instrument copies the sound's pitch, level and descriptors; a knob turned shifts its
descriptor, a depth of 0 leaves it to the knob alone.

    level    every hop      Hann window of 1024 samples, as descriptors have it; while a sound rises, one of 256
    pitch    every 256      2048 samples (see `pitch`)
    timbre   every 256      1024 samples; the latent needs the next frame too (see `latent`)

Readings count from the stream's first sample and not from its blocks, so blocks of any size give the same rows. Between
readings pitch and timbre go in straight lines.
"""

import math

import numpy as np

from neurorack.bundle import Bundle
from neurorack.ears import descriptors, pitch
from neurorack.ears.features import BANDS, FEATURE_HOP, FEATURES, log_mel
from neurorack.ears.latent import LatentStream
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

LOUDEST = 4.0
"""Samples are clipped here, 12 dB over full scale: files may go there, and what goes further is a fault."""

FAINT_DB = -70.0
"""Below this the last timbre stays: a room's own would take its place."""

SHORT = 256
SHORT_LESS_DB = 6.0
"""The short window counts by so much less: it ripples with a low tone's period, and only an onset is to lift it above
the long one. At half its final level an onset is heard 5 ms earlier so."""

LEVEL_DELAY = descriptors.WINDOW // 2
TIMBRE_DELAY = descriptors.WINDOW // 2 + 2 * FEATURE_HOP - HOP
"""Samples by which rows follow the sound, before the decoder's own delay and the sound card's: half a window, the
frame ahead, and the way to it."""

_HOPS = FEATURE_HOP // HOP
_TIMBRE_AT, _PITCH_AT = 0, 2
"""Hops of every _HOPS in which the two are read: apart, so that no block of 128 bears both."""
_KEPT = pitch.WINDOW
_BEFORE_LATENT = len(DESCRIPTORS) - 1
"""Columns of timbre that are descriptors: all but rms."""


class Follower:
    """Call `hear` with one block after another, `block` samples each, a whole number of hops.

    Everything is made here, none of it in `hear` but what numpy needs in passing. Raises BadInput where the bundle has
    no encoder.
    """

    def __init__(self, bundle: Bundle, block: int) -> None:
        hops, latent = block // HOP, bundle.card.latent
        self._latent = LatentStream(bundle)
        self._pitch = pitch.PitchTracker()
        self._scales = Scales.from_card(bundle.card)
        self._middle_db = self._scales.physical(0.0, [0.5] * len(DESCRIPTORS))[0]
        self._block, self._hops = block, hops
        self._past = np.zeros(_KEPT + block)
        self._kept = np.zeros(_KEPT)
        self._long = descriptors.WINDOW_SHAPE**2 / np.sum(descriptors.WINDOW_SHAPE**2)
        short = np.hanning(SHORT + 2)[1:-1]
        self._short = short / short.sum()
        self._squares, self._frame = np.zeros(descriptors.WINDOW), np.zeros((1, descriptors.WINDOW))
        self._features = np.zeros(FEATURES, np.float32)
        self._pitch_line = _Line(1)
        self._timbre_line = _Line(_BEFORE_LATENT + latent)
        self._rows = np.zeros((hops, 2 + _BEFORE_LATENT + latent), np.float32)
        self._count = 0  # hops heard
        self._was_faint = True
        silence = np.zeros(block, np.float32)
        for _ in range(max(1, 2 * FEATURE_HOP // block)):  # touches everything
            self.hear(silence)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._past.fill(0.0)
        self._latent.reset()
        self._pitch.reset()
        self._pitch_line.reset()
        self._timbre_line.reset()
        self._count, self._was_faint = 0, True

    def hear(self, audio: np.ndarray) -> np.ndarray:
        """Rows [hops, 6 + Z] float32 of the next block of sound [block] at 48 kHz, until the next call. What is no
        number counts as silence."""
        past, rows = self._past, self._rows
        new = past[_KEPT:]
        np.clip(audio, -LOUDEST, LOUDEST, out=new)
        if not math.isfinite(float(new.sum())):
            np.nan_to_num(new, copy=False)
        for hop in range(self._hops):
            end = _KEPT + (hop + 1) * HOP
            self._count += 1
            turn = self._count % _HOPS
            if turn == _TIMBRE_AT:
                self._read_timbre(past[end - descriptors.WINDOW : end])
            elif turn == _PITCH_AT:
                self._read_pitch(past[end - _KEPT : end])
            row = rows[hop]
            row[0] = self._pitch_line.step()[0]
            row[1] = self._level_db(past[end - descriptors.WINDOW : end]) - self._middle_db
            row[2:] = self._timbre_line.step()
        np.copyto(self._kept, past[self._block :])
        np.copyto(past[:_KEPT], self._kept)
        return rows

    def _level_db(self, window: np.ndarray) -> float:
        squares = np.multiply(window, window, out=self._squares)
        long = float(np.dot(squares, self._long))
        short = float(np.dot(squares[-SHORT:], self._short)) * 10 ** (-SHORT_LESS_DB / 10)
        return 10.0 * math.log10(max(long, short) + 10 ** (descriptors.RMS_FLOOR_DB / 10))

    def _read_pitch(self, window: np.ndarray) -> None:
        self._pitch_line.goal[0] = math.log2(self._pitch.step(window) / C4_HZ)
        self._pitch_line.begin()

    def _read_timbre(self, window: np.ndarray) -> None:
        frame, goal = self._frame, self._timbre_line.goal
        np.multiply(window, descriptors.WINDOW_SHAPE, out=frame[0])
        power = np.abs(np.fft.rfft(frame)) ** 2
        self._features[:BANDS] = log_mel(power)[0]
        frame[0] = window
        self._features[BANDS] = _noisiness(frame)
        latent = self._latent.step(self._features)
        described = descriptors.describe_spectra(power)[0].tolist()
        is_faint = described[0] < FAINT_DB
        if not is_faint:
            positions = self._scales.position(math.log2(self._pitch.pitch_hz / C4_HZ), described)
            for column in range(1, len(positions)):
                goal[column - 1] = positions[column] - 0.5
        if not self._was_faint and math.isfinite(float(latent.sum())):  # the latent is of the frame before
            goal[_BEFORE_LATENT:] = latent
        self._was_faint = is_faint
        self._timbre_line.begin()


def _noisiness(frame: np.ndarray) -> float:
    """Of one frame [1, WINDOW], as `descriptors.noisiness` has it."""
    share = min(max(float(descriptors.period_share(frame)[0]), descriptors.LEAST_SHARE), descriptors.MOST_SHARE)
    return math.log10((1.0 - share) / share)


class _Line:
    """Values on their way, in straight lines: set `goal`, `begin`, and _HOPS steps later they are there."""

    def __init__(self, width: int) -> None:
        self.goal, self._value, self._rise = np.zeros(width), np.zeros(width), np.zeros(width)
        self._left = 0

    def reset(self) -> None:
        self.goal.fill(0.0)
        self._value.fill(0.0)
        self._left = 0

    def begin(self) -> None:
        np.subtract(self.goal, self._value, out=self._rise)
        self._rise /= _HOPS
        self._left = _HOPS

    def step(self) -> np.ndarray:
        """Where they are a hop on."""
        if self._left:
            self._left -= 1
            self._value += self._rise
        return self._value
