"""The level of a recorded sound: close to its attacks, deaf to its waves."""

import numpy as np
import pytest
from recordings import hit, note, sound

from neurorack.learn import level
from neurorack.words import HOP, SAMPLE_RATE_HZ

T_S = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def test_it_is_in_dbfs_and_silence_has_a_floor():
    tone = sound(0.5 * np.sin(2 * np.pi * 1000 * T_S), 1000.0)
    inside = np.arange(4_000, 40_000, HOP)
    heard = level.level_db(level.levelled(tone), tone, "pitched", inside)
    np.testing.assert_allclose(heard, 20 * np.log10(0.5) - 3.01, atol=0.05)
    assert level.level_db(np.zeros(4096), tone, "pitched", np.array([2048])) == pytest.approx(-120)


@pytest.mark.parametrize("f0_hz", [30.0, 60.0, 100.0])
def test_it_does_not_follow_the_waves_of_a_low_note(f0_hz):
    tone = sound(0.5 * np.sin(2 * np.pi * f0_hz * T_S), f0_hz)
    heard = level.level_db(level.levelled(tone), tone, "pitched", np.arange(8_000, 40_000, HOP))
    assert np.ptp(heard) < 0.5


def test_an_attack_is_heard_within_its_window():
    sudden = sound(0.5 * np.sin(2 * np.pi * 1000 * T_S) * (T_S > 0.5), 1000.0)
    at = 24_000 + np.array([-300, 300])
    before, after = level.level_db(level.levelled(sudden), sudden, "pitched", at)
    assert before < -100 and after == pytest.approx(-9.03, abs=0.1)


def test_a_hit_is_at_its_loudest_on_its_first_sample_and_falls_from_there():
    struck = hit(0.05)
    audio = level.levelled(struck)[100:]
    heard = level.hit_level_db(audio, struck, np.arange(0, 9_600, HOP))
    assert heard.argmax() < 3
    t_s = np.arange(150) * HOP / SAMPLE_RATE_HZ
    slope_db_per_s = np.polyfit(t_s[10:100], heard[10:100], 1)[0]
    assert slope_db_per_s == pytest.approx(-8.686 / 0.05, rel=0.05)


def test_the_level_of_a_kick_does_not_follow_its_waves():
    kick = sound(0.5 * np.sin(2 * np.pi * 60 * T_S) * np.exp(-T_S / 0.2), 60.0, partials=hit().partials)
    heard = level.hit_level_db(level.levelled(kick), kick, np.arange(640, 25_600, HOP))
    straight = np.polyval(np.polyfit(np.arange(len(heard)), heard, 1), np.arange(len(heard)))
    assert np.abs(heard - straight).max() < 1.0


def test_a_sound_begins_with_what_is_heard_of_it():
    assert level.onset(level.levelled(hit(at=777)), "percussive") == 777
    begun = level.onset(level.levelled(note(silence_s=0.1)), "pitched")
    assert 0.09 * SAMPLE_RATE_HZ < begun < 0.11 * SAMPLE_RATE_HZ
