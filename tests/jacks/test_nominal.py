"""What readings count in, and which corrections that leaves."""

import msgspec
import numpy as np
import pytest

from neurorack.board import Jack, load_board
from neurorack.jacks.calibration import Calibration, Correction, former_path
from neurorack.jacks.nominal import InForce, Nominal
from neurorack.jacks.report import PLAYED_V, uncalibrated_cents
from neurorack.jacks.tolerance import ADC_GAIN, CENTS_PER_V, PITCH
from neurorack.shared import VOLTS

BOARD = load_board()
SEEN, UNSEEN = (InForce.of_board(BOARD, seen=seen) for seen in (True, False))
BARE = InForce.of_board(msgspec.structs.replace(BOARD, reference=None))
VOCT, CV1 = SEEN.nominals[:2]
ALONE = BARE.nominals[0]
FORMER_LINE = Nominal(-0.3, 2.25, 2.5)
"""Of the shipped boards before their pins had 100 kΩ to ground."""


@pytest.mark.parametrize(
    ("nominal", "now", "words"),
    [
        (VOCT, SEEN, ""),
        (ALONE, BARE, ""),
        (ALONE, UNSEEN, ""),  # measured while the wire was off, as it still is
        (VOCT, UNSEEN, ""),  # the wire came off since: the best there is
        (ALONE, SEEN, "measured without a reference, read beside a reference of 2.5 V now"),
        (VOCT, BARE, "measured beside a reference of 2.5 V, read without a reference now"),
        (msgspec.structs.replace(VOCT, reference_v=2.048), SEEN, "beside a reference of 2.048 V"),
        (FORMER_LINE, SEEN, "count in 2.25 V -0.3 × jack, the board's in 2.22772 V -0.29703 × jack"),
        (FORMER_LINE, UNSEEN, "count in 2.25 V -0.3 × jack"),
        (msgspec.structs.replace(VOCT, offset_v=2.2278), SEEN, "count in 2.2278 V"),
        (None, SEEN, "does not say what its volts count in"),
    ],
)
def test_a_correction_counts_where_its_readings_did(nominal, now, words):
    fault = now.fault("voct", nominal)
    assert words in fault if words else not fault


def test_the_reference_is_of_voct_alone():
    assert SEEN.fault("cv1", CV1) == UNSEEN.fault("cv1", CV1) == BARE.fault("cv1", CV1) == ""
    assert "read without" in UNSEEN.fault("cv1", msgspec.structs.replace(CV1, reference_v=2.5))


@pytest.mark.parametrize(("used", "now"), [(1, SEEN), (0, UNSEEN)])
def test_what_is_in_force_is_read_from_the_record(used, now):
    record = np.zeros(1, VOLTS).view(np.recarray)[0]
    assert InForce.of_record(record) is None, "nobody has written it"
    record.t_ns, record.reference_v, record.reference_used = 1, 2.5, used
    record.gain = [jack.gain for jack in BOARD.jacks.in_order()]
    record.offset_v = [jack.offset_v for jack in BOARD.jacks.in_order()]
    assert InForce.of_record(record) == now


def of(voct, cv1=CV1):
    return Calibration(
        {"voct": Correction([0.01, 1.01, 3.01], [0.0, 1.0, 3.0], voct), "cv1": Correction([0.02], [0.0], cv1)}
    )


@pytest.fixture
def place(tmp_path):
    return tmp_path / "calibration.toml"


def test_what_it_counts_in_is_saved_to_the_last_digit(place):
    odd = msgspec.structs.replace(VOCT, gain=-0.1 - 0.2, offset_v=2 + 1e-15)
    of(odd).save(place)
    assert Calibration.load(place).corrections == of(odd).corrections


def test_one_that_fits_is_played_without_a_word(place):
    of(VOCT).save(place)
    loaded = Calibration.load(place, SEEN)
    assert (loaded.corrections, loaded.notices) == (of(VOCT).corrections, ())


def test_a_jack_that_counted_in_another_line_plays_nominally_and_says_file_jack_and_mend(place):
    of(FORMER_LINE).save(place)
    loaded = Calibration.load(place, SEEN)
    assert set(loaded.corrections) == {"cv1"}
    (notice,) = loaded.notices
    assert notice.startswith(f"calibration {place}, voct: its volts count in 2.25 V")
    assert notice.endswith("; played nominally: run `neurorack calibrate`")


def test_one_of_an_older_version_plays_nominally_and_is_told_once(place):
    of(None, None).save(place)
    loaded = Calibration.load(place, SEEN)
    assert loaded.corrections == {}
    (notice,) = loaded.notices
    assert f"{place}, voct, cv1: it does not say" in notice and "neurorack calibrate" in notice


def test_a_file_that_does_not_fit_is_sound_and_becomes_the_generation_before(place):
    of(None, None).save(place)
    of(VOCT).save(place)
    assert Calibration.load(former_path(place)).corrections == of(None, None).corrections
    assert not place.with_name(f"{place.name}.damaged").exists()


def test_a_correction_whose_reference_is_not_seen_is_off_by_less_than_none_would_be():
    wire = BOARD.jacks.voct
    between = max(CENTS_PER_V * (ADC_GAIN + PITCH.reference) * abs(wire.pin_v(v) / wire.gain) for v in PLAYED_V)
    assert round(between) == 34 and round(uncalibrated_cents(BOARD, beside_reference=False)) == 50


def test_to_trust_the_former_line_would_cost_more_than_a_module_is_off_by():
    """Exact parts, measured on the former line: the correction says nothing, and the board is another."""
    former = Jack(input=0, gain=-0.3, offset_v=2.25, low_v=-3.0, high_v=7.0)
    pins_v = [BOARD.jacks.voct.pin_v(v) for v in (0.0, 1.0, 3.0)]
    measured = Correction([former.jack_v(pin_v) for pin_v in pins_v], [0.0, 1.0, 3.0], FORMER_LINE)
    assert 80.0 < CENTS_PER_V * abs(measured.true(-2.0) + 2.0) < 120.0
    assert SEEN.fault("voct", measured.nominal)
