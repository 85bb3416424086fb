"""A rack is played offline as the module plays it: the same bits each time, as long as it says, drawn and heard."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurorack.cli import main
from neurorack.errors import BadInput
from neurorack.rendering import play_rack
from neurorack.rendering_picture import WIDTH, draw, spectrogram_db
from neurorack.words import SAMPLE_RATE_HZ

RACK = """
name = "test"
about = "A note."
seconds = 0.5
[module]
bundle = "{bundle}"
gesture = "still"
{more}
[sources.seq]
kind = "sequencer"
tempo_bpm = 240
steps_per_beat = 1
steps_v = [0.0, 1.0]
gate = 0.6
[cables]
voct = "seq.cv"
gate1 = "seq.gate"
"""


def rack(folder: Path, bundle: Path, more: str = "", name: str = "rack.toml") -> str:
    (folder / name).write_text(RACK.format(bundle=bundle, more=more))
    return str(folder / name)


def test_it_lasts_as_long_as_it_says_and_begins_nothing_at_its_end(tmp_path: Path, tiny_bundle: Path) -> None:
    sound = play_rack(rack(tmp_path, tiny_bundle)).sound
    assert 0.5 < len(sound) / SAMPLE_RATE_HZ < 0.7
    first, second, third = (np.abs(np.pad(sound, (0, 4_800))[at : at + 2_000]).max() for at in (2_400, 14_400, 25_200))
    assert first > 0.01 and second > 0.01 > third


def test_the_same_file_gives_the_same_bits(tmp_path: Path, tiny_bundle: Path) -> None:
    path = rack(tmp_path, tiny_bundle)
    np.testing.assert_array_equal(play_rack(path).sound, play_rack(path).sound)


def test_a_seed_of_its_sheet_leads_elsewhere(tmp_path: Path, finding_bundle: Path) -> None:
    one, same, other = (
        play_rack(rack(tmp_path, finding_bundle, f"knob.find1.base = 0.9\nfind_seed = {seed}")).sound
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_another_rack_can_be_plugged_into_the_input(tmp_path: Path, hearing_bundle: Path) -> None:
    rack(tmp_path, hearing_bundle, name="other.toml")
    sound = play_rack(rack(tmp_path, hearing_bundle, 'listens = "other.toml"')).sound
    note, rest = sound[4_000:6_000], sound[10_500:11_500]
    assert np.abs(note).max() > 0.01 > np.abs(rest).max()


def test_a_ring_of_racks_is_refused_in_one_line(tmp_path: Path, hearing_bundle: Path) -> None:
    with pytest.raises(BadInput, match="listens itself"):
        play_rack(rack(tmp_path, hearing_bundle, 'listens = "rack.toml"'))


def test_the_picture_has_a_lane_for_each_jack_that_moves(tmp_path: Path, tiny_bundle: Path) -> None:
    both, one = play_rack(rack(tmp_path, tiny_bundle)), (tmp_path / "rack.toml")
    one.write_text(one.read_text().replace("[0.0, 1.0]", "[0.0]"))
    assert draw(both).width == WIDTH
    assert draw(both).height > draw(play_rack(str(one))).height


@pytest.mark.parametrize("f_hz", [110.0, 1_000.0, 9_000.0])
def test_a_tone_is_drawn_where_it_belongs(f_hz: float) -> None:
    tone = np.sin(2 * np.pi * f_hz * np.arange(24_000) / SAMPLE_RATE_HZ).astype(np.float32)
    rows = np.argmax(spectrogram_db(tone, 50, 200)[:, 5:-5], axis=0)
    expected = 200 * (1 - np.log(f_hz / 50) / np.log(16_000 / 50))
    assert np.abs(rows - expected).max() < 4


def test_the_command_writes_sound_and_picture(
    tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["demo", rack(tmp_path, tiny_bundle), "--out", str(out), "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert Path(report["sound"]) == out / "rack.wav" and (out / "rack.wav").stat().st_size > 50_000
    with Image.open(report["picture"]) as image:
        assert image.width == WIDTH


def test_without_a_name_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("morph\t") for line in lines) and len(lines) > 20


def test_a_rack_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "mumble", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
