"""How the pitch of a note moves around the pitch it is known to have: vibrato, scoops, glides.

Every harmonic is brought down to 0 Hz, where its phase turns by how far it is off; under a Hann window of whole periods
the other harmonics vanish. A movement is believed where harmonics agree on it: two halves of them are tracked apart.
"""

import numpy as np

from neurorack.words import HOP, SAMPLE_RATE_HZ

STEP = 2 * HOP
"""The pitch is looked at this often (2.7 ms) and drawn out between."""

_WINDOW_S, _PERIODS = 0.03, 3
_TEETH = 16
_FASTEST_HZ = 0.5 * SAMPLE_RATE_HZ / STEP
_WIDEST = 0.02
"""Harmonics are used up to where this deviation (34 cents) would turn their phase by more than half a cycle a step."""

_DEEPEST_DB = -40.0
"""Below the loudest moment: what is softer moves nothing."""
_SMOOTH_S = 0.03
_AGREEMENT = 0.8
_SHALLOWEST = 1.5 / 1200
"""Movements are kept that both halves show with this correlation, and of at least this size (octaves rms)."""


def track_vibrato(note: np.ndarray, f0_hz: float) -> np.ndarray:
    """[samples // HOP] float32: octaves above `f0_hz`, all 0 where no movement is clear. `note` [samples]."""
    hops = len(note) // HOP
    still = np.zeros(hops, np.float32)
    teeth = np.arange(1, min(_TEETH, int(_FASTEST_HZ / (_WIDEST * f0_hz))) + 1)
    if len(teeth) < 2:
        return still
    phasors = _phasors(note, f0_hz, teeth)
    turned = phasors[1:] * phasors[:-1].conj()  # [steps, teeth]
    strength = np.abs(turned)
    octaves = np.angle(turned) * SAMPLE_RATE_HZ / (2 * np.pi * STEP * teeth * f0_hz) / np.log(2)
    octaves -= (octaves * strength).sum(axis=0) / (strength.sum(axis=0) + 1e-30)  # inharmonic, not moving
    weight = np.sqrt(strength) * teeth  # a high harmonic turns more and so says more
    loud = strength.sum(axis=1)
    weight *= (loud > loud.max() * 10 ** (_DEEPEST_DB / 10))[:, None]
    odd, even = (_mean(octaves[:, half::2], weight[:, half::2]) for half in (0, 1))
    present = weight.sum(axis=1) > 0
    if present.sum() < 8 or min(odd[present].std(), even[present].std()) < _SHALLOWEST:
        return still
    if np.corrcoef(odd[present], even[present])[0, 1] < _AGREEMENT:
        return still
    track = np.where(present, _mean(octaves, weight), 0.0)
    at = (np.arange(len(track)) + 1) * STEP  # midway between the two windows
    return np.interp((np.arange(hops) + 1) * HOP, at, track).astype(np.float32)


def _phasors(note: np.ndarray, f0_hz: float, teeth: np.ndarray) -> np.ndarray:
    """[steps, teeth] complex: what is left of each harmonic at 0 Hz, around the sample (step + ½)·STEP."""
    periods = max(_PERIODS, np.ceil(_WINDOW_S * f0_hz))
    length = round(periods * SAMPLE_RATE_HZ / f0_hz)
    shape = np.hanning(length + 1)[:-1]
    comb = shape[:, None] * np.exp(-2j * np.pi * np.arange(length)[:, None] * teeth * (f0_hz / SAMPLE_RATE_HZ))
    lead = length // 2 - STEP // 2
    padded = np.pad(note, (max(lead, 0), length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[max(-lead, 0) :: STEP][: len(note) // STEP]
    begins = np.arange(len(frames))[:, None] * STEP - length // 2 + STEP // 2
    return frames @ comb * np.exp(-2j * np.pi * begins * teeth * (f0_hz / SAMPLE_RATE_HZ))


def _mean(octaves: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[steps]: the weighted mean over harmonics, smoothed over _SMOOTH_S."""
    size = round(_SMOOTH_S * SAMPLE_RATE_HZ / STEP) | 1
    shape = np.hanning(size + 2)[1:-1]
    total = np.convolve((octaves * weight).sum(axis=1), shape, "same")
    share = np.convolve(weight.sum(axis=1), shape, "same")
    return total / (share + 1e-3 * share.max() + 1e-30)
