"""Modules of real parts."""

import numpy as np
import pytest

from neurorack.board import load_board
from neurorack.jacks.tolerance import ADC_GAIN, ADC_INL_LSB, ADC_OFFSET_LSB, PITCH, limits, lsb_v
from neurorack.rack.specimen import Conditionings, Converters, Specimen
from neurorack.words import CV_JACKS

BOARD = load_board()
COUNT = 500


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_number_0_is_exact():
    specimen = Specimen(BOARD, 0)
    for name, wire in zip(CV_JACKS, BOARD.jacks.in_order(), strict=True):
        assert specimen.line(name) == (wire.gain, wire.offset_v)
    assert specimen.transfer("voct") is None


def test_every_number_is_another_module_and_always_the_same():
    lines = [Specimen(BOARD, number).line("voct") for number in (1, 2, 1)]
    assert lines[0] == lines[2] != lines[1]


def test_no_module_is_off_by_more_than_its_parts_allow(rng):
    wire, adc = BOARD.jacks.voct, BOARD.adc.voct
    gain, offset_v = Conditionings(wire, PITCH, rng, COUNT).line()
    zero_v = (Converters(adc, rng, COUNT).convert(offset_v[:, None])[:, 0] - wire.offset_v) / wire.gain
    bound = limits(wire, adc, PITCH, beside_reference=False)
    assert 0.5 * bound.offset_v < np.max(np.abs(zero_v)) < bound.offset_v
    assert np.max(np.abs(gain / wire.gain - 1)) < 2 * PITCH.resistor * 1.001


def test_a_converter_keeps_its_data_sheet(rng):
    adc = BOARD.adc.voct
    pin_v = np.broadcast_to(np.linspace(0.0, 3.3, 60), (COUNT, 60))
    errors = Converters(adc, rng, COUNT).convert(pin_v) - pin_v
    lsb = lsb_v(adc)
    assert np.max(np.abs(errors[:, 0])) <= (ADC_OFFSET_LSB + ADC_INL_LSB) * lsb
    assert np.max(np.abs(errors)) <= (ADC_OFFSET_LSB + ADC_INL_LSB) * lsb + ADC_GAIN * 3.3
    bows = [row - np.polyval(np.polyfit(pin_v[0], row, 1), pin_v[0]) for row in errors]
    assert 0.3 * lsb < np.max(np.abs(bows)) < 2 * ADC_INL_LSB * lsb


def test_warmth_moves_a_module_and_cold_moves_it_back(rng):
    stages = Conditionings(BOARD.jacks.voct, PITCH, rng, COUNT)
    (_, there), (_, warm), (_, cold) = stages.line(), stages.line(15.0), stages.line(-15.0)
    assert np.std(warm - there) > 1e-4
    assert (warm + cold) / 2 == pytest.approx(there, abs=1e-6)
