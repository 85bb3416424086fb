"""A version proves itself before it is let in: run by its own Python, where it was unpacked, beside the playing one.

    python -m neurorack.update.selftest FOLDER [--board FILE] [--chip /dev/i2c-7:0x48 …]

Everything a module runs is imported, every instrument plays, a second of sound is what it was where the version was
made, and every chip that the playing version hears answers this one too.
"""

import argparse
import importlib
import sys
import tempfile
import wave
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.terminal import complain

TAKE, REFERENCE = "reference/take.csv", "reference/take.wav"
"""In the version's folder: volts, and what they sounded like."""

INSTRUMENT = "fluid"

DIFFERENCE_MAX = 1e-3
"""Of the sound's level, -60 dB: processors round differently, and by far less; a wrong weight is far more."""

SAMPLES = 48_000

RUNS = (
    "neurorack.service", "neurorack.engine.process", "neurorack.engine.player", "neurorack.frontend",
    "neurorack.daemon", "neurorack.panel.panel", "neurorack.remote.server", "neurorack.cli",
    "neurorack.update.command", "neurorack.update.trial", "neurorack.update.stick", "sounddevice", "smbus2", "gpiod",
)  # fmt: skip
"""What the module's processes import, and what brings the next version in."""


def play_take(folder: Path, out: Path) -> None:
    """Play the version's take into a WAV file, without noise: that may be drawn in another way by another numpy."""
    from neurorack.render import render

    render(folder / "models" / INSTRUMENT, folder / TAKE, out, ["cv1=centroid"], noisy=False)


def compare(played: Path, reference: Path) -> None:
    """Raise BadInput unless both begin with the same second of sound."""
    import numpy as np

    mine, theirs = _samples(played), _samples(reference)
    if min(len(mine), len(theirs)) < SAMPLES:
        raise BadInput("less than a second of sound was played", str(played), "the version is broken")
    difference = np.sqrt(np.mean((mine[:SAMPLES] - theirs[:SAMPLES]) ** 2))
    level = np.sqrt(np.mean(theirs[:SAMPLES] ** 2))
    if not difference <= DIFFERENCE_MAX * level:
        what = f"it sounds otherwise than where it was made, by {difference / max(level, 1e-9):.2g} of its level"
        raise BadInput(what, str(reference), "this version is not for this machine")


def _samples(path: Path) -> "np.ndarray":  # type: ignore[name-defined]  # noqa: F821
    """[N] float64 of a WAV file of 24 bits, mono; full scale is 2³¹."""
    import numpy as np

    try:
        with wave.open(str(path)) as file:
            raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    except (OSError, EOFError, ValueError, wave.Error) as error:
        raise BadInput(f"no sound: {error}", str(path), "the version is broken") from error
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return wide.view("<i4")[:, 0].astype(np.float64)


def chips_of(board: Path | None) -> list[str]:
    """The board's chips that answer now, each as DEVICE:ADDRESS."""
    from neurorack.board import load_board

    loaded = load_board(board)
    chips = (loaded.adc.voct, loaded.adc.cv, loaded.adc.pots, loaded.oled, loaded.leds)
    named = [f"{loaded.bus_of(chip).device}:{chip.address:#04x}" for chip in chips]
    return [chip for chip in named if answers(chip)]


def answers(chip: str) -> bool:
    """Whether a chip lets itself be read a byte; the kernel lets a playing module's buses be shared."""
    from smbus2 import i2c_msg

    from neurorack.clock import MonotonicClock
    from neurorack.jacks.bus import open_bus

    device, _, address = chip.rpartition(":")
    try:
        bus = open_bus(device, MonotonicClock(), Path())
        try:
            bus.i2c_rdwr(i2c_msg.read(int(address, 16), 1))
        finally:
            bus.close()
    except (OSError, BadInput):
        return False
    return True


def run(folder: Path, board: Path | None, chips: list[str]) -> None:
    """Raise BadInput with the first thing that fails."""
    for name in RUNS:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:  # sounddevice says with an OSError that PortAudio is missing
            raise BadInput(
                f"{name} cannot be loaded: {error}", str(folder), "it needs what is not installed"
            ) from error
    from neurorack import bundle
    from neurorack.board import load_board
    from neurorack.engine.proof import prove

    load_board(board)
    for instrument in sorted((folder / "models").iterdir()):
        prove(bundle.load(instrument))
    with tempfile.TemporaryDirectory() as made:
        play_take(folder, Path(made) / "take.wav")
        compare(Path(made) / "take.wav", folder / REFERENCE)
    for chip in chips:
        if not answers(chip):
            raise BadInput("a chip that the playing version hears does not answer", chip, "try again")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m neurorack.update.selftest", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--board", type=Path)
    parser.add_argument("--chip", action="append", default=[])
    given = parser.parse_args()
    try:
        run(given.folder, given.board, given.chip)
    except BadInput as error:
        complain(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
