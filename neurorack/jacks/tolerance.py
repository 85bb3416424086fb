"""What the parts of a CV input may do: how far off it is out of the box, what is implausible, how far it drifts.

The input is an inverting op-amp: `input` and `feedback` make its gain, a divider (`upper`, `lower`) of the reference
lifts it, a `filter` and a `bleed` to ground pass most of that, and the converter has errors of its own:

    pin = passed · (bias · (1 + feedback / input) − feedback / input · jack)
    bias = reference · lower / (upper + lower)        passed = bleed / (filter + bleed)

Everything counts at the jack: 1 % of the converter's gain is 1 % of the pin's volts, divided by the gain of 0.3.
"""

from dataclasses import dataclass
from typing import NamedTuple

from neurorack.board import Adc, Jack

CENTS_PER_V = 1_200

REFERENCE_V = 2.5
"""What the divider divides (`hardware/circuit/cv.py`)."""

FILTER_OHM, BLEED_OHM = 1_000.0, 100_000.0
PASSED = BLEED_OHM / (FILTER_OHM + BLEED_OHM)
"""What reaches the pin of the op-amp's volts (`hardware/circuit/cv.py`)."""

ADC_GAIN = 1.5e-3 + 1e-3
"""ADS1115: 0.15 % at ±2.048 V and 0.1 % between two ranges, at most (SBAS444, electrical characteristics)."""
ADC_GAIN_PER_C = 40e-6
"""At most; 5 ppm/°C typical. Both hold the converter's own reference."""
ADC_OFFSET_LSB, ADC_OFFSET_LSB_PER_C, ADC_INL_LSB = 3.0, 0.005, 1.0
"""Single-ended, at most; drift typical; the bow at 8 SPS, best fit. The same place, for ±2.048 V: steps of another
range are taken to be as good."""

SOURCE_OHM, INPUT_OHM = 1_000.0, 100_000.0
"""A source's output and the jack's input: together a gain error that calibrating with that source takes out."""

ROOM_C = (20.0, 50.0)
"""From a cold start to a warm case."""


@dataclass(frozen=True)
class Parts:
    """Largest relative errors and drifts (per °C) of resistors and reference; volts of the op-amp's offset."""

    resistor: float
    resistor_per_c: float
    reference: float
    reference_per_c: float
    opamp_v: float
    opamp_v_per_c: float


PITCH = Parts(1e-3, 25e-6, 0.5e-3, 3e-6, 10e-6, 50e-9)
"""`voct`: 0.1 %, 25 ppm/°C; a REF5025 (SBOS410: 0.05 %, 3 ppm/°C); a zero-drift op-amp (OPA2333, SBOS351)."""

PLAIN = Parts(1e-2, 100e-6, 0.5e-3, 3e-6, 10e-6, 50e-9)
"""The other jacks: 1 %, 100 ppm/°C, the same reference and op-amps."""

ANY = Parts(1e-2, 100e-6, 1e-2, 100e-6, 5e-3, 10e-6)
"""The worst that still is this circuit: 1 % everywhere, a reference of any kind, any CMOS op-amp (MCP6001: ±4.5 mV)."""


def parts_of(jack: str) -> Parts:
    """What is soldered at a jack."""
    return PITCH if jack == "voct" else PLAIN


def conditioning(
    wire: Jack,
    input: float = 0.0,
    feedback: float = 0.0,
    upper: float = 0.0,
    lower: float = 0.0,
    reference: float = 0.0,
    opamp_v: float = 0.0,
    filter: float = 0.0,
    bleed: float = 0.0,
) -> tuple[float, float]:
    """(gain, offset_v) at the pin with these relative errors of the parts; takes arrays of modules too.

    Without errors they are the board's own.
    """
    nominal, bias_v = _stage(wire)
    ratio = nominal * (1 + feedback) / (1 + input)
    low, high = bias_v / REFERENCE_V * (1 + lower), (1 - bias_v / REFERENCE_V) * (1 + upper)
    bias_v = REFERENCE_V * (1 + reference) * low / (low + high) + opamp_v
    through, aside = PASSED * (1 + bleed), (1 - PASSED) * (1 + filter)
    passed = through / (through + aside)
    return passed * (ratio if wire.gain > 0 else -ratio), passed * bias_v * (1 + ratio)


def _stage(wire: Jack) -> tuple[float, float]:
    """(feedback / input, bias) of the op-amp that makes this line of pin volts."""
    ratio = abs(wire.gain) / PASSED
    return ratio, wire.offset_v / PASSED / (1 + ratio)


@dataclass(frozen=True)
class Errors:
    """Cents by cause, each at its data sheet's most. The causes are independent: `likely` is the root of their squares,
    what to expect of a bad module, `worst` their sum, which none exceeds."""

    causes: dict[str, float]

    @property
    def likely(self) -> float:
        return sum(cents**2 for cents in self.causes.values()) ** 0.5

    @property
    def worst(self) -> float:
        return sum(self.causes.values())


@dataclass(frozen=True)
class Limits:
    """How far an input may be off before something is wrong: `gain` relative, `offset_v` at the jack at 0 V."""

    gain: float
    offset_v: float

    def reading_v(self, true_v: float) -> float:
        """Largest plausible error of a reading at `true_v`."""
        return self.offset_v + self.gain * abs(true_v)


def limits(wire: Jack, adc: Adc, parts: Parts = ANY, *, beside_reference: bool) -> Limits:
    """Every error at its largest and in the same direction, and a source of 1 kΩ.

    `beside_reference`, here and below: the converter sees the reference, and takes its own gain from it (`reference`).
    """
    errors_v = _errors_v(wire, adc, 0.0, _new(parts), beside_reference=beside_reference)
    return Limits(gain_limit(parts, beside_reference=beside_reference), sum(errors_v.values()))


def gain_limit(parts: Parts = ANY, *, beside_reference: bool) -> float:
    """How far an input's gain may be off, relative; the same for every board. Beside the reference that one's error
    stands in for the converter's."""
    converter = parts.reference if beside_reference else ADC_GAIN
    return 2 * (2 - PASSED) * parts.resistor + converter + SOURCE_OHM / INPUT_OHM


def new_cents(wire: Jack, adc: Adc, jack_v: float, parts: Parts = PITCH, *, beside_reference: bool) -> Errors:
    """The error at `jack_v` out of the box, by an exact source."""
    return _cents(_errors_v(wire, adc, jack_v, _new(parts), beside_reference=beside_reference))


def bow_v(wire: Jack, adc: Adc) -> float:
    """The converter's integral nonlinearity at the jack, at most."""
    return ADC_INL_LSB * lsb_v(adc) / abs(wire.gain)


def lsb_v(adc: Adc) -> float:
    """A step of the converter at its pin."""
    return adc.range_v / (0x8000 if adc.kind == "ads1115" else 0x800)


def drift_cents(
    wire: Jack, adc: Adc, jack_v: float, span_c: float, parts: Parts = PITCH, *, beside_reference: bool
) -> Errors:
    """The error at `jack_v` that `span_c` degrees away from where the module was calibrated make."""
    off = _Off(
        parts.resistor_per_c * span_c,
        parts.reference_per_c * span_c,
        parts.opamp_v_per_c * span_c,
        ADC_GAIN_PER_C * span_c,
        ADC_OFFSET_LSB_PER_C * span_c,
    )
    return _cents(_errors_v(wire, adc, jack_v, off, beside_reference=beside_reference))


class _Off(NamedTuple):
    """By how much parts and converter are off, as in `Parts`; the converter's gain relative, its offset in steps."""

    resistor: float
    reference: float
    opamp_v: float
    adc_gain: float
    adc_offset_lsb: float


def _cents(errors_v: dict[str, float]) -> Errors:
    return Errors({cause: CENTS_PER_V * error_v for cause, error_v in errors_v.items()})


def _new(parts: Parts) -> _Off:
    return _Off(parts.resistor, parts.reference, parts.opamp_v, ADC_GAIN, ADC_OFFSET_LSB)


def _errors_v(wire: Jack, adc: Adc, jack_v: float, off: _Off, *, beside_reference: bool) -> dict[str, float]:
    """Largest errors at the jack with `jack_v` in it, in volts, by cause: partial derivatives of the circuit above."""
    gain, bias_v = _stage(wire)
    lift_v, pin_v = wire.offset_v / abs(wire.gain), abs(wire.pin_v(jack_v) / wire.gain)  # both as volts at the jack
    offset_v = off.adc_offset_lsb * lsb_v(adc)
    errors_v = {
        "reference": lift_v * off.reference,
        "divider": lift_v * 2 * (1 - bias_v / REFERENCE_V) * off.resistor,
        # They turn the line around the jack voltage that equals the bias: no current flows through them there.
        "gain resistors": 2 * off.resistor * abs(bias_v - jack_v),
        "filter and bleed": 2 * (1 - PASSED) * off.resistor * pin_v,
        "op-amp": off.opamp_v * (1 + gain) / gain,
        "converter's gain": pin_v * off.adc_gain,
        "converter's offset": offset_v / abs(wire.gain),
    }
    if beside_reference:  # both stand beside the same reference: of its error only the jack's own volts are left
        errors_v["reference"] = off.reference * abs(jack_v)
        errors_v["converter's gain"] = 0.0
        errors_v["converter's offset"] += offset_v / REFERENCE_V * pin_v  # it counts in that reading, too
    return errors_v
