import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.glyphs import bar, braille, gauge, half_blocks


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 128)) < 0.5


def dots(lines: list[str]) -> np.ndarray:
    """Braille lines back to pixels, as Unicode numbers the dots: 1 2 3 7 on the left, 4 5 6 8 on the right."""
    pixels = np.zeros((4 * len(lines), 2 * len(lines[0])), bool)
    for row, line in enumerate(lines):
        for column, cell in enumerate(line):
            code = 0 if cell == " " else ord(cell) - 0x2800
            for number, (y, x) in enumerate([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]):
                pixels[4 * row + y, 2 * column + x] = code >> number & 1
    return pixels


def test_every_pixel_is_its_own_dot() -> None:
    lines = braille(noise(1))
    assert len(lines) == 16 and {len(line) for line in lines} == {64}
    np.testing.assert_array_equal(dots(lines), noise(1))


def test_every_pixel_is_its_own_half_cell() -> None:
    lines = half_blocks(noise(2))
    assert len(lines) == 32 and {len(line) for line in lines} == {128}
    upper = np.array([[cell in "▀█" for cell in line] for line in lines])
    lower = np.array([[cell in "▄█" for cell in line] for line in lines])
    np.testing.assert_array_equal(np.stack([upper, lower], axis=1).reshape(64, 128), noise(2))


@given(st.floats(-1, 2), st.floats(0, 1), st.integers(1, 40))
def test_a_bar_has_its_width_and_only_grows(share: float, more: float, width: int) -> None:
    def ink(text: str) -> int:
        return sum(" ╸━".index(cell) for cell in text)

    assert len(bar(share, width)) == width
    assert ink(bar(share, width)) <= ink(bar(share + more, width)) <= 2 * width


def test_a_full_bar_is_full_and_an_empty_one_empty() -> None:
    assert bar(1.0, 5) == "━━━━━" and bar(0.0, 5) == "     " and bar(0.5, 5) == "━━╸  "


@pytest.mark.parametrize(
    ("value", "shown"), [(-5.0, "●···┊····"), (0.0, "····●····"), (5.0, "····┊···●"), (99.0, "····┊···●")]
)
def test_a_gauge_points_and_marks_zero(value: float, shown: str) -> None:
    assert gauge(value, -5.0, 5.0, 9) == shown
