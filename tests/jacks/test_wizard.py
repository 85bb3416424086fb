"""Calibration step by step, on readings that a test makes up."""

import pytest

from neurorack.board import load_board
from neurorack.errors import BadInput
from neurorack.jacks.measure import Totals
from neurorack.jacks.nominal import InForce
from neurorack.jacks.wizard import Stage, Wizard, parse_points
from neurorack.words import CV_JACKS

BOARD = load_board()
SEEN, UNSEEN = (InForce.of_board(BOARD, seen=seen).nominals for seen in (True, False))


class Hand:
    """A player with an exact source, and a module that reads `gain` · volts + `offset_v` on every jack."""

    def __init__(self, points=(0.0, 1.0, 3.0), gain=1.003, offset_v=0.02, save=None, nominals=SEEN) -> None:
        self.saved = []
        self.wizard = Wizard(BOARD, save or self.saved.append, points)
        self.gain, self.offset_v, self.nominals = gain, offset_v, nominals
        self.plugged_v = dict.fromkeys(CV_JACKS, 0.0)
        self.touched_s = None
        self._t_s, self._count, self._sums = 0.0, 0, [0.0] * len(CV_JACKS)

    def measure(self, volts: float, jack: str = "voct") -> Wizard:
        """Plug in, go on, wait for what comes of it."""
        self.plugged_v[jack] = volts
        self.wizard.go_on()
        for _ in range(600):
            if self.wizard.stage is not Stage.MEASURE:
                break
            self._tick()
        return self.wizard

    def _tick(self) -> None:
        self._t_s += 0.05
        self._count += 40
        for index, name in enumerate(CV_JACKS):
            self._sums[index] += 40 * (self.gain * self.plugged_v[name] + self.offset_v)
        self.wizard.take(Totals(round(self._t_s * 1e9), (self._count,) * 5, tuple(self._sums), self.nominals))

    def all(self) -> Wizard:
        for volts in self.wizard.steps_v:
            self.measure(volts)
        return self.wizard


def test_three_voltages_make_a_correction_that_hits_them_and_shift_the_other_jacks():
    hand = Hand()
    wizard = hand.all()
    assert wizard.stage is Stage.RESULT
    wizard.go_on()
    assert wizard.stage is Stage.SAVED
    (calibration,) = hand.saved
    voct, cv = calibration.corrections["voct"], calibration.corrections["cv3"]
    assert [voct.true(1.003 * v + 0.02) for v in (-2, 0, 1, 2, 3, 4)] == pytest.approx([-2, 0, 1, 2, 3, 4], abs=1e-6)
    assert cv.true(0.02) == pytest.approx(0.0, abs=1e-9)
    assert set(calibration.corrections) == set(CV_JACKS)


@pytest.mark.parametrize("nominals", [SEEN, UNSEEN], ids=["seen", "unseen"])
def test_every_jack_keeps_what_its_readings_counted_in(nominals):
    corrections = Hand(nominals=nominals).all().calibration.corrections
    assert [corrections[jack].nominal for jack in CV_JACKS] == list(nominals)
    assert corrections["voct"].beside_reference == (nominals is SEEN)


def test_the_reference_takes_the_converters_gain_out_of_what_is_plausible_and_puts_its_own_error_in():
    """7.5 V at the jack by 0.25 % and by 1 % make 94 mV of the 199; and a span may be off by what the reference is."""
    assert Hand(offset_v=0.15, nominals=UNSEEN).measure(0.0).stage is Stage.ASK
    hand = Hand(gain=1.036, nominals=SEEN)
    hand.measure(0.0)
    assert hand.measure(1.0).stage is Stage.ASK


def test_a_reference_that_comes_in_the_middle_is_said_and_nothing_is_mixed():
    hand = Hand(nominals=UNSEEN)
    hand.measure(0.0)
    hand.nominals = SEEN
    assert "reference came or went" in hand.measure(1.0).fault
    assert "begin again" in hand.measure(1.0).fault
    assert hand.wizard.stage is Stage.REFUSED and len(hand.wizard.points) == 1


def test_one_that_comes_during_the_first_voltage_costs_another_try():
    hand = Hand(nominals=UNSEEN)
    hand.wizard.go_on()
    hand.wizard.take(Totals(0, (0,) * 5, (0.0,) * 5, UNSEEN))
    hand.nominals = SEEN
    for _ in range(600):
        hand._tick()
    assert hand.wizard.stage is Stage.REFUSED
    assert hand.measure(0.0).stage is Stage.ASK


def test_points_below_zero_come_after_it_and_are_sorted_in_the_end():
    hand = Hand(points=(-1.0, 3.0, 0.0, 1.0))
    assert hand.wizard.steps_v[0] == 0.0
    assert hand.all().calibration.corrections["voct"].true_v == [-1.0, 0.0, 1.0, 3.0]


def test_only_the_first_step_asks_for_all_jacks():
    hand = Hand()
    assert hand.wizard.jacks == CV_JACKS
    hand.plugged_v["cv2"] = 3.0
    hand.measure(0.0)
    assert hand.wizard.stage is Stage.REFUSED
    assert hand.wizard.fault == "cv2 reads +3.03 V, not 0 V"
    hand.measure(0.0, "cv2")
    assert hand.wizard.jacks == ("voct",)


@pytest.mark.parametrize(
    ("volts", "hand", "words"),
    [
        ((0.0, 3.0), {}, "reads +3.03 V, not 1 V"),  # the steps mixed up
        ((0.0, 0.0), {}, ", not 1 V"),
        ((0.0, 1.1), {}, "1 V more read as +1.103 V"),
        ((0.0, 1.0), {"gain": 0.95}, "1 V more read as +0.950 V"),
        ((0.0,), {"offset_v": 0.3}, ", not 0 V"),
        ((0.0,), {"offset_v": -0.3}, ", not 0 V"),
        ((0.0,), {"offset_v": 0.15}, "voct reads +0.15 V, not 0 V"),
        ((0.0, 1.0), {"gain": 1.036, "nominals": UNSEEN}, "1 V more read as +1.036 V"),
        ((0.0, 1.0, 3.06), {}, "off a line"),
    ],
)
def test_what_is_implausible_is_refused_and_nothing_is_saved(volts, hand, words):
    made = Hand(**hand)
    for v in volts:
        made.measure(v)
    assert made.wizard.stage is Stage.REFUSED
    assert words in made.wizard.fault
    assert made.saved == []


@pytest.mark.parametrize("jack", ["cv1", "cv4"])
def test_a_cable_in_the_wrong_jack_is_found(jack):
    hand = Hand()
    hand.measure(0.0)
    assert hand.measure(1.0, jack).fault == f"voct reads +0.02 V, not 1 V: the cable is in {jack}"


@pytest.mark.parametrize("volts", [12.0, -12.0])
@pytest.mark.parametrize("jack", ["voct", "cv3"])
def test_twelve_volts_are_refused(volts, jack):
    assert Hand().measure(volts, jack).fault.startswith(f"{jack} reads ")


def test_a_refused_step_can_be_tried_again():
    hand = Hand()
    hand.measure(0.0)
    hand.measure(2.0)
    assert hand.wizard.stage is Stage.REFUSED
    hand.measure(1.0)
    assert hand.wizard.stage is Stage.ASK and hand.wizard.fault == ""
    assert [point.true_v for point in hand.wizard.points] == [0.0, 1.0]


@pytest.mark.parametrize("steps", range(4))
def test_it_can_be_left_at_any_time_with_nothing_changed(steps):
    hand = Hand()
    for volts in hand.wizard.steps_v[:steps]:
        hand.measure(volts)
    hand.wizard.leave()
    hand.wizard.go_on()
    assert hand.wizard.stage is Stage.LEFT and hand.wizard.over
    assert hand.saved == []


def test_a_full_disk_is_said_and_the_result_kept_for_another_try():
    full = [OSError(28, "No space left on device")]

    def save(calibration):
        if full:
            raise full.pop()

    wizard = Hand(save=save).all()
    wizard.go_on()
    assert wizard.stage is Stage.RESULT
    assert wizard.fault == "cannot save: No space left on device"
    wizard.go_on()
    assert wizard.stage is Stage.SAVED


def test_a_module_of_exact_parts_needs_nothing():
    correction = Hand(gain=1.0, offset_v=0.0).all().calibration.corrections["voct"]
    assert correction.true(1.7) == pytest.approx(1.7, abs=1e-9)


@pytest.mark.parametrize("text", ["", "0", "1,3", "0,one", "0,nan", "0,inf", "0,0.2", "0,8", "0,-4", "0,1,1"])
def test_points_that_cannot_calibrate_are_refused(text):
    with pytest.raises(BadInput, match="--points"):
        parse_points(text)


def test_points_are_read_in_any_order():
    assert parse_points("3, 0,-1") == (3.0, 0.0, -1.0)
