"""How far `voct` is off in modules as they are built: every tolerance of the road from jack to code, drawn at random.

The transfer is the schematic's own: resistors' values come from `cv`, what they may be off from the data sheets
that `parts` names. SPICE checks it (tests/hardware/test_cv.py).
"""

from dataclasses import dataclass

import numpy as np

from hardware.circuit import cv

CALIBRATED_AT_C = 25.0

_R, _R_PER_K = 1e-3, 25e-6
_REFERENCE_V, _REFERENCE, _REFERENCE_PER_K = 2.5, 0.5e-3, 3e-6  # SBOS410 §7.5, high grade
_OFFSET_V, _OFFSET_V_PER_K = 10e-6, 0.05e-6  # SBOS351 §6.5
_ADC_GAIN, _ADC_GAIN_PER_K = 1.5e-3, 40e-6  # SBAS444 §7.5: at most; 0.1 ‰ and 5 ppm/K are typical
_ADC_LSB_V, _ADC_OFFSET_LSB = 4.096 / 32768, 3.0
_ADC_OHMS = 6e6
_LEAK_A = 100e-9  # BAS70-04, each diode, at 25 °C; doubled every 10 K


@dataclass(frozen=True)
class Modules:
    """A batch of modules: each array holds one number a module, uniform between its limits."""

    ratios: dict[str, np.ndarray]
    drifts: dict[str, np.ndarray]

    def reading_v(
        self, jack_v: float, temperature_c: float = CALIBRATED_AT_C, against_reference: bool = False
    ) -> np.ndarray:
        """Volts that the uncalibrated drivers believe at the jack.

        `against_reference`: with the converter's gain taken from its reading of the 2.5 V at its second input.
        """
        warm_k = temperature_c - CALIBRATED_AT_C

        def now(name: str) -> np.ndarray:
            return self.ratios[name] + self.drifts[name] * warm_k

        upper, (lower, rest) = cv.VOCT_BIAS_OHMS
        below = lower * (1 + now("lower")) + rest * (1 + now("rest"))
        divided = below / (below + upper * (1 + now("upper")))
        bias_v = _REFERENCE_V * (1 + now("reference")) * divided + now("offset_v")
        gain = cv.FEEDBACK_OHMS * (1 + now("feedback")) / (cv.INPUT_OHMS * (1 + now("input")))
        out_v = bias_v * (1 + gain) - gain * jack_v
        leak_a = self.ratios["leak_a"] * 2 ** (warm_k / 10)
        pin_v = (out_v + leak_a * cv.FILTER_OHMS) * _ADC_OHMS / (_ADC_OHMS + cv.FILTER_OHMS)
        code_v = pin_v * (1 + now("adc_gain")) + self.ratios["adc_offset_v"]
        if against_reference:
            seen_v = _REFERENCE_V * (1 + now("reference")) * (1 + now("adc_gain")) + self.ratios["adc_offset_v"]
            code_v *= _REFERENCE_V / seen_v
        return (code_v - 2.25) / -0.3


def build(count: int, seed: int = 0) -> Modules:
    """`count` modules."""
    random = np.random.default_rng(seed)

    def within(limit: float) -> np.ndarray:
        return random.uniform(-limit, limit, count)

    resistors = ("upper", "lower", "rest", "input", "feedback")
    ratios = {name: within(_R) for name in resistors}
    ratios |= {"reference": within(_REFERENCE), "offset_v": within(_OFFSET_V), "adc_gain": within(_ADC_GAIN)}
    ratios |= {"adc_offset_v": within(_ADC_OFFSET_LSB * _ADC_LSB_V), "leak_a": within(_LEAK_A)}
    drifts = {name: within(_R_PER_K) for name in resistors}
    drifts |= {"reference": within(_REFERENCE_PER_K), "offset_v": within(_OFFSET_V_PER_K)}
    drifts |= {"adc_gain": within(_ADC_GAIN_PER_K)}
    return Modules(ratios, drifts)
