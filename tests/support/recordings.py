"""Sounds of every kind, made of sines and noise: what gestures are cut from in tests."""

import numpy as np

from neurorack.bundle import Source
from neurorack.learn.corpus import MODES, Corpus, Sound
from neurorack.words import HOP, SAMPLE_RATE_HZ

HELD_S = 1.3
ORIGINS = [Source("sines", "CC0-1.0", "made for tests")]


def sound(audio: np.ndarray, f0_hz: np.ndarray | float, name: str = "x", source: str = "x", **fields: object) -> Sound:
    """A Sound of `audio` [samples], `f0_hz` [samples] or one for all, at its own level."""
    hops = len(audio) // HOP
    track = np.broadcast_to(np.asarray(f0_hz, np.float32), len(audio))[HOP - 1 :: HOP][:hops]
    pcm = np.rint(audio * 32767).clip(-32768, 32767).astype(np.int16)
    values = {"gain": 1.0, "bandwidth_hz": 20_000.0, "held": len(pcm), "partials": np.empty(0, np.float32)} | fields
    return Sound(name=name, source=source, audio=pcm, f0_hz=track.copy(), **values)  # type: ignore[arg-type]


def note(
    attack_s: float = 0.01,
    decay_s: float = 1e9,
    *,
    f0_hz: float = 300.0,
    bright: float = 0.3,
    vibrato_cents: float = 0.0,
    silence_s: float = 0.1,
    held_known: bool = True,
    **named: str,
) -> Sound:
    """Held for 1.3 s, released in 0.2 s; `bright` is the ratio of a harmonic to the one before it."""
    t = np.arange(round(1.7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    since = t - silence_s
    shape = np.clip(since / attack_s, 0, 1) * np.exp(-np.maximum(since, 0) / decay_s)
    shape *= np.clip(1 - (t - HELD_S) / 0.2, 0, 1)
    moving_hz = f0_hz * 2 ** (vibrato_cents / 1200 * np.sin(2 * np.pi * 5.5 * t))
    phase = 2 * np.pi * np.cumsum(moving_hz) / SAMPLE_RATE_HZ
    audio = sum(bright ** (k - 1) * np.sin(k * phase) for k in range(1, 9)) * 0.3 * shape
    held = round(HELD_S * SAMPLE_RATE_HZ) if held_known else len(audio)
    return sound(audio, moving_hz, held=held, **named)


def hit(decay_s: float = 0.1, f0_hz: float = 200.0, *, at: int = 100, noise: float = 0.0, **named: str) -> Sound:
    """Damped cosines that begin at their loudest, on sample `at`."""
    t = np.arange(round(1.2 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    partials = np.linspace(0, 4, MODES).astype(np.float32)
    ring = sum(np.cos(2 * np.pi * f0_hz * 2**p * t) / (1 + 6 * p) for p in partials[:12:3])
    ring = ring + noise * np.random.default_rng(0).standard_normal(len(t))
    audio = np.concatenate([np.zeros(at), 0.25 * ring * np.exp(-t / decay_s)])
    return sound(audio, f0_hz, partials=partials, **named)


PHRASE_GAP_S = (0.5, 0.65)


def phrase(*, steady_s: float = 0.0, **named: str) -> tuple[Sound, np.ndarray]:
    """A vowel that glides up, a hiss, a vowel that glides down and, where asked for, stays; and its pitch in Hz
    [samples], of which the sound knows nothing in the hiss."""
    random = np.random.default_rng(1)
    length_s = 1.2 + steady_s
    t = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    f0_hz = np.interp(t, [0, 0.5, 0.65, 1.0, 1.2 + steady_s], [120, 190, 180, 110, 110 if steady_s else 80])
    hiss = ((t > PHRASE_GAP_S[0]) & (t < PHRASE_GAP_S[1])).astype(float)
    hiss = np.convolve(hiss, np.full(480, 1 / 480), "same")
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE_HZ
    formant = 500 + 600 * np.interp(t, [0, 0.5, 1.0, length_s], [0, 1, 0, 0 if steady_s else 1])
    vowel = sum(np.exp(-(((k * f0_hz - formant) / 400) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    ends = np.clip(t / 0.05, 0, 1) * np.clip((length_s - t) / 0.1, 0, 1)
    audio = (0.12 * vowel * (1 - hiss) + 0.05 * random.standard_normal(len(t)) * hiss) * ends
    known_hz = np.where(hiss > 0.5, 400 + 300 * np.sin(t * 300), f0_hz)
    return sound(audio, known_hz, **named), f0_hz


def corpus(kind: str, sounds: list[Sound]) -> Corpus:
    return Corpus(kind, sounds, ORIGINS)


def few(kind: str) -> Corpus:
    """Some sounds of a kind, each with a pitch, a movement or modes of its own; they begin with their first sample."""
    if kind == "pitched":
        notes = [(90 * 2 ** (0.6 * i), 0.3 + 0.1 * (i % 4)) for i in range(6)]
        return corpus(kind, [note(f0_hz=f, bright=bright, silence_s=0, vibrato_cents=20) for f, bright in notes])
    if kind == "percussive":
        hits = [hit(0.05 * (i + 1), 90 * 2 ** (0.5 * i), at=0, noise=0.1) for i in range(6)]
        for i, struck in enumerate(hits):
            struck.partials[:] *= 1 + 0.05 * i
        return corpus(kind, hits)
    return corpus(kind, [phrase()[0], phrase(steady_s=0.3)[0]])
