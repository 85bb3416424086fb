"""The map of controllers: what it may say, and one clear line for what it may not."""

import pytest

from neurorack.controllers.knobs import load
from neurorack.errors import BadInput


def test_the_packaged_one_turns_what_the_standard_calls_brightness_and_volume():
    knobs = load()
    assert knobs.paths[74] == "knob.centroid.base" and knobs.paths[7] == "knob.rms.base"
    assert (knobs.channel, knobs.bend_semitones) == (0, 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("channel = 17", "channel"),
        ("chanel = 1", "chanel"),
        ("[cc]\n74 = 'brightness'", "brightness"),
        ("[cc]\n128 = 'centroid'", "128"),
        ("[cc]\n64 = 'centroid'", "64"),
        ("[cc]\nx = 'centroid'", "cc"),
        ("[cc]\n74 = 'pitch'", "pitch"),
        ("[cc", "not TOML"),
        ("\xff", "not TOML"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(tmp_path, text, complaint):
    path = tmp_path / "map.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=complaint) as refused:
        load(path)
    assert str(path) in refused.value.where


def test_one_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        load(tmp_path / "none.toml")
