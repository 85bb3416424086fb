"""`voct`'s converter beside the reference: it drifts and the pitch does not."""

import msgspec
import numpy as np
import pytest

from neurorack.board import Reference as Wire
from neurorack.board import load_board
from neurorack.jacks.reference import READINGS, Reference
from neurorack.jacks.scan import Scan

CENTS, LSB_V = 1_200, 4.096 / 0x8000
DRIFTED = 1 + 15 * 40e-6
"""The data sheet's most over 15 °C."""


def reference() -> Reference:
    return Reference(Wire(input=1, volts=2.5), LSB_V)


def drift(made, gain: float) -> None:
    made.chips["adc_voct"]._transfer = lambda pin_v: gain * pin_v


def test_the_gain_is_what_makes_of_its_reading_the_reference():
    made = reference()
    made.take(20_020)
    assert made.gain * 20_020 * LSB_V == pytest.approx(2.5)
    assert made.known


@pytest.mark.parametrize("code", [0, -20_000, 19_600, 20_400, 32_767])
def test_what_cannot_be_the_reference_changes_nothing(code):
    made = reference()
    made.take(code)
    assert (made.gain, made.known) == (1.0, False)
    made.take(20_010)
    made.take(code)
    assert made.gain == pytest.approx(20_000 / 20_010)


def test_noise_of_a_step_is_averaged():
    made, noise = reference(), np.random.default_rng(3)
    gains = []
    for _ in range(4_000):
        made.take(round(20_000 + 0.32 * noise.standard_normal()))
        gains.append(made.gain)
    assert np.std(gains[READINGS:]) < 5e-6
    assert max(abs(np.diff(gains[READINGS:]))) * 7.5 * CENTS < 0.1  # nobody hears it step


@pytest.mark.parametrize("volts", [-2.0, 0.0, 4.0])
def test_a_converter_that_is_warm_reads_the_same(module, volts):
    made = module(voct=volts)
    drift(made, DRIFTED)
    made.run_to(200)
    assert CENTS * abs(made.scan.volts[0] - volts) < 0.6
    assert CENTS * 7.5 * (DRIFTED - 1) > 5.0, "this is what it would be off"


def test_a_converter_that_warms_while_it_plays_is_followed(module):
    made = module(voct=0.0)
    made.run_to(200)
    made.scan.reference._count = 0  # the mean is a minute long: let the next reading be all of it
    drift(made, DRIFTED)
    made.run_to(900)
    assert CENTS * abs(made.scan.volts[0]) > 4.0
    made.run_to(4_500)
    assert CENTS * abs(made.scan.volts[0]) < 0.8


def test_it_costs_one_conversion_every_four_seconds(module):
    rates = []
    for wired in (True, False):
        made = module(voct=0.3, noise=False)
        if not wired:
            made.scan = Scan(msgspec.structs.replace(made.board, reference=None), made.bus, None, made.clock)
        made.run_to(500)
        before = made.scan.readers[0].readings
        made.run_to(4_700)
        rates.append((made.scan.readers[0].readings - before) / 4.2)
    assert rates[0] > 780 and rates[1] - rates[0] < 1.0


def test_a_board_without_one_plays_as_its_converter_reads(module):
    made = module(voct=1.0)
    made.scan = Scan(msgspec.structs.replace(made.board, reference=None), made.bus, None, made.clock)
    assert made.run_to(200).scan.volts[0] == pytest.approx(1.0, abs=1e-3)


def test_an_input_that_nothing_drives_is_no_reference(module):
    made = module(voct=1.0)
    made.chips["adc_voct"]._pins = (*made.chips["adc_voct"]._pins[:1], None, None, None)
    made.run_to(200)
    assert not made.scan.reference.known
    assert made.scan.volts[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("number", "volts", "key"), [(0, 2.5, "input"), (1, 3.5, "volts"), (1, 0.0, "volts")])
def test_what_is_no_reference_is_refused_with_its_key(a_file, number, volts, key):
    path = a_file(f'like = "orin"\n[reference]\ninput = {number}\nvolts = {volts}\n')
    with pytest.raises(Exception, match=rf"key reference\.{key}"):
        load_board(path)
