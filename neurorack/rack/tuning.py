"""How well modules of real parts are in tune, before and after calibration: a thousand of them, from jack to volts.

    python -m neurorack.rack.tuning --out hardware/pictures/calibration.png

Every module has its own parts and converter (`specimen`), is measured at the wizard's voltages with the converter's
noise and steps beside its reference, corrected by the correction that plays, and asked for every tenth of a volt. The
source of the voltages is taken to be exact: what it is off by, the module is off by.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.board import Board, load_board
from neurorack.errors import BadInput
from neurorack.jacks.calibration import Correction
from neurorack.jacks.reference import READINGS
from neurorack.jacks.tolerance import CENTS_PER_V, PITCH, lsb_v
from neurorack.jacks.wizard import POINTS_V
from neurorack.rack.chips.ads1x15 import input_noise_v
from neurorack.rack.specimen import Conditionings, Converters

MODULES = 1_000
PLAYED_V = np.round(np.arange(-2.0, 4.05, 0.1), 1)

MEASURED, PLAYED = 800, 16
"""Readings in the wizard's mean of a second, and behind a note that is held (`scan.VOCT_REST`)."""

SWING_C = 15.0
"""From 35 °C to either end of 20…50 °C."""


@dataclass(frozen=True)
class Tuning:
    """Errors in cents [modules, voltages]: uncalibrated; calibrated, at the temperature of calibration and away."""

    before: np.ndarray
    after: np.ndarray
    colder: np.ndarray
    warmer: np.ndarray

    def figures(self) -> dict[str, float]:
        """rms over all modules and voltages, and the worst of any."""
        drifted = np.concatenate([self.colder, self.warmer])
        found = {}
        for name, cents in (("before", self.before), ("after", self.after), ("drifted", drifted)):
            found[f"{name}_rms_cents"] = round(float(np.sqrt(np.mean(cents**2))), 2)
            found[f"{name}_worst_cents"] = round(float(np.max(np.abs(cents))), 2)
        return found


def simulate(board: Board, modules: int = MODULES, points_v: Sequence[float] = POINTS_V, seed: int = 0) -> Tuning:
    """Solder, calibrate and play so many modules."""
    rng = np.random.default_rng(seed)
    wire, adc = board.jacks.voct, board.adc.voct
    stages, converters = Conditionings(wire, PITCH, rng, modules), Converters(adc, rng, modules)
    noise_v, step_v = input_noise_v(adc.range_v, adc.rate_sps), lsb_v(adc)

    def read(jack_v: np.ndarray, readings: int, warmer_c: float = 0.0) -> np.ndarray:
        """Nominal volts [modules, voltages], each the mean of so many readings."""
        gain, offset_v = stages.line(warmer_c)
        pin_v = mean(offset_v[:, None] + gain[:, None] * jack_v, readings, warmer_c)
        if board.reference is not None:
            pin_v *= board.reference.volts / mean(stages.reference_v(warmer_c)[:, None], READINGS, warmer_c)
        return (pin_v - wire.offset_v) / wire.gain

    def mean(pin_v: np.ndarray, readings: int, warmer_c: float) -> np.ndarray:
        """What so many readings of `pin_v` [modules, …] make together, in volts."""
        taken_v = converters.convert(pin_v, warmer_c)
        codes = np.zeros_like(taken_v)
        for _ in range(readings):
            codes += np.rint((taken_v + noise_v * rng.standard_normal(taken_v.shape, np.float32)) / step_v)
        return codes * step_v / readings

    rising = sorted(points_v)
    measured_v = read(np.array(rising), MEASURED)
    corrections = [Correction([float(v) for v in row], rising) for row in measured_v]

    def errors(warmer_c: float) -> np.ndarray:
        read_v = read(PLAYED_V, PLAYED, warmer_c)
        true_v = np.array([[c.true(v) for v in row] for c, row in zip(corrections, read_v.tolist(), strict=True)])
        return CENTS_PER_V * (true_v - PLAYED_V)

    before = CENTS_PER_V * (read(PLAYED_V, PLAYED) - PLAYED_V)
    return Tuning(before, errors(0.0), errors(-SWING_C), errors(SWING_C))


def draw(tuning: Tuning, path: Path) -> None:
    """Worst error of each module over −2…+4 V, as two histograms. Raises BadInput."""
    from neurorack.panel.plot import BLUE, RED, Plot

    figures = tuning.figures()
    before, after = (np.max(np.abs(cents), axis=1) for cents in (tuning.before, tuning.after))
    edges = np.arange(0.0, 61.0)
    title = f"{len(before)} modules at their worst voltage of -2…+4 V"
    ends = (0.0, 60.0), (0.5, max(10.0, 10.0 ** np.ceil(np.log10(len(before)))))
    plot = Plot(title, "cents off", "modules", *ends, log_y=True)
    for name, worst, key, colour in (
        ("uncalibrated", before, "before", RED),
        ("calibrated at 0, 1, 3 V", after, "after", BLUE),
    ):
        told = f"{name}: {figures[f'{key}_rms_cents']:g} cents rms, worst {figures[f'{key}_worst_cents']:g}"
        plot.bars(edges.tolist(), np.histogram(worst, edges)[0].tolist(), told, colour)
    plot.save(path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.rack.tuning",
        description="Pitch errors of random modules before and after calibration, as JSON and as a picture.",
        epilog="example: python -m neurorack.rack.tuning --out hardware/pictures/calibration.png",
    )
    parser.add_argument("--modules", type=int, default=MODULES, metavar="N", help=f"how many (default {MODULES})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed, the same modules")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="draw the histograms")
    options = parser.parse_args(arguments)
    try:
        tuning = simulate(load_board(), options.modules, seed=options.seed)
        if options.out is not None:
            draw(tuning, options.out)
    except BadInput as error:
        print(f"tuning: {error}", file=sys.stderr)
        return 2
    print(json.dumps(tuning.figures(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
