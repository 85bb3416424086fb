"""What is recorded is what was played, sample for sample."""

import resource
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.errors import BadInput
from neurorack.recorder import Recorder, pcm24
from neurorack.shared import AudioTap
from neurorack.words import SAMPLE_RATE_HZ


def read(path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 3, SAMPLE_RATE_HZ)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return wide.view("<i4")[:, 0] / 2**31


def test_it_begins_when_opened_and_ends_at_the_limit(tmp_path):
    tap = AudioTap(tmp_path / "tap", create=True)
    sound = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    tap.write(sound)
    with Recorder(tmp_path / "tap", tmp_path / "take.wav") as recorder:
        tap.write(sound[:1000])
        recorder.step(1500)
        tap.write(sound[1000:])
        recorder.step(1500)
    np.testing.assert_allclose(read(tmp_path / "take.wav"), sound[:1500], atol=2**-23)
    assert recorder.samples == 1500
    assert recorder.peak == pytest.approx(float(np.abs(sound[:1500]).max()))
    assert recorder.rms == pytest.approx(float(np.sqrt(np.mean(np.square(sound[:1500], dtype=np.float64)))))
    assert recorder.missed == 0


@given(st.floats(-4, 4, width=32))
def test_a_sample_is_rounded_to_24_bits_and_clipped_at_full_scale(value):
    number = int.from_bytes(pcm24(np.array([value], np.float32)), "little", signed=True)
    assert abs(number / 2**23 - min(max(value, -1), 1 - 2**-23)) <= 2**-24


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    AudioTap(tmp_path / "tap", create=True)
    with pytest.raises(BadInput, match="cannot write"):
        Recorder(tmp_path / "tap", tmp_path / "none" / "take.wav")


def test_a_disk_that_fills_up_is_said_in_one_line(tmp_path):
    tap = AudioTap(tmp_path / "tap", create=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with (
            pytest.raises(BadInput, match="cannot write the recording"),
            Recorder(tmp_path / "tap", tmp_path / "take.wav") as recorder,
        ):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
            for _ in range(4):
                tap.write(np.ones(5000, np.float32))
                recorder.step()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
