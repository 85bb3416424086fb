"""Every screen as a picture in `pictures/`. One that changed leaves its new picture under out/: look, then copy it."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neurorack.errors import BadInput
from neurorack.panel import screens
from neurorack.panel.state import CalibrationView, Engine, PanelState, note

PICTURES = Path(__file__).with_name("pictures")
OUT = Path(__file__).parents[2] / "out"

STARTING = PanelState(t_s=0.2, version="0.1.0", bundle="fluid", jacks_alive=True)
PLAYING = PanelState(
    t_s=0.3,
    version="0.1.0",
    engine=Engine.PLAYING,
    jacks_alive=True,
    bundle="fluid",
    gesture="nylon guitar",
    gesture_number=3,
    gestures=12,
    pitch_hz=440 * 2 ** (-8 / 12 + 12 / 1200),
    knobs=(0.8, 0.45, 0.3, 0.62, 0.1),
    level_db=-18.0,
    peak_db=-9.0,
    load=0.23,
    device="HDA Intel: ALC257",
    sample_rate_hz=48_000.0,
    block=128,
    realtime=True,
    playing_s=3725.0,
    i2c_errors=2,
)
NO_CARD = ("no sound card: playing to file",)
TAMPERED = BadInput(
    "decoder.onnx does not match its checksum in the card",
    "models/fluid/decoder.onnx",
    "install the bundle again: neurorack models install fluid",
)

SCREENS: dict[str, Callable[[], np.ndarray]] = {
    "splash": lambda: screens.splash(STARTING),
    "splash-ready": lambda: screens.splash(replace(STARTING, engine=Engine.PLAYING, device="dummy")),
    "splash-notice": lambda: screens.splash(replace(STARTING, t_s=2.6, notices=NO_CARD)),
    "main": lambda: screens.main(PLAYING),
    "main-silent": lambda: screens.main(replace(PLAYING, level_db=-math.inf, peak_db=-math.inf, pitch_hz=0.0)),
    "main-notice": lambda: screens.main(replace(PLAYING, t_s=2.6, notices=NO_CARD)),
    "main-chip-fault": lambda: screens.main(replace(PLAYING, silent_chips=("voct",))),
    "main-overload": lambda: screens.main(
        replace(PLAYING, load=1.2, lost=1234, level_db=-1.0, peak_db=0.0, clip=1.0, knobs=(1.0, 0.0, 1.0, 0.0, 0.5))
    ),
    "main-low": lambda: screens.main(replace(PLAYING, pitch_hz=8.05, gesture="a very long name of a gesture")),
    "gesture": lambda: screens.gesture(PLAYING),
    "gesture-long": lambda: screens.gesture(replace(PLAYING, gesture="bowed double bass", gesture_number=11)),
    "error": lambda: screens.error(TAMPERED),
    "error-second-page": lambda: screens.error(TAMPERED, screens.PAGE_S + 0.1),
    "error-short": lambda: screens.error(BadInput("no bundle is installed", mend="neurorack models install fluid")),
    "about": lambda: screens.about(replace(PLAYING, silent_chips=("cv",))),
    "calibration-ask": lambda: screens.calibration(
        CalibrationView(
            title="0 V", lines=("on voct and cv1-4, or", "pull all their cables"), choices=("measure", "leave")
        )
    ),
    "calibration-ask-leave": lambda: screens.calibration(
        CalibrationView(
            step=2, title="1 V", lines=("into voct", "(a keyboard's C5)"), choices=("measure", "leave"), chosen=1
        )
    ),
    "calibration-settling": lambda: screens.calibration(
        CalibrationView(step=2, title="+0.9981 V", progress=0.0, choices=("leave",))
    ),
    "calibration-measure": lambda: screens.calibration(
        CalibrationView(step=3, title="−2.9981 V", confidence_cents=0.23, progress=0.7, choices=("leave",))
    ),
    "calibration-refused": lambda: screens.calibration(
        CalibrationView(
            step=2,
            lines=("voct reads +3.03 V, not 1 V",),
            warn=True,
            choices=("again", "leave"),
        )
    ),
    "calibration-result": lambda: screens.calibration(
        CalibrationView(
            step=3,
            lines=("From −2 to +4 V", "before: 25.3¢ off", "after: within 1.7¢", "save it?"),
            choices=("save", "leave"),
        )
    ),
    "calibration-saved": lambda: screens.calibration(
        CalibrationView(step=3, title="in tune", lines=("Saved. It plays corrected from now on.",), choices=("done",))
    ),
    "about-nothing-yet": lambda: screens.about(PanelState(version="0.1.0")),
}


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
    np.testing.assert_array_equal(screens.main(PLAYING), screens.main(PLAYING))


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


def test_a_change_of_one_knob_touches_one_page_only() -> None:
    a, b = screens.main(PLAYING), screens.main(replace(PLAYING, knobs=(0.8, 0.5, 0.3, 0.62, 0.1)))
    assert {int(y) // 8 for y in np.flatnonzero((a != b).any(axis=1))} == {4}


def test_every_line_of_a_notice_gets_its_turn_and_then_the_header_again() -> None:
    state = replace(PLAYING, notices=NO_CARD)
    seen = [screens.main(replace(state, t_s=screens.PAGE_S * turn + 0.1))[:9].tobytes() for turn in range(3)]
    assert len(set(seen)) == 3
    assert seen[0] == screens.main(replace(PLAYING, t_s=0.1))[:9].tobytes()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_any_text_from_outside_can_be_drawn(bundle: str, gesture: str, notice: str) -> None:
    state = replace(PLAYING, bundle=bundle, gesture=gesture, notices=(notice,), device=notice)
    for draw in (screens.main, screens.splash, screens.gesture, screens.about):
        assert draw(state).shape == draw(replace(state, t_s=2.6)).shape == (64, 128)
    screens.error(BadInput(bundle, gesture, notice))
    screens.calibration(CalibrationView(title=bundle, lines=(gesture,), choices=(notice,)))


def test_what_to_do_is_on_every_page_of_a_long_error() -> None:
    wordy = BadInput("what " * 60, "where/" * 60, "do this")
    shown = [screens.error(wordy, t_s=screens.PAGE_S * page + 0.1) for page in range(20)]
    bare = screens.error(BadInput("", "", "do this"))
    assert all(np.array_equal(page[-8:], bare[-8:]) for page in shown)
    assert len({page.tobytes() for page in shown}) > 1
