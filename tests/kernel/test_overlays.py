"""The Nano's overlay on the tree that Debian's kernel boots a Nano with (`vm.py` has it downloaded).

tests/hardware applies both overlays to trees of their own. Debian's kernel is built without an Orin's processor, so
there is none of its trees to be had as a package.
"""

import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from neurorack.board import load_board
from neurorack.boards import BOARDS

SOURCE = Path(__file__).parents[2] / "hardware/overlays/neurorack-nano.dts"
PADS, I2S, GPIO = "/pinmux@700008d4", "/aconnect@702c0000/ahub/i2s@702d1300", "/gpio@6000d000"
BOARD = load_board(BOARDS["nano"])


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def base() -> Path:
    if shutil.which("fdtoverlay") is None:
        pytest.skip("device-tree-compiler is not installed")
    return Path(os.environ["NEURORACK_TREES"]) / "tegra210-p3450-0000.dtb"


@pytest.fixture(scope="module")
def merged(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    run("dtc", "-@", "-q", "-O", "dtb", "-o", folder / "overlay.dtbo", SOURCE)
    run("fdtoverlay", "-i", base, "-o", folder / "all.dtb", folder / "overlay.dtbo")
    return folder / "all.dtb"


def words(tree: Path, node: str, key: str) -> list[str]:
    return run("fdtget", tree, node, key).split()


def names(tree: Path, node: str, what: str) -> list[str]:
    """Properties (`-p`) or nodes (`-l`) of a node."""
    return run("fdtget", what, tree, node).split()


def test_it_says_for_which_machine_it_is(base):
    assert words(base, "/", "compatible") == ["nvidia,p3450-0000", "nvidia,tegra210"]
    assert 'compatible = "nvidia,p3450-0000", "nvidia,tegra210";' in SOURCE.read_text()


def test_it_turns_both_buses_on_that_the_kernel_leaves_off(base, merged):
    for bus in BOARD.buses.values():
        alias = Path(bus.device).name.replace("i2c-", "i2c")
        assert alias not in names(base, "/aliases", "-p"), "nobody else has that number"
        (node,) = words(merged, "/aliases", alias)
        assert "nvidia,tegra210-i2c" in words(base, node, "compatible")
        assert words(base, node, "status") == ["disabled"]
        assert words(merged, node, "status") == ["okay"]
        assert words(merged, node, "clock-frequency") == [str(bus.clock_hz)]


def test_its_pads_are_the_only_ones_that_are_set_at_boot(base, merged):
    assert words(base, PADS, "compatible") == ["nvidia,tegra210-pinmux"]
    assert "pinctrl-0" not in names(base, PADS, "-p")
    assert words(merged, PADS, "pinctrl-0") == words(merged, f"{PADS}/neurorack-pins", "phandle")
    assert set(names(merged, PADS, "-l")) - set(names(base, PADS, "-l")) == {"neurorack-pins"}


def test_the_kernel_has_no_other_use_for_its_lines(base):
    chip = int(*words(base, GPIO, "phandle"))
    used = set()
    for cells in re.findall(r"\bgpios? = <([^>]*)>", run("dtc", "-q", "-I", "dtb", "-O", "dts", base)):
        numbers = [int(cell, 16) for cell in cells.split()]
        used |= {line for owner, line in pairwise(numbers) if owner == chip}
    assert {189, 190} <= used, "its power and recovery keys, PX.05 and PX.06, are found"
    assert not used & {line.line for line in BOARD.gpio.by_name().values()}


def test_the_headers_i2s_is_there_and_on(base):
    assert words(base, I2S, "compatible") == ["nvidia,tegra210-i2s"]
    assert words(base, I2S, "status") == ["okay"]
