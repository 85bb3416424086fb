import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.panel import font

PRINTABLE = [chr(code) for code in range(33, 127)]


@pytest.mark.parametrize("letter", PRINTABLE)
def test_every_printable_letter_has_a_glyph_of_its_own(letter: str) -> None:
    glyph = font.set_text(letter)
    assert glyph.any() and 1 <= glyph.shape[1] <= 7
    same = [other for other in PRINTABLE if np.array_equal(font.set_text(other), glyph)]
    assert same == [letter]


def test_digits_are_equally_wide() -> None:
    assert {font.width(digit) for digit in "0123456789"} == {5}


def test_a_letter_the_face_lacks_is_a_box() -> None:
    np.testing.assert_array_equal(font.set_text("漢"), font.set_text("語"))
    assert font.set_text("漢").any()


def test_the_doubled_face_is_twice_as_large_and_keeps_its_corners() -> None:
    small, large = font.set_text("A"), font.set_text("A", 2)
    assert large.shape == (2 * small.shape[0], 2 * small.shape[1])
    assert large[7, 2:8].all(), "the bar of the A"


@given(st.text(max_size=60), st.integers(20, 128))
def test_lines_fit_and_lose_no_letter(text: str, room: int) -> None:
    lines = font.wrap(text, room)
    assert all(font.width(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(max_size=60), st.integers(10, 128))
def test_a_shortened_text_fits_and_keeps_its_end_of_choice(text: str, room: int) -> None:
    head, tail = font.shorten(text, room), font.shorten_left(text, room)
    assert font.width(head) <= room and font.width(tail) <= room
    assert text.startswith(head.removesuffix("…")) and text.endswith(tail.removeprefix("…"))
