"""The output, from the tap that the engine writes for whoever listens: as a curve and as a spectrum."""

import math
from pathlib import Path
from typing import Protocol

import numpy as np

from neurorack.clock import Clock
from neurorack.panel import layout
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.page import Page
from neurorack.panel.state import PanelState
from neurorack.panel.watch import Opened
from neurorack.shared import AudioTap
from neurorack.words import SAMPLE_RATE_HZ

HEARD = 8192
"""Samples that are kept: 171 ms."""

STEPS = (1, 2, 4, 8, 16, 32)
"""Samples a column of the scope."""

GAINS = (1, 2, 4, 8, 16, 32, 64)
FFT = 4096
LOW_HZ, HIGH_HZ = 30.0, 16_000.0
BAR, FLOOR_DB = 3, -80.0
_MIDDLE = 32
"""Row of silence."""


class Listener(Protocol):
    """What a scope looks at."""

    samples: np.ndarray
    """The newest `HEARD` samples, 1.0 full scale."""

    def listen(self) -> None:
        """Bring `samples` up to date."""


class Ear:
    """The newest `HEARD` samples of the output."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        self._tap = Opened(lambda: AudioTap(run_dir / "tap"), clock)
        self.samples = np.zeros(HEARD, np.float32)

    def listen(self) -> None:
        tap = self._tap.get()
        if tap is not None and len(new := np.nan_to_num(tap.read()[-HEARD:])):
            self.samples = np.concatenate([self.samples[len(new) :], new])


class ScopePage(Page):
    """A curve that stands still: it begins where the sound rises through zero. A turn changes the time across."""

    def __init__(self, ear: Listener) -> None:
        self._ear, self._zoom = ear, 2

    def step(self, state: PanelState) -> None:
        self._ear.listen()

    def turn(self, turn: Turn) -> None:
        self._zoom = min(max(self._zoom + turn.detents, 0), len(STEPS) - 1)

    def draw(self, state: PanelState) -> np.ndarray:
        c, step = Canvas(), STEPS[self._zoom]
        span = WIDTH * step
        samples = self._ear.samples[-min(2 * span, HEARD) :]
        rising = np.flatnonzero((samples[: len(samples) - span] <= 0) & (samples[1 : len(samples) - span + 1] > 0))
        start = int(rising[0]) if len(rising) else 0
        columns = samples[start : start + span].reshape(WIDTH, step)
        peak = float(np.max(np.abs(columns)))
        gain = next((g for g in reversed(GAINS) if peak * g <= 1.0), 1)
        layout.title(c, f"scope  {1e3 * span / SAMPLE_RATE_HZ:.3g} ms", f"×{gain}")
        c.pixels[_MIDDLE, ::4] = True
        top = np.clip(_MIDDLE - np.rint(22 * gain * columns.max(axis=1)), 10, 54).astype(int)
        bottom = np.clip(_MIDDLE - np.rint(22 * gain * columns.min(axis=1)), 10, 54).astype(int)
        for x in range(WIDTH):
            before = x - 1 if x else 0
            high = min(top[x], bottom[before] + 1) if bottom[before] < top[x] else top[x]
            low = max(bottom[x], top[before] - 1) if top[before] > bottom[x] else bottom[x]
            c.fill(x, int(high), 1, int(low - high) + 1)
        layout.foot(c, "turn: time  hold: back", state.notices, state.t_s)
        return c.pixels


class SpectrumPage(Page):
    """Five bars an octave, 30 Hz…16 kHz, −80…0 dB of full scale; the strongest frequency in the title."""

    def __init__(self, ear: Listener) -> None:
        self._ear = ear
        self._window = np.hanning(FFT).astype(np.float32)
        edges_hz = np.geomspace(LOW_HZ, HIGH_HZ, WIDTH // BAR + 1)
        bins = np.rint(edges_hz * FFT / SAMPLE_RATE_HZ).astype(int)
        self._first, self._last = bins[:-1], np.maximum(bins[1:], bins[:-1] + 1)

    def step(self, state: PanelState) -> None:
        self._ear.listen()

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        magnitude = np.abs(np.fft.rfft(self._ear.samples[-FFT:] * self._window)) * (4 / FFT)  # a full sine is 0 dB
        strongest = int(np.argmax(magnitude))
        peak_hz = _between(magnitude, strongest) * SAMPLE_RATE_HZ / FFT
        loud = magnitude[strongest] > 10 ** (FLOOR_DB / 20)
        layout.title(c, f"{peak_hz:.0f} Hz" if loud else "spectrum", "hold: back")
        for index, (first, last) in enumerate(zip(self._first, self._last, strict=True)):
            level_db = 20 * math.log10(max(float(magnitude[first:last].max()), 1e-9))
            height = round(max(1 - level_db / FLOOR_DB, 0.0) * 44)
            c.fill(BAR * index, 55 - height, BAR - 1, height)
        c.fill(0, 55, WIDTH, 1)
        for text, hz in (("100", 100.0), ("1k", 1_000.0), ("10k", 10_000.0)):
            x = round(WIDTH * math.log(hz / LOW_HZ) / math.log(HIGH_HZ / LOW_HZ))
            c.fill(x, 55, 1, 3)
            c.text_centre(x, layout.FOOT + 1, text)
        return c.pixels


def _between(magnitude: np.ndarray, at: int) -> float:
    """Where the top of a peak lies, in bins: of the parabola through the logarithms of it and its neighbours."""
    if not 0 < at < len(magnitude) - 1:
        return float(at)
    left, top, right = np.log(np.maximum(magnitude[at - 1 : at + 2], 1e-12)).tolist()
    bend = left - 2 * top + right
    return at + (0.5 * (left - right) / bend if bend < 0 else 0.0)
