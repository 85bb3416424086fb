"""Every screen as a picture in `pictures/`. One that changed leaves its new picture under out/: look, then copy it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hardware.screens import PLAYING, SCREENS, home
from neurorack.errors import BadInput
from neurorack.panel import font, layout, screens
from neurorack.panel.layout import PAGE_S
from neurorack.panel.page import Row, Wheel
from neurorack.panel.state import CalibrationView, note

PICTURES = Path(__file__).with_name("pictures")
OUT = Path(__file__).parents[2] / "out"


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_looks_as_it_was_pinned(name: str) -> None:
    drawn = SCREENS[name]()
    assert drawn.shape == (64, 128) and drawn.dtype == bool
    pinned = PICTURES / f"{name}.png"
    if pinned.exists() and np.array_equal(np.asarray(Image.open(pinned)), drawn):
        return
    OUT.mkdir(exist_ok=True)
    Image.fromarray(drawn).save(OUT / f"screen-{name}.png", optimize=True)
    pytest.fail(f"{name} changed: look at {OUT / f'screen-{name}.png'}, and copy it to {PICTURES} where it is right")


def test_no_pinned_picture_is_left_over() -> None:
    assert {path.stem for path in PICTURES.glob("*.png")} == set(SCREENS)


def test_drawing_twice_gives_the_same_pixels() -> None:
    np.testing.assert_array_equal(home(), home())


@pytest.mark.parametrize(
    ("pitch_hz", "expected"),
    [
        (440.0, ("A", 4, 0)),
        (261.6255653, ("C", 4, 0)),
        (450.0, ("A", 4, 39)),
        (27.5, ("A", 0, 0)),
        (8.1758, ("C", -1, 0)),
    ],
)
def test_a_pitch_has_a_name(pitch_hz: float, expected: tuple[str, int, int]) -> None:
    assert note(pitch_hz) == expected


@given(st.floats(8, 8000))
def test_cents_and_name_give_the_pitch_back(pitch_hz: float) -> None:
    name, octave, cents = note(pitch_hz)
    semitones = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B").index(name) + 12 * octave - 57
    assert 440 * 2 ** ((semitones + cents / 100) / 12) == pytest.approx(pitch_hz, rel=0.0003)
    assert -50 <= cents <= 50


def test_a_level_that_changes_touches_one_page_or_two() -> None:
    changed = home() != home(state=replace(PLAYING, level_db=-20.0, peak_db=-12.0))
    assert {int(y) // 8 for y in np.flatnonzero(changed.any(axis=1))} <= {5, 6}


def test_every_line_of_a_notice_gets_its_turn_and_the_hint_half_of_the_time() -> None:
    state = replace(PLAYING, notices=("no sound card: playing to file", "cv2 over range"))
    seen = [home(state=replace(state, t_s=PAGE_S * turn + 0.1))[55:].tobytes() for turn in range(8)]
    assert all(foot == home()[55:].tobytes() for foot in seen[::2])
    assert len(set(seen[1:6:2])) == 3 and seen[7] == seen[1]


def test_a_line_of_a_notice_shows_that_it_is_part_of_one(texts: list[str]) -> None:
    for turn in range(4):
        home(state=replace(PLAYING, notices=("no sound card: playing to file",), t_s=PAGE_S * turn + 0.1))
    assert {"no sound card:…", "…playing to file"} <= set(texts)


@pytest.mark.parametrize("name", ["instruments", "bandwidth", "fluid"])
def test_a_chosen_word_is_larger_than_its_neighbours_however_long(name: str) -> None:
    drawn = Wheel("menu", lambda: [Row(name)]).draw(PLAYING)
    assert np.ptp(np.flatnonzero(drawn[10:54, 14:].any(axis=1))) >= 12


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_any_text_from_outside_can_be_drawn(bundle: str, gesture: str, notice: str) -> None:
    state = replace(PLAYING, bundle=bundle, notices=(notice,), device=notice)
    assert home(gesture, state).shape == home(gesture, replace(state, t_s=2.6)).shape == (64, 128)
    for draw in (screens.splash, screens.details):
        assert draw(state).shape == draw(replace(state, t_s=2.6)).shape == (64, 128)
    screens.error(BadInput(bundle, gesture, notice))
    screens.calibration(CalibrationView(title=bundle, lines=(gesture,), choices=(notice,)))


@pytest.mark.parametrize("name", ["", "x" * 300, "wörter " * 43, "\0" * 300])
def test_a_name_of_300_letters_or_none_costs_its_own_rows_alone(name: str) -> None:
    long, short = home(name), home()
    np.testing.assert_array_equal(long[:9], short[:9])
    np.testing.assert_array_equal(long[46:], short[46:])


def test_shortening_measures_a_long_text_once() -> None:
    assert font.width(font.shorten("w" * 100_000, 60)) <= 60
    assert font.width(font.shorten_left("w" * 100_000, 60)) <= 60


def test_every_hint_fits_the_foot(monkeypatch: pytest.MonkeyPatch) -> None:
    hints: set[str] = set()
    monkeypatch.setattr(layout, "foot", lambda c, hint, *notices: hints.add(hint))
    for draw in SCREENS.values():
        draw()
    assert len(hints) > 5
    assert all(font.width(hint) <= 128 for hint in hints)


def test_what_to_do_is_on_every_page_of_a_long_error() -> None:
    wordy = BadInput("what " * 60, "where/" * 60, "do this")
    shown = [screens.error(wordy, t_s=PAGE_S * page + 0.1) for page in range(20)]
    bare = screens.error(BadInput("", "", "do this"))
    assert all(np.array_equal(page[-8:], bare[-8:]) for page in shown)
    assert len({page.tobytes() for page in shown}) > 1
