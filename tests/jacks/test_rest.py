"""The figures of hardware/README.md: readings a second, noise in cents, settling, and a quantiser that stands still.

All on simulated time, with the bus's own times and the converters' own noise. `-s` prints the figures.
"""

from itertools import pairwise

import numpy as np
import pytest

from neurorack.boards import DEFAULT_BOARD
from neurorack.jacks.rest import CENTS_PER_V, measure_rest
from neurorack.patch import scale
from neurorack.rack.chips import ads1x15
from neurorack.words import CV_JACKS

SLOW, FAST = 0.1, -0.1
"""Ends of the oscillator's tolerance (SBAS444, 7.5: data rate ±10 %)."""

LEAST_HZ = {"voct": 400, "cv": 120, "pots": 50}


@pytest.fixture
def board_with_ads1015(tmp_path):
    """The shipped board with an ADS1015 for the pots."""
    ads1115, ads1015 = (f'kind = "{kind}"\nbus = "a"\naddress = 0x4A\nrate_sps = {rate}' for kind, rate in (
        ("ads1115", 475),
        ("ads1015", 490),
    ))  # fmt: skip
    text = DEFAULT_BOARD.read_text(encoding="utf-8")
    assert ads1115 in text
    (tmp_path / "ads1015.toml").write_text(text.replace(ads1115, ads1015), encoding="utf-8")
    return tmp_path / "ads1015.toml"


class Counter:
    """Counts what goes over a bus: transactions, and bits at nine a byte."""

    def __init__(self, bus) -> None:
        self.transactions = self.bits = 0
        self._send = bus.i2c_rdwr
        bus.i2c_rdwr = self

    def __call__(self, *messages) -> None:
        self.transactions += 1
        self.bits += sum(10 + 9 * message.len for message in messages) + 1
        self._send(*messages)


@pytest.mark.parametrize("clock_error", [SLOW, 0.0, FAST])
@pytest.mark.parametrize("pots", ["ads1115", "ads1015"])
def test_every_jack_and_pot_is_read_often_enough_on_chips_slow_and_fast(module, board_with_ads1015, clock_error, pots):
    made = module(
        clock_error=clock_error,
        board=board_with_ads1015 if pots == "ads1015" else None,
        voct=0.3,
        cv1=lambda s: 4.0 * np.sin(20.0 * s),
    )
    made.run_to(500)
    counter, chips = Counter(made.bus), list(made.chips.values())
    readings, conversions = [r.readings for r in made.scan.readers], [chip._count for chip in chips]
    made.run_to(2_500)
    voct, cv, pot = ((r.readings - n) / 2.0 for r, n in zip(made.scan.readers, readings, strict=True))
    converted = [(chip._count - n) / 2.0 for chip, n in zip(chips, conversions, strict=True)]
    load = counter.bits / 2.0 / made.board.buses["a"].clock_hz
    print(
        f"\n{pots} for pots, clocks {clock_error:+.0%}: voct {voct:.0f} readings a second of"
        f" {converted[0]:.0f} conversions,"
        f" cv {cv / 4:.0f} each of {converted[1] / 4:.0f}, pots {pot / 4:.1f} each of {converted[2] / 4:.1f};"
        f" {counter.transactions / 2.0:.0f} transactions a second, bus busy {load:.0%}"
    )
    assert voct >= LEAST_HZ["voct"]
    assert cv / 4 >= LEAST_HZ["cv"]
    assert pot / 4 >= LEAST_HZ["pots"]
    assert voct <= converted[0] + 1  # none is read twice
    assert (cv, pot) <= (converted[1] + 1, converted[2] + 1)
    assert load < 0.75


TRANSACTION_NS, MESSAGE_NS = 50_000, 30_000
"""What a controller that works by interrupts might add: half before and half after every transaction, and before every
message. Nobody has measured it yet; with twice as much the CV jacks fall to 107 readings a second."""


def hesitate(made) -> None:
    """Let the bus take its time as if a kernel stood behind it."""
    send, play, clock = made.bus.i2c_rdwr, made.bus._message, made.clock

    def i2c_rdwr(*messages) -> None:
        clock.sleep_until_ns(clock.now_ns() + TRANSACTION_NS // 2)
        send(*messages)
        clock.sleep_until_ns(clock.now_ns() + TRANSACTION_NS // 2)

    made.bus.i2c_rdwr = i2c_rdwr
    made.bus._message = lambda message, t_ns, faults: play(message, t_ns + MESSAGE_NS, faults)


@pytest.mark.parametrize("clock_error", [SLOW, 0.0, FAST])
def test_a_kernel_that_hesitates_at_every_message_costs_no_promise(module, clock_error):
    at_ms = 1_000.3
    made = module(clock_error=clock_error, voct=[(0, 0.4), (at_ms, 1.4)], cv1=1.0)
    hesitate(made)
    made.run_to(500)
    readings, conversions = [r.readings for r in made.scan.readers], made.chips["adc_voct"]._count
    made.run_to(2_500)
    voct, cv, pot = ((r.readings - n) / 2.0 for r, n in zip(made.scan.readers, readings, strict=True))
    converted = (made.chips["adc_voct"]._count - conversions) / 2.0
    assert 0.99 * converted - 3 <= voct <= converted + 1  # each once
    assert cv / 4 >= LEAST_HZ["cv"]
    assert pot / 4 >= LEAST_HZ["pots"]
    assert max(ms for ms, v in made.of("voct", at_ms) if CENTS_PER_V * abs(v - 1.4) > 3.0) - at_ms <= 4.0


@pytest.fixture(params=[1, 3])
def noise_times(request, monkeypatch):
    """The converter's own noise, and three times as much: room for op-amps, references and supplies."""
    monkeypatch.setattr(ads1x15, "_NOISE_V", tuple(request.param * v for v in ads1x15._NOISE_V))
    return request.param


def test_every_jack_rests_within_seven_tenths_of_a_cent(module, noise_times):
    """Between two codes and on them."""
    worst = dict.fromkeys(CV_JACKS, 0.0)
    for seed, volts in enumerate(np.linspace(-2.0, 4.0, 8)):
        made = module(seed=seed, voct=volts, cv1=volts, cv2=-volts, cv3=volts / 3)
        for rest in measure_rest(made.scan, made.clock):
            worst[rest.jack] = max(worst[rest.jack], rest.noise_cents)
    figures = ", ".join(f"{jack} {cents:.2f}" for jack, cents in worst.items())
    print(f"\nnoise in cents rms, worst of 8 modules, {noise_times} × the converter's own: {figures}")
    assert max(worst.values()) <= 0.7


@pytest.mark.parametrize("clock_error", [SLOW, FAST])
@pytest.mark.parametrize("step_v", [1.0, -1.0])
def test_an_octave_settles_in_six_milliseconds_on_any_chip(module, clock_error, step_v):
    took_ms = []
    for number in range(8):
        at_ms = 200 + 0.17 * number
        made = module(seed=number, clock_error=clock_error, voct=[(0, 0.5), (at_ms, 0.5 + step_v)]).run_to(at_ms + 40)
        off_ms = [ms for ms, v in made.of("voct", at_ms) if CENTS_PER_V * abs(v - 0.5 - step_v) > 3.0]
        took_ms.append(next(ms for ms, _ in made.of("voct", at_ms) if ms > max(off_ms, default=at_ms)) - at_ms)
    print(
        f"\nan octave, clocks {clock_error:+.0%}: 3 cents after {np.median(took_ms):.1f} ms, {max(took_ms):.1f} at most"
    )
    assert max(took_ms) <= 6.0


DWELL_S = 0.8


def creep(octave: int, direction: int):
    """Volts over seconds: past each threshold of an octave from −1.6 to +1.6 cents, at 4 cents a second."""

    def volts(t_s: float) -> float:
        number, part = divmod(t_s / DWELL_S, 1.0)
        return octave + direction * ((number + 0.5) / 12 + (part - 0.5) * 3.2 / CENTS_PER_V)

    return volts


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("octave", range(-2, 4))
def test_the_quantiser_never_flickers_at_any_threshold_with_a_thirtieth_of_its_hysteresis(
    module, noise_times, octave, direction, monkeypatch
):
    monkeypatch.setattr(scale, "HYSTERESIS_V", 0.5 / CENTS_PER_V)  # one step of the converter
    made = module(seed=octave + 2, voct=creep(octave, direction)).run_to(12_000 * DWELL_S - 5)
    quantiser = scale.Quantiser(scale.SCALES["chromatic"])
    notes = [round(12 * quantiser.play(volts)) for _, volts in made.of("voct", 50)]
    steps = [after - before for before, after in pairwise(notes) if after != before]
    assert steps == [direction] * 12


def test_a_jack_that_stands_beyond_its_range_all_the_while_is_told_and_one_that_peaks_is_not(module):
    made = module(cv1=12.0, cv2=-12.0, cv3=lambda s: 7.0 * np.sin(40.0 * s), voct=12.0)
    assert [rest.over for rest in measure_rest(made.scan, made.clock)] == [1, 1, -1, 0, 0]
