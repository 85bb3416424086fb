import numpy as np
import pytest

from neurorack.engine.testtone import PEAK, TONES_HZ, TestTone
from neurorack.words import BLOCKS, HOP, SAMPLE_RATE_HZ


def played(tone: TestTone, block: int, seconds: float) -> np.ndarray:
    out = np.zeros((int(seconds * SAMPLE_RATE_HZ) // block, block), np.float32)
    for row in out:
        tone.render(row)
    return out.reshape(-1)


@pytest.mark.parametrize("block", BLOCKS)
def test_it_is_two_tones_in_turns_quiet_and_without_a_click(block: int):
    sound = played(TestTone(block), block, 2.4)
    half = SAMPLE_RATE_HZ // 2
    for number in range(4):
        part = sound[number * half : (number + 1) * half]
        assert np.argmax(np.abs(np.fft.rfft(part))) * 2 == TONES_HZ[number % 2]
    assert np.abs(sound).max() <= PEAK
    steepest = PEAK * 2 * np.pi * TONES_HZ[1] / SAMPLE_RATE_HZ
    assert np.abs(np.diff(sound)).max() <= 1.01 * steepest


def test_whatever_is_asked_of_it_it_plays_the_same():
    plain, asked = TestTone(128), TestTone(128)
    asked.gate(5, "gate1", 1)
    asked.set_targets(1000.0, np.ones(5))
    asked.set_gesture(3, 2.0, 1.0, -1)
    asked.listen()
    assert np.array_equal(played(plain, 128, 0.3), played(asked, 128, 0.3))
    assert asked.finite and asked.complete and asked.frames().shape == (128 // HOP,)


def test_begun_anew_it_begins_with_its_first_sample():
    tone = TestTone(64)
    first = played(tone, 64, 0.1)
    tone.reset()
    assert np.array_equal(played(tone, 64, 0.1), first)
