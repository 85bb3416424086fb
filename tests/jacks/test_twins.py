"""Two converters at one address are told from one by their clocks."""

import pytest

from neurorack.jacks.twins import twins
from neurorack.rack.state import Fault

ADCS = ("voct", "cv", "pots")


@pytest.mark.parametrize("seed", range(8))
def test_a_converter_by_itself_is_one(module, seed):
    made = module(seed=seed, voct=1.0, cv1=lambda s: 4.0 * (s % 0.3 > 0.15))
    assert not any(twins(made.bus, getattr(made.board.adc, name), made.clock) for name in ADCS)


@pytest.mark.parametrize("apart", [0.01, 0.2])
@pytest.mark.parametrize(("chip", "address"), [("adc_cv", 0x48), ("adc_pots", 0x48), ("adc_pots", 0x49)])
def test_two_at_one_address_are_two(module, chip, address, apart):
    """Whichever is the slower one, a percent apart or as far as the data sheet lets them be."""
    for sign in (-1, 1):
        made = module(clock_error=-sign * apart / 2)
        made.chips[chip].clock_error = sign * apart / 2
        made.break_chip(chip, Fault("strapped", address=address))
        assert twins(made.bus, made.board.adc.voct if address == 0x48 else made.board.adc.cv, made.clock)


def test_it_takes_half_a_second(module):
    made = module()
    twins(made.bus, made.board.adc.cv, made.clock)
    assert 0.4e9 < made.clock.now_ns() < 0.6e9


def test_nobody_there_is_for_the_caller_to_say(module):
    made = module()
    made.break_chip("adc_cv", Fault("absent"))
    with pytest.raises(OSError):
        twins(made.bus, made.board.adc.cv, made.clock)


def test_readings_are_right_after_it(module):
    made = module(voct=1.0, cv1=2.0)
    for name in ADCS:
        twins(made.bus, getattr(made.board.adc, name), made.clock)
    scan = made.run_to(made.clock.now_ns() / 1e6 + 200).scan
    assert scan.volts[:2] == pytest.approx([1.0, 2.0], abs=2e-3)
