"""An octave from the jack to the volts that are played: the drawn filter, the converter's windows, the scan.

Steps come at every phase of the conversions, and while the scan looks at something else: its check of the converter's
settings once a second, with and without the reading of the reference before it.
"""

import math

import numpy as np
import pytest

from hardware.circuit import cv, parts
from neurorack.jacks.readers import REFERENCE_CHECKS

MS = 1_000_000
CENTS = 1_200
STEPS, APART_MS = 60, 12.37

FILTER_S = cv.FILTER_OHMS * parts.capacitor(cv.FILTER_CAPACITOR)[2]
AMPLIFIER_S = cv.FEEDBACK_OHMS * parts.capacitor("220p")[2]
"""Time constants: behind the amplifier, and of its feedback."""


class Octaves:
    """0 and 1 V in turn at these times, behind both time constants (their sum, which is a little slower)."""

    tau_ns = 1e9 * (FILTER_S + AMPLIFIER_S)

    def __init__(self, at_ms: list[float]) -> None:
        self._at_ns = [round(ms * MS) for ms in at_ms]

    def volts(self, t_ns: int) -> float:
        number = sum(at_ns <= t_ns for at_ns in self._at_ns)
        if not number:
            return 0.0
        left = math.exp(-(t_ns - self._at_ns[number - 1]) / self.tau_ns)
        return 1.0 - left if number % 2 else left

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        """Every step, and halves of a time constant after it, so that the mean of a window is exact."""
        times = (at_ns + round(part * self.tau_ns / 2) for at_ns in self._at_ns for part in range(25))
        return [t_ns for t_ns in times if t0_ns < t_ns <= t1_ns]


def settled_ms(made, at_ms: float, end_ms: float, volts: float) -> float:
    """After how long every value lies within 3 cents."""
    heard = [(ms, v) for ms, v in made.of("voct", at_ms) if ms < end_ms]
    wrong = [number for number, (_, v) in enumerate(heard) if CENTS * abs(v - volts) > 3.0]
    return heard[wrong[-1] + 1 if wrong else 0][0] - at_ms


@pytest.mark.parametrize("clock_error", [0.1, 0.0, -0.1], ids=["slow", "nominal", "fast"])
@pytest.mark.parametrize("check", ["none", "settings", "reference"])
def test_an_octave_settles_in_six_milliseconds_from_jack_to_volts(module, clock_error, check):
    at_ms = [100 + number * APART_MS for number in range(STEPS)]
    made = module(clock_error=clock_error, voct=Octaves(at_ms))
    follower, taken_ms = made.scan.readers[0], []
    for number, step_ms in enumerate(at_ms):
        made.run_to(step_ms - 4.0 * (number % 20) / 20)  # a check now ends before the step, or is caught by it
        if check != "none":
            follower._check_ns = made.clock.now_ns()
            follower._checks = REFERENCE_CHECKS - 1 if check == "reference" else 0
        made.run_to(step_ms + APART_MS - 4.1)
        taken_ms.append(settled_ms(made, step_ms, step_ms + APART_MS - 4.1, float(number % 2 == 0)))
    print(f"{check}: median {np.median(taken_ms):.1f} ms, at most {max(taken_ms):.1f} ms")
    assert max(taken_ms) <= 6.0
