"""Sounds to compare listeners with: synthetic ones, and notes of FluidR3 where it is installed."""

from functools import cache
from pathlib import Path

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
NOTES = [(11, 72), (19, 48), (19, 67), (33, 40), (41, 60), (53, 64), (57, 58), (66, 56), (68, 70), (73, 79), (73, 91)]
"""(program, MIDI note) of sounds that are held: the two listeners' frames need not be in step."""


def tone(f0_hz: float, slope_db: float, noise: float = 0.0, seconds: float = 0.5) -> np.ndarray:
    """Harmonics that fall by `slope_db` per octave, and noise, together at −20 dBFS."""
    n = np.arange(round(seconds * SAMPLE_RATE_HZ))
    random = np.random.default_rng(round(f0_hz))
    audio = noise * random.standard_normal(len(n))
    for k in range(1, 1 + int(18_000 / f0_hz)):
        phase = 2 * np.pi * (k * f0_hz / SAMPLE_RATE_HZ * n + random.random())
        audio += np.sqrt(2) * k ** (-slope_db / 6.02) * np.sin(phase)
    return 0.1 * audio / audio.std()


@cache
def sounds() -> list[np.ndarray]:
    """Some 30 steady sounds [24000], float64."""
    made = [tone(f0_hz, slope_db) for f0_hz in (70, 140, 290, 600, 1250) for slope_db in (3, 9, 18)]
    made += [tone(f0_hz, 9, noise) for f0_hz in (100, 400) for noise in (0.03, 0.3, 3.0)]
    if SOUNDFONT.is_file():
        try:
            from neurorack.learn.sources.fluid import render_note

            for program, midi in NOTES:
                held = render_note(SOUNDFONT, program, midi, 100)[14_400:38_400] / 32768
                made.append(0.1 * held / held.std())
        except ImportError:  # no fluidsynth here: the synthetic ones must do
            pass
    return made


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])
