"""Turns: the follower's loop and the multiplexer's confirmations, seen from outside."""

from itertools import pairwise

import pytest

from neurorack.jacks.readers import BACK_OFF_NS
from neurorack.rack.state import Fault


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ms", [60, 950, 3_500])
def test_the_followed_period_is_the_specimens_own(module, seed, ms):
    made = module(seed=seed, voct=0.3).run_to(ms)
    follower, chip = made.scan.readers[0], made.bus._chips["adc_voct"]
    assert follower._period_ns == pytest.approx(1e9 / 860 * (1 + chip.clock_error), rel=2e-3)


def test_the_loop_goes_on_holding(module):
    made = module(seed=1, voct=0.3).run_to(20_000)
    assert made.scan.readers[0]._count == 2  # the boundary is where it looks, so two reads a turn suffice
    assert made.scan.readers[0].errors == 0


def test_without_any_noise_volts_are_still_followed(module):
    made = module(seed=2, noise=False, voct=[(0, 0.5), (900, 0.75)]).run_to(950)
    late = [ms - 900 for ms, volts in made.of("voct", 900) if abs(volts - 0.75) < 1e-3]
    assert min(late) < 5.0


def test_a_loop_that_looks_in_the_wrong_place_finds_back(module):
    made = module(seed=1, voct=0.3).run_to(300)
    follower, chip = made.scan.readers[0], made.bus._chips["adc_voct"]
    follower._next_ns += follower._period_ns / 2
    made.run_to(900)  # before the next check sets it right
    period_ns = follower._period_ns
    off_ns = (chip._begin_ns - follower._next_ns + period_ns / 2) % period_ns - period_ns / 2
    assert abs(off_ns) < 100_000


def test_a_jump_is_confirmed_by_the_next_conversion_of_the_same_jack(module):
    made = module(noise=False, cv2=[(0, 0.0), (300, 4.0)])
    taken = []
    made.scan._cv._take = lambda index, code, take=made.scan._cv._take: (taken.append(index), take(index, code))[1]
    made.run_to(320)
    twice = [first for first, second in pairwise(taken[40:]) if first == second]
    assert twice == [1]


def test_a_slow_ramp_needs_no_confirmation(module):
    made = module(noise=False, cv2=lambda s: 10 * s - 4)
    taken = []
    made.scan._cv._take = lambda index, code, take=made.scan._cv._take: (taken.append(index), take(index, code))[1]
    made.run_to(800)
    assert not [1 for first, second in pairwise(taken[20:]) if first == second]


def test_rests_double_up_to_a_second(module):
    made = module(voct=0.0)
    made.break_chip("adc_voct", Fault("absent"))
    reader, rests, errors = made.scan.readers[0], [], 0
    while made.clock.now_ns() < 6_000_000_000:
        due_ns = made.scan.step()
        if reader.errors > errors:
            errors = reader.errors
            rests.append(reader.due_ns - made.clock.now_ns())
        made.clock.sleep_until_ns(due_ns)
    assert rests[0] == pytest.approx(BACK_OFF_NS[0], rel=0.2)
    assert rests[3] == pytest.approx(8 * BACK_OFF_NS[0], rel=0.2)
    assert max(rests) <= BACK_OFF_NS[1]
    assert rests[-1] == pytest.approx(BACK_OFF_NS[1], rel=0.01)
