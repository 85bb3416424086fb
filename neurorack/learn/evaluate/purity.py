"""Is it in tune while knobs move, and clean while they rest? For bundles whose partials are harmonic."""

from collections.abc import Sequence

import numpy as np

from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import Clip
from neurorack.learn.evaluate.instrument import Instrument
from neurorack.learn.tuning import measure_f0
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, SAMPLE_RATE_HZ

_HOPS = 1_440
"""1.92 s."""
_HELD_S = 1.9
_RATES_HZ = (0.52, 0.61, 0.73, 0.87, 1.03)
CLEAR = 0.5
"""Least share of a sound's energy at its harmonics for its pitch to mean anything."""


def sweeping() -> np.ndarray:
    """Knobs [hops, 5] that all go up and down, the level within its upper half so that there is something to hear."""
    t_s = np.arange(_HOPS) * HOP / SAMPLE_RATE_HZ
    knobs = 0.5 - 0.5 * np.cos(2 * np.pi * t_s[:, None] * _RATES_HZ)
    knobs[:, 0] = 0.5 + 0.5 * knobs[:, 0]
    return knobs


def pitch_error_cents(audio: np.ndarray, f0_hz: float) -> float:
    """Distance from f0_hz, nan where the sound has no clear pitch."""
    _, cents, clear = measure_f0(audio, f0_hz, held_s=_HELD_S)
    return abs(cents) if clear >= CLEAR else float("nan")


def off_harmonic_db(audio: np.ndarray, f0_hz: float) -> float:
    """Energy that is not within a few bins of a harmonic, relative to all, of the last 1.4 s."""
    part = audio[-(1 << 16) :].astype(np.float64)
    n = np.arange(len(part)) / len(part)
    window = sum(c * np.cos(2 * np.pi * k * n) for k, c in enumerate((0.35875, -0.48829, 0.14128, -0.01168)))
    power = np.abs(np.fft.rfft(part * window)) ** 2
    f_hz = np.arange(len(power)) * (SAMPLE_RATE_HZ / len(part))
    away = np.abs(f_hz - f0_hz * np.maximum(np.rint(f_hz / f0_hz), 1))
    return float(10 * np.log10(power[away > 6 * SAMPLE_RATE_HZ / len(part)].sum() / (power.sum() + 1e-30) + 1e-20))


def figures(instrument: Instrument, clips: list[Clip], octaves: Sequence[float]) -> dict[str, float]:
    """`pitch_error_cents` while all knobs sweep, `off_harmonic_db` while they rest, noise off; and their worst."""
    cents, dirt = [], []
    moving, still = sweeping(), np.full((_HOPS, len(DESCRIPTORS)), 0.5)
    for clip in clips:
        for octave in octaves:
            f0_hz = C4_HZ * 2.0**octave
            latent = clip.latent[clip.body]
            cents.append(pitch_error_cents(instrument.play_knobs(octave, moving, latent, noisy=False), f0_hz))
            dirt.append(off_harmonic_db(instrument.play_knobs(octave, still, latent, noisy=False), f0_hz))
    found = score.spread("pitch_error_cents", cents) | score.spread("off_harmonic_db", dirt)
    if np.isfinite(cents).any():
        found["pitch_error_cents_worst"] = float(np.nanmax(cents))
    found["pitch_clear_share"] = float(np.isfinite(cents).mean())
    return found | {"off_harmonic_db_worst": max(dirt)}
