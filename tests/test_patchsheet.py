"""A rack's file sets the module as well, in one table; what it cannot be is one line."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from frames import frames

from neurorack.bundle import read_card
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.patchsheet import read_sheet
from neurorack.rendering import play_rack
from neurorack.settings.playing import patch_of
from neurorack.takes import store
from neurorack.takes.take import gesture_of
from neurorack.words import CV_JACKS, PATCHABLE

RACK = """
name = "test"
seconds = 0.5
{module}
[sources.c]
kind = "constant"
volts = 5.0
[cables]
gate1 = "c.out"
"""
MODULE = """
[module]
bundle = "{bundle}"
gesture = "still"
morph_to = "hold"
depth = 0.5
intonation = 0.25
gate2 = "tap"
scale = "major"
assign = ["cv1=morph", "cv2=envelope"]
find_seed = 7
knob.boominess.curve = "s-curve"
knob.morph.attenuverter.cv3 = -0.5
listens = "other.toml"
"""


def rack(folder: Path, module: str) -> str:
    path = folder / "rack.toml"
    path.write_text(RACK.format(module=module))
    return str(path)


def test_the_table_is_the_sound_that_plays(tmp_path: Path, tiny_bundle: Path) -> None:
    sheet = read_sheet(rack(tmp_path, MODULE.format(bundle=tiny_bundle)))
    assert sheet is not None
    sound = sheet.sound
    assert (sound.bundle, sound.gesture, sound.morph_to) == (str(tiny_bundle), 1, 0)
    assert (sound.depth, sound.intonation, sound.gate2, sound.enveloped) == (0.5, 0.25, "tap", ("cv2",))
    assert sheet.listens == tmp_path / "other.toml"
    patch = patch_of(sound)
    assert patch["attenuverter"][PATCHABLE.index("morph"), CV_JACKS.index("cv1")] == 1
    assert patch["scale"] == 0b1010_1011_0101
    assert sound.find_seed == 7 and sound.knobs["boominess"].curve == "s-curve"
    assert sound.knobs["morph"].attenuverter == {"cv1": 1.0, "cv3": -0.5}


def test_a_recorded_gesture_goes_by_its_name(tmp_path: Path, tiny_bundle: Path, state_dir: Path) -> None:
    card = read_card(tiny_bundle)
    gesture = dataclasses.replace(gesture_of(card, frames(), np.full(5, 0.5)), name="sweep")
    store.save(state_dir, card, gesture, 1)
    text = MODULE.format(bundle=tiny_bundle).replace('"still"', '"sweep"').replace("listens", "# listens")
    path = rack(tmp_path, text.replace('"tap"', '"freeze"'))
    sheet = read_sheet(path)
    assert sheet is not None and sheet.sound.gesture == 2
    (own := tmp_path / "own").mkdir()
    still = rack(own, text.replace('"sweep"', '"still"'))
    assert not np.array_equal(play_rack(path).sound, play_rack(still).sound)


PRESETS = """
[module]
bundle = "{bundle}"
gate2 = "next preset"
[[module.presets]]
gesture = "still"
[[module.presets]]
scale = "major"
assign = ["cv1=morph"]
"""


def test_its_presets_are_sounds_of_the_same_instrument_and_keep_the_task(tmp_path: Path, tiny_bundle: Path) -> None:
    sheet = read_sheet(rack(tmp_path, PRESETS.format(bundle=tiny_bundle)))
    assert sheet is not None
    assert [one.gesture for one in sheet.presets] == [1, 0]
    assert [one.scale for one in sheet.presets] == [0, 0b1010_1011_0101]
    assert {(one.bundle, one.gate2) for one in sheet.presets} == {(str(tiny_bundle), "next preset")}
    assert patch_of(sheet.presets[1])["attenuverter"][PATCHABLE.index("morph"), CV_JACKS.index("cv1")] == 1


def test_a_rack_without_the_table_leaves_the_module_alone(tmp_path: Path) -> None:
    assert read_sheet(rack(tmp_path, "")) is None


def test_a_rack_of_the_package_goes_by_its_name() -> None:
    sheet = read_sheet("morph")
    assert sheet is not None and sheet.sound.bundle == "fluid"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"still"', '"moo"', "no gesture 'moo'"),
        ('"tap"', '"dance"', "no task 'dance'"),
        ('"major"', '"odd"', "no scale 'odd'"),
        ("cv1=morph", "cv1=mirth", "no knob 'mirth'"),
        ("depth = 0.5", "depth = 9", "module.depth"),
        ("depth", "deepness", "deepness"),
        ("find_seed = 7", "find_seed = 10000", "module.find_seed"),
        ("s-curve", "x-curve", "module.knob.boominess.curve"),
        ("morph.att", "mirth.att", "module.knob.mirth.attenuverter.cv3"),
        ('listens = "other.toml"', '[[module.presets]]\ngesture = "moo"', "no gesture 'moo'"),
        ('listens = "other.toml"', '[[module.presets]]\ngate2 = "tap"', "module.presets"),
    ],
)
def test_a_mistake_in_it_is_one_line(tmp_path: Path, tiny_bundle: Path, before: str, after: str, words: str) -> None:
    text = MODULE.format(bundle=tiny_bundle)
    assert before in text
    with pytest.raises(BadInput, match=words) as caught:
        read_sheet(rack(tmp_path, text.replace(before, after)))
    assert "\n" not in str(caught.value)


def test_it_plays_in_place_of_what_is_remembered_and_the_command_line_overrules_it(
    tmp_path: Path, run_dir: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    sheet = read_sheet(rack(tmp_path, MODULE.format(bundle="tiny")))
    assert sheet is not None
    desk = Desk(tmp_path / "state", "tiny", sound=sheet.sound, bundle=None, assignments=[], intonation=1.5)
    assert desk.engine_options[1] == ["--first", "tiny"]
    desk.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
    assert desk.sound.gesture == 1 and desk.sound.gate2 == "tap" and desk.sound.intonation == 1.5
    np.testing.assert_array_equal(desk.sound.enveloped, ("cv2",))
    desk.close()
