"""The patch: what volts and pots make of the knobs."""

import timeit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.errors import BadInput
from neurorack.patch.matrix import CURVES, Matrix, assign, bare_patch, default_patch, empty_patch, patched, shaped
from neurorack.patch.performance import RUNNING, at_rest
from neurorack.patch.pitch import pitch_hz
from neurorack.patch.scale import SCALES
from neurorack.words import CV_JACKS, DESCRIPTORS, KNOBS, PATCHABLE, PERFORMANCE

HALF = np.full(4, 0.5)
ROWS = len(PATCHABLE)


def volts(**jacks: float) -> np.ndarray:
    return np.array([jacks.get(name, 0.0) for name in CV_JACKS])


def knob(record: np.recarray, name: str, pots: np.ndarray = HALF, **jacks: float) -> float:
    return float(Matrix(record).play(volts(**jacks), pots)[1][DESCRIPTORS.index(name)])


@pytest.mark.parametrize("v", [-2.0, 0.0, 1.0, 4.0])
def test_out_of_the_box_voct_plays_the_pitch(v):
    assert Matrix(default_patch()).play(volts(voct=v), HALF)[0] == pitch_hz(v)


def test_out_of_the_box_pots_are_the_first_four_knobs_and_each_has_its_cv():
    pots = np.array([0.1, 0.2, 0.3, 0.4])
    _, descriptors, _ = Matrix(default_patch()).play(volts(cv1=5.0, cv3=-1.0), pots)
    assert descriptors == pytest.approx([0.6, 0.2, 0.2, 0.4, 0.5])


def test_an_assigned_jack_turns_only_what_it_is_assigned_to():
    patch = patched(["cv1=boominess"])
    rows = np.flatnonzero(patch["attenuverter"][:, CV_JACKS.index("cv1")])
    assert {KNOBS[row] for row in rows} == {"boominess"}
    assert patch["attenuverter"][KNOBS.index("centroid"), CV_JACKS.index("cv2")] == 1.0, "the others stay"


def test_a_bare_patch_leaves_the_cvs_to_be_assigned():
    pots = np.array([0.1, 0.2, 0.3, 0.4])
    _, descriptors, _ = Matrix(bare_patch()).play(volts(cv1=5.0, cv2=-5.0), pots)
    assert descriptors == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize(("v", "position"), [(5.0, 1.0), (-5.0, 0.0), (0.0, 0.5), (2.5, 0.75), (9.0, 1.0), (-9.0, 0.0)])
def test_an_assigned_jack_spans_the_whole_knob(name, v, position):
    record = default_patch()
    assign(record, f"cv2={name}")
    assert knob(record, name, pots=np.zeros(4), cv2=v) == pytest.approx(position)


def test_a_jack_assigned_to_pitch_transposes_in_octaves():
    record = default_patch()
    assign(record, "cv1=pitch")
    assert Matrix(record).play(volts(voct=1.0, cv1=-2.0), HALF)[0] == pytest.approx(pitch_hz(-1.0))


def test_an_attenuverter_scales_and_turns():
    record = empty_patch()
    record["attenuverter"][2, 1] = -0.5
    assert knob(record, "centroid", cv1=5.0) == pytest.approx(0.25)


def test_several_jacks_an_offset_and_a_pot_add_up():
    record = default_patch()
    record["attenuverter"][1, 1:3] = 0.5, 1.0
    record["offset"][1] = 0.1
    assert knob(record, "rms", pots=np.array([0.2, 0, 0, 0]), cv1=2.0, cv2=1.0) == pytest.approx(0.2 + 0.1 + 0.1 + 0.1)


def test_the_base_of_the_pitch_tunes():
    record = default_patch()
    record["base"][0], record["offset"][0] = 1.0, 0.5
    assert Matrix(record).play(volts(voct=0.25), HALF)[0] == pytest.approx(pitch_hz(1.75))


@pytest.mark.parametrize("curve", range(len(CURVES)))
def test_curves_rise_from_bottom_to_top(curve):
    positions = [shaped(x, curve) for x in np.linspace(0, 1, 101)]
    assert positions[0] == pytest.approx(0.0, abs=1e-12)
    assert positions[-1] == pytest.approx(1.0)
    assert np.all(np.diff(positions) > 0)


def test_curves_bend_as_they_are_called():
    assert [round(shaped(0.5, curve), 2) for curve in range(4)] == [0.5, 0.12, 0.83, 0.5]
    assert shaped(0.25, CURVES.index("s-curve")) < 0.25
    assert shaped(shaped(0.3, 1), 2) == pytest.approx(0.3)


@pytest.mark.parametrize("curve", range(len(CURVES)))
def test_a_knobs_curve_bends_its_whole_travel(curve):
    record = empty_patch()
    assign(record, "cv1=sharpness")
    record["curve"][KNOBS.index("sharpness")] = curve
    for v in (-5.0, -2.0, 0.0, 3.0, 5.0):
        assert knob(record, "sharpness", cv1=v) == pytest.approx(shaped(0.5 + v / 10, curve))
        assert knob(record, "bandwidth", cv1=v) == 0.5


def test_another_patch_is_taken_up_whole():
    matrix = Matrix(default_patch())
    record = empty_patch()
    assign(record, "cv4=boominess")
    matrix.load(record)
    pitch, descriptors, _ = matrix.play(volts(voct=1.0, cv4=5.0), np.zeros(4))
    assert pitch == pitch_hz(0.0)
    assert descriptors == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("cv1", "JACK=KNOB"),
        ("cv9=centroid", "voct, cv1, cv2, cv3, cv4"),
        ("gate1=rms", "voct, cv1, cv2, cv3, cv4"),
        ("cv1=brightness", "pitch, rms, centroid"),
        ("=", "voct"),
    ],
)
def test_a_wrong_assignment_names_what_is_valid(assignment, words):
    with pytest.raises(BadInput, match=words):
        assign(default_patch(), assignment)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=6 * ROWS, max_size=6 * ROWS),
    st.lists(st.integers(-128, 127), min_size=2 * ROWS, max_size=2 * ROWS),
    st.lists(st.floats(-12, 12), min_size=5, max_size=5),
)
def test_no_patch_whatever_leaves_the_range(numbers, indices, jack_volts):
    record = empty_patch()
    record["attenuverter"] = np.array(numbers[: 5 * ROWS]).reshape(ROWS, 5)
    record["base"], record["offset"] = numbers[:ROWS], numbers[-ROWS:]
    record["pot"], record["curve"] = indices[:ROWS], indices[ROWS:]
    record["scale"], record["enveloped"] = indices[0] % 4096, [0, 1, 0, indices[1] > 0, 0]
    pitch, descriptors, performance = Matrix(record).play(np.array(jack_volts), HALF)
    assert 8.0 <= pitch <= 8_000.0
    assert np.all((descriptors >= 0) & (descriptors <= 1))
    assert np.all((performance >= 0) & (performance <= 1) | (performance == RUNNING))


def test_playing_a_patch_costs_less_than_eighty_small_array_operations():
    record = default_patch()
    record["curve"][1:] = CURVES.index("logarithmic")
    matrix, v, a = Matrix(record), volts(voct=1.0), np.zeros(6)
    play_s = min(timeit.repeat(lambda: matrix.play(v, HALF), number=500, repeat=5))
    add_s = min(timeit.repeat(lambda: np.add(a, a, out=a), number=500, repeat=5))
    assert play_s < 80 * add_s


def performance(record: np.recarray, name: str, pots: np.ndarray = HALF, **jacks: float) -> float:
    return float(Matrix(record).play(volts(**jacks), pots)[2][PERFORMANCE.index(name)])


def test_out_of_the_box_nothing_performs():
    assert np.array_equal(Matrix(default_patch()).play(volts(cv1=3.0), HALF)[2], at_rest())


@pytest.mark.parametrize("name", PERFORMANCE)
def test_any_jack_and_any_pot_drives_a_performance_knob(name):
    record = patched([f"cv3={name}"])
    assert [performance(record, name, cv3=v) for v in (-5.0, 0.0, 2.5, 5.0)] == pytest.approx([0.0, 0.5, 0.75, 1.0])
    record = default_patch()
    record["pot"][PATCHABLE.index(name)] = 2
    assert performance(record, name, pots=np.array([0, 0, 0.3, 0])) == pytest.approx(0.3)


def test_time_runs_until_something_feeds_the_scrub():
    record = default_patch()
    assert performance(record, "scrub") == RUNNING
    record["base"][PATCHABLE.index("scrub")] = 0.25
    assert performance(record, "scrub") == 0.25
    record = patched(["cv1=scrub"])
    assert performance(record, "scrub", cv1=-5.0) == 0.0, "the beginning of the gesture, not running time"


def test_the_octave_goes_in_whole_octaves_and_fine_a_semitone_either_way():
    record = patched(["cv1=octave", "cv2=fine"])
    matrix = Matrix(record)
    for v, octaves in ((0.0, 0), (0.9, 1), (2.1, 2), (-3.2, -3)):
        assert matrix.play(volts(cv1=v), HALF)[0] == pytest.approx(pitch_hz(octaves))
    assert matrix.play(volts(cv2=5.0), HALF)[0] == pytest.approx(pitch_hz(1 / 12))
    assert matrix.play(volts(cv2=-2.5), HALF)[0] == pytest.approx(pitch_hz(-0.5 / 12))


def test_a_noisy_octave_does_not_trill():
    matrix, random = Matrix(patched(["cv1=octave"])), np.random.default_rng(0)
    assert len({matrix.play(volts(cv1=0.5 + random.normal(0, 0.003)), HALF)[0] for _ in range(500)}) == 1


def test_the_scale_takes_the_jacks_and_the_tuning_stays():
    record = default_patch()
    record["scale"] = SCALES["major"]
    record["base"][0] = 1 + 0.3 / 12
    assert Matrix(record).play(volts(voct=2.2 / 12), HALF)[0] == pytest.approx(pitch_hz(1 + 2.3 / 12))


def test_a_scale_without_a_note_lets_the_pitch_be():
    record = default_patch()
    record["scale"] = 0xF000
    assert Matrix(record).play(volts(voct=0.123), HALF)[0] == pitch_hz(0.123)


def test_a_jack_without_a_cable_routes_the_envelope_through_its_attenuverters():
    record = patched(["cv2=envelope"])
    record["attenuverter"][KNOBS.index("sharpness"), CV_JACKS.index("cv2")] = -0.5
    matrix = Matrix(record)
    assert matrix.envelope[KNOBS.index("centroid")] == pytest.approx(0.5), "its own knob, five of ten volts"
    assert matrix.envelope[KNOBS.index("sharpness")] == pytest.approx(-0.25)
    assert np.count_nonzero(matrix.envelope) == 2
    heard = [matrix.play(volts(cv2=v), HALF)[1].copy() for v in (0.0, 5.0)]
    assert np.array_equal(*heard), "its volts are not"


def test_one_jack_on_every_knob_is_a_patch():
    record = patched([f"cv1={name}" for name in (*PATCHABLE, "envelope")])
    matrix = Matrix(record)
    assert np.count_nonzero(matrix.envelope) == len(matrix.envelope)
    record = patched([f"cv1={name}" for name in PATCHABLE])
    pitch, descriptors, positions = Matrix(record).play(volts(cv1=5.0), HALF)
    assert 8.0 <= pitch <= 8_000.0 and np.all(descriptors == 1.0) and np.all(positions == 1.0)
