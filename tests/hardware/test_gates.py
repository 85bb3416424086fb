"""Gate inputs in ngspice: thresholds with hysteresis, levels at the computer's pin, abuse."""

import numpy as np
import pytest

from hardware.circuit import gates

BLOCKS = ("gates", "reference", "pots")
LINES = ("gate1", "gate2", "encoder_a", "encoder_b", "encoder_push")


def around(gate1, gate2="0"):
    """Gates as given, contacts at rest, the computer's pins as megohms."""
    contacts = [f"Vc{line} {line}_level 0 0" for line in LINES[2:]]
    pins = [f"Rg{line} {line}_gpio 0 1meg" for line in LINES]
    return ["Vheader v3h 0 3.3", f"Vgate1 gate1_jack 0 {gate1}", f"Vgate2 gate2_jack 0 {gate2}", *contacts, *pins]


def thresholds(bench, values=None):
    """Jack volts at which the computer's pin rises and falls."""
    sources = [*bench.POWERED, *around("pwl(0 -1 20m 2 40m -1)")]
    run = bench.run(BLOCKS, "tran 20u 40m", sources, ["v(gate1_jack)", "v(gate1_gpio)"], values)
    high = np.nonzero(run["v(gate1_gpio)"] > 1.65)[0]
    return run["v(gate1_jack)"][high[0]], run["v(gate1_jack)"][high[-1]]


def test_a_gate_is_on_above_one_volt_and_off_below_a_half(bench):
    on_v, off_v = thresholds(bench)
    assert on_v == pytest.approx(0.917, abs=0.01)
    assert off_v == pytest.approx(0.587, abs=0.01)


def test_no_mixture_of_one_percent_parts_breaks_the_promise(bench, board):
    around_it = [part for part in board.parts("gates") if part.kind.prefix == "R" and part.amount > 5e3]
    assert len(around_it) == 6
    random = np.random.default_rng(0)
    for corner in [random.choice((-0.01, 0.01), len(around_it)) for _ in range(16)]:
        values = {part.ref: part.amount * (1 + off) for part, off in zip(around_it, corner, strict=True)}
        on_v, off_v = thresholds(bench, values)
        offset_v = 5e-3 * 1.1  # TLV3202, SBOS561 §6.5, seen from the jack
        assert on_v + offset_v < 1.0 and off_v - offset_v > 0.5


def test_a_pulse_of_a_millisecond_comes_through_whole_at_logic_levels(bench):
    for top_v in (5, 12):
        sources = [*bench.POWERED, *around(f"pulse(0 {top_v} 0.2m 1u 1u 1m 4m)")]
        run = bench.run(BLOCKS, "tran 2u 2m", sources, ["v(gate1_gpio)", "v(gate2_gpio)"])
        pin_v = run["v(gate1_gpio)"]
        assert np.median(pin_v[pin_v < 1.65]) < 0.1 and np.median(pin_v[pin_v > 1.65]) > 3.2
        high_s = run["x"][pin_v > 1.65]
        assert high_s[0] - 0.2e-3 < 20e-6
        assert high_s[-1] - high_s[0] == pytest.approx(1e-3, abs=50e-6)
        assert np.abs(run["v(gate2_gpio)"]).max() < 0.1


@pytest.mark.parametrize("powered", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("volts", [12, -12, 15, -15])
def test_a_gate_jack_bears_eurorack_volts_for_good(bench, board, volts, powered):
    comparator = next(part for part in board.parts("gates") if part.kind.number.startswith("TLV3202"))
    clamp = next(part for part, _, _ in board.pins("gate1_in") if part.kind.number.startswith("BAS70"))
    inputs = [f"@d.x{comparator.ref.lower()}a.{diode}[id]" for diode in ("da1", "da2")]
    clamps = [f"@d{clamp.ref.lower()}{half}[id]" for half in "ab"]
    sources = [*(bench.POWERED if powered else bench.UNPOWERED), *around(volts, volts)]
    if not powered:
        sources[sources.index("Vheader v3h 0 3.3")] = "Rheader v3h 0 1k"
    run = bench.run(BLOCKS, "op", sources, [*inputs, *clamps, "v(gate1_in)", "v(v3a)", "v(gate1_gpio)"])
    assert -0.5 < run["v(gate1_in)"][0] < run["v(v3a)"][0] + 0.5  # SBOS561 §6.1
    assert all(abs(run[name][0]) < 10e-3 / 50 for name in inputs)
    assert all(abs(run[name][0]) < 70e-3 / 50 for name in clamps)
    assert -0.1 < run["v(gate1_gpio)"][0] < 3.4
    assert run["v(v3a)"][0] < 3.6


def test_thresholds_come_from_the_figures_in_the_text():
    upper, lower = gates.THRESHOLD_OHMS
    reference_v = 2.5 * lower / (upper + lower)
    ratio = gates.INPUT_OHMS / gates.HYSTERESIS_OHMS
    assert reference_v * (1 + ratio) == pytest.approx(0.917, abs=1e-3)
    assert reference_v * (1 + ratio) - 3.3 * ratio == pytest.approx(0.587, abs=1e-3)
