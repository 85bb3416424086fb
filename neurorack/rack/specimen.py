"""Modules as they come from the soldering iron: parts anywhere within their tolerance, converters within their data
sheet. A `Batch` is many of them in arrays; the virtual rack plays one.

Errors are drawn evenly from the whole tolerance, which is harsher than factories are.
"""

from collections.abc import Callable

import numpy as np

from neurorack.board import Adc, Board, Jack
from neurorack.jacks.tolerance import (
    ADC_GAIN,
    ADC_GAIN_PER_C,
    ADC_INL_LSB,
    ADC_OFFSET_LSB,
    ADC_OFFSET_LSB_PER_C,
    REFERENCE_V,
    Parts,
    conditioning,
    lsb_v,
    parts_of,
)
from neurorack.words import CV_JACKS

BENDS = tuple(range(2, 10))
"""Chebyshev polynomials over the whole range that a bow is mixed of: 0 and 1 are offset and gain."""


class Converters:
    """`count` ADS1115: gain, offset and bow of each, and how the first two move with temperature."""

    def __init__(self, adc: Adc, rng: np.random.Generator, count: int) -> None:
        def even(bound: float) -> np.ndarray:
            return rng.uniform(-bound, bound, count)

        self._full_scale_v = adc.range_v
        self._gain, self._gain_per_c = even(ADC_GAIN), even(ADC_GAIN_PER_C)
        lsb = lsb_v(adc)
        self._offset_v, self._offset_v_per_c = even(ADC_OFFSET_LSB * lsb), even(ADC_OFFSET_LSB_PER_C * lsb)
        mix = rng.normal(size=(count, len(BENDS)))
        grid = _bends(np.linspace(-1.0, 1.0, 201))
        worst = np.max(np.abs(mix @ grid), axis=1)
        self._bow_v = mix * (rng.uniform(0.0, ADC_INL_LSB * lsb, count) / worst)[:, None]

    def convert(self, pin_v: np.ndarray, warmer_c: float = 0.0) -> np.ndarray:
        """What they take `pin_v` [count, …] for, in volts, noise and steps apart."""
        shape = (-1,) + (1,) * (pin_v.ndim - 1)
        gain = 1 + (self._gain + warmer_c * self._gain_per_c).reshape(shape)
        offset_v = (self._offset_v + warmer_c * self._offset_v_per_c).reshape(shape)
        bow_v = np.einsum("mk,km...->m...", self._bow_v, _bends(pin_v / self._full_scale_v))
        return gain * pin_v + offset_v + bow_v


def _bends(x: np.ndarray) -> np.ndarray:
    """Chebyshev polynomials `BENDS` [8, …] at x within −1…1."""
    angle = np.arccos(np.clip(x, -1.0, 1.0))
    return np.stack([np.cos(n * angle) for n in BENDS])


class Conditionings:
    """`count` op-amp stages of one jack."""

    def __init__(self, wire: Jack, parts: Parts, rng: np.random.Generator, count: int) -> None:
        self._wire = wire
        resistors = ("input", "feedback", "upper", "lower", "filter", "bleed")
        bounds = dict.fromkeys(resistors, (parts.resistor, parts.resistor_per_c))
        bounds["reference"] = parts.reference, parts.reference_per_c
        bounds["opamp_v"] = parts.opamp_v, parts.opamp_v_per_c
        self._errors = {
            name: (rng.uniform(-error, error, count), rng.uniform(-drift, drift, count))
            for name, (error, drift) in bounds.items()
        }

    def line(self, warmer_c: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """(gain, offset_v) [count] at the pin, at 25 °C and `warmer_c` more."""
        errors = {name: self._error(name, warmer_c) for name in self._errors}
        return conditioning(self._wire, **errors)  # type: ignore[arg-type, return-value]

    def reference_v(self, warmer_c: float = 0.0) -> np.ndarray:
        """What the reference of each [count] gives."""
        return REFERENCE_V * (1 + self._error("reference", warmer_c))

    def _error(self, name: str, warmer_c: float) -> np.ndarray:
        error, drift = self._errors[name]
        return error + warmer_c * drift


class Specimen:
    """One module of the virtual rack by its number; 0 is exact."""

    def __init__(self, board: Board, number: int) -> None:
        wires = dict(zip(CV_JACKS, board.jacks.in_order(), strict=True))
        self._lines = {name: (wire.gain, wire.offset_v) for name, wire in wires.items()}
        self.reference_v = REFERENCE_V
        """What its reference gives."""
        self._converters: dict[str, Converters] = {}
        if number:
            rng = np.random.default_rng(number)
            for name, wire in wires.items():
                stage = Conditionings(wire, parts_of(name), rng, 1)
                gain, offset_v = stage.line()
                self._lines[name] = float(gain[0]), float(offset_v[0])
                if name == CV_JACKS[0]:
                    self.reference_v = float(stage.reference_v()[0])
            self._converters = {name: Converters(getattr(board.adc, name), rng, 1) for name in ("voct", "cv", "pots")}

    def line(self, jack: str) -> tuple[float, float]:
        """(gain, offset_v) of the jack's conditioning."""
        return self._lines[jack]

    def transfer(self, adc: str) -> Callable[[float], float] | None:
        """What the converter `voct`, `cv` or `pots` takes pin volts for; None where it is exact."""
        if (converters := self._converters.get(adc)) is None:
            return None
        return lambda pin_v: float(converters.convert(np.array([pin_v]))[0])
