"""Gestures keep what makes a sound: its attack, a loop that meets itself, its release; a hit's first sample; a phrase's
melody."""

import numpy as np
import pytest
from recordings import PHRASE_GAP_S, hit, note, phrase, sound

from neurorack.learn import gestures, scales
from neurorack.learn.level import levelled, onset
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def cut():
    random = np.random.default_rng(0)
    rows = random.standard_normal((2000, 5)) * [8, 1, 0.6, 0.5, 1] + [-20, 10.5, 11, 1.3, 0]
    fitted = Scales(scales.fit(random.uniform(-3, 4, len(rows)), rows))
    mix = random.standard_normal((65, 8)) * 0.1

    def make(one, kind: str = "pitched") -> gestures.Cut:
        return gestures.cut("x", one, kind, fitted, lambda heard: heard @ mix)

    return make


def seconds(rows: float) -> float:
    return rows * HOP / SAMPLE_RATE_HZ


def test_a_gesture_begins_with_its_attack(cut):
    fast, slow = (cut(note(attack_s)).descriptors[:, 0] for attack_s in (0.005, 0.2))
    assert seconds(np.argmax(fast > fast.max() - 3)) < 0.012
    assert 0.05 < seconds(np.argmax(slow > slow.max() - 3)) < 0.2


def test_the_loop_lies_in_the_held_part_and_meets_itself(cut):
    held = cut(note(0.05))
    start, end = held.marks
    assert 0 < start < end < len(held.latent)
    assert seconds(end - start) >= 0.25
    apart = np.abs(held.descriptors[start] - held.descriptors[end - 1])
    assert apart[0] < 0.5
    assert apart[1:].max() < 0.05


def test_after_the_loop_comes_the_release_at_once(cut):
    held = cut(note(0.05))
    release = held.descriptors[held.marks[1] :, 0]
    assert release[0] > held.median[0] - 3
    assert release[-1] < held.median[0] - 60
    assert seconds(len(release)) == pytest.approx(0.2 + 0.08, abs=0.02)


def test_where_nobody_knows_when_a_note_was_released_its_level_tells(cut):
    known, found = cut(note(0.05)), cut(note(0.05, held_known=False))
    assert abs(int(known.marks[1]) - int(found.marks[1])) < 130
    assert seconds(len(found.latent) - found.marks[1]) == pytest.approx(0.2 + 0.08, abs=0.1)


def test_a_decaying_note_decays_before_it_loops(cut):
    plucked = cut(note(0.003, decay_s=0.25))
    assert plucked.descriptors[plucked.marks[0], 0] < plucked.descriptors[:, 0].max() - 8


def test_medians_are_those_of_the_body_not_of_the_tail(cut):
    plucked = cut(note(0.003, decay_s=0.25))
    assert plucked.descriptors[:, 0].max() - plucked.median[0] < 6


def test_a_note_keeps_its_vibrato_and_no_other_movement(cut):
    sings, still = cut(note(0.05, vibrato_cents=30)), cut(note(0.05))
    start, end = sings.marks
    assert np.abs(sings.pitch[start:end]).max() * 1200 == pytest.approx(30, abs=6)
    assert not still.pitch.any()
    scoop = note(0.05)
    scoop.f0_hz[:] *= 2 ** np.linspace(-0.2, 0.2, len(scoop.f0_hz))
    assert not cut(scoop).pitch.any()


def test_a_low_note_is_read_through_its_periods(cut):
    level = cut(note(0.05, f0_hz=60.0, bright=0.9)).descriptors[300:600, 0]
    assert np.ptp(level) < 0.5


def test_a_hit_begins_on_its_first_row(cut):
    for at in (0, 77, 1000):
        struck = cut(hit(0.05, at=at), "percussive")
        level = struck.descriptors[:, 0]
        assert level.argmax() == 0
        assert level[0] > level[10] + 1


def test_a_hit_is_one_shot_and_ends_smoothly_when_it_has_fallen_by_60_db(cut):
    struck = cut(hit(0.1), "percussive")
    level = struck.descriptors[:, 0]
    assert struck.marks[0] == struck.marks[1]
    assert seconds(len(level) - gestures.END_HOPS) == pytest.approx(0.1 * 6.9, rel=0.1)
    assert level[-1] < level.max() - 100
    assert np.diff(level[200:]).min() > -3


def test_the_level_of_a_low_hit_does_not_follow_its_waves(cut):
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    kick = sound(0.5 * np.sin(2 * np.pi * 60 * t) * np.exp(-t / 0.2), 60.0, partials=hit().partials)
    level = cut(kick, "percussive").descriptors[10:400, 0]
    straight = np.polyval(np.polyfit(np.arange(len(level)), level, 1), np.arange(len(level)))
    assert np.abs(level - straight).max() < 1.0


def test_a_hit_keeps_its_pitch_and_its_modes(cut):
    struck = cut(hit(f0_hz=200.0), "percussive")
    assert struck.pitch == pytest.approx(np.full(len(struck.pitch), np.log2(200 / C4_HZ)), abs=1e-3)
    assert struck.partials == pytest.approx(hit().partials)
    assert cut(note()).partials is None


def test_a_phrase_keeps_its_melody(cut):
    spoken, f0_hz = phrase()
    said = cut(spoken, "speaking")
    first = onset(levelled(spoken), "speaking")
    true_oct = np.log2(f0_hz[first::HOP] / C4_HZ)[: len(said.pitch) - gestures.END_HOPS - 100]
    t = seconds(np.arange(len(true_oct))) + first / SAMPLE_RATE_HZ
    inside = (t < PHRASE_GAP_S[0] - 0.03) | (t > PHRASE_GAP_S[1] + 0.03)
    off = 1200 * np.abs(said.pitch[: len(true_oct)] - true_oct)
    assert off[inside].max() < 25
    assert off.max() < 200  # through the hiss it goes on from where it was to where it will be
    assert 1200 * np.abs(np.diff(said.pitch[: len(true_oct)])).max() < 12


def test_a_phrase_is_held_on_its_last_steady_vowel(cut):
    said = cut(phrase(steady_s=0.4)[0], "speaking")
    start, end = said.marks
    assert seconds(end - start) >= 0.06
    assert seconds(end) > 1.2
    assert said.descriptors[end, 0] > said.median[0] - 6  # what follows goes on from there


def test_a_phrase_without_a_steady_vowel_goes_round_as_a_whole(cut):
    random = np.random.default_rng(3)
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    whisper = sound(0.1 * random.standard_normal(len(t)) * np.sin(np.pi * t) ** 0.5, 120.0 * 2**t)
    said = cut(whisper, "speaking")
    assert said.marks[0] == 0
    assert said.marks[1] == len(said.latent) - gestures.END_HOPS - 1
    assert said.pitch[said.marks[1]] == said.pitch[0]  # no drift: the loop is the phrase itself
    assert said.pitch.max() > said.pitch[0] + 0.7


def test_all_of_it_is_finite_and_within_the_knobs(cut):
    for one, kind in (
        (note(0.01), "pitched"),
        (note(0.3), "pitched"),
        (note(0.003, 0.03), "pitched"),
        (hit(0.002), "percussive"),
        (hit(2.0), "percussive"),
        (phrase()[0], "speaking"),
    ):
        made = cut(one, kind)
        rows = len(made.latent)
        assert made.descriptors.shape == (rows, 5)
        assert made.pitch.shape == (rows,)
        assert all(np.isfinite(array).all() for array in made.arrays().values())
        assert (made.descriptors[:, 1:] >= 0).all()
        assert (made.descriptors[:, 1:] <= 1).all()
        assert 0 <= made.marks[0] <= made.marks[1] <= rows


def test_clear_sounds_are_told_from_noise():
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    at = np.arange(4000, 40_000, 1000)
    pitch_oct = np.full(len(at), np.log2(110 / C4_HZ))
    tone = np.sin(2 * np.pi * 110 * t) + np.sin(2 * np.pi * 1100 * t)
    noise = np.random.default_rng(0).standard_normal(len(t))
    assert gestures.clarity(tone, pitch_oct, at).min() > 0.9
    assert np.median(gestures.clarity(noise, pitch_oct, at)) < 0.3
