"""Sounds are cut to what sounds, brought to one level and kept in one file."""

import numpy as np
import pytest

from neurorack.learn.corpus import LOUD_DB, Corpus, Sound
from neurorack.learn.sources.ready import evenly, gain, kept, trimmed, without_rumble
from neurorack.words import HOP, SAMPLE_RATE_HZ


def hit(decay_s: float = 0.05, seconds: float = 2.0) -> np.ndarray:
    n = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return 0.3 * np.sin(2 * np.pi * 400 * n) * np.exp(-n / decay_s)


def test_silence_around_a_hit_is_cut_and_its_tail_kept_to_60_db():
    padded = np.concatenate([np.zeros(20_000), hit(), np.zeros(9_000)])
    cut = trimmed(padded, 3.0, 0.3)
    assert cut.dtype == np.int16
    assert len(cut) % HOP == 0
    assert np.abs(cut).max() == pytest.approx(0.9 * 32767, abs=1)
    assert 1 <= np.flatnonzero(np.abs(cut) > 300)[0] / 48 < 3.5  # ms
    assert len(cut) / SAMPLE_RATE_HZ == pytest.approx(0.05 * np.log(1000), abs=0.03)


def test_a_long_sound_fades_out():
    cut = trimmed(hit(decay_s=100.0, seconds=5.0), 1.0, 0.3) / 32768
    assert len(cut) == SAMPLE_RATE_HZ
    levels = np.abs(cut.reshape(-1, 1200)).max(axis=1)
    assert levels[27] > 0.85
    assert (np.diff(levels[29:]) < 0).all()
    assert levels[-1] < 0.03


@pytest.mark.parametrize("less_db", [0.0, -6.0])
def test_the_loudest_50_ms_get_the_matched_level(less_db):
    audio = np.round(hit(decay_s=10.0) * 20_000).astype(np.int16)
    scaled = audio / 32768 * gain(audio, less_db)
    assert 20 * np.log10(np.sqrt(np.mean(scaled[:2400] ** 2))) == pytest.approx(LOUD_DB + less_db, abs=0.1)


def test_rumble_goes_and_a_kick_stays():
    n = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    for f_hz, least_db, most_db in ((0.0, -200, -80), (10.0, -40, -25), (50.0, -1, 0.1), (1000.0, -0.1, 0.1)):
        tone = np.cos(2 * np.pi * f_hz * n)
        left = np.sqrt(np.mean(without_rumble(tone)[SAMPLE_RATE_HZ:] ** 2) / np.mean(tone[SAMPLE_RATE_HZ:] ** 2))
        assert least_db <= 20 * np.log10(left + 1e-10) <= most_db


def test_rumble_goes_without_an_echo_ahead_of_the_strike():
    click = np.zeros(9_999)
    click[5_000] = 1.0
    assert np.abs(without_rumble(click)[:5_000]).max() < 2e-3


def test_choosing_evenly_keeps_both_ends():
    assert evenly(range(100), 4) == [0, 33, 66, 99]
    assert evenly(range(3), 4) == [0, 1, 2]


def test_a_corpus_is_made_once_for_the_same_things(tmp_path):
    made = []

    def make() -> Corpus:
        made.append(1)
        audio = np.zeros(640, np.int16)
        sound = Sound("a", "s", audio, 1.0, np.ones(10, np.float32), 2e4, 640, np.zeros(0, np.float32))
        return Corpus("pitched", [sound], [])

    first, again = (kept(tmp_path, "some", (1, "a"), make) for _ in range(2))
    assert len(made) == 1
    assert first.sounds[0].name == again.sounds[0].name == "a"
    kept(tmp_path, "some", (1, "b"), make)
    assert len(made) == 2
