"""CV conditioning in ngspice: range, speed, abuse; and what tolerances make of `voct`, in cents."""

import re

import numpy as np
import pytest

from hardware.circuit import cv, tolerance
from hardware.circuit.__main__ import HERE
from neurorack.board import load_board
from neurorack.jacks.scan import OVER_V
from neurorack.jacks.tolerance import PITCH, conditioning
from neurorack.rack.chips.ads1x15 import FLOATING_V
from neurorack.rack.module import OPEN_PIN_V

BLOCKS = ("cv", "converters", "reference", "pots")
SHEET_LIMIT_A = 10e-3
"""SBOS351 §6.1 and SBAS444 §7.1: into an input's diodes, for good."""
BEYOND_V = 0.3
"""Both sheets: as far as a pin may go beyond its supply without counting the current."""


def at_jacks(volts):
    """A source at every jack; `volts` by jack, the others 0 V."""
    return [f"V{jack} {jack}_jack 0 {volts.get(jack, 0)}" for jack in cv.JACKS]


def amplifier(board, jack):
    """ngspice's name of the amplifier behind a jack."""
    part, _, pin = next(row for row in board.pins(f"{jack}_sum") if row[0].kind.prefix == "U")
    return f"x{part.ref}{pin[-1]}".lower()


@pytest.mark.parametrize("jack", cv.JACKS)
def test_a_jacks_whole_range_lies_inside_the_converters_supply(bench, jack):
    nominal = getattr(load_board(None).jacks, jack)
    run = bench.run(
        BLOCKS,
        f"dc V{jack} {nominal.low_v} {nominal.high_v} 0.5",
        [*bench.POWERED, *at_jacks({})],
        [f"v({jack}_pin)"],
    )
    pin_v = run[f"v({jack}_pin)"]
    assert pin_v.min() > 0.1 and pin_v.max() < 3.2
    wanted_v = np.array([nominal.pin_v(volts) for volts in run["x"]])
    # What the converter's sampling takes from behind a kilohm: less than 2 cents at 0 V, the same on every module.
    assert np.abs(pin_v - wanted_v).max() < 1e-3


def test_jacks_do_not_hear_each_other(bench):
    watch = [f"v({jack}_pin)" for jack in cv.JACKS]
    quiet = bench.run(BLOCKS, "op", [*bench.POWERED, *at_jacks({})], watch)
    loud = bench.run(BLOCKS, "op", [*bench.POWERED, *at_jacks({"cv1": 15, "cv2": -15, "cv3": 15, "cv4": -15})], watch)
    assert abs(loud["v(voct_pin)"][0] - quiet["v(voct_pin)"][0]) / 0.3 * 1200 < 0.1


def test_an_octave_settles_to_three_cents_within_a_conversion(bench):
    sources = [*bench.POWERED, *at_jacks({"voct": "pulse(0 1 1m 1u 1u 10m 20m)"})]
    run = bench.run(BLOCKS, "tran 5u 4m", sources, ["v(voct_pin)"])
    pin_v = run["v(voct_pin)"]
    off_cents = np.abs(pin_v - pin_v[-1]) / 0.3 * 1200
    assert run["x"][np.nonzero(off_cents > 3)[0][-1]] - 1e-3 < 0.8e-3 < 1 / 860


def test_the_filter_ends_where_it_says_and_silences_the_modulator(bench):
    """1.6 kHz nominal; the ADS1115 samples at 250 kHz (SBAS444 §8.3.1), where nothing may fold down."""
    sources = [*bench.POWERED, *at_jacks({"voct": "dc 0 ac 1"})]
    run = bench.run(BLOCKS, "ac dec 40 10 1meg", sources, ["v(voct_pin)"])
    gain_db = 20 * np.log10(run["v(voct_pin)"] / run["v(voct_pin)"][0])
    assert np.interp(3.01, -gain_db, run["x"]) == pytest.approx(1.61e3, rel=0.03)
    assert np.interp(250e3, run["x"], gain_db) < -60


@pytest.mark.parametrize("powered", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("volts", [12, -12, 15, -15])
def test_every_jack_bears_eurorack_volts_for_good(bench, board, volts, powered):
    """All five at once. Nothing of the converter's, amplifier's or supply's limits is touched."""
    inside = {jack: amplifier(board, jack) for jack in cv.JACKS}
    diodes = [f"@d.{name}.{diode}[id]" for name in inside.values() for diode in ("db1", "db2")]
    pins = [f"v({jack}_pin)" for jack in cv.JACKS]
    jacks = [f"i(v{jack})" for jack in cv.JACKS]
    sources = [*(bench.POWERED if powered else bench.UNPOWERED), *at_jacks(dict.fromkeys(cv.JACKS, volts))]
    run = bench.run(BLOCKS, "op", sources, [*diodes, *pins, *jacks, "v(v3a)"])
    supply_v = run["v(v3a)"][0]
    assert -BEYOND_V < supply_v < 3.6
    for pin in pins:
        assert -BEYOND_V < run[pin][0] < supply_v + BEYOND_V
    for diode in diodes:
        assert abs(run[diode][0]) < SHEET_LIMIT_A / 50
    for jack in jacks:
        assert abs(run[jack][0]) * 15 < 0.1 / 2  # half of what a 0603 may turn into heat


def test_an_open_input_reads_its_bias(bench):
    """Nothing flows, so the pin lies at the bias: what the README says of jacks whose switches are not wired."""
    run = bench.run(BLOCKS, "op", bench.POWERED, [f"v({jack}_pin)" for jack in cv.JACKS])
    for jack in cv.JACKS:
        wire = getattr(load_board(None).jacks, jack)
        reading_v = (run[f"v({jack}_pin)"][0] - wire.offset_v) / wire.gain
        assert reading_v == pytest.approx(1.73 if jack == "voct" else 1.27, abs=5e-3)


LEAKING_A = 100e-9 * 2 ** ((50 - 25) / 10)
"""A clamp's diode from the supply, at its sheet's limit and 50 °C."""


def told_below_v(jack):
    """A pin below this is told as over range, in a module that is as far off as `calibrate` takes it."""
    wire = getattr(load_board(None).jacks, jack)
    return wire.pin_v(wire.high_v + OVER_V) - abs(wire.gain) * 0.05


def resistor_of(board, *nets):
    """Designator of the resistor between two nets."""
    ends = [{part.ref for part, *_ in board.pins(net) if part.kind.prefix == "R"} for net in nets]
    (ref,) = set.intersection(*ends)
    return ref


@pytest.mark.parametrize("volts", [0, 5, -5, 12])
def test_a_pin_cut_off_from_its_amplifier_lies_where_no_jack_puts_it(bench, board, volts):
    """Whatever is patched, the clamps leaking their most: what the jacks tell as over range."""
    cut = {resistor_of(board, f"{jack}_out", f"{jack}_pin") for jack in cv.JACKS}
    leaks = [f"Ileak{jack} v3a {jack}_pin {LEAKING_A}" for jack in cv.JACKS]
    sources = [*bench.POWERED, *at_jacks(dict.fromkeys(cv.JACKS, volts)), *leaks]
    run = bench.run(BLOCKS, "op", sources, [f"v({jack}_pin)" for jack in cv.JACKS], without=cut)
    for jack in cv.JACKS:
        assert 0 < run[f"v({jack}_pin)"][0] < told_below_v(jack)


def test_without_its_bleeding_resistor_such_a_pin_floats_inside_the_range(bench, board):
    """At the half volt of the converter's sampling: which is what the resistor is for, and what the rack plays."""
    cut = {resistor_of(board, f"{jack}_out", f"{jack}_pin") for jack in cv.JACKS}
    watch = [f"v({jack}_pin)" for jack in cv.JACKS]
    held = bench.run(BLOCKS, "op", [*bench.POWERED, *at_jacks({})], watch, without=cut)
    loose = cut | {resistor_of(board, f"{jack}_pin", "GND") for jack in cv.JACKS}
    free = bench.run(BLOCKS, "op", [*bench.POWERED, *at_jacks({})], watch, without=loose)
    for jack, pin in zip(cv.JACKS, watch, strict=True):
        assert held[pin][0] == pytest.approx(OPEN_PIN_V, abs=2e-3)
        assert free[pin][0] == pytest.approx(FLOATING_V, abs=20e-3)
        assert free[pin][0] > told_below_v(jack)


def test_a_missing_amplifier_is_told_once_its_cable_is_pulled(bench, board):
    """The jack's switch grounds what is left. With a cable in, pin and cable are joined by 131 kΩ."""
    amplifiers = {row[0].ref for jack in cv.JACKS for row in board.pins(f"{jack}_sum") if row[0].kind.prefix == "U"}
    for volts, told in ((0, True), (3, False)):
        sources = [*bench.POWERED, *at_jacks(dict.fromkeys(cv.JACKS, volts))]
        run = bench.run(BLOCKS, "op", sources, [f"v({jack}_pin)" for jack in cv.JACKS], without=amplifiers)
        for jack in cv.JACKS:
            assert (run[f"v({jack}_pin)"][0] < told_below_v(jack)) == told


def test_the_transfer_of_the_statistics_is_that_of_the_circuit(bench, board):
    """The same crooked resistors in ngspice and in what rack and wizard reckon with: within a third of a cent."""
    upper, (lower, rest) = cv.VOCT_BIAS_OHMS
    named = {
        ("vref", "voct_bias"): ("upper", upper),
        ("voct_bias", "voct_bias_mid"): ("lower", lower),
        ("voct_bias_mid", "gnd"): ("lower", rest),
        ("voct_jack", "voct_sum"): ("input", cv.INPUT_OHMS),
        ("voct_sum", "voct_out"): ("feedback", cv.FEEDBACK_OHMS),
        ("voct_out", "voct_pin"): ("filter", cv.FILTER_OHMS),
        ("voct_pin", "gnd"): ("bleed", cv.BLEED_OHMS),
    }
    found = {}
    for part in board.parts("cv"):
        ends = tuple(pin.net.name.lower() for pin in part.pins)
        if part.kind.prefix == "R" and ends in named:
            found[part.ref] = named[ends]
    assert len(found) == len(named)
    wire = load_board(None).jacks.voct
    random = np.random.default_rng(5)
    for _ in range(3):
        errors = {name: random.uniform(-PITCH.resistor, PITCH.resistor) for name, _ in found.values()}
        values = {ref: ohms * (1 + errors[name]) for ref, (name, ohms) in found.items()}
        gain, offset_v = conditioning(wire, **errors)
        for jack_v in (-2, 0, 4):
            sources = [*bench.POWERED, *at_jacks({"voct": jack_v})]
            pin_v = bench.run(BLOCKS, "op", sources, ["v(voct_pin)"], values)["v(voct_pin)"][0]
            wanted_v = tolerance.loaded_v(offset_v + gain * jack_v)
            assert abs(pin_v - wanted_v) / 0.3 * 1200 < 0.35


def uncalibrated_cents():
    """Errors of 1,000 modules over the whole range."""
    modules = tolerance.Modules(1000)
    return np.array([1200 * (modules.reading_v(volts) - volts) for volts in np.linspace(-3, 7, 21)])


def drifted_cents(warmer_k, against_reference):
    """Errors of 1,000 modules that were calibrated at 0 and 3 V and 25 °C, over −2…+4 V."""
    modules = tolerance.Modules(1000)
    zero_v, three_v = (modules.reading_v(volts, against_reference=against_reference) for volts in (0.0, 3.0))
    jacks_v = np.linspace(-2, 4, 13)
    read_v = np.array([modules.reading_v(volts, warmer_k, against_reference) for volts in jacks_v])
    return 1200 * ((read_v - zero_v) / (three_v - zero_v) * 3 - jacks_v[:, None])


TOLD = [
    ("uncalibrated, −3…+7 V", uncalibrated_cents),
    ("calibrated at 0 and 3 V, same temperature, −2…+4 V", lambda: drifted_cents(0, False)),
    ("10 K warmer than when calibrated", lambda: drifted_cents(10, False)),
    ("25 K warmer", lambda: drifted_cents(25, False)),
    ("10 K warmer, gain taken from the reference at the converter's second input", lambda: drifted_cents(10, True)),
    ("25 K warmer, so", lambda: drifted_cents(25, True)),
]


@pytest.mark.parametrize(("row", "cents"), TOLD, ids=[row for row, _ in TOLD])
def test_modules_are_off_by_what_the_text_says(row, cents):
    off_cents = cents()
    text = (HERE / "simulated.md").read_text()
    rms, worst = re.search(
        rf"^\| {re.escape(row)} \| ([\d.]+) cents \| ([\d.]+) cents \|$", text, re.MULTILINE
    ).groups()
    assert float(rms) == pytest.approx(np.sqrt(np.mean(off_cents**2)), rel=0.03)
    assert float(worst) == pytest.approx(np.abs(off_cents).max(), rel=0.03)
