"""A recording falls into its sounds, each from its first sound to the end of its tail."""

import numpy as np
import pytest

from neurorack.learn.prepare.cut import cut_sounds, loudest_db

RATE = 48_000
random = np.random.default_rng(0)


def hit(seconds: float = 0.5, decay_s: float = 0.06) -> np.ndarray:
    n = np.arange(round(seconds * RATE)) / RATE
    return 0.4 * np.exp(-n / decay_s) * np.sin(2 * np.pi * 200 * n + 1) + 0.2 * np.exp(-n / 0.01) * (
        random.standard_normal(len(n))
    )


def silence(seconds: float, level: float = 0.0) -> np.ndarray:
    return level * random.standard_normal(round(seconds * RATE))


@pytest.mark.parametrize("noise", [0.0, 3e-4])
def test_a_sound_begins_a_few_milliseconds_before_it_is_heard(noise):
    starts, parts, at = [], [], 0
    for gap in (0.5, 0.31, 0.77):
        parts += [silence(gap), hit()]
        starts.append(at + round(gap * RATE))
        at = starts[-1] + RATE // 2
    audio = np.concatenate([*parts, silence(0.5)])
    found = cut_sounds(audio + noise * random.standard_normal(len(audio)))
    assert len(found) == 3
    for cut, start in zip(found, starts, strict=True):
        assert 0 < start - cut.start < 0.006 * RATE


def test_a_tail_is_kept_down_to_60_db():
    audio = np.concatenate([silence(0.2), hit(3.0, 0.3), silence(1.0)])
    (cut,) = cut_sounds(audio)
    assert cut.stop / RATE == pytest.approx(0.2 + 0.3 * np.log(1000), abs=0.2)


def test_hits_that_ring_into_each_other_are_parted():
    beat = 0.3
    audio = np.zeros(round(2 * RATE))
    for i in range(6):
        at = round((0.1 + beat * i) * RATE)
        audio[at : at + RATE // 2] += hit(0.5, 0.15)[: len(audio) - at]
    found = cut_sounds(audio)
    assert [c.start / RATE for c in found] == pytest.approx([0.1 + beat * i for i in range(6)], abs=0.006)


def test_a_steady_tone_with_vibrato_stays_whole():
    n = np.arange(3 * RATE) / RATE
    phase = 2 * np.pi * (300 * n + 1.0 * np.sin(2 * np.pi * 5 * n))
    tone = sum(np.sin(k * phase) / k for k in range(1, 10)) * 0.1 * (1 + 0.3 * np.sin(2 * np.pi * 5 * n))
    assert len(cut_sounds(np.concatenate([silence(0.3), tone, silence(0.3)]))) == 1


def test_phrases_stay_whole_and_long_ones_part_where_they_are_quiet():
    tone = 0.3 * random.standard_normal(14 * RATE)
    tone[6 * RATE : 6 * RATE + 4_000] *= 0.1
    found = cut_sounds(np.concatenate([silence(0.5), tone, silence(0.5)]), "speaking")
    assert len(found) == 2
    assert found[0].stop == found[1].start
    assert found[0].stop / RATE == pytest.approx(6.5, abs=0.1)


def test_silence_and_specks_give_nothing():
    assert cut_sounds(np.zeros(RATE)) == []
    assert cut_sounds(np.zeros(10)) == []
    assert cut_sounds(np.concatenate([silence(0.5), hit(0.03), silence(0.5)])) == []


def test_the_loudest_50_ms_are_measured():
    audio = np.zeros(RATE)
    audio[20_000:30_000] = 0.1
    assert loudest_db(audio) == pytest.approx(-20, abs=0.01)
