"""A quantised pitch is a note of the scale, and noise between two notes does not trill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.errors import BadInput
from neurorack.patch.scale import HYSTERESIS_V, SCALES, Quantiser, scale_of, scale_text


def test_without_a_scale_every_pitch_is_let_be():
    quantiser = Quantiser()
    assert [quantiser.play(volts) for volts in (0.123, -2.7, 4.0)] == [0.123, -2.7, 4.0]


@given(st.integers(1, 0xFFF), st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=20))
def test_what_comes_out_is_a_note_of_the_scale_and_near(scale, way):
    quantiser = Quantiser(scale)
    notes = np.array([n for n in range(-140, 140) if scale >> n % 12 & 1]) / 12
    for volts in way:
        played = quantiser.play(volts)
        assert scale >> round(played * 12) % 12 & 1 and abs(played * 12 - round(played * 12)) < 1e-9
        assert abs(played - volts) <= np.abs(notes - volts).min() + 2 * HYSTERESIS_V + 1e-9


@pytest.mark.parametrize(("scale", "semitones", "note"), [("major", 1.6, 2), ("major", 3.4, 4), ("minor", 3.4, 3)])
def test_a_scale_has_the_notes_of_its_name(scale, semitones, note):
    assert Quantiser(SCALES[scale]).play(semitones / 12) * 12 == pytest.approx(note)


def test_noise_in_the_middle_between_two_notes_does_not_trill():
    quantiser, random = Quantiser(SCALES["chromatic"]), np.random.default_rng(0)
    noisy = (0.5 + random.uniform(-0.14, 0.14, 1_000)) / 12  # 14 cents either way
    assert len({quantiser.play(volts) for volts in noisy}) == 1


def test_a_note_is_left_beyond_the_hysteresis_on_either_way():
    quantiser = Quantiser(SCALES["chromatic"])
    up = [quantiser.play(volts) for volts in np.arange(0.0, 1 / 12, 1e-4)]
    down = [quantiser.play(volts) for volts in np.arange(1 / 12, 0.0, -1e-4)]
    rises, falls = np.flatnonzero(np.diff(up))[0] * 1e-4, 1 / 12 - np.flatnonzero(np.diff(down))[0] * 1e-4
    assert 12 * (rises - falls) == pytest.approx(0.30, abs=0.005), "30 cents in all"


def test_another_scale_is_taken_up_at_once():
    quantiser = Quantiser(SCALES["chromatic"])
    assert quantiser.play(1 / 12) == 1 / 12
    quantiser.scale = SCALES["octaves"]
    assert quantiser.play(1 / 12) == 0.0


def test_a_scale_is_called_by_name_or_by_its_notes():
    assert scale_of("major") == scale_of("101011010101")
    assert scale_of("000000000001") == 1 << 11
    assert all(scale_of(scale_text(scale)) == scale for scale in (0, 1, 1 << 11, SCALES["major"]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("000000000000", "a scale without a note.*use off"),
        ("dorisch", "no scale 'dorisch'.*chromatic, major"),
        ("10101", "each of the twelve"),
        ("", "no scale"),
        ("9" * 300, "no scale"),
    ],
)
def test_a_scale_that_is_none_is_refused_in_one_line(text, words):
    with pytest.raises(BadInput, match=words) as refused:
        scale_of(text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250
