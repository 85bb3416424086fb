"""How far `voct` is off in modules as they are built, and what reading the reference beside it would win.

Parts, converters and their tolerances are those that the virtual rack plays and that `calibrate` judges by
(`neurorack.rack.specimen`, `neurorack.jacks.tolerance`). Added is what only the schematic knows: the clamps' leakage
and the converter's own load, both at the filter's resistor. SPICE checks the transfer (tests/hardware/test_cv.py).
"""

import numpy as np

from hardware.circuit import cv
from neurorack.board import load_board
from neurorack.jacks.tolerance import PITCH, REFERENCE_V
from neurorack.rack.chips.ads1x15 import COMMON_OHM, DIFFERENTIAL_OHM, SAMPLED_V
from neurorack.rack.specimen import Conditionings, Converters

_SOURCE_OHMS = cv.FILTER_OHMS * cv.BLEED_OHMS / (cv.FILTER_OHMS + cv.BLEED_OHMS)
_LEAK_A = 100e-9  # BAS70-04, each diode, at 25 °C; doubled every 10 K


class Modules:
    """A batch of modules, each error uniform between its limits."""

    def __init__(self, count: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        board = load_board(None)
        self._wire = board.jacks.voct
        self._stages = Conditionings(self._wire, PITCH, rng, count)
        self._converters = Converters(board.adc.voct, rng, count)
        self._leak_a = rng.uniform(-_LEAK_A, _LEAK_A, count)

    def reading_v(self, jack_v: float, warmer_k: float = 0.0, against_reference: bool = False) -> np.ndarray:
        """Volts [count] that the uncalibrated drivers believe at the jack, `warmer_k` above 25 °C.

        `against_reference`: with the converter's gain taken from its reading of the 2.5 V at its second input.
        """
        gain, offset_v = self._stages.line(warmer_k)
        leak_a = self._leak_a * 2 ** (warmer_k / 10)
        pin_v = loaded_v(offset_v + gain * jack_v + leak_a * _SOURCE_OHMS)
        code_v = self._converters.convert(pin_v, warmer_k)
        if against_reference:
            code_v *= REFERENCE_V / self._converters.convert(self._stages.reference_v(warmer_k), warmer_k)
        return (code_v - self._wire.offset_v) / self._wire.gain


def loaded_v(pin_v: np.ndarray) -> np.ndarray:
    """What the converter's input leaves of the volts behind filter and bleeding resistor while it samples them."""
    at_rest_a = SAMPLED_V / COMMON_OHM
    return (pin_v / _SOURCE_OHMS + at_rest_a) / (1 / _SOURCE_OHMS + 1 / COMMON_OHM + 1 / DIFFERENTIAL_OHM)
