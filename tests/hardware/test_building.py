"""The test procedure tells a builder what the simulation found, and limits that tolerances explain."""

import re

import pytest

from hardware.circuit.__main__ import HERE

BLOCKS = ("cv", "converters", "gates", "reference", "pots")
ROW = re.compile(r"^\| (?:([\d.]+) V \| )?(\w+) \| ([\d.]+) V \| ([\d.]+)…([\d.]+) V \|$", re.MULTILINE)


def rows():
    """(volts at voct, net, nominal, lowest, highest) of what the text has measured with the computer off."""
    found = ROW.findall((HERE / "building.md").read_text())
    known = {"VREF", "voct_bias", "cv_bias", "gate_threshold", "voct_pin"}
    return [(float(jack or 0), net, *map(float, volts)) for jack, net, *volts in found if net in known]


def test_there_is_a_row_for_each_test_point():
    assert [net for _, net, *_ in rows()] == ["VREF", "voct_bias", "cv_bias", "gate_threshold", *["voct_pin"] * 3]


@pytest.mark.parametrize(("jack_v", "net", "nominal_v", "low_v", "high_v"), rows())
def test_a_test_point_shows_what_the_text_says(bench, jack_v, net, nominal_v, low_v, high_v):
    jacks = ("cv1", "cv2", "cv3", "cv4", "gate1", "gate2")
    sources = [*bench.POWERED, "Vheader v3h 0 3.3", f"Vvoct voct_jack 0 {jack_v}"]
    sources += [f"V{jack} {jack}_jack 0 0" for jack in jacks]
    found_v = bench.run(BLOCKS, "op", sources, [f"v({net})"])[f"v({net})"][0]
    assert found_v == pytest.approx(nominal_v, abs=0.6e-3)
    assert low_v < found_v < high_v


def test_every_test_point_named_is_on_the_board(board):
    points = {part.value.removeprefix("TP ") for part in board.parts() if part.kind.prefix == "TP"}
    text = (HERE / "building.md").read_text()
    named = set(re.findall(r"^\| (?:[\d.]+ V \| )?(\w+) \| −?[\d.]+ V \|", text, re.MULTILINE)) | {"mute_gate"}
    assert len(named) >= 9 and named <= points
