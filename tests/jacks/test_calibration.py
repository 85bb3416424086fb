"""Measured corrections, and files that hold none."""

import pytest

from neurorack.jacks.calibration import Calibration, Correction

GOOD = "[voct]\nread_v = [-3.1, 0.1, 3.0]\ntrue_v = [-3.0, 0.0, 3.0]\n"


def test_points_are_hit_and_lines_run_between_and_beyond():
    correction = Correction([-3.1, 0.1, 3.0], [-3.0, 0.0, 3.0])
    assert [correction.true(v) for v in (-3.1, 0.1, 3.0)] == pytest.approx([-3.0, 0.0, 3.0])
    assert correction.true(-1.5) == pytest.approx(-1.5)
    assert correction.true(3.0 + 6.1) == pytest.approx(9.0)  # outside, with the slope from end to end
    assert correction.true(-3.1 - 6.1) == pytest.approx(-9.0)


def test_a_single_point_shifts():
    correction = Correction([0.1], [0.0])
    assert [correction.true(v) for v in (-2.0, 0.1, 4.0)] == pytest.approx([-2.1, 0.0, 3.9])


def test_no_file_is_no_error(tmp_path):
    for path in (None, tmp_path / "none.toml"):
        assert Calibration.load(path).corrections == {}
        assert Calibration.load(path).notices == ()


def test_a_good_file_corrects_its_jacks_only(a_file):
    calibration = Calibration.load(a_file(GOOD))
    assert set(calibration.corrections) == {"voct"}
    assert calibration.notices == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[voct", "cannot be read"),
        ("[cv9]\nread_v = [0, 1]\ntrue_v = [0, 1]", "no such jack"),
        ("[voct]\nread_v = [0, 1]", "true_v"),
        ("[voct]\nread_v = [0, 1]\ntrue_v = [0, 1]\nby = 1", "unknown field"),
        ("[voct]\nread_v = [0, 1, 2]\ntrue_v = [0, 1]", "3 readings for 2"),
        ("[voct]\nread_v = [0, 0]\ntrue_v = [0, 1]", "must rise"),
        ("[voct]\nread_v = [0, 1]\ntrue_v = [1, 0]", "must rise"),
        ("[voct]\nread_v = []\ntrue_v = []", "length >= 1"),
        ("[voct]\nread_v = [0, nan]\ntrue_v = [0, 1]", "voct plays nominally"),
        ("[voct]\nread_v = [0, 99]\ntrue_v = [0, 99]", "<= 13"),
        ("[voct]\nread_v = [0, 4]\ntrue_v = [0, 2]", "2.00 V is not plausible"),
    ],
)
def test_a_damaged_file_costs_a_notice_and_nothing_else(a_file, text, words):
    calibration = Calibration.load(a_file(text))
    assert words in " ".join(calibration.notices)
    assert calibration.corrections == {}


def test_a_damaged_jack_leaves_the_others_calibrated(a_file):
    calibration = Calibration.load(a_file(GOOD + "[cv1]\nread_v = 3\n"))
    assert set(calibration.corrections) == {"voct"}
    assert len(calibration.notices) == 1


def test_the_scan_plays_corrected_volts(module):
    calibration = Calibration({"voct": Correction([-3.0, 3.0], [-3.06, 2.94])})
    assert module(voct=1.0, calibration=calibration).run_to(200).scan.volts[0] == pytest.approx(0.94, abs=1e-3)
