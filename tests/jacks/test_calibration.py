"""Measured corrections, and files that hold none."""

import errno
import os
import random
from pathlib import Path

import pytest
from disk import Refusing

from neurorack.errors import BadInput
from neurorack.jacks import calibration
from neurorack.jacks.calibration import Calibration, Correction, check_calibration, former_path

GOOD = "[voct]\nread_v = [-3.05, 0.02, 3.03]\ntrue_v = [-3.0, 0.0, 3.0]\n"


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
    loaded = Calibration.load(a_file(GOOD))
    assert set(loaded.corrections) == {"voct"}
    assert loaded.notices == ()


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
        ("[voct]\nread_v = [0, 0.02]\ntrue_v = [0, 1]", "+1 V more read as +0.020 V"),
        ("[voct]\nread_v = [0, 1.04]\ntrue_v = [0, 1]", "+1 V more read as +1.040 V"),
        ("[voct]\nread_v = [0, 0.02, 3]\ntrue_v = [0, 0.9, 3]", "+0.9 V more read as +0.020 V"),
        ("[voct]\nread_v = [-3, -2, 0]\ntrue_v = [-2.5, -2, 0]", "-2.5 V more read as -3.000 V"),
    ],
)
def test_a_damaged_file_costs_a_notice_and_nothing_else(a_file, text, words):
    loaded = Calibration.load(a_file(text))
    assert words in " ".join(loaded.notices)
    assert loaded.corrections == {}


def test_a_damaged_jack_leaves_the_others_calibrated(a_file):
    loaded = Calibration.load(a_file(GOOD + "[cv1]\nread_v = 3\n"))
    assert set(loaded.corrections) == {"voct"}
    assert len(loaded.notices) == 1


def test_the_scan_plays_corrected_volts(module):
    tilted = Calibration({"voct": Correction([-3.0, 3.0], [-3.06, 2.94])})
    assert module(voct=1.0, calibration=tilted).run_to(200).scan.volts[0] == pytest.approx(0.94, abs=1e-3)


OLD = Calibration({"voct": Correction([0.01, 1.02, 3.04], [0.0, 1.0, 3.0]), "cv1": Correction([0.02], [0.0])})
NEW = Calibration({"voct": Correction([-0.01, 0.98, 2.96], [0.0, 1.0, 3.0])})


@pytest.fixture
def place(tmp_path):
    return tmp_path / "state" / "calibration.toml"


def test_what_is_saved_is_what_is_loaded(place):
    OLD.save(place)
    loaded = Calibration.load(place)
    assert loaded.corrections == OLD.corrections
    assert loaded.notices == ()


def test_the_generation_before_is_kept(place):
    OLD.save(place)
    NEW.save(place)
    assert Calibration.load(place).corrections == NEW.corrections
    assert Calibration.load(former_path(place)).corrections == OLD.corrections


def test_a_file_torn_at_any_byte_gives_the_generation_before(place):
    OLD.save(place)
    NEW.save(place)
    whole = place.read_bytes()
    for length in range(len(whole)):
        place.write_bytes(whole[:length])
        loaded = Calibration.load(place)
        assert loaded.corrections == OLD.corrections, length
        assert "the one before is used" in loaded.notices[0]


def test_one_wrong_bit_gives_the_generation_before(place):
    OLD.save(place)
    NEW.save(place)
    whole = place.read_bytes()
    for index in range(len(whole)):
        place.write_bytes(whole[:index] + bytes([whole[index] ^ 4]) + whole[index + 1 :])
        loaded = Calibration.load(place).corrections
        # One in the first line may unmake the seal: then the rest is whole, and judged by what it says.
        assert loaded in (OLD.corrections, NEW.corrections), index


def test_two_damaged_generations_mean_uncalibrated_and_a_message(place):
    OLD.save(place)
    NEW.save(place)
    for path in (place, former_path(place)):
        path.write_bytes(b"\xff\x00")
    loaded = Calibration.load(place)
    assert loaded.corrections == {}
    assert "playing uncalibrated" in loaded.notices[0]


def test_a_damaged_file_does_not_push_out_the_sound_one_before_it(place):
    OLD.save(place)
    NEW.save(place)
    place.write_bytes(b"torn")
    NEW.save(place)
    assert Calibration.load(former_path(place)).corrections == OLD.corrections
    assert place.with_name(f"{place.name}.damaged").read_bytes() == b"torn"


def pipe(path):
    os.mkfifo(path)


def huge(path):
    with open(path, "wb") as file:
        file.truncate(8 << 30)


@pytest.mark.parametrize("odd", [pipe, huge, Path.mkdir], ids=["pipe", "huge", "folder"])
def test_what_is_no_plain_file_holds_up_nobody(place, odd):
    OLD.save(place)
    NEW.save(place)
    place.unlink()
    odd(place)
    loaded = Calibration.load(place)
    assert loaded.corrections == OLD.corrections and len(loaded.notices) == 1
    former_path(place).unlink()
    odd(former_path(place))
    assert "playing uncalibrated" in Calibration.load(place).notices[0]
    NEW.save(place)
    assert Calibration.load(place).corrections == NEW.corrections


def test_a_file_that_cannot_be_read_is_not_replaced(place, monkeypatch):
    OLD.save(place)
    whole = place.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(calibration, "read_plain", Refusing("", errno.EACCES).refuse)
        with pytest.raises(PermissionError):
            NEW.save(place)
    assert place.read_bytes() == whole


@pytest.mark.parametrize("text", ["# Read me\n", "[tool.x]\na = 1\n", "voct", "", "\0"])
def test_what_is_no_calibration_is_told_from_a_damaged_one(place, text):
    OLD.save(place)
    check_calibration(place)
    place.write_text(place.read_text()[:-30])
    check_calibration(place)
    place.write_text("[voct]\nread_v = 3\n")
    check_calibration(place)
    place.write_text(text)
    with pytest.raises(BadInput, match="this is no calibration"):
        check_calibration(place)


def test_the_mark_some_editors_begin_a_file_with_is_no_damage(a_file):
    assert set(Calibration.load(a_file("\ufeff" + GOOD)).corrections) == {"voct"}


def test_a_file_changed_by_hand_says_how_to_make_it_count(place):
    OLD.save(place)
    place.write_text(place.read_text().replace("1.02", "1.03"))
    assert "remove the first line" in Calibration.load(place).notices[0]
    place.write_text(place.read_text().split("\n", 1)[1])
    assert Calibration.load(place).corrections["voct"].read_v[1] == 1.03


class Cut(BaseException):
    """The power is gone."""


class Power:
    """Lasts for `calls` of the operating system's calls, counted in `used`."""

    def __init__(self, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.used = calls, 0
        for name in ("open", "write", "fsync", "rename", "close", "mkdir"):
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, original):
        def call(*arguments, **options):
            self.used += 1
            if self.used > self.calls:
                raise Cut
            return original(*arguments, **options)

        return call


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_power_cut_at_any_call_leaves_the_old_state_or_the_new(tmp_path, monkeypatch, first):
    seen = []
    for calls in range(30):
        place = tmp_path / str(calls) / "calibration.toml"
        before = {} if first else OLD.corrections
        if not first:
            OLD.save(place)
        with monkeypatch.context() as patch:
            Power(calls, patch)
            try:
                NEW.save(place)
                seen.append(True)
            except Cut:
                seen.append(False)
        assert Calibration.load(place).corrections in (before, NEW.corrections), calls
        if seen[-1]:
            assert Calibration.load(place).corrections == NEW.corrections
            break
    assert seen[-1] and len(seen) > 6


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_stops_nothing(place, seed):
    rng = random.Random(seed)
    OLD.save(place)
    NEW.save(place)
    whole = bytearray(place.read_bytes())
    for _ in range(50):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            position = rng.randrange(len(content))
            content[position : position + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 4))
        place.write_bytes(bytes(content))
        for correction in Calibration.load(place).corrections.values():
            assert correction.fault() == ""
