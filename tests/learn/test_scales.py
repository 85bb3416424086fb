"""Scales fitted to frames put those frames evenly along the knobs; frames are had at pitches nobody played."""

import numpy as np
import pytest
from recordings import corpus, few, hit, note, phrase, sound

from neurorack.bundle import Knob
from neurorack.learn import scales
from neurorack.learn.corpus import Sound
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    """Correlated as real ones are: brighter with pitch, wider when brighter, sharper with both."""
    random = np.random.default_rng(0)
    n = 8000
    pitch = random.uniform(-3, 4, n)
    rms = random.uniform(-50, -6, n)
    centroid = 10.4 + 0.6 * pitch + random.normal(0, 0.5, n).clip(-0.9, 0.9)
    bandwidth = 10.8 + 0.3 * (centroid - 10) + random.normal(0, 0.3, n)
    sharpness = 1.2 + 0.7 * (centroid - 10) + 0.2 * (bandwidth - 10.8) + 0.01 * rms + random.normal(0, 0.1, n)
    boominess = np.maximum(0.2 - 0.8 * pitch + random.normal(0, 0.6, n), -3.32)
    return pitch, np.column_stack([rms, centroid, bandwidth, sharpness, boominess])


@pytest.fixture(scope="module")
def knobs(frames) -> list[Knob]:
    return scales.fit(*frames)


def test_frames_lie_evenly_along_every_knob_but_level(frames, knobs):
    positions = Scales(knobs).position_frames(*frames)
    for column in positions.T[1:4]:
        assert np.quantile(column, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.06)


def test_knobs_do_not_hang_together(frames, knobs):
    correlation = np.corrcoef(Scales(knobs).position_frames(*frames)[:, 1:4].T)
    assert np.abs(correlation - np.eye(3)).max() < 0.1


def test_no_knob_asks_for_less_than_there_is(knobs):
    """Boominess ends at −3.32; an edge of the scale may lie beyond, a fifth of it may not."""
    fitted = Scales(knobs)
    for pitch in np.linspace(-2, 4, 7):
        assert fitted.physical(pitch, [0.5, 0.5, 0.5, 0.5, 0.2])[4] > -3.32


def test_level_goes_from_silence_through_the_middle_to_the_top(knobs):
    fitted = Scales(knobs)
    assert [fitted.physical(0, [u] * 5)[0] for u in (0, 0.5, 1)] == pytest.approx(list(scales.RMS_DB))


def test_the_same_frames_give_the_same_scales(frames, knobs):
    assert scales.fit(*frames) == knobs


@pytest.fixture
def fewer(monkeypatch):
    monkeypatch.setattr(scales, "_FRAMES", 800)


@pytest.fixture
def clean(fewer, monkeypatch):
    """No noise laid under: frames as they are, or moved."""
    monkeypatch.setattr(scales, "_NOISY", 0.0)


def octave(f0_hz: float) -> float:
    return float(np.log2(f0_hz / C4_HZ))


@pytest.mark.parametrize("one", [note(silence_s=0), phrase()[0]])
@pytest.mark.parametrize("kind", ["pitched", "speaking"])
def test_a_single_note_gets_frames_from_c1_to_c8(one, kind, fewer):
    pitch_oct, frames = scales.sample(corpus(kind, [one]))
    assert frames.shape == (800, 5) and np.isfinite(frames).all()
    assert (np.histogram(pitch_oct, 7, scales.PITCH_RANGE)[0] > 20).all()
    assert pitch_oct.min() >= -3 and pitch_oct.max() <= 4


def test_half_of_the_frames_stay_at_the_pitch_they_were_played_at(fewer):
    pitch_oct, _ = scales.sample(corpus("pitched", [note(f0_hz=300.0, silence_s=0)]))
    assert np.isclose(pitch_oct, octave(300.0), atol=1e-3).mean() == pytest.approx(0.5, abs=0.07)


def test_a_hit_is_moved_by_two_octaves_at_most_and_its_spectrum_with_it(clean):
    pitch_oct, frames = scales.sample(corpus("percussive", [hit(f0_hz=200.0, at=0)]))
    away = pitch_oct - octave(200.0)
    assert -2 <= away.min() < -1.7 and 1.7 < away.max() <= 2
    centroid = frames[:, 1]
    own = np.median(centroid[np.abs(away) < 1e-3])
    up = (away > 0.5) & (away < 1.5)
    assert np.median(centroid[up] - away[up]) == pytest.approx(own, abs=0.4)


def flat() -> Sound:
    """25 equal harmonics of 200 Hz: an envelope that is level up to 5 kHz."""
    n = np.arange(48_000)
    return sound(sum(np.cos(2 * np.pi * 200 * k * n / 48_000 + k * k) for k in range(1, 26)) / 60, 200.0)


def test_a_note_is_moved_without_its_spectral_envelope(clean):
    """The middle of its spectrum stays where it was."""
    pitch_oct, frames = scales.sample(corpus("pitched", [flat()]))
    for low_hz, high_hz in ((33, 150), (300, 800)):
        moved = (pitch_oct > octave(low_hz)) & (pitch_oct < octave(high_hz))
        assert moved.sum() > 50
        assert np.median(frames[moved, 1]) == pytest.approx(np.log2(2600.0), abs=0.3)


def test_levels_are_spread_whatever_the_sounds_own(fewer):
    quiet = note(silence_s=0)
    quiet.audio[:] //= 64
    for one in (note(silence_s=0), quiet):
        _, frames = scales.sample(corpus("pitched", [one]))
        assert frames[:, 0].min() < -45 and frames[:, 0].max() == pytest.approx(-6, abs=1)


def test_noise_gives_high_notes_a_boominess_they_have_not_of_themselves(clean, monkeypatch):
    def boominess() -> np.ndarray:
        pitch_oct, frames = scales.sample(corpus("pitched", [flat()]))
        return frames[pitch_oct > 2, 4]

    assert boominess().max() < -3.3
    monkeypatch.setattr(scales, "_NOISY", 0.5)
    assert 0.1 < (boominess() > -3.2).mean() < 0.5


def test_silence_gives_no_frames(fewer):
    silence = sound(np.zeros(48_000), 999.0)
    pitch_oct, frames = scales.sample(corpus("pitched", [note(silence_s=0.5), silence]))
    assert np.isfinite(frames).all()
    assert not np.isclose(pitch_oct, octave(999.0), atol=1e-6).any()


def test_the_same_seed_gives_the_same_frames(fewer):
    for ours, theirs, others in zip(*(scales.sample(few("pitched"), seed) for seed in (0, 0, 1)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not np.array_equal(ours, others)


def test_knobs_fitted_to_a_single_note_are_alive_at_every_pitch(fewer):
    fitted = Scales(scales.fit(*scales.sample(corpus("pitched", [flat()]))))
    for pitch in np.linspace(-3, 4, 8):
        for i in range(1, 5):
            ends = [fitted.physical(pitch, [0.5] * i + [u] + [0.5] * (4 - i))[i] for u in (0.0, 0.5, 1.0)]
            assert ends[0] < ends[1] < ends[2]
    middle = [fitted.physical(pitch, [0.5] * 5)[1] for pitch in (0, 4)]
    assert middle[1] > middle[0] + 0.2


def test_a_dark_note_is_not_moved_to_where_it_has_no_sound(monkeypatch):
    monkeypatch.setattr(scales, "_NOISY", 0.0)
    pitch_oct, frames = scales.sample(corpus("pitched", [note(silence_s=0)]))
    centroid_oct = frames[:, 1] - np.log2(C4_HZ)
    assert (centroid_oct > pitch_oct - 0.1).all()
