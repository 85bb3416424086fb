"""The board file: the packaged one is sound, and everything wrong with another is told in one line."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from neurorack.board import load_board
from neurorack.boards import BOARDS, DEFAULT_BOARD, board_file
from neurorack.cli import build_parser
from neurorack.clock import SimulatedClock
from neurorack.errors import BadInput
from neurorack.jacks.lines import open_lines
from neurorack.rack.world import World
from neurorack.shared import EDGE_JACKS
from neurorack.words import CV_JACKS


@pytest.fixture
def board_with(tmp_path: Path) -> Callable[[str, str], Path]:
    """The packaged board with one piece of its text replaced."""

    def write(old: str, new: str) -> Path:
        text = DEFAULT_BOARD.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def test_the_packaged_board_is_the_module_of_the_design():
    board = load_board()
    assert (board.adc.voct.address, board.adc.cv.address, board.adc.pots.address) == (0x48, 0x49, 0x4A)
    assert {adc.bus for adc in (board.adc.voct, board.adc.cv, board.adc.pots)} == {"a"}
    assert (board.oled.bus, board.oled.address, board.leds.bus, board.leds.address) == ("b", 0x3C, "b", 0x60)
    assert [(jack.low_v, jack.high_v) for jack in board.jacks.in_order()] == [(-3, 7)] + [(-5, 5)] * 4
    assert len(board.leds.channels) == 8


def test_the_rack_differs_in_nothing_but_names():
    real, rack = load_board(), load_board(rack=True)
    assert [bus.device for bus in rack.buses.values()] == ["rack:a", "rack:b"]
    assert rack.gpio.chip == "rack"
    assert (rack.adc, rack.jacks, rack.pots, rack.leds) == (real.adc, real.jacks, real.pots, real.leds)
    assert rack.gpio.by_name() == real.gpio.by_name()


def test_lines_and_jacks_come_in_the_order_of_the_words():
    board = load_board()
    assert tuple(board.gpio.by_name()) == EDGE_JACKS
    assert board.jacks.in_order() == tuple(getattr(board.jacks, name) for name in CV_JACKS)


@pytest.mark.parametrize("jack", CV_JACKS)
def test_every_volt_a_jack_takes_lies_on_its_pin_and_comes_back(jack):
    conditioning = getattr(load_board().jacks, jack)
    for volts in (conditioning.low_v, 0.0, 0.123, conditioning.high_v):
        assert 0.1 <= conditioning.pin_v(volts) <= 3.2
        assert conditioning.jack_v(conditioning.pin_v(volts)) == pytest.approx(volts, abs=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("address = 0x49", "address = 0x48", "key adc.cv.address.*0x48 on bus a is adc.voct already"),
        ("address = 0x60", "address = 0x70", "key leds.address.*all-call"),
        ("address = 0x3C", "address = 0x40", "key oled.address"),
        ('device = "/dev/i2c-1"', 'device = "/dev/i2c-7"', "key buses.b.device.*is bus a already"),
        ('bus = "b"', 'bus = "c"', "key oled.bus.*no bus 'c'.*a, b"),
        ('bus = "a"\naddress = 0x49', 'bus = "b"\naddress = 0x49', "key adc.cv.bus.*not that of voct"),
        ("rate_sps = 860", "rate_sps = 800", r"key adc.voct.rate_sps.*800 SPS.*860"),
        ('kind = "ads1115"', 'kind = "ads1119"', "key adc.voct.kind.*ads1119"),
        ("range_v = 4.096", "range_v = 4.0", r"key adc.voct.range_v.*4.0 V.*4.096"),
        ("range_v = 4.096", "range_v = 2.048", r"key adc.voct.range_v.*3.12 V.*wider"),
        ("gain = -0.29703", "gain = 0.0", "key jacks.voct.gain.*hears nothing"),
        ("gain = -0.29703", "gain = -0.5", "key jacks.voct.low_v.*on the pin"),
        ("high_v = 7.0", "high_v = 7.4", "key jacks.voct.high_v.*0.03 V on the pin.*0.05…3.25"),
        ("low_v = -3.0", "low_v = 8.0", "key jacks.voct.low_v.*not below"),
        ("low_v = 0.02", "low_v = 3.28", "key pots.pot1.*no pot"),
        ("input = 1", "input = 0", "key jacks.cv2.input.*is cv1 already"),
        ("input = 1", "input = 4", "key jacks.cv2.input.*<= 3"),
        ("pin = 29", "pin = 3", "key gpio.gate1.pin.*header pin 3 .* use one of 15, 29, 31, 32, 33"),
        ("pin = 29", "pin = 11", "key gpio.gate1.pin.*neither overlay nor circuit make header pin 11 an input"),
        ("pin = 29", "pin = 41", "key gpio.gate1.pin.*header pin 41 .* its `line`"),
        ("pin = 29", "pin = 31", "key gpio.gate2.pin.*31 is gate1 already"),
        ("pin = 29", "debounce = 1", "key gpio.gate1.*unknown field `debounce`"),
        ("pin = 29", "pin = 29\nline = 105", "key gpio.gate1.*one of both"),
        ("pin = 29", "", "key gpio.gate1.*one of both"),
        ("load = 4", "lode = 4", "key leds.channels.lode.*no such LED"),
        ("load = 4", "load = 3", "key leds.channels.load.*3 is clip already"),
        ("load = 4\n", "", "key leds.channels.load.*missing"),
        ("load = 4", "load = 16", "key leds.channels.load.*15"),
        ("reversed = false", "reversed = 1", "key encoder.reversed.*bool"),
        ("clock_hz = 400_000", "clock_hz = 4", "key buses.a.clock_hz.*100000"),
        ('"/dev/i2c-7"', '"/dev/i2c-7\\u0000"', "key buses.a.device.*is no device"),
        ('"/dev/i2c-7"', '""', "key buses.a.device.*is no device"),
        ('"tegra234-gpio"', '"tegra\\u001b"', "key gpio.chip.*is no device"),
        ("[encoder]", "[encoders]", "key top level.*encoders"),
        ("[encoder]", "[encoder", "not TOML"),
    ],
)
def test_a_wrong_board_is_refused_with_file_key_and_mend(board_with, old, new, words):
    path = board_with(old, new)
    with pytest.raises(BadInput) as refused:
        load_board(path)
    key, _, what = words.partition(".*")
    assert refused.value.where == (f"{path}, {key}" if key.startswith("key") else str(path))
    assert re.search(what or words, str(refused.value))
    assert refused.value.mend
    assert "\n" not in str(refused.value)


def test_a_missing_or_binary_board_is_refused(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        load_board(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not TOML"):
        load_board(tmp_path / "binary.toml")


def test_a_board_that_is_no_plain_file_or_endless_holds_up_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(8 << 30)
    for odd in (tmp_path / "pipe", tmp_path / "huge", tmp_path, Path("/dev/zero")):
        with pytest.raises(BadInput, match="this is no board, it is"):
            load_board(odd)


def test_a_board_may_begin_with_a_mark_and_end_its_lines_as_windows_does(tmp_path):
    text = DEFAULT_BOARD.read_text(encoding="utf-8").replace("\n", "\r\n")
    (tmp_path / "mine.toml").write_text("\ufeff" + text, encoding="utf-8", newline="")
    assert load_board(tmp_path / "mine.toml") == load_board()


def test_an_ads1015_may_read_the_pots(board_with):
    pots = 'kind = "{}"\nbus = "a"\naddress = 0x4A\nrate_sps = {}'
    path = board_with(pots.format("ads1115", 475), pots.format("ads1015", 490))
    assert load_board(path).adc.pots.kind == "ads1015"


def test_three_boards_ship_and_each_can_be_copied(tmp_path):
    assert set(BOARDS) == {"orin", "nano", "generic"}
    for name, path in BOARDS.items():
        copy = tmp_path / "mine.toml"
        copy.write_bytes(path.read_bytes())
        assert load_board(copy) == load_board(path) == load_board(board_file(name))


@pytest.mark.parametrize("name", [name for name in BOARDS if name != "orin"])
def test_the_other_boards_differ_in_buses_and_lines_alone(name):
    orin, other = load_board(), load_board(BOARDS[name])
    assert (other.adc, other.jacks, other.pots, other.oled, other.leds) == (
        *(orin.adc, orin.jacks, orin.pots, orin.oled, orin.leds),
    )
    assert other.name != orin.name
    assert other.gpio.chip != orin.gpio.chip
    assert all(line.line is not None for line in other.gpio.by_name().values())  # Jetson.GPIO knows neither


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_plays_on_the_rack(name):
    clock, board = SimulatedClock(), load_board(BOARDS[name], rack=True)
    assert open_lines(board.gpio, clock, World.at_rest()).first()
    assert all(bus.clock_hz == 400_000 for bus in board.buses.values())


PORTS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "BB", "CC", "DD", "EE", "FF"]
"""Of a Tegra X1, eight lines each (dt-bindings/gpio/tegra-gpio.h)."""


def test_the_nanos_lines_are_those_of_the_ports_it_names():
    lines = load_board(BOARDS["nano"]).gpio.by_name()
    named = re.findall(r"P([A-Z]+)\.(\d+)\n\[gpio\.(\w+)\]\nline = (\d+)", BOARDS["nano"].read_text(encoding="utf-8"))
    assert [name for _, _, name, _ in named] == list(lines)
    for port, bit, name, line in named:
        assert lines[name].line == int(line) == 8 * PORTS.index(port) + int(bit)


def test_a_board_is_like_another_but_for_the_tables_it_gives(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('like = "nano"\n[encoder]\nreversed = true\n', encoding="utf-8")
    assert load_board(mine).encoder.reversed
    assert load_board(mine).gpio == load_board(BOARDS["nano"]).gpio
    mine.write_text('like = "nano"\n[oled]\nkind = "ssd1306"\nbus = "b"\naddress = 0x99\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.toml, key oled\.address"):
        load_board(mine)


def test_a_table_gives_only_what_differs_at_every_level(tmp_path):
    mine, orin = tmp_path / "mine.toml", load_board()
    text = 'like = "orin"\n[buses.a]\ndevice = "/dev/i2c-9"\n[leds.channels]\ngate1 = 9\n[jacks.cv1]\nlow_v = -4.0\n'
    mine.write_text(text + "[gpio.gate1]\nline = 3\n", encoding="utf-8")
    board = load_board(mine)
    assert board.buses["a"].device == "/dev/i2c-9" and board.buses["b"] == orin.buses["b"]
    assert board.leds.channels == {**orin.leds.channels, "gate1": 9}
    assert (board.jacks.cv1.low_v, board.jacks.cv1.high_v) == (-4.0, orin.jacks.cv1.high_v)
    assert (board.gpio.gate1.line, board.gpio.gate1.pin) == (3, None), "one of both"
    assert board.gpio.gate2 == orin.gpio.gate2


@pytest.mark.parametrize("like", ['"nana"', "3", "[]", '"../orin"'])
def test_a_board_is_like_none_but_a_shipped_one(tmp_path, like):
    mine = tmp_path / "mine.toml"
    mine.write_text(f"like = {like}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"no board .* to be like .*key like\): use generic, nano, orin"):
        load_board(mine)


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_commands_take_a_board_by_name_or_file(command):
    parse = build_parser().parse_args
    assert parse([command, "--board", "nano"]).board == BOARDS["nano"]
    assert parse([command, "--board", "mine.toml"]).board == Path("mine.toml")
    assert load_board(parse([command]).board) == load_board(BOARDS["orin"])


def test_a_name_of_no_board_is_refused_with_those_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"\(nana\): give --board one of generic, nano, orin, or a file"):
        load_board(board_file("nana"))
