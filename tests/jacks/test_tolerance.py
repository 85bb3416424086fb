"""What parts may do, against the circuit itself."""

import pytest

from neurorack.board import load_board
from neurorack.jacks.tolerance import (
    ADC_GAIN_PER_C,
    ANY,
    CENTS_PER_V,
    INPUT_OHM,
    PITCH,
    SOURCE_OHM,
    conditioning,
    drift_cents,
    limits,
)

BOARD = load_board()
JACKS = [(BOARD.jacks.voct, BOARD.adc.voct), (BOARD.jacks.cv1, BOARD.adc.cv)]


@pytest.mark.parametrize(("wire", "adc"), JACKS, ids=["voct", "cv1"])
def test_exact_parts_make_the_boards_own_line(wire, adc):
    assert conditioning(wire) == pytest.approx((wire.gain, wire.offset_v))


def test_the_worst_corner_of_one_percent_parts_is_plausible_and_no_more():
    wire, adc = JACKS[0]
    bound = limits(wire, adc, beside_reference=False)
    worst_v = worst_gain = 0.0
    for signs in range(32):
        feedback, source, upper, lower, reference = (0.01 * (1 if signs >> bit & 1 else -1) for bit in range(5))
        gain, offset_v = conditioning(wire, source, feedback, upper, lower, reference, ANY.opamp_v)
        worst_v = max(worst_v, abs(wire.jack_v(offset_v)))
        worst_gain = max(worst_gain, abs(gain / wire.gain - 1))
    assert 0.8 * bound.offset_v < worst_v < bound.offset_v
    assert worst_gain < bound.gain < 2 * worst_gain


def test_beside_the_reference_the_worst_corner_is_nearer_at_0_v_and_further_apart():
    """All that the reference is off by is taken for the converter's: it lifts nothing, and stretches."""
    wire, adc = JACKS[0]
    bound, alone = (limits(wire, adc, beside_reference=beside) for beside in (True, False))
    worst_v = worst_gain = 0.0
    for signs in range(32):
        feedback, source, upper, lower, reference = (0.01 * (1 if signs >> bit & 1 else -1) for bit in range(5))
        gain, offset_v = conditioning(wire, source, feedback, upper, lower, reference, ANY.opamp_v)
        worst_v = max(worst_v, abs(wire.jack_v(offset_v / (1 + reference))))
        worst_gain = max(worst_gain, abs(gain / (1 + reference) / wire.gain - 1))
    assert 0.8 * bound.offset_v < worst_v < bound.offset_v < 0.6 * alone.offset_v
    assert alone.gain < worst_gain + SOURCE_OHM / INPUT_OHM < bound.gain + 1e-3


@pytest.mark.parametrize("jack_v", [-2.0, 0.0, 1.0, 4.0])
@pytest.mark.parametrize(
    ("cause", "errors"),
    [
        ("reference", {"reference": PITCH.reference_per_c}),
        ("divider", {"upper": -PITCH.resistor_per_c, "lower": PITCH.resistor_per_c}),
        ("gain resistors", {"feedback": PITCH.resistor_per_c, "input": -PITCH.resistor_per_c}),
        ("op-amp", {"opamp_v": PITCH.opamp_v_per_c}),
    ],
)
def test_drift_is_what_the_circuit_does(jack_v, cause, errors):
    wire, adc = JACKS[0]
    gain, offset_v = conditioning(wire, **{name: 15 * drift for name, drift in errors.items()})
    read_v = wire.jack_v(offset_v + gain * jack_v)
    cents = drift_cents(wire, adc, jack_v, 15.0, beside_reference=False).causes[cause]
    assert cents == pytest.approx(CENTS_PER_V * abs(read_v - jack_v), rel=0.01, abs=1e-3)


def test_the_converters_drift_counts_at_its_pin():
    wire, adc = JACKS[0]
    cents = drift_cents(wire, adc, 0.0, 15.0, beside_reference=False).causes["converter's gain"]
    assert cents == pytest.approx(CENTS_PER_V * 15 * ADC_GAIN_PER_C * 2.25 / 0.3, rel=1e-5)


@pytest.mark.parametrize("jack_v", [-2.0, 0.0, 1.0, 4.0])
def test_beside_the_reference_its_own_drift_counts_for_the_jacks_volts_alone(jack_v):
    wire, adc = JACKS[0]
    drift = 15 * PITCH.reference_per_c
    gain, offset_v = conditioning(wire, reference=drift)
    read_v = wire.jack_v((offset_v + gain * jack_v) / (1 + drift))  # what it reads of the reference is called 2.5 V
    causes = drift_cents(wire, adc, jack_v, 15.0, beside_reference=True).causes
    assert causes["reference"] == pytest.approx(CENTS_PER_V * abs(read_v - jack_v), rel=0.01, abs=1e-3)
    assert causes["converter's gain"] == 0.0


def test_likely_lies_between_the_largest_cause_and_their_sum():
    for beside in (False, True):
        drift = drift_cents(*JACKS[0], 4.0, 15.0, beside_reference=beside)
        assert max(drift.causes.values()) < drift.likely < drift.worst
        assert drift_cents(*JACKS[0], 4.0, 0.0, beside_reference=beside).worst == 0.0
