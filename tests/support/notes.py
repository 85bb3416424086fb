"""A small corpus of notes made by hand."""

import numpy as np

from neurorack.learn.corpus import Corpus, Sound
from neurorack.words import HOP, SAMPLE_RATE_HZ


def make_sound(name: str, source: str, f0_hz: float, tilt: float, seconds: float = 0.7) -> Sound:
    """A note with an attack, a decay and a breath of noise; its harmonics fall off as k^-tilt."""
    random = np.random.default_rng(round(f0_hz))
    hops = round(seconds * SAMPLE_RATE_HZ / HOP)
    t_s = np.arange(hops * HOP) / SAMPLE_RATE_HZ
    shape = np.interp(t_s, [0, 0.02, 0.5 * seconds, seconds], [0, 1, 0.6, 0.05])
    tone = sum(np.sin(2 * np.pi * k * f0_hz * t_s) * k**-tilt for k in range(1, min(30, int(18_000 / f0_hz)) + 1))
    audio = (tone / tone.std() + 0.02 * random.standard_normal(len(t_s))) * shape * 0.2
    f0 = np.full(hops, f0_hz, np.float32)
    return Sound(name, source, (audio * 32768).astype(np.int16), 1.0, f0, 24_000.0, len(audio), np.zeros(0, np.float32))


def make_notes() -> Corpus:
    """Three sources of four notes."""
    sounds = [
        make_sound(f"{source} {f0_hz:.0f}", source, f0_hz, tilt)
        for source, tilt in (("soft", 2.5), ("middle", 1.5), ("bright", 0.8))
        for f0_hz in (110.0, 196.0, 311.0, 523.0)
    ]
    return Corpus("pitched", sounds, [])
