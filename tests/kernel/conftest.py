"""What stands in for soldered parts inside the virtual machine: the virtual rack's chips on the kernel's I2C, and a
GPIO chip of the kernel's own, under the numbers and labels that a Jetson Orin gives its own.

Nothing here is collected outside: there is no such kernel.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from rig import wait_for
from smbus2 import SMBus, i2c_msg

from neurorack.board import load_board
from neurorack.rack.state import WorldState
from neurorack.rack.world import World
from neurorack.words import CV_JACKS, SAMPLE_RATE_HZ

collect_ignore_glob = [] if "NEURORACK_KERNEL_TESTS" in os.environ else ["test_*.py"]

HERE = Path(__file__).parent

BLOCK = 128

_NUMBERS = itertools.count()

LINES = 164
"""Of an Orin's main GPIO chip."""


class Rack:
    """The world around the module, for all processes that meet in `run_dir`."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.plug()

    def plug(self, **volts: float) -> None:
        """Steady volts at the jacks, 0 at the others; pots half way, noise and faults gone."""
        path = self.run_dir / f"{next(_NUMBERS)}.toml"  # a new name: processes read a file they know only once
        sources = (f'[sources.{jack}]\nkind = "constant"\nvolts = {volts.get(jack, 0.0):f}\n' for jack in CV_JACKS)
        cables = (f'{jack} = "{jack}.out"\n' for jack in CV_JACKS)
        path.write_text('name = "steady"\n' + "".join(sources) + "[cables]\n" + "".join(cables))
        self._world = World.create(self.run_dir, time.monotonic_ns(), path=path)

        def hush(state: WorldState) -> None:
            state.noise = False

        self.change(hush)

    def change(self, edit: Callable[[WorldState], None]) -> None:
        self._world.store.change(edit)


@pytest.fixture(scope="session")
def rack_dir(run_root: Path) -> Iterator[Path]:
    """Where the virtual rack's processes meet."""
    path = run_root / "neurorack-kernel"
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def _relay(rack_dir: Path) -> Iterator[None]:
    Rack(rack_dir)
    process = subprocess.Popen([sys.executable, str(HERE / "relay.py"), str(rack_dir)])

    def answers() -> bool:
        try:
            for chip in (load_board().adc.voct, load_board().oled):
                with SMBus(load_board().bus_of(chip).device) as bus:
                    bus.i2c_rdwr(i2c_msg.read(chip.address, 1))
        except OSError:
            return False
        return True

    wait_for(answers, 60.0)
    yield
    process.kill()
    process.wait()


@pytest.fixture
def rack(_relay: None, rack_dir: Path) -> Rack:
    """A module's chips on the buses of the default board, its jacks at 0 V."""
    return Rack(rack_dir)


class GpioSim:
    """A chip of the kernel's gpio-sim. `pull` is what a driver in front of a line does to it."""

    def __init__(self, name: str, label: str, lines: int) -> None:
        self._place = Path("/sys/kernel/config/gpio-sim") / name
        bank = self._place / "bank"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(lines))
        (bank / "label").write_text(label)
        (self._place / "live").write_text("1")
        chip = (bank / "chip_name").read_text().strip()
        self.device = Path("/dev") / chip
        self._lines = Path("/sys/devices/platform") / (self._place / "dev_name").read_text().strip() / chip
        wait_for(self.device.exists)

    def pull(self, line: int, level: int) -> tuple[int, int]:
        """Pull a line up or down; the time before and after, which its edge lies between."""
        file = self._lines / f"sim_gpio{line}" / "pull"
        before_ns = time.monotonic_ns()
        file.write_text("pull-up" if level else "pull-down")
        return before_ns, time.monotonic_ns()

    def remove(self) -> None:
        (self._place / "live").write_text("0")
        (self._place / "bank").rmdir()
        self._place.rmdir()


@pytest.fixture
def gpio() -> Iterator[GpioSim]:
    """The chip that the default board names, all lines low."""
    chip = GpioSim("orin", load_board().gpio.chip, LINES)
    yield chip
    chip.remove()


@pytest.fixture(scope="session")
def _word_clock() -> Iterator[None]:
    with subprocess.Popen([sys.executable, str(HERE / "word_clock.py"), str(BLOCK)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"runs\n"
        yield
        process.kill()


class Loopback:
    """A card whose other end gives back what was played: the engine plays to `device`."""

    device = "hw:0,0"

    def record(self, seconds: float) -> np.ndarray:
        """What arrives from now on: float32 [samples], one channel of two."""
        import sounddevice

        frames = round(seconds * SAMPLE_RATE_HZ)
        options = {"blocksize": BLOCK, "latency": 2 * BLOCK / SAMPLE_RATE_HZ}  # periods as long as the player's
        both = sounddevice.rec(frames, SAMPLE_RATE_HZ, 2, "float32", device="hw:0,1", blocking=True, **options)
        return both[:, 0]


@pytest.fixture
def loopback(_word_clock: None) -> Loopback:
    return Loopback()
