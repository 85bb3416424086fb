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


NANO_V = (4.75, 5.25)
"""What an original Nano takes at its jack (NVIDIA's design guide)."""
BUS_FUSE_A = 1.2
"""What an MF-R185 still holds at 60 °C (Bourns, thermal derating)."""


def nano(bench, load, bus="pwl(0 0 5m 12)", analysis="tran 20u 60m", watch=()):
    """A Nano's 5 V from the bus, behind `load` lines of its own."""
    sources = [f"Vbus bus12 0 {bus}", "Vfeed external12 0 0", "Rwire from_bus chosen12 1m", *load]
    return bench.run(("computer",), analysis, sources, ["v(nano5)", "i(vbus)", *watch])


@pytest.mark.parametrize("bus_v", [10.8, 12, 13.2])
@pytest.mark.parametrize("ohms", [2.5, 1e3], ids=["2 A", "nothing"])
def test_a_nanos_five_volts_come_up_and_never_go_beyond_what_it_takes(bench, bus_v, ohms):
    run = nano(bench, [f"Rl nano5 0 {ohms}"], f"pwl(0 0 5m {bus_v})")
    assert run["v(nano5)"].max() < NANO_V[1]
    late = run["v(nano5)"][run["x"] > 20e-3]
    assert late.min() > 4.85 and late.max() < 5.15


def test_a_nano_at_its_most_stays_below_what_the_fuse_holds(bench):
    for bus_v in (11.4, 12):
        run = nano(bench, ["Rl nano5 0 2.5"], f"pwl(0 0 5m {bus_v})")
        amps = np.abs(run["i(vbus)"][run["x"] > 40e-3])
        assert 0.8 < amps.mean() < 1.05 < BUS_FUSE_A  # the README's 1 A
        assert np.ptp(amps) < 0.01  # a converter is a negative resistance: choke and capacitor do not ring with it


def test_a_nano_that_wakes_up_does_not_starve_itself(bench):
    """From 0.5 to 2 A and back within microseconds, with nothing but the board's own capacitor."""
    run = nano(bench, ["Rl nano5 0 10", "Iwake nano5 0 pulse(0 1.5 30m 5u 5u 10m 1)"], analysis="tran 5u 50m")
    late = run["v(nano5)"][run["x"] > 20e-3]
    assert late.min() > NANO_V[0] and late.max() < NANO_V[1]


def test_a_short_at_the_nanos_terminal_asks_little_of_the_bus_and_heals(bench):
    load = [".model closes sw(vt=0.5 ron=10m roff=1meg)", "Sshort nano5 0 trips 0 closes"]
    run = nano(bench, [*load, "Rl nano5 0 2.5", "Vtrips trips 0 pulse(0 1 20m 10u 10u 20m 1)"], analysis="tran 5u 80m")
    shorted = (run["x"] > 25e-3) & (run["x"] < 39e-3)
    assert np.abs(run["v(nano5)"][shorted]).max() < 0.1
    assert np.abs(run["i(vbus)"][shorted]).max() < 0.2
    assert run["v(nano5)"].max() < NANO_V[1]
    assert 4.85 < run["v(nano5)"][-1] < 5.15


def test_a_sagging_bus_turns_the_nano_off_and_on_without_a_peak(bench):
    run = nano(bench, ["Rl nano5 0 5"], "pwl(0 0 5m 12 30m 12 40m 4 60m 4 70m 12)", "tran 20u 100m")
    assert run["v(nano5)"][(run["x"] > 50e-3) & (run["x"] < 60e-3)].max() < 0.3
    assert run["v(nano5)"].max() < NANO_V[1]
    assert 4.85 < run["v(nano5)"][-1] < 5.15


@pytest.mark.parametrize("volts", [-12, -20])
def test_a_reversed_feed_never_reaches_a_nano(bench, volts):
    run = nano(bench, ["Rl nano5 0 2.5"], f"pwl(0 0 1m {volts})", "tran 20u 20m")
    assert np.abs(run["v(nano5)"]).max() < 0.3
    assert np.abs(run["i(vbus)"]).max() < 1e-3


def test_the_converters_switching_stays_off_the_bus(bench):
    """Some 350 kHz and above; 1 A of ripple at its input leaves a tenth of that and less in the case's wires."""
    sources = ["Vbus bus12 0 dc 12", "Vfeed external12 0 0", "Rwire from_bus chosen12 1m", "Rl nano5 0 2.5"]
    run = bench.run(("computer",), "ac dec 10 10k 10meg", [*sources, "Iripple computer12 0 dc 0 ac 1"], ["i(vbus)"])
    assert run["i(vbus)"][run["x"] > 300e3].max() < 0.01


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
