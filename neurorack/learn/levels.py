"""Notes made ready: loudness-matched audio, log-mel for the encoder, and frames for the scales."""

import numpy as np

from neurorack.ears import descriptors
from neurorack.learn.sounds import Notes
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ

LOUD_DB = -14.0
"""rms that the loudest 50 ms of a hard note is brought to."""
SOFT_DB = -6.0
"""…and how much less a soft one gets."""

MEL_BANDS, MEL_HOP = 64, 256
_MEL_RANGE_DB = 70.0


def pitch_octaves(f0_hz: np.ndarray) -> np.ndarray:
    return np.log2(f0_hz / C4_HZ)


def matched(notes: Notes) -> np.ndarray:
    """Gains [notes] that bring `audio` / 32768 to a matched level."""
    gains = np.empty(len(notes))
    window = SAMPLE_RATE_HZ // 20
    for i, note in enumerate(notes.audio):
        starts = np.arange(0, len(note) - window + 1, window)
        power = np.add.reduceat(note.astype(np.float64) ** 2, starts)[:-1] / window
        target_db = LOUD_DB + (SOFT_DB if notes.velocity[i] < 80 else 0.0)
        gains[i] = 10 ** (target_db / 20) / max(np.sqrt(power.max()) / 32768, 1e-6)
    return gains


def mel_bank() -> np.ndarray:
    """[BINS, MEL_BANDS] triangles, even on a mel scale from 30 Hz to 18 kHz, each of unit sum."""
    low, high = 2595 * np.log10(1 + np.array([30.0, 18_000.0]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595) - 1)
    rising = (descriptors.BIN_HZ[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - descriptors.BIN_HZ[:, None]) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(rising, falling))
    narrow = bank.sum(axis=0) < 0.5  # below the bins' spacing: take the nearest bin
    nearest = np.abs(descriptors.BIN_HZ[:, None] - edges[1:-1]).argmin(axis=0)
    bank[nearest[narrow], np.nonzero(narrow)[0]] = 1.0
    return bank / bank.sum(axis=0)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """[samples // MEL_HOP, MEL_BANDS] float32 in bels, each frame's own level taken out.

    What is 70 dB below the note's loudest band counts as silence, so a tail is flat and not noise.
    """
    power = descriptors.spectra(audio, MEL_HOP) * descriptors.POWER_SCALE @ mel_bank()
    bels = np.log10(np.maximum(power, power.max() * 10 ** (-_MEL_RANGE_DB / 10) + 1e-14))
    centred: np.ndarray = (bels - bels.mean(axis=1, keepdims=True)).astype(np.float32)
    return centred


def scale_frames(notes: Notes, seed: int = 0, per_note: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """(pitch in octaves [rows], descriptors [rows, 5]) of sounding frames, to fit the scales to.

    Each frame is heard at a level of its own. Half of them get noise laid under them, of random colour and 25 to 60 dB
    down: a voice with breath reaches more than a sampled note does, above all in boominess at high pitch.
    """
    random = np.random.default_rng(seed)
    pitches, rows = [], []
    f_hz = np.maximum(descriptors.BIN_HZ, 20.0)
    for note, f0_hz in zip(notes.audio, notes.f0_hz, strict=True):
        power = descriptors.spectra(note / 32768.0, 512)
        share = power.sum(axis=1)
        sounding = np.nonzero(share > share.max() * 1e-3)[0]
        chosen = power[random.choice(sounding, per_note)]
        chosen = chosen / (chosen.sum(axis=1, keepdims=True) * descriptors.POWER_SCALE)
        tilt = random.uniform(-2.5, 0.5, (per_note, 1))
        knee_hz = 2 ** random.uniform(6, 14, (per_note, 1))
        noise = (f_hz / 1000.0) ** tilt / (1 + (f_hz / knee_hz) ** 4) * random.exponential(size=(per_note, len(f_hz)))
        noise /= noise.sum(axis=1, keepdims=True) * descriptors.POWER_SCALE
        amount = 10 ** random.uniform(-6.0, -2.5, (per_note, 1)) * (random.random((per_note, 1)) < 0.5)
        level = 10 ** (random.uniform(-50, -6, (per_note, 1)) / 10)
        rows.append(descriptors.describe_spectra((chosen + amount * noise) * level))
        pitches.append(np.full(per_note, pitch_octaves(f0_hz)))
    return np.concatenate(pitches), np.concatenate(rows)
