"""The whole road in, through the virtual chips, in bus time."""

import math
from itertools import pairwise

import numpy as np
import pytest

from neurorack.board import load_board
from neurorack.jacks.bus import HELD_LOW
from neurorack.rack.state import Fault
from neurorack.words import CV_JACKS

CENTS = 1_200
MS = 1_000_000
SEEDS = range(4)  # specimens of the chips, their clocks up to 10 % off


@pytest.mark.parametrize("seed", SEEDS)
def test_every_jack_is_read_often_enough(module, seed):
    scan = module(seed=seed, voct=0.3, cv1=1.0).run_to(2_000).scan
    voct, cv, pots = (reader.readings / 2.0 for reader in scan.readers)
    assert voct >= 740  # the slowest specimen converts 774 times a second
    assert cv / 4 >= 120
    assert pots / 4 >= 50


@pytest.mark.parametrize("seed", SEEDS)
def test_every_conversion_of_voct_is_read_once(module, seed):
    made = module(seed=seed, voct=0.3)
    made.run_to(1_500)
    chip = made.bus._chips["adc_voct"]
    conversions, readings = chip._count, made.scan.readers[0].readings
    made.run_to(2_500)
    conversions, readings = chip._count - conversions, made.scan.readers[0].readings - readings
    assert 0.99 * conversions - 3 <= readings <= conversions + 3


def test_a_conversion_of_voct_is_read_as_soon_as_it_is_there(module):
    made = module(voct=lambda s: s)  # a ramp: 1 V/s, so volts tell the age of the reading
    made.run_to(2_900)
    ages_ms = [1_000 * (ms / 1_000 - volts) for ms, volts in made.of("voct", 1_000)]
    # Half a conversion (0.58 ms) because it is a mean, 0.1 ms of bus, and 1.3 ms that smoothing lags on a ramp.
    assert np.median(ages_ms) < 2.6
    assert np.percentile(ages_ms, 99) < 4.0


@pytest.mark.parametrize("volts", [-2.0, 0.0, 0.3333, 4.0])
def test_voct_rests_still(module, volts):
    rest = [v for _, v in module(voct=volts).run_to(2_500).of("voct", 200)]
    assert CENTS * np.std(rest) <= 0.15
    assert CENTS * abs(np.mean(rest) - volts) <= 0.5
    assert CENTS * max(abs(np.diff(rest))) < 0.15


@pytest.mark.parametrize("at_ms", [200.0, 200.3, 200.6, 200.9, 201.2, 1_150.0])
def test_an_octave_on_voct_settles_in_six_milliseconds(module, at_ms):
    made = module(voct=[(0, 0.0), (at_ms, 1.0)]).run_to(at_ms + 50)
    unsettled_ms = [ms for ms, volts in made.of("voct", at_ms) if CENTS * abs(volts - 1.0) > 3.0]
    assert max(unsettled_ms, default=at_ms) - at_ms <= 6.0
    assert not [v for ms, v in made.of("voct", at_ms) if v > 1.0 + 3 / CENTS]  # never overshoots


def test_a_step_on_a_cv_jack_arrives_within_two_rounds(module):
    settled_ms = []
    for number in range(20):
        at_ms = 200 + number * 0.41
        made = module(cv3=[(0, -1.0), (at_ms, 2.0)]).run_to(at_ms + 30)
        unsettled = [ms for ms, volts in made.of("cv3", at_ms) if abs(volts - 2.0) > 0.01]
        settled_ms.append(max(unsettled, default=at_ms) - at_ms)
    assert np.median(settled_ms) <= 7.0
    assert max(settled_ms) <= 11.0


def test_a_fast_lfo_on_every_cv_jack_costs_no_readings(module):
    lfo = {f"cv{n}": lambda s, n=n: 5.0 * math.sin(2 * math.pi * n * s) for n in (1, 2, 3, 4)}
    made = module(**lfo).run_to(1_000)
    assert made.scan.readers[1].readings / 4 >= 120


def test_inputs_beyond_the_range_clamp(module):
    volts = module(voct=9.0, cv1=12.0, cv2=-12.0).run_to(100).scan.volts
    assert volts[0] == 7.0
    assert volts[1] == 5.0
    assert volts[2] == -5.0


@pytest.mark.parametrize("volts", [12.0, -12.0])
@pytest.mark.parametrize("jack", CV_JACKS)
def test_the_supply_in_a_jack_is_told_and_leaves_the_others_alone(module, jack, volts):
    """A cable into the wrong jack, at its worst: the rails of the rack."""
    others = {name: 0.5 for name in CV_JACKS if name != jack}
    scan = module(**others, **{jack: volts}).run_to(300).scan
    expected = dict.fromkeys(others, 0) | {jack: 1 if volts > 0 else -1}
    assert dict(zip(CV_JACKS, scan.over, strict=True)) == expected
    limits = getattr(load_board().jacks, jack)
    assert scan.volts[CV_JACKS.index(jack)] == (limits.high_v if volts > 0 else limits.low_v)
    heard = dict(zip(CV_JACKS, scan.volts, strict=True))
    assert [heard[name] for name in others] == pytest.approx([0.5] * 4, abs=1e-3)


def test_a_jack_at_the_edge_of_its_range_is_within_it(module):
    scan = module(voct=7.05, cv1=5.05, cv2=-5.05, cv3=5.2, cv4=-5.2).run_to(200).scan
    assert scan.over == [0, 0, 0, 1, -1]


def test_a_jack_back_in_range_is_no_longer_told(module):
    made = module(cv1=[(0, 9.0), (200, 1.0)])
    assert made.run_to(199).scan.over[1] == 1
    assert made.run_to(230).scan.over[1] == 0


@pytest.mark.parametrize("jack", CV_JACKS)
def test_a_pin_that_nothing_drives_is_told_as_over_range(module, jack):
    """Its bleeding resistor holds it near 0 V, where no jack in range can put it (tests/hardware/test_cv.py)."""
    made = module(**dict.fromkeys(CV_JACKS, 0.5))
    made.break_chip(jack, Fault("open"))
    assert made.run_to(200).scan.over == [int(name == jack) for name in CV_JACKS]
    made.break_chip(jack, None)
    scan = made.run_to(400).scan
    assert not any(scan.over) and scan.volts == pytest.approx([0.5] * 5, abs=2e-3)


@pytest.mark.parametrize("jack", CV_JACKS)
def test_without_its_bleeding_resistor_such_a_pin_would_look_like_a_patched_jack(module, jack):
    made = module(**dict.fromkeys(CV_JACKS, 0.5))
    chip = made.chips["adc_voct" if jack == "voct" else "adc_cv"]
    number = getattr(made.board.jacks, jack).input
    chip._pins = tuple(None if n == number else pin for n, pin in enumerate(chip._pins))
    scan = made.run_to(200).scan
    assert not any(scan.over)
    assert scan.volts[CV_JACKS.index(jack)] == pytest.approx(5.82 if jack == "voct" else 3.82, abs=0.01)


def test_an_open_jack_and_one_at_zero_volts_are_the_same(module):
    """A jack's switch grounds it: there is nothing to tell them apart by, and nobody pretends to."""
    open_jack, at_zero = module(), module(cv1=0.0)
    assert open_jack.run_to(300).scan.volts == pytest.approx(at_zero.run_to(300).scan.volts, abs=1e-12)


def test_pots_reach_their_positions(module):
    assert module().run_to(300).scan.pots == pytest.approx([0.1, 0.5, 0.5, 1.0], abs=2e-3)


@pytest.mark.parametrize(("chip", "reader"), [("adc_voct", 0), ("adc_cv", 1), ("adc_pots", 2)])
def test_an_unplugged_chip_keeps_its_value_and_comes_back(module, chip, reader):
    made = module(voct=[(0, 1.0), (800, 2.0)], cv1=[(0, -1.0), (800, 3.0)])
    made.run_to(300)
    made.break_chip(chip, Fault("absent"))
    before = made.scan.volts.copy(), made.scan.pots.copy()
    rates = [r.readings for r in made.scan.readers]
    made.run_to(700)
    states = [r.ok for r in made.scan.readers]
    assert states == [number != reader for number in range(3)]
    assert made.scan.volts == pytest.approx(before[0], abs=1e-3)
    assert made.scan.pots == pytest.approx(before[1], abs=1e-2)
    assert 2 <= made.scan.i2c_errors < 20  # retried, with a back-off
    others = [r.readings - n for r, n in zip(made.scan.readers, rates, strict=True)]
    assert [n > 80 for n in others] == states  # the others are read on
    made.break_chip(chip, None)
    made.run_to(2_000)
    assert all(r.ok for r in made.scan.readers)
    assert made.scan.volts[:2] == pytest.approx([2.0, 3.0], abs=2e-3)


STRAPS = [("adc_cv", 0x48), ("adc_pots", 0x48), ("adc_voct", 0x49), ("adc_pots", 0x49), ("adc_voct", 0x4A)]


@pytest.mark.parametrize(("chip", "address"), STRAPS)
def test_a_converter_at_anothers_address_is_missed_and_nothing_hangs(module, chip, address):
    made = module(voct=1.0, cv1=-1.0, cv2=3.0)
    made.break_chip(chip, Fault("strapped", address=address))
    made.run_to(2_000)
    assert [r.ok for r in made.scan.readers] == [n != chip for n in ("adc_voct", "adc_cv", "adc_pots")]
    assert not made.scan.held_low
    limits = made.board.jacks.in_order()
    assert all(jack.low_v <= v <= jack.high_v for jack, v in zip(limits, made.scan.volts, strict=True))
    readings = [r.readings for r in made.scan.readers if r.ok]
    made.run_to(3_000)
    assert all(r.readings - n > 100 for r, n in zip((r for r in made.scan.readers if r.ok), readings, strict=True))
    made.break_chip(chip, None)
    made.run_to(5_000)
    assert all(r.ok for r in made.scan.readers)
    assert made.scan.volts == pytest.approx([1.0, -1.0, 3.0, 0.0, 0.0], abs=2e-3)


def test_a_module_without_any_chip_waits_for_them(module):
    made = module(voct=1.0)
    made.break_chip("adc_voct", Fault("absent"))
    made.run_to(200)
    assert not made.scan.readers[0].ok
    assert made.scan.volts[0] == 0.0
    made.break_chip("adc_voct", None)
    assert made.run_to(900).scan.volts[0] == pytest.approx(1.0, abs=1e-3)


def test_a_chip_that_falls_silent_in_the_middle_of_a_turn_is_set_up_anew(module):
    made = module(cv1=2.0)
    made.run_to(200)
    made.break_chip("adc_cv", Fault("silent", after=5, since_ns=made.clock.now_ns()))
    made.run_to(400)
    assert not made.scan.readers[1].ok
    made.break_chip("adc_cv", None)
    made.run_to(1_500)
    assert made.scan.readers[1].ok
    assert made.scan.volts[1] == pytest.approx(2.0, abs=2e-3)


def test_a_late_chip_is_shown_and_holds_the_others_up_a_tenth_of_the_time(module):
    made = module(voct=1.0, cv1=2.0)
    made.run_to(200)
    made.break_chip("adc_pots", Fault("slow", seconds=0.05))
    made.run_to(1_200)
    readings = made.scan.readers[0].readings
    made.run_to(4_200)
    assert not made.scan.readers[2].ok
    assert made.scan.readers[0].readings - readings > 0.8 * 3 * 774
    made.break_chip("adc_pots", None)
    made.run_to(6_000)
    assert made.scan.readers[2].ok


def test_a_bus_that_hangs_comes_back(module):
    made = module(voct=1.0)
    made.run_to(200)
    made.break_chip("bus_a", Fault("stuck", seconds=0.02))
    made.run_to(700)
    assert not any(reader.ok for reader in made.scan.readers)
    made.break_chip("bus_a", None)
    made.run_to(2_500)
    assert all(reader.ok for reader in made.scan.readers)


def test_a_bus_held_low_is_asked_once_for_all_its_chips(module):
    """Each try blocks for the kernel's 100 ms, and gates with it: they are late for a tenth of the time at most."""
    made = module(voct=1.0, gate1=[(n, 5.0 * (n % 2)) for n in range(5_000)])
    made.run_to(200)
    made.break_chip("bus_a", Fault("stuck", seconds=0.1))
    made.run_to(1_000)  # each chip has found out for itself
    assert made.scan.held_low
    errors, edges = made.scan.i2c_errors, len(made.edges)
    made.run_to(5_000)
    assert 2 <= made.scan.i2c_errors - errors <= 5
    assert len(made.edges) - edges >= 3_899  # none lost
    made.break_chip("bus_a", None)
    made.run_to(6_500)
    assert not made.scan.held_low
    assert all(reader.ok for reader in made.scan.readers)
    assert made.scan.volts[0] == pytest.approx(1.0, abs=1e-3)


class OneChipHangs:
    """A bus on which every transaction with one chip fails after 100 ms, as on one held low."""

    def __init__(self, made, address: int, error: int) -> None:
        self._send, self._clock = made.bus.i2c_rdwr, made.clock
        self._address, self._error = address, error
        made.bus.i2c_rdwr = self

    def __call__(self, *messages) -> None:
        if messages[0].addr == self._address:
            self._clock.sleep_until_ns(self._clock.now_ns() + 100_000_000)
            raise OSError(self._error, "as the kernel says it")
        self._send(*messages)


@pytest.mark.parametrize("error", sorted(HELD_LOW))
def test_one_chip_that_times_out_alone_is_not_taken_for_the_bus(module, error):
    made = module(voct=1.0, cv1=2.0)
    made.run_to(200)
    OneChipHangs(made, 0x49, error)
    made.run_to(1_500)
    readings = made.scan.readers[0].readings
    made.run_to(4_500)
    assert [reader.ok for reader in made.scan.readers] == [True, False, True]
    assert not made.scan.held_low
    assert made.scan.readers[0].readings - readings > 0.8 * 3 * 774


def test_chips_that_do_not_acknowledge_are_not_taken_for_the_bus(module):
    made = module()
    made.world.store.change(
        lambda state: state.faults.update({name: Fault("absent") for name in ("adc_voct", "adc_cv", "adc_pots")})
    )
    made.run_to(500)
    assert not any(reader.ok for reader in made.scan.readers)
    assert not made.scan.held_low


def test_a_chip_that_lost_its_settings_is_set_up_anew(module):
    made = module(voct=[(0, 1.0), (400, 2.0)])
    made.run_to(300)
    made.bus._chips["adc_voct"].reset(made.clock.now_ns())  # its supply dipped: it converts nothing any more
    made.run_to(1_800)
    assert made.scan.volts[0] == pytest.approx(2.0, abs=1e-3)


def test_a_burst_of_gates_arrives_whole_and_on_time(module):
    table = [(100 + n, 5.0 * (n % 2 == 0)) for n in range(200)]
    made = module(gate1=table, voct=0.0).run_to(400)
    edges = [(t, level) for t, line, level in made.edges if line == "gate1"][1:]  # the first tells how it stood
    assert [level for _, level in edges] == [1, 0] * 100
    assert [t for t, _ in edges] == [(100 + n) * 1_000_000 for n in range(200)]


@pytest.mark.parametrize("jack", ["gate1", "gate2"])
def test_pulses_of_a_millisecond_are_seen_whole(module, jack):
    table = [(at, volts) for n in range(20) for at, volts in ((50 + 7.3 * n, 5.0), (51 + 7.3 * n, 0.0))]
    made = module(**{jack: table}).run_to(300)
    edges = [(t / MS, level) for t, line, level in made.edges if line == jack][1:]
    assert [t for t, _ in edges] == pytest.approx([at for at, _ in table], abs=1e-3)
    assert [level for _, level in edges] == [1, 0] * 20


def test_a_gate_that_is_high_at_the_start_is_told(module):
    made = module(gate2=5.0).run_to(10)
    assert (0, "gate2", 1) in made.edges
    assert (0, "gate1", 0) in made.edges
    assert made.scan.gates == [0, 1]


def test_lines_are_looked_at_while_every_chip_rests(module):
    made = module(gate1=[(0, 0.0), (900, 5.0)])
    made.break_chip("bus_a", Fault("stuck", seconds=0.0))
    made.run_to(899)
    edges = len(made.edges)
    made.run_to(903)
    assert len(made.edges) == edges + 1


def test_the_same_seed_gives_the_same_volts(module):
    first, second = (module(seed=3, voct=0.7, cv2=lambda s: s).run_to(300).history for _ in range(2))
    assert first == second


def test_steps_never_ask_for_the_past_for_long(module):
    made = module(voct=0.5, gate1=0.0)
    late = 0
    for _ in range(3_000):
        due_ns = made.scan.step()
        late = late + 1 if due_ns <= made.clock.now_ns() else 0
        assert late < 4  # else the live process would spin
        made.clock.sleep_until_ns(due_ns)


def test_time_in_the_history_never_falls(module):
    times = [ms for ms, _ in module(voct=0.1).run_to(100).history]
    assert all(after >= before for before, after in pairwise(times))
