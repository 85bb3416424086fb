"""The test procedure tells a builder what the simulation found, limits that tolerances explain, and in an order that
can be followed: nothing is measured before it is soldered."""

import re
from itertools import product

import pytest

from hardware.circuit import gates, parts
from hardware.circuit.__main__ import HERE
from hardware.circuit.board import at
from neurorack.boards import BOARDS
from neurorack.jacks.tolerance import PITCH, REFERENCE_V
from neurorack.rack import tuning

BLOCKS = ("cv", "converters", "gates", "reference", "pots")
ROW = re.compile(r"^\| (?:([\d.]+) V \| )?(\w+) \| ([\d.]+) V \| ([\d.]+)…([\d.]+) V \|$", re.MULTILINE)
POINT = re.compile(r"^\| (?:[\d.]+ V \| )?(\w+)(?:, at (J\d+))? \| −?[\d.]+ V \|", re.MULTILINE)

SOLDERED = {
    "First power": ("bus", "computer"),
    "Rails": ("analogue", "header"),
    "CV": ("cv", "converters"),
    "Gates": ("gates", "panel"),
    "Sound": ("codec", "audio", "mute"),
}
"""What the step before each test has put on the board."""

TEXT = (HERE / "building.md").read_text()


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


def rows():
    """(volts at voct, net, nominal, lowest, highest) of what the text has measured with the computer off."""
    known = {"VREF", "voct_bias", "cv_bias", "gate_threshold", "voct_pin"}
    return [(float(jack or 0), net, *map(float, volts)) for jack, net, *volts in ROW.findall(TEXT) if net in known]


@pytest.fixture
def probe(bench):
    """Volts at a net with all cables out but voct's, and with other values of some parts."""

    def measured_v(net, jack_v, values=None):
        jacks = ("cv1", "cv2", "cv3", "cv4", "gate1", "gate2")
        sources = [*bench.POWERED, "Vheader v3h 0 3.3", f"Vvoct voct_jack 0 {jack_v}"]
        sources += [f"V{jack} {jack}_jack 0 0" for jack in jacks]
        return bench.run(BLOCKS, "op", sources, [f"v({net})"], values)[f"v({net})"][0]

    return measured_v


def test_there_is_a_row_for_each_test_point():
    assert [net for _, net, *_ in rows()] == ["VREF", "voct_bias", "cv_bias", *["voct_pin"] * 3, "gate_threshold"]


@pytest.mark.parametrize(("jack_v", "net", "nominal_v", "low_v", "high_v"), rows())
def test_a_test_point_shows_what_the_text_says(probe, jack_v, net, nominal_v, low_v, high_v):
    found_v = probe(net, jack_v)
    assert found_v == pytest.approx(nominal_v, abs=0.6e-3)
    assert low_v < found_v < high_v


DIVIDERS = {
    "voct_bias": ("voct_bias", "voct_bias_mid"),
    "cv_bias": ("cv_bias_mid", "cv_divided"),
    "gate_threshold": ("gate_threshold",),
    "voct_pin": ("voct_bias", "voct_bias_mid", "voct_sum", "voct_pin"),
}
"""The nets whose resistors decide a test point's volts."""


@pytest.mark.parametrize(("jack_v", "net", "_", "low_v", "high_v"), [row for row in rows() if row[1] in DIVIDERS])
def test_its_limits_allow_every_part_its_tolerance(probe, board, jack_v, net, _, low_v, high_v):
    """Each resistor and the reference at its limit, all in the same direction, and a millivolt of the meter."""
    exact_v = probe(net, jack_v)
    off_v = 1e-3 + PITCH.reference * REFERENCE_V
    for part in {part.ref: part for name in DIVIDERS[net] for part, *_ in board.pins(name)}.values():
        if part.kind.prefix == "R":
            tolerance = 0.001 if "0.1 %" in part.value else 0.01
            off_v += abs(probe(net, jack_v, {part.ref: part.amount * (1 + tolerance)}) - exact_v)
    assert low_v < exact_v - off_v and exact_v + off_v < high_v


def test_thresholds_of_gates_allow_one_percent_parts_and_the_comparators_offset():
    limits = re.findall(
        r"^\| (rises|falls)[^|]*\| ([\d.]+) V \| ([\d.]+)…([\d.]+) V \|$", section("Gates"), re.MULTILINE
    )
    told = {edge: (float(nominal), float(low), float(high)) for edge, nominal, low, high in limits}
    found = {"rises": [], "falls": []}
    upper, lower = gates.THRESHOLD_OHMS
    for a, b, c, d, offset_v, supply_v in product(*[(-0.01, 0.01)] * 4, (-5e-3, 5e-3), (3.234, 3.366)):
        threshold_v = REFERENCE_V * lower * (1 + a) / (lower * (1 + a) + upper * (1 + b)) + offset_v
        ratio = gates.INPUT_OHMS * (1 + c) / (gates.HYSTERESIS_OHMS * (1 + d))
        found["rises"].append(threshold_v * (1 + ratio))
        found["falls"].append(threshold_v * (1 + ratio) - supply_v * ratio)
    for edge, (nominal_v, low_v, high_v) in told.items():
        assert low_v < min(found[edge]) < nominal_v < max(found[edge]) < high_v
    assert told["rises"][2] < 1.0 and told["falls"][1] > 0.5


def test_nothing_is_measured_before_it_is_soldered(board):
    here: set[str] = set()
    for title, blocks in SOLDERED.items():
        here |= set(blocks)
        for net, terminal in POINT.findall(section(title)):
            needed = {part.block for part, *_ in board.pins(net) if part.ref == terminal or part.kind.prefix == "TP"}
            assert needed and needed <= here, f"{net} in {title}"
    assert here == {part.block for part in board.parts()}
    steps = re.findall(r"\*(\w[\w ]*)\.?\*\.?", " ".join(re.findall(r"→\s+(.*)", section("Order of assembly"))))
    assert [step for step in steps if step != "Panel"] == list(SOLDERED)


def test_every_test_point_named_is_on_the_board(board):
    points = {part.value.removeprefix("TP ") for part in board.parts() if part.kind.prefix == "TP"}
    named = {net for net, terminal in POINT.findall(TEXT) if not terminal} | {"mute_gate"}
    assert len(named) >= 9 and named <= points


def test_what_feeds_a_computer_is_measured_before_it_is_connected(board):
    """Both terminals: the Orin's by its test point, the Nano's by its own row."""
    first = section("First power")
    terminals = {at(part, "A"): part.ref for part in board.parts("computer") if part.kind is parts.TERMINAL_2}
    assert set(terminals) == {"COMPUTER12", "NANO5"}
    for net, ref in terminals.items():
        assert first.index(f"| {net}") < first.index("Only now connect") < first.rindex(ref)


def test_bridges_are_called_by_their_designators(board):
    named = dict(re.findall(r"`(J_\w+)` \((J\d+)\)", TEXT))
    assert named == {part.value.split(":")[0]: part.ref for part in board.parts() if part.value.startswith("J_")}


def test_the_displays_pins_are_told_in_the_order_that_is_drawn(board):
    drawn = ", ".join(name for _, name, _ in parts.OLED.pins)
    assert f"for {drawn}" in " ".join(TEXT.split())


def test_warm_up_is_equally_long_everywhere():
    root = HERE.parent
    for path in ("README.md", "hardware/building.md", "neurorack/calibrate.py"):
        text = " ".join((root / path).read_text(encoding="utf-8").split())
        assert "a quarter of an hour" in text and "half an hour of warmth" not in text, path


def test_the_figures_of_tuning_in_both_readmes_are_what_the_command_says():
    from neurorack.board import load_board

    found = tuning.simulate(load_board(BOARDS["orin"])).figures()

    def rounded(name):
        value = found[f"{name}_cents"]
        return f"{value:.0f}" if value > 5 else f"{value:.1f}" if value > 0.5 else f"{value:.2f}"

    front = (HERE.parent / "README.md").read_text(encoding="utf-8")
    assert f"| {rounded('before_rms')} cents rms, worst {rounded('before_worst')} |" in front
    after = f"| {rounded('after_rms')} cents rms, worst {rounded('after_worst')}; "
    assert f"{after}{rounded('drifted_rms')} rms, worst {rounded('drifted_worst')} |" in front
    text = " ".join((HERE / "README.md").read_text(encoding="utf-8").split())
    assert f"up to {rounded('before_worst')} cents off ({rounded('before_rms')} rms)" in text
    assert f"calibrated {rounded('after_worst')} ({rounded('after_rms')} rms)" in text
    assert f"move by {rounded('drifted_rms')} cents rms, {rounded('drifted_worst')} at worst" in text
