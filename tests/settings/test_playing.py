"""From a remembered sound to the records of the other processes, and back."""

import numpy as np
import pytest
from disk import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from msgspec.structs import replace

from neurorack.patch.matrix import Matrix, default_patch, patched
from neurorack.patch.performance import RUNNING, SCRUB
from neurorack.settings.model import CurveName, Find, JackName, Knob, KnobName, PotName, Sound
from neurorack.settings.playing import STILL, Playing, knobs_of, patch_of
from neurorack.shared import FOUND, INTENT, PATCH, VOLTS, Snapshot
from neurorack.words import DESCRIPTORS, KNOBS

PLAYED = settings(3).playing
assert PLAYED is not None


@pytest.mark.parametrize("record", [default_patch(), patched(["cv1=boominess", "cv2=pitch"])])
def test_a_patch_that_is_remembered_is_the_same_patch(record):
    again = patch_of(Sound(bundle="b", knobs=knobs_of(record)))
    assert again.tobytes() == record.tobytes()


_AMOUNTS = st.floats(-1.0, 1.0).map(lambda amount: amount or 0.0)
_KNOBS = st.builds(
    Knob,
    base=st.floats(-10.0, 10.0),
    pot=st.none() | st.sampled_from(PotName.__args__),
    attenuverter=st.dictionaries(st.sampled_from(JackName.__args__), _AMOUNTS.filter(bool)),
    offset=st.floats(-10.0, 10.0),
    curve=st.sampled_from(CurveName.__args__),
)


@given(st.fixed_dictionaries(dict.fromkeys(KnobName.__args__, _KNOBS)))
@options(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_patch_survives_the_way_there_and_back(knobs):
    assert knobs_of(patch_of(Sound(bundle="b", knobs=knobs))) == knobs


def test_a_knob_that_is_not_remembered_stands_half_way():
    assert Matrix(patch_of(Sound(bundle="b"))).play(np.zeros(5), np.zeros(4))[1] == pytest.approx([0.5] * 5)


@pytest.fixture
def playing(tmp_path) -> Playing:
    made = Playing(tmp_path, gate_delay_s=0.006, listen=False)
    made.play(PLAYED, recall=True)
    return made


def test_engine_and_jacks_hear_of_it(playing, tmp_path):
    intent, patch = Snapshot(tmp_path / "intent", INTENT), Snapshot(tmp_path / "patch", PATCH)
    assert intent.refresh() and patch.refresh()
    assert bytes(intent.record["bundle"]) == b"fluid"
    assert (intent.record["gesture"], intent.record["depth"], intent.record["gate_delay_s"]) == (3, 0.5, 0.006)
    assert list(patch.record["recalled"]) == [0.1, 0.2, 0.3, 0.4]
    assert patch.record["attenuverter"][KNOBS.index("centroid"), 1] == -0.5


def test_what_does_not_come_from_a_recall_lets_the_pots_be(playing, tmp_path):
    patch = Snapshot(tmp_path / "patch", PATCH)
    patch.refresh()
    recalled_ns = int(patch.record["recalled_ns"])
    playing.play(replace(PLAYED, gesture=4, pots=(0.9,) * 4))
    patch.refresh()
    assert patch.record["recalled_ns"] == recalled_ns
    assert list(patch.record["recalled"]) == [0.1, 0.2, 0.3, 0.4]


def test_the_next_one_finds_what_plays(playing, tmp_path):
    found = Playing(tmp_path, gate_delay_s=0.0, listen=False).found()
    assert found is not None
    assert {name: knob for name, knob in found.knobs.items() if name in PLAYED.knobs} == PLAYED.knobs
    assert replace(found, knobs=PLAYED.knobs) == PLAYED


def test_performance_goes_to_the_records_and_back(playing, tmp_path):
    knobs = {"morph": Knob(base=0.0, attenuverter={"cv4": 1.0}), "scrub": Knob(base=0.0)}
    sound = replace(PLAYED, knobs=knobs, morph_to=2, gate2="tap", enveloped=("cv1", "cv3"), scale=0b101011010101)
    playing.play(sound)
    found = Playing(tmp_path, gate_delay_s=0.0, listen=False).found()
    assert found is not None
    assert (found.morph_to, found.gate2, found.enveloped, found.scale) == (2, "tap", ("cv1", "cv3"), 0b101011010101)
    assert found.knobs["morph"] == knobs["morph"]
    assert Matrix(patch_of(found)).play(np.zeros(5), np.zeros(4))[2][SCRUB] == RUNNING


KEPT = Find(at=(0.8, 0.3), change=np.float16([0.5, -2.0, 3.25]).tobytes())


def test_what_is_found_goes_to_the_engine_and_back(playing, tmp_path):
    playing.play(replace(PLAYED, find_seed=9, found=KEPT))
    found = Playing(tmp_path, gate_delay_s=0.0, listen=False).found()
    assert found is not None
    assert (found.find_seed, found.found) == (9, KEPT)
    playing.play(replace(PLAYED, found=None))
    found = Playing(tmp_path, gate_delay_s=0.0, listen=False).found()
    assert found is not None and found.found is None


def tell_found(tmp_path, intent: int) -> None:
    """As the engine does."""
    snapshot = Snapshot(tmp_path / "found", FOUND, create=True)
    record = snapshot.record
    record["intent"], record["at"], record["size"] = intent, KEPT.at, 3
    record["change"][:3] = np.frombuffer(KEPT.change, "f2")
    snapshot.publish()


def test_what_the_engine_has_found_is_kept(playing, tmp_path):
    assert playing.keeping() == PLAYED, "no engine has been here yet"
    tell_found(tmp_path, Playing(tmp_path, gate_delay_s=0.0, listen=False)._intent.number)
    assert playing.keeping() == replace(PLAYED, found=KEPT)
    assert playing.sound == PLAYED


def test_what_it_had_found_of_something_else_is_not(playing, tmp_path):
    tell_found(tmp_path, playing._intent.number)
    playing.play(replace(PLAYED, gesture=1))
    assert playing.keeping().found is None


def test_in_a_fresh_run_directory_it_finds_nothing(tmp_path):
    assert Playing(tmp_path, gate_delay_s=0.0, listen=False).found() is None


def volts(playing: Playing, picked: list[float], *, readings: int = 100, late: int = 0) -> np.recarray:
    record = np.zeros(1, VOLTS).view(np.recarray)[0]
    record["picked"], record["readings"] = picked, readings
    record["recalled_ns"] = playing._patch.record["recalled_ns"] - late
    return record


def test_where_the_pots_knobs_stand_is_what_is_remembered(playing):
    playing.look(volts(playing, [0.1, 0.2, 0.3, 0.75]))
    assert playing.sound.pots == (0.1, 0.2, 0.3, 0.75)


def test_the_noise_of_a_pot_is_no_change(playing):
    before = playing.sound
    playing.look(volts(playing, [0.1 + 0.9 * STILL, 0.2, 0.3, 0.4]))
    assert playing.sound is before


@pytest.mark.parametrize("options", [{"late": 1}, {"readings": 3}], ids=["of another recall", "before any was read"])
def test_what_the_jacks_cannot_know_is_not_believed(playing, options):
    before = playing.sound
    playing.look(volts(playing, [0.5] * 4, **options))
    assert playing.sound is before


def test_knobs_and_descriptors_are_in_one_order():
    assert tuple(KNOBS[1:]) == DESCRIPTORS
