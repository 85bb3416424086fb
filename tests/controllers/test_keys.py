"""One voice for many keys: the last one down plays."""

import pytest

from neurorack.controllers.keys import C4, HELD_MAX, Keys


@pytest.fixture
def keys(heard):
    return Keys(heard, legato=True, velocity=0.5)


def test_the_last_key_down_plays_and_the_one_before_it_when_it_is_let_go(keys, heard):
    for key, semitones in ((60, 0), (64, 4), (67, 7)):
        keys.press("a", key, key)
        assert (heard.gate, heard.semitones) == (True, pytest.approx(semitones))
    keys.release("a", 64)
    assert heard.semitones == pytest.approx(7), "it was not the one that plays"
    keys.release("a", 67)
    assert (heard.gate, heard.semitones) == (True, 0)
    keys.release("a", 60)
    assert (heard.gate, heard.semitones) == (False, 0), "the pitch stays for the release"


@pytest.mark.parametrize(("legato", "strikes"), [(True, 2), (False, 3)])
def test_legato_moves_the_pitch_and_begins_nothing_anew(heard, legato, strikes):
    keys = Keys(heard, legato=legato, velocity=0.5)
    keys.press("a", 60, 60)
    keys.press("a", 62, 62)
    keys.release("a", 60)
    keys.release("a", 62)
    keys.press("a", 64, 64)
    assert heard.strikes == strikes


def test_pads_that_overlap_strike_each_for_itself(keys, heard):
    heard.struck = True
    keys.press("a", 60, 60)
    keys.press("a", 62, 62)
    assert heard.strikes == 2
    keys.release("a", 60)
    keys.bend("a", 1.0)
    keys.press("a", 64, 64)
    keys.release("a", 64)
    assert heard.strikes == 3, "a pad that is let go strikes nothing"


def test_the_same_key_again_begins_anew(keys, heard):
    keys.press("a", 60, 60)
    keys.press("a", 60, 60)
    assert heard.strikes == 2
    keys.release("a", 60)
    assert not heard.gate


def test_a_pedal_holds_what_is_let_go_and_a_key_above_it_begins_anew(keys, heard):
    keys.pedal("a", True)
    keys.press("a", 60, 60)
    keys.release("a", 60)
    assert heard.gate
    keys.press("a", 62, 62)
    assert heard.strikes == 2, "no finger held the first"
    keys.release("a", 62)
    keys.pedal("b", False)
    assert heard.gate, "another keyboard's pedal is no business of it"
    keys.pedal("a", False)
    assert not heard.gate


def test_a_wheel_bends_the_notes_of_its_own_source_alone(keys, heard):
    keys.press("a", 60, 60)
    keys.bend("b", 2.0)
    assert heard.semitones == 0
    keys.bend("a", -1.5)
    assert heard.semitones == pytest.approx(-1.5)
    keys.press("b", 72, 72)
    assert heard.semitones == pytest.approx(14)


def test_velocity_is_loudness_around_that_of_a_key_that_feels_none(keys, heard):
    levels = []
    for velocity in (1, 64, 127):
        keys.press("a", 60, 60, velocity)
        levels.append(heard.level)
    assert levels[1] == 0 and levels == sorted(levels) and levels[2] - levels[0] == pytest.approx(0.5, abs=0.005)


def test_a_source_that_is_gone_holds_nothing_and_the_others_hold_what_they_held(keys, heard):
    keys.press("b", 48, 48)
    keys.pedal("a", True)
    keys.bend("a", 1.0)
    keys.press("a", 60, 60)
    keys.let_go("a")
    assert (heard.gate, heard.semitones) == (True, -12)
    keys.let_go("a", "b")
    assert not heard.gate
    keys.press("a", 60, 60)
    keys.release("a", 60)
    assert (heard.gate, heard.semitones) == (False, 0), "pedal and wheel went with it"


def test_more_keys_than_hands_have_fingers_cost_the_oldest(keys, heard):
    for key in range(HELD_MAX + 1):
        keys.press("a", key, C4 + key / 100)
    for key in range(1, HELD_MAX + 1):
        assert heard.gate
        keys.release("a", key)
    assert not heard.gate
