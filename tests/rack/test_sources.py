"""Sources are functions of time that keep their promise about breaks."""

import time
from itertools import pairwise
from math import isclose

import numpy as np
import pytest

from neurorack.rack.signals import Signal, edges
from neurorack.rack.sources import Envelope, Keyboard, Lfo, Random, StepCv, StepGate, Steps
from neurorack.rack.state import Key

MS = 1_000_000
S = 1_000 * MS
STEP_NS = 125 * MS  # 120 bpm, sixteenths


def sequence(**changes: float) -> tuple[StepCv, StepGate]:
    steps = Steps(120, 4, changes.pop("swing", 0.0))
    gate = StepGate(steps, [0.5, 0.0, 1.0, 0.25], 5.0)
    return StepCv(steps, [0.0, 1.0, 2.0, 3.0], changes.pop("lag_s", 0.0), changes.pop("glide_s", 0.0)), gate


def all_signals() -> dict[str, Signal]:
    cv, gate = sequence(swing=0.3, lag_s=0.002, glide_s=0.01)
    keys = Keyboard("gate", 5.0)
    keys.play([Key(100 * MS, 0.0, 1), Key(400 * MS, 0.0, 0), Key(500 * MS, 1.0, 1)])
    return {
        "cv": cv,
        "gate": gate,
        "sine": Lfo("sine", 3.1, -5, 5, 0.2),
        "triangle": Lfo("triangle", 7.7, -5, 5, 0.6),
        "square": Lfo("square", 13.0, 0, 5, 0.1),
        "ramp": Lfo("ramp", 5.3, -1, 3, 0.9),
        "hold": Random(9.0, -4, 4, 0.0, 1),
        "drift": Random(9.0, -4, 4, 0.7, 2),
        "envelope": Envelope(gate, 0.01, 0.05, 0.4, 0.03, 5.0),
        "keys": keys,
    }


@pytest.mark.parametrize("name", all_signals())
def test_between_breaks_a_signal_only_rises_or_only_falls_and_never_jumps(name: str) -> None:
    signal = all_signals()[name]
    breaks = signal.breaks(0, S)
    assert breaks == sorted(set(breaks))
    for begin, end in zip([1, *breaks], [*breaks, S + 1], strict=True):
        times = [int(t) for t in np.linspace(begin, end - 1, 40)]
        slopes = np.diff([signal.volts(t) for t in times])
        assert (slopes >= -1e-9).all() or (slopes <= 1e-9).all()
        for t in times:
            assert signal.volts(min(t + 1000, end - 1)) == pytest.approx(signal.volts(t), abs=0.01)


@pytest.mark.parametrize("name", all_signals())
def test_breaks_do_not_depend_on_how_time_is_cut(name: str) -> None:
    signal = all_signals()[name]
    cuts = [0, 3 * MS, 100 * MS, 125 * MS, 126 * MS, 500 * MS, 731 * MS, S]
    pieces = [t for begin, end in pairwise(cuts) for t in signal.breaks(begin, end)]
    assert pieces == signal.breaks(0, S)


@pytest.mark.parametrize("name", all_signals())
def test_a_value_costs_microseconds(name: str) -> None:
    signal = all_signals()[name]

    def cost_s(work) -> float:
        best = 1.0
        for _ in range(5):
            begin = time.process_time()
            for number in range(500):
                work(number * 1_300_000)
            best = min(best, (time.process_time() - begin) / 500)
        return best

    assert cost_s(signal.volts) < 5 * cost_s(lambda t: [n * n for n in range(50)])  # about 2 µs


def test_a_sequencer_plays_its_steps_round_and_round() -> None:
    cv, gate = sequence()
    assert [cv.volts(n * STEP_NS) for n in range(6)] == [0.0, 1.0, 2.0, 3.0, 0.0, 1.0]
    assert [cv.volts((n + 1) * STEP_NS - 1) for n in range(4)] == [0.0, 1.0, 2.0, 3.0]
    assert gate.volts(0) == 5.0


def test_gates_rest_and_tie() -> None:
    _, gate = sequence()
    assert edges(gate, -1, 4 * STEP_NS + 1, 0) == [
        (0, 1),
        (STEP_NS // 2, 0),
        (2 * STEP_NS, 1),
        (3 * STEP_NS + STEP_NS // 4, 0),
        (4 * STEP_NS, 1),
    ]


def test_swing_delays_every_second_step() -> None:
    cv, _ = sequence(swing=0.4)
    late_ns = STEP_NS + round(0.4 * STEP_NS)
    assert (cv.volts(late_ns - 1), cv.volts(late_ns)) == (0.0, 1.0)
    assert (cv.volts(2 * STEP_NS - 1), cv.volts(2 * STEP_NS)) == (1.0, 2.0)


def test_the_cv_lags_its_gate() -> None:
    cv, gate = sequence(lag_s=0.002)
    assert gate.breaks(STEP_NS + 1, 2 * STEP_NS) == [2 * STEP_NS]
    assert cv.breaks(STEP_NS + 2 * MS, 2 * STEP_NS + 2 * MS) == [2 * STEP_NS + 2 * MS]
    assert cv.volts(2 * STEP_NS + 2 * MS - 1) == 1.0
    assert cv.volts(2 * STEP_NS + 2 * MS) == 2.0


def test_a_glide_goes_straight_to_the_next_step() -> None:
    cv, _ = sequence(glide_s=0.02)
    assert cv.volts(STEP_NS) == 0.0
    assert cv.volts(STEP_NS + 10 * MS) == pytest.approx(0.5)
    assert cv.volts(STEP_NS + 20 * MS) == 1.0


@pytest.mark.parametrize(
    ("shape", "quarters"),
    [("sine", (0, 5, 0, -5)), ("triangle", (-5, 0, 5, 0)), ("square", (5, 5, -5, -5)), ("ramp", (-5, -2.5, 0, 2.5))],
)
def test_the_shapes_of_an_lfo(shape, quarters) -> None:
    lfo = Lfo(shape, 1.0, -5.0, 5.0, 0.0)
    assert [lfo.volts(S + n * S // 4) for n in range(4)] == pytest.approx(list(quarters), abs=1e-9)
    turned = Lfo(shape, 1.0, -5.0, 5.0, 0.25)
    assert turned.volts(0) == pytest.approx(quarters[1], abs=1e-9)


def test_random_values_fill_their_range_and_repeat_with_their_seed() -> None:
    random = Random(10.0, -3.0, 3.0, 0.0, 1)
    values = [random.volts(n * S // 10) for n in range(2000)]
    assert min(values) == pytest.approx(-3, abs=0.02) and max(values) == pytest.approx(3, abs=0.02)
    assert abs(np.mean(values)) < 0.15
    again = Random(10.0, -3.0, 3.0, 0.0, 1)
    assert [again.volts(n * S // 10) for n in reversed(range(2000))] == values[::-1]
    assert Random(10.0, -3.0, 3.0, 0.0, 2).volts(0) != values[0]


def test_a_gliding_random_never_jumps() -> None:
    random = Random(10.0, -3.0, 3.0, 1.0, 5)
    values = [random.volts(t) for t in range(0, S, MS)]
    assert np.abs(np.diff(values)).max() < 6 / 100 + 1e-9


def test_an_envelope_rises_decays_holds_and_falls() -> None:
    gate = StepGate(Steps(60, 1, 0.0), [0.5], 5.0)
    envelope = Envelope(gate, 0.1, 0.1, 0.5, 0.1, 8.0)
    begin = 40 * S
    assert envelope.volts(begin) == pytest.approx(0.0, abs=0.01)
    assert envelope.volts(begin + 50 * MS) == pytest.approx(4.0, abs=0.01)
    assert envelope.volts(begin + 100 * MS) == pytest.approx(8.0, abs=0.01)
    assert envelope.volts(begin + 200 * MS) == pytest.approx(4.0 + 4 * 0.05, abs=0.02)
    assert envelope.volts(begin + 499 * MS) == pytest.approx(4.0, abs=0.01)
    assert envelope.volts(begin + 600 * MS) == pytest.approx(4.0 * 0.05, abs=0.02)


def test_an_envelope_retriggers_from_where_it_stands() -> None:
    gate = StepGate(Steps(60, 1, 0.0), [0.95], 5.0)
    envelope = Envelope(gate, 0.1, 0.1, 1.0, 1.0, 5.0)
    before = envelope.volts(40 * S - 1)
    assert before > 4.0
    assert isclose(envelope.volts(40 * S), before, abs_tol=1e-3)


def test_an_envelope_does_not_depend_on_who_asked_before() -> None:
    def fresh() -> Envelope:
        return Envelope(StepGate(Steps(133, 4, 0.2), [0.5, 0.0, 0.8], 5.0), 0.02, 0.1, 0.6, 0.2, 5.0)

    asked_often = fresh()
    for t in range(0, 50 * S, 37 * MS):
        asked_often.volts(t)
    for t in (50 * S, 49 * S, 45 * S + 1, 50 * S + 77):
        assert asked_often.volts(t) == pytest.approx(fresh().volts(t), abs=1e-6)


def test_an_envelope_hears_of_a_key_pressed_in_its_past() -> None:
    keys = Keyboard("gate", 5.0)
    envelope = Envelope(keys, 0.01, 0.1, 0.5, 0.1, 5.0)
    assert envelope.volts(S) == 0.0
    keys.play([Key(S - 5 * MS, 0.0, 1)])
    envelope.rewind(S - 5 * MS)
    assert envelope.volts(S) == pytest.approx(2.5)


def test_a_keyboard_holds_its_last_note() -> None:
    cv, gate = Keyboard("cv", 0.0), Keyboard("gate", 5.0)
    keys = [Key(1 * S, 0.5, 1), Key(2 * S, 1.5, 1), Key(3 * S, 1.5, 0)]
    cv.play(keys)
    gate.play(keys)
    assert [cv.volts(n * S) for n in range(5)] == [0.5, 0.5, 1.5, 1.5, 1.5]
    assert [gate.volts(n * S) for n in range(5)] == [0.0, 5.0, 5.0, 0.0, 0.0]
    assert edges(gate, 0, 5 * S, 0) == [(1 * S, 1), (3 * S, 0)]
