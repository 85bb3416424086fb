"""Device-tree overlays: they compile, fit the kernel's trees, and set what the board of the same name expects."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from neurorack.board import load_board
from neurorack.boards import BOARDS

OVERLAYS = Path(__file__).parents[2] / "hardware" / "overlays"

HEADER_PADS = {
    "orin": {29: "soc_gpio32_pq5", 31: "soc_gpio33_pq6", 32: "soc_gpio19_pg6", 33: "soc_gpio21_ph0",
             15: "soc_gpio39_pn1", 12: "soc_gpio41_ph7", 35: "soc_gpio44_pi2", 38: "soc_gpio43_pi1",
             40: "soc_gpio42_pi0", 7: "soc_gpio59_pac6"},
    "nano": {29: "cam_af_en_ps5", 31: "pz0", 32: "lcd_bl_pwm_pv0", 33: "pe6",
             15: "lcd_te_py2", 12: "dap4_sclk_pj7", 35: "dap4_fs_pj4", 38: "dap4_din_pj5",
             40: "dap4_dout_pj6", 7: "aud_mclk_pbb0"},
}  # fmt: skip
"""Pads behind the header's pins, as the overlays' sources are named in them."""

FIRST_LINES = {
    # tegra234_main_ports of drivers/gpio/gpio-tegra186.c: A 8, B 1, C 8, D 4, E 8, F 6, G 8, H 8, I 7, J 6, K 8, L 4,
    # M 8, N 8, P 8, Q 8, …
    "orin": {"g": 35, "h": 43, "n": 84, "q": 100},
    "nano": {port: 8 * number for number, port in enumerate("abcdefghijklmnopqrstuvwxyz")},
}
"""First line of a port."""

BASES = {
    "orin": """
        aliases { i2c1 = "/bus@0/i2c@c240000"; i2c7 = "/bus@0/i2c@c250000"; };
        bus@0 {
            pinmux: pinmux@2430000 { };
            gen2_i2c: i2c@c240000 { clock-frequency = <100000>; status = "okay"; };
            gen8_i2c: i2c@c250000 { clock-frequency = <400000>; status = "disabled"; };
        };""",
    "nano": """
        aliases { serial0 = "/serial@70006000"; };
        pinmux@700008d4 { };
        i2c@7000c000 { status = "disabled"; };
        i2c@7000c400 { status = "disabled"; };""",
}
"""What of the kernel's trees the overlays touch, as it is there."""

PINMUX = {"orin": "/bus@0/pinmux@2430000", "nano": "/pinmux@700008d4"}


def run(*command: str | Path) -> str:
    """Its output; what it complains of fails the test."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


@pytest.fixture(params=sorted(HEADER_PADS))
def name(request) -> str:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    return request.param


@pytest.fixture
def merged(name, tmp_path) -> Callable[[str, str], list[str]]:
    """The base with the overlay in it: gives the words of a property."""
    (tmp_path / "base.dts").write_text(f"/dts-v1/;\n/ {{ {BASES[name]} }};", encoding="utf-8")
    symbols = ["-@"] if name == "orin" else []  # as NVIDIA's kernel is built, and as Debian's is
    run("dtc", *symbols, "-q", "-q", "-O", "dtb", "-o", tmp_path / "base.dtb", tmp_path / "base.dts")
    run("dtc", "-@", "-O", "dtb", "-o", tmp_path / "overlay.dtbo", OVERLAYS / f"neurorack-{name}.dts")
    run("fdtoverlay", "-i", tmp_path / "base.dtb", "-o", tmp_path / "all.dtb", tmp_path / "overlay.dtbo")
    return lambda node, key: run("fdtget", tmp_path / "all.dtb", node, key).split()


def numbers(words: list[str]) -> dict[str, int]:
    return dict(zip(("tristate", "enable-input", "pull"), map(int, words), strict=True))


def pads(merged: Callable[[str, str], list[str]], node: str) -> dict[str, int]:
    return numbers([word for key in ("tristate", "enable-input", "pull") for word in merged(node, f"nvidia,{key}")])


def test_both_header_buses_run_at_the_boards_speed_under_its_numbers(name, merged):
    for bus in load_board(BOARDS[name]).buses.values():
        node = merged("/aliases", Path(bus.device).name.replace("i2c-", "i2c"))[0]
        assert merged(node, "status") == ["okay"]
        assert merged(node, "clock-frequency") == [str(bus.clock_hz)]


def test_the_boards_lines_and_no_others_are_inputs_without_pulls(name, merged):
    node = f"{PINMUX[name]}/neurorack-pins/lines"
    assert pads(merged, node) == {"tristate": 1, "enable-input": 1, "pull": 0}
    lines = load_board(BOARDS[name]).gpio.by_name().values()
    if name == "orin":
        assert merged(node, "nvidia,pins") == [HEADER_PADS[name][line.pin] for line in lines]
    else:
        assert merged(node, "nvidia,pins") == [HEADER_PADS[name][pin] for pin in (29, 31, 32, 33, 15)]
        assert [line_of(name, pad) for pad in merged(node, "nvidia,pins")] == [line.line for line in lines]


def line_of(name: str, pad: str) -> int:
    """A pad's name ends with its port and bit: soc_gpio32_pq5 is PQ.05."""
    port, bit = re.fullmatch(r"(?:.*_)?p([a-z]+)(\d)", pad).groups()  # type: ignore[union-attr]
    return FIRST_LINES[name][port] + int(bit)


def test_the_lines_that_orins_comment_gives_are_those_of_its_pads():
    text = BOARDS["orin"].read_text(encoding="utf-8")
    given = {int(pin): int(line) for pin, line in re.findall(r"\b(\d+) = (?:line )?(\d+) \(P", text)}
    assert given == {pin: line_of("orin", HEADER_PADS["orin"][pin]) for pin in (29, 31, 32, 33, 15)}


def test_i2s_has_its_pads_and_directions(name, merged):
    state, header = f"{PINMUX[name]}/neurorack-pins", HEADER_PADS[name]
    assert merged(f"{state}/i2s-clocks", "nvidia,pins") == [header[12], header[35]]
    assert merged(f"{state}/i2s-out", "nvidia,pins") == [header[40]]
    assert merged(f"{state}/i2s-in", "nvidia,pins") == [header[38]]
    assert merged(f"{state}/mclk", "nvidia,pins") == [header[7]]
    assert pads(merged, f"{state}/i2s-out") == {"tristate": 0, "enable-input": 0, "pull": 0}
    assert pads(merged, f"{state}/i2s-in") == {"tristate": 1, "enable-input": 1, "pull": 0}
    functions = {merged(f"{state}/{part}", "nvidia,function")[0] for part in ("i2s-clocks", "i2s-out", "i2s-in")}
    assert functions == {"i2s2" if name == "orin" else "i2s4b"}
    assert merged(f"{state}/mclk", "nvidia,function") == ["aud"]


def test_the_pads_are_set_at_boot(name, merged):
    assert merged(PINMUX[name], "pinctrl-names") == ["default"]
    assert merged(PINMUX[name], "pinctrl-0") == merged(f"{PINMUX[name]}/neurorack-pins", "phandle")
