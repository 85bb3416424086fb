import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorack.engine.output import DC_CUTOFF_HZ, THRESHOLD, OutputStage

RATE_HZ = 48_000


def play(audio: np.ndarray, block: int, stage: OutputStage | None = None) -> np.ndarray:
    """`audio` through an opened stage, block by block."""
    stage = stage or opened(block)
    out = np.zeros(len(audio), np.float32)
    for at in range(0, len(audio) - block + 1, block):
        stage.process(audio[at : at + block], out[at : at + block])
    return out


def opened(block: int, gain_db: float = 0.0) -> OutputStage:
    stage = OutputStage(block, gain_db)
    stage.open()
    for _ in range(2048 // block):
        stage.process(np.zeros(block, np.float32), np.zeros(block, np.float32))
    assert not stage.silent
    return stage


def sine(hz: float, level: float, samples: int = 48 * 1024) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(samples) / RATE_HZ)).astype(np.float32)


def test_music_below_the_limit_passes_unbent():
    audio = sine(440, 0.7)
    out = play(audio, 64)
    spectrum = np.abs(np.fft.rfft(out[-RATE_HZ:] * np.hanning(RATE_HZ)))
    harmonics = spectrum[[880, 1320, 1760, 2200]].max() / spectrum[440]
    assert 20 * np.log10(harmonics) < -130
    assert np.abs(out[-RATE_HZ // 4 :]).max() == pytest.approx(0.7, rel=1e-3)


@pytest.mark.parametrize("block", [64, 128, 512])
def test_the_dc_block_is_the_recursion(block):
    audio = np.random.default_rng(1).normal(0.2, 0.1, 4096).astype(np.float32)
    pole, mean, expected = np.exp(-2 * np.pi * DC_CUTOFF_HZ / RATE_HZ), 0.0, []
    for sample in audio.astype(float):
        mean = pole * mean + (1 - pole) * sample
        expected.append(sample - mean)
    assert np.abs(play(audio, block) - np.array(expected)).max() < 1e-7


def test_a_constant_dies_away():
    out = play(np.full(48 * 1024, 0.5, np.float32), 128)
    assert abs(out[-1]) < 1e-6


def test_blocks_of_any_size_give_the_same_sound():
    audio = np.random.default_rng(2).normal(0, 0.8, 8192).astype(np.float32)
    assert np.abs(play(audio, 64) - play(audio, 512)).max() < 1e-7


@settings(max_examples=50, deadline=None)
@given(st.floats(-40, 60), st.integers(0, 1000))
def test_full_scale_is_never_passed(level_db, seed):
    audio = (np.random.default_rng(seed).normal(0, 1, 1024) * 10 ** (level_db / 20)).astype(np.float32)
    assert np.abs(play(audio, 128)).max() <= 1.0


def test_the_limit_bends_smoothly_and_keeps_the_order():
    stage = opened(512)
    ramp = np.linspace(-1.5, 1.5, 512).astype(np.float32)
    out = np.zeros(512, np.float32)
    stage._dc.process = lambda samples: None  # the curve alone
    stage.process(ramp, out)
    slope = np.diff(out.astype(float)) / np.diff(ramp.astype(float))
    assert (slope > 0).all() and slope.max() < 1.001
    assert np.abs(np.diff(slope)).max() < 0.02
    untouched = np.abs(ramp) <= THRESHOLD
    assert np.array_equal(out[untouched], ramp[untouched])


def test_samples_bent_by_a_decibel_are_counted():
    stage = opened(64)
    audio = np.zeros(64, np.float32)
    audio[:2] = 0.95, -0.95
    stage.process(audio, np.zeros(64, np.float32))
    assert stage.bent == 0
    audio[:3] = 1.3, -1.3, 1.2
    stage.process(audio, np.zeros(64, np.float32))
    assert stage.bent == 3


@pytest.mark.parametrize("block", [64, 512])
def test_start_and_stop_are_fades_of_at_most_20_ms(block):
    stage = OutputStage(block)
    audio = sine(RATE_HZ * 170 / 8192, 0.5, 8192)
    closed = play(audio[:1024], block, stage)
    assert not closed.any() and stage.silent
    stage.open()
    rising = play(audio, block, stage)
    envelope = np.abs(rising).reshape(-1, 64).max(axis=1)
    full = np.flatnonzero(envelope > 0.48)[0] * 64 / RATE_HZ
    assert 0.004 < full <= 0.02
    assert np.abs(np.diff(rising.astype(float))).max() < 1.05 * np.abs(np.diff(audio.astype(float))).max()
    stage.close()
    falling = play(audio, block, stage)
    assert stage.silent and not falling[int(0.02 * RATE_HZ) + block :].any()
    assert np.abs(np.diff(np.concatenate([rising, falling]).astype(float))).max() < 0.07


def test_a_new_gain_is_reached_without_a_step():
    stage = opened(128)
    audio = sine(100, 0.1)
    play(audio[:4800], 128, stage)
    stage.set_gain_db(12.0)
    out = play(audio[:9600], 128, stage)
    assert np.abs(out[-4000:]).max() == pytest.approx(0.1 * 10 ** (12 / 20), rel=0.01)
    assert np.abs(np.diff(out.astype(float))).max() < 0.007  # the louder sine's own slope is 0.0052


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_a_number_slides_to_silence(poison):
    stage = opened(64)
    before = play(sine(300, 0.5, 1024), 64, stage)
    bad = np.zeros(64, np.float32)
    bad[5] = poison
    out = np.zeros(64, np.float32)
    assert stage.process(bad, out) is False
    assert np.isfinite(out).all() and out[0] == pytest.approx(before[-1]) and out[-1] == 0.0
    assert not play(sine(300, 0.5, 640), 64, stage).any(), "muted until it is opened again"
    stage.open()
    assert np.abs(play(sine(300, 0.5, 4096), 64, stage)).max() > 0.4


def test_level_and_peak_are_those_of_the_block():
    stage = opened(128)
    play(sine(750, 0.5), 128, stage)
    assert stage.rms == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert stage.peak == pytest.approx(0.5, rel=1e-2)
