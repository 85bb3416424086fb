import numpy as np
import pytest

from neurorack.ears.pitch import WINDOW, PitchTracker
from neurorack.words import C4_HZ, SAMPLE_RATE_HZ

HOP = 256
SPECTRA = {
    "sine": [1.0],
    "saw": 1 / np.arange(1, 60),
    "bright": np.full(59, 0.3),
    "odd": [1, 0, 0.33, 0, 0.2, 0, 0.14],
    "strong even": [0.3, 1, 0.2, 0.8, 0.1, 0.5],
    "no fundamental": [0, 1, 1, 1, 0.5],
}


def track(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz and whether voiced, a reading every HOP samples."""
    tracker, padded = PitchTracker(), np.concatenate([np.zeros(WINDOW), audio])
    read = [
        (tracker.step(padded[end - WINDOW : end]), tracker.voiced) for end in range(WINDOW + HOP, len(padded) + 1, HOP)
    ]
    pitch, voiced = zip(*read, strict=True)
    return np.array(pitch), np.array(voiced)


def tone(f0_hz: float, amplitudes, samples: int = 12_000) -> np.ndarray:
    random, n = np.random.default_rng(0), np.arange(samples)
    audible = [(k, a) for k, a in enumerate(amplitudes, 1) if k * f0_hz < 20_000]
    parts = [a * np.cos(2 * np.pi * (k * f0_hz / SAMPLE_RATE_HZ * n + random.random())) for k, a in audible]
    return 0.1 * np.sum(parts, axis=0)


def voice(f0_hz: float, seconds: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A vowel that turns, with half a semitone of vibrato and a little breath; and its pitch at every sample."""
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = f0_hz * 2 ** (0.5 / 12 * np.sin(2 * np.pi * 5.5 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    formants = [
        (500 + 250 * np.sin(2 * np.pi * 0.7 * t), 80),
        (1600 + 500 * np.sin(2 * np.pi * 0.43 * t), 100),
        (2700, 150),
    ]
    audio = np.zeros(len(t))
    for k in range(1, int(12_000 / f0_hz)):
        gain = np.prod([1 / np.abs(1 - (k * pitch / f) ** 2 + 1j * k * pitch * b / f**2) for f, b in formants], axis=0)
        audio += gain / k * np.cos(k * phase + 0.3 * k * k)
    return 0.05 * audio + 0.003 * np.random.default_rng(0).normal(size=len(t)), pitch


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_tones_from_50_hz_to_2_khz_are_heard_within_10_cents(spectrum: str):
    for f0_hz in np.geomspace(50, 2000, 25):
        pitch, voiced = track(tone(f0_hz, SPECTRA[spectrum]))
        assert voiced[10:].all()
        assert 1200 * np.abs(np.log2(pitch[10:] / f0_hz)).max() < 10, f0_hz


@pytest.mark.parametrize("f0_hz", [80, 110, 220, 440, 700])
def test_a_singing_voice_never_jumps_an_octave(f0_hz: float):
    audio, true_hz = voice(f0_hz)
    pitch, voiced = track(audio)
    middle = (np.arange(len(pitch)) + 1) * HOP - WINDOW // 2
    kept = middle > WINDOW
    assert voiced[kept].all()
    cents = 1200 * np.abs(np.log2(pitch[kept] / true_hz[middle[kept]]))
    assert np.median(cents) < 10 and cents.max() < 50


def test_a_note_is_known_20_ms_after_it_begins():
    pitch, _ = track(np.concatenate([np.zeros(50 * HOP), tone(200.0, SPECTRA["saw"])]))
    assert np.flatnonzero(np.abs(np.log2(pitch / 200.0)) < 0.01)[0] - 50 < 0.02 * SAMPLE_RATE_HZ / HOP


def test_noise_and_silence_hold_the_last_pitch():
    noise = 0.1 * np.random.default_rng(1).normal(size=24_000)
    dull = np.convolve(noise, np.ones(40) / 40, "same")
    for rest in (noise, dull, np.zeros(24_000), np.full(24_000, 0.5), 1e-5 * noise):
        pitch, voiced = track(np.concatenate([tone(330.0, SPECTRA["saw"]), rest]))
        assert not voiced[-60:].any()
        assert 1200 * np.abs(np.log2(pitch[-60:] / 330.0)).max() < 30
    pitch, _ = track(noise)
    assert (pitch == C4_HZ).all(), "before anything was heard"


def test_one_false_reading_is_not_believed():
    tracker = PitchTracker()
    for f0_hz, expected_hz in ((220, C4_HZ), (220, 220), (440, 220), (220, 220), (440, 220), (440, 440)):
        near = abs(np.log2(f0_hz / C4_HZ)) < 0.5
        tracker.step(tone(f0_hz, SPECTRA["saw"], WINDOW))
        assert tracker.pitch_hz == pytest.approx(f0_hz if near else expected_hz, rel=1e-3)
