"""Supply in ngspice: right and turned plugs, the feed of the computer; and what the rails are asked for."""

import numpy as np
import pytest

from hardware.circuit import lists

LOADS = ("Rplus v12a 0 1k", "Rminus v12n 0 4.7k")
"""12 mA and 2.5 mA: the most the data sheets name."""
WATTS_25_AT_12 = 5.8


def fed(bench, plus_v, minus_v):
    sources = [f"Vplus bus12 0 pwl(0 0 1m {plus_v})", f"Vminus bus12n 0 pwl(0 0 1m {minus_v})", *LOADS]
    return bench.run(("bus",), "tran 20u 20m", sources, ["v(v12a)", "v(v12n)", "i(vplus)", "i(vminus)"])


def test_the_rails_come_up_a_diode_below_the_bus(bench):
    run = fed(bench, 12, -12)
    assert 11.5 < run["v(v12a)"][-1] < 12
    assert -12 < run["v(v12n)"][-1] < -11.5


@pytest.mark.parametrize(("plus_v", "minus_v"), [(-12, 12), (-12, -12), (12, 12), (0, -12), (12, 0)])
def test_no_turned_or_half_dead_bus_reverses_a_rail(bench, plus_v, minus_v):
    run = fed(bench, plus_v, minus_v)
    assert run["v(v12a)"].min() > -0.3
    assert run["v(v12n)"].max() < 0.3
    if plus_v < 0:
        assert np.abs(run["i(vplus)"]).max() < 1e-3


@pytest.mark.parametrize("volts", [12, 20])
def test_the_computer_gets_its_volts(bench, volts):
    """9…20 V is what an Orin's carrier takes; 25 W or as good as nothing."""
    for load in (WATTS_25_AT_12 * (volts / 12) ** 2, 1e5):
        sources = [
            f"Vfeed external12 0 pwl(0 0 20m {volts})",
            "Rwire from_external chosen12 1m",
            f"Rl computer12 0 {load}",
        ]
        run = bench.run(("computer",), "tran 50u 80m", [*sources, "Vbus bus12 0 0"], ["v(computer12)"])
        assert run["v(computer12)"].max() < volts * 1.03
        assert run["v(computer12)"][-1] > volts - 0.3


@pytest.mark.parametrize("wire", ["from_external", "from_bus"])
@pytest.mark.parametrize("load", [WATTS_25_AT_12, 1e5])
def test_a_reversed_feed_never_reaches_the_computer(bench, wire, load):
    sources = ["Vfeed external12 0 pwl(0 0 1m -20)", "Vbus bus12 0 pwl(0 0 1m -12)"]
    sources += [f"Rwire {wire} chosen12 1m", f"Rl computer12 0 {load}"]
    run = bench.run(("computer",), "tran 50u 40m", sources, ["v(computer12)", "i(vfeed)", "i(vbus)"])
    assert run["v(computer12)"].min() > -0.3
    assert max(np.abs(run["i(vfeed)"]).max(), np.abs(run["i(vbus)"]).max()) < 1e-3


@pytest.mark.parametrize("volts", [15, -15])
def test_seven_abused_jacks_do_not_lift_the_dead_supply(bench, volts):
    jacks = ("voct", "cv1", "cv2", "cv3", "cv4", "gate1", "gate2")
    sources = [*bench.UNPOWERED, "Rheader v3h 0 1k", *(f"V{jack} {jack}_jack 0 {volts}" for jack in jacks)]
    run = bench.run(("cv", "converters", "gates", "reference", "pots"), "op", sources, ["v(v3a)", "v(v3h)"])
    assert -0.3 < run["v(v3a)"][0] < 2.5
    assert abs(run["v(v3h)"][0]) < 0.1


def test_the_budget_fits_fuses_and_regulators(board):
    taken_ma = lists.currents_ma(board)
    assert taken_ma["V12A"] < 70 and taken_ma["V12N"] < 70  # MF-R010 at 60 °C
    assert taken_ma["V3A"] < 250 / 2  # LP5907
    assert taken_ma["V3H"] < 500  # two pins of the header
