"""Pages draw what is known, as pictures of text show, and make wishes of keys.

`PYTHONPATH=.:tests/support python tests/console/test_pages.py` draws the pictures anew: look at what has changed.
"""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurorack.console.lists import ROWS, PresetsPage, SoundPage
from neurorack.console.looks import PLOT_HEIGHT, PLOT_WIDTH, JacksPage, LoadPage, PanelPage, display, plot
from neurorack.console.page import HEIGHT, WIDTH, Page, Question
from neurorack.console.patch import COLUMNS, CURVES, PatchPage
from neurorack.console.system import LogPage, SystemPage
from neurorack.patch import matrix
from neurorack.words import CV_JACKS, GATE_JACKS, PATCHABLE

PICTURES = Path(__file__).parent / "pictures"


def values() -> dict[str, Any]:
    """A module that plays, with something of everything."""
    pixels = np.zeros((64, 128), bool)
    pixels[8:56, 16:112] = np.add.outer(np.arange(48), np.arange(96)) % 6 < 3
    pages = np.packbits(pixels.reshape(8, 8, 128), axis=1, bitorder="little")[:, 0]
    known: dict[str, Any] = {f"panel.page{n}": base64.b64encode(p.tobytes()).decode() for n, p in enumerate(pages)}
    known |= {"panel.led.gate1": 1.0, "panel.led.load": 0.3, "panel.led.fault": 0.0}
    for row, name in enumerate(PATCHABLE):
        known |= {f"knob.{name}.base": 0.0 if name == "pitch" else 0.5, f"knob.{name}.offset": 0.0}
        known |= {f"knob.{name}.pot": f"pot{row}" if 1 <= row <= 4 else None, f"knob.{name}.curve": "linear"}
        known |= {f"knob.{name}.attenuverter.{jack}": 0.0 for jack in CV_JACKS}
        if 1 <= row <= 14:
            known[f"knob.{name}.position"] = round(row / 15, 3)
    known |= {"knob.pitch.attenuverter.voct": 1.0, "knob.centroid.attenuverter.cv2": -0.75, "knob.pitch.hz": 261.626}
    known |= {"knob.rms.curve": "s-curve", "knob.scrub.position": -1.0, "knob.rms.offset": 0.125}
    for row, jack in enumerate(CV_JACKS):
        known |= {f"jack.{jack}.volts": row - 1.5, f"jack.{jack}.over": int(jack == "cv3")}
    known |= {f"jack.{jack}.level": int(jack == "gate1") for jack in GATE_JACKS}
    known |= {"jack.chips_ok": [1, 1, 0], "gestures": ["pluck", "bow", "hammer", "choir", "reed"], "gesture": 2}
    known |= {"takes": ["choir", "reed"], "find_seed": 7, "found": [0.8, 0.3]}
    known |= {"bundle": "fluid", "depth": 1.0, "intonation": 0.5, "morph_to": -1, "gate2": "freeze", "scale": "off"}
    known |= {"preset.1.name": "glass rain", "preset.1.bundle": "fluid", "preset.1.gesture": 4}
    known |= {"preset.3.name": "low brass", "preset.3.bundle": "skins", "preset.3.gesture": 0}
    duration = [0, 0, 0, 0, 0, 0, 3, 220, 9200, 310, 12, 1, 0, 0, 0, 0]
    known |= {"meters.duration.octaves": duration, "meters.lateness.octaves": [*duration[2:], 0, 0]}
    for name in ("duration", "lateness"):
        known |= {f"meters.{name}.p50_s": 3.1e-4, f"meters.{name}.p99_s": 7e-4, f"meters.{name}.p999_s": 1.4e-3}
    known |= {"meters.load": 0.31, "meters.lost": 2, "meters.deadline_misses": 3, "meters.device_flags": 0}
    known |= {"meters.nan_resets": 0, "meters.i2c_errors": 7, "meters.rms_db": -18.2, "meters.pitch_hz": 450.0}
    known |= {"meters.period_s": 128 / 48_000, "system.block": 128, "system.sample_rate_hz": 48_000.0}
    known |= {
        "system.bundle": "fluid",
        "system.device": "null",
        "system.notice": "no sound card",
        "system.panic": False,
    }
    known |= {"system.engine": "playing", "system.jacks": True, "system.daemon": False, "system.realtime": True}
    known |= {"system.version": "0.0.1", "system.temperature_c": 51.5, "system.bundles": ["fluid", "skins", "tongues"]}
    known |= {"calibration.jacks": ["voct"], "calibration.notices": ["calibration x is damaged"]}
    return known


def pages() -> dict[str, Page]:
    made = {
        page.title: page for page in (PanelPage(), JacksPage(), PatchPage(), SoundPage(), PresetsPage(), LoadPage())
    }
    made |= {"system": SystemPage(), "log": LogPage()}
    known = values()
    for n in range(3 * PLOT_WIDTH):
        known |= {"jack.voct.volts": 2 + 4.9 * np.sin(n / 7), "jack.cv1.volts": (n // 13 % 2) * 4.0}
        known |= {"jack.gate1.level": n // 20 % 2}
        for page in made.values():
            page.look(known)
    made["log"].say({"lines": [f"engine: line {n}" for n in range(50)] + ["engine: \x1b]0;owned\x07"]})
    return made


def drawn(page: Page) -> str:
    known = values()
    return "\n".join(line.rstrip() for line in page.draw(known).plain.split("\n")).rstrip("\n") + "\n"


@pytest.mark.parametrize("title", list(pages()))
def test_a_page_looks_as_its_picture_does(title: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("neurorack.__version__", "0.0.1")
    assert drawn(pages()[title]) == (PICTURES / f"{title}.txt").read_text()


@pytest.mark.parametrize("known", [{}, values()], ids=["nothing", "everything"])
@pytest.mark.parametrize("title", list(pages()))
def test_a_page_fits_its_place_whatever_is_known(title: str, known: dict[str, Any]):
    page = pages()[title]
    for key in ("down", "right", "end", "left", "home", "up"):
        lines = page.draw(known).plain.rstrip("\n").split("\n")
        assert len(lines) <= HEIGHT and max(map(len, lines)) <= WIDTH
        page.key(key, known)


def test_the_display_comes_through_pixel_by_pixel():
    pixels = np.random.default_rng(1).random((64, 128)) < 0.5
    packed = np.packbits(pixels.reshape(8, 8, 128), axis=1, bitorder="little")[:, 0]
    known = {f"panel.page{n}": base64.b64encode(page.tobytes()).decode() for n, page in enumerate(packed)}
    assert (display(known) == pixels).all()
    assert not display({"panel.page0": base64.b64encode(b"short").decode()}).any()


def test_a_reference_that_is_lost_and_a_calibration_that_does_not_count_are_told_whole():
    fault = "it does not say what its volts count in, as older versions had it; played nominally"
    notice = f"calibration /var/lib/neurorack/calibration.toml, voct, cv1: {fault}: run `neurorack calibrate`"
    known = values() | {"jack.reference_ok": False, "calibration.jacks": [], "calibration.notices": [notice]}
    known |= {"system.panic": True, "system.sheltered": True}
    page = SystemPage().draw(known).plain
    assert "reference    not seen" in page and "none in force" in page
    assert "".join(notice.split()) in "".join(page.split())
    assert page.count("\n") <= HEIGHT and max(map(len, page.split("\n"))) <= WIDTH
    assert "reference" not in SystemPage().draw(values() | {"jack.reference_ok": None}).plain


def test_a_plot_shows_low_and_high_on_its_edges_and_the_newest_on_the_right():
    from collections import deque

    seen = deque([-5.0] * (2 * PLOT_WIDTH - 2) + [5.0, 5.0], maxlen=2 * PLOT_WIDTH)
    lines = plot(seen, -5.0, 5.0)
    assert len(lines) == PLOT_HEIGHT and all(len(line) == PLOT_WIDTH for line in lines)
    assert lines[-1][:-1] == "⣀" * (PLOT_WIDTH - 1), "the lowest dots"
    assert lines[0][-1] != " " and lines[0][:-1].strip() == ""
    assert not "".join(plot(deque([float("nan")] * 5), -5, 5)).strip()


def test_the_curves_are_the_patchs_own():
    assert CURVES == matrix.CURVES


def at(page: PatchPage, knob: str, column: str) -> PatchPage:
    page.row, page.column = PATCHABLE.index(knob), COLUMNS.index(column)
    return page


@pytest.mark.parametrize(
    ("knob", "column", "key", "path", "value"),
    [
        ("centroid", "cv2", "+", "knob.centroid.attenuverter.cv2", -0.7),
        ("centroid", "cv2", "<", "knob.centroid.attenuverter.cv2", -0.755),
        ("centroid", "cv2", "0", "knob.centroid.attenuverter.cv2", 0.0),
        ("pitch", "voct", "+", "knob.pitch.attenuverter.voct", 1.0),
        ("pitch", "base", "+", "knob.pitch.base", 0.0833),
        ("morph", "base", "-", "knob.morph.base", 0.45),
        ("rms", "pot", "+", "knob.rms.pot", "pot2"),
        ("boominess", "pot", "-", "knob.boominess.pot", "pot4"),
        ("rms", "pot", "0", "knob.rms.pot", None),
        ("rms", "curve", "+", "knob.rms.curve", "linear"),
    ],
)
def test_a_key_changes_what_is_under_the_cursor(knob: str, column: str, key: str, path: str, value: Any):
    assert at(PatchPage(), knob, column).key(key, values()) == {"do": "set", "path": path, "value": value}


def test_every_wish_of_the_patch_is_one_that_can_be_set():
    from neurorack.settings.edit import SETTABLE

    page = PatchPage()
    for row in range(len(PATCHABLE)):
        for column in range(len(COLUMNS)):
            page.row, page.column = row, column
            assert SETTABLE.fullmatch(page.path)


def test_a_value_is_typed():
    page = at(PatchPage(), "centroid", "cv1")
    asked = page.key("enter", values())
    assert isinstance(asked, Question) and asked.text == "knob.centroid.attenuverter.cv1"
    assert asked.then(" 0.25 ") == {"do": "set", "path": asked.text, "value": 0.25}
    assert asked.then("") is None


@pytest.mark.parametrize(
    ("row", "key", "wish"),
    [
        (0, "right", ("bundle", "skins")), (0, "left", ("bundle", "tongues")), (1, "right", ("gesture", 3)),
        (2, "right", ("morph_to", 0)), (2, "left", ("morph_to", 4)), (3, "right", ("depth", 1.1)),
        (4, "left", ("intonation", 0.45)), (5, "right", ("gate2", "retrigger")), (6, "left", ("scale", "octaves")),
        (7, "right", ("find_seed", 8)), (8, "0", ("found", None)),
    ],
)  # fmt: skip
def test_what_plays_is_changed_by_turning(row: int, key: str, wish: tuple[str, Any]):
    page = SoundPage()
    page.row = row
    assert page.key(key, values()) == {"do": "set", "path": wish[0], "value": wish[1]}
    page.key(key, {})  # nothing is known: nothing is wished, or what cannot be wrong


def test_every_row_of_what_plays_is_one_that_can_be_set_and_what_was_found_is_not_turned():
    from neurorack.settings.edit import PLAIN

    assert set(ROWS) == set(PLAIN) - {"enveloped"}
    page = SoundPage()
    page.row = ROWS.index("found")
    assert page.key("right", values()) is None


def test_as_many_gestures_as_a_module_can_have_are_listed():
    names = [f"own {n}" for n in range(16)] + [f"take {n}" for n in range(16)]
    text = SoundPage().draw(values() | {"gestures": names, "takes": names[16:]}).plain
    assert all(name in text for name in names) and len(text.rstrip("\n").split("\n")) <= HEIGHT


def test_a_gesture_is_recorded_and_the_chosen_one_renamed_and_thrown_away_when_asked():
    page, takes_one = SoundPage(), values() | {"gesture": 4}
    assert page.key("r", values()) == {"do": "gesture", "deed": "record"}
    assert page.key("e", values()) == {"do": "gesture", "deed": "stop"}
    assert page.key("x", values()) is None, "it is the instrument's"
    rename, remove = page.key("n", takes_one), page.key("x", takes_one)
    assert isinstance(rename, Question) and isinstance(remove, Question)
    assert rename.then("wind") == {"do": "gesture", "deed": "rename", "gesture": "reed", "name": "wind"}
    assert remove.then("y") == {"do": "gesture", "deed": "remove", "gesture": "reed"} and remove.then("") is None
    assert page.say({"done": True, "stage": "waiting for a gate", "fault": ""}) == "waiting for a gate"
    assert page.say({"done": True}) == "done"


def test_presets_are_recalled_saved_renamed_and_cleared_when_asked():
    page, known = PresetsPage(), values()
    assert page.key("enter", known) == {"do": "preset", "deed": "recall", "number": 1}
    save = page.key("s", known)
    assert isinstance(save, Question) and "in place of 'glass rain'" in save.text
    assert save.then("rain") == {"do": "preset", "deed": "save", "number": 1, "name": "rain"}
    rename, clear = page.key("n", known), page.key("x", known)
    assert isinstance(rename, Question) and rename.answer == "glass rain"
    assert isinstance(clear, Question) and clear.then("n") is None
    assert clear.then("y") == {"do": "preset", "deed": "clear", "number": 1}
    page.key("down", known)
    assert [page.key(key, known) for key in ("enter", "n", "x")] == [None] * 3, "an empty one"


def test_a_log_is_scrolled_to_its_beginning_and_back():
    page = pages()["log"]
    last = drawn(page)
    page.key("home", {})
    assert " engine: line 0\n" in drawn(page)
    page.key("end", {})
    assert drawn(page) == last
    assert page.key("right", {}) == {"do": "log", "of": "jacks"}


if __name__ == "__main__":
    import neurorack

    neurorack.__version__ = "0.0.1"
    PICTURES.mkdir(exist_ok=True)
    for name, page in pages().items():
        (PICTURES / f"{name}.txt").write_text(drawn(page))


def test_a_panic_is_undone_from_the_page_of_the_system():
    page = pages()["system"]
    assert page.key("u", values()) == {"do": "panic", "undo": True} and "u undo panic" in page.hint
    assert page.key("x", values()) is None
