"""What gate 2 chooses at the desk: the next gesture, the next preset."""

import msgspec
import pytest

from neurorack.desk import Desk
from neurorack.settings.model import Preset, Settings, Sound
from neurorack.settings.store import Store

RISE, FALL = (0, "gate2", 1), (0, "gate2", 0)


@pytest.fixture
def make(tmp_path):
    """A desk that remembers these presets and plays `fluid` with gate 2 at its task."""
    made = []

    def desk(gate2: str, **presets: Sound) -> Desk:
        there = {int(number.strip("_")): Preset(name=number, sound=sound) for number, sound in presets.items()}
        run, state = tmp_path / "run", tmp_path / "state"
        run.mkdir()
        state.mkdir()
        kept = Store(state)
        kept.load()
        kept.save(Settings(playing=Sound(bundle="fluid", gate2=gate2), presets=there))  # type: ignore[arg-type]
        made.append(Desk(state, "fluid", bundle=None, assignments=(), intonation=None))
        made[-1].begin(run, plays_on=False, gate_delay_s=0.006, listen=False)
        made[-1].open(run)
        return made[-1]

    yield desk
    for one in made:
        one.close()


def test_next_gesture_goes_round(make):
    desk = make("next gesture")
    desk.hear([RISE, FALL, (1, "gate1", 1), RISE])
    assert desk.sound.gesture == 2
    desk.hear([RISE] * (len(desk.gestures) - 2))
    assert desk.sound.gesture == 0


def test_next_preset_goes_through_those_that_are_there_and_keeps_the_task(make):
    sounds = {f"_{n}": Sound(bundle="skins", gesture=n) for n in (3, 7, 40)}
    desk = make("next preset", **sounds)
    seen = []
    for _ in range(4):
        desk.hear([RISE, FALL])
        seen.append(desk.sound.gesture)
        assert (desk.sound.gate2, desk.sound.bundle) == ("next preset", "skins")
    assert seen == [3, 7, 40, 3]


def test_a_preset_whose_bundle_is_gone_is_passed_over_in_one_line(make):
    desk = make("next preset", _1=Sound(bundle="no-such"), _2=Sound(bundle="tongues"))
    desk.hear([RISE])
    assert desk.sound.bundle == "tongues"
    (notice,) = desk.take_notices()
    assert "preset 1 is passed over" in notice and "\n" not in notice


def test_the_command_line_overrules_what_is_remembered(make, tmp_path):
    make("tap")
    (tmp_path / "other").mkdir()
    options = {"bundle": None, "assignments": ["cv1=envelope"], "intonation": None}
    desk = Desk(tmp_path / "state", "fluid", **options, gate2="retrigger", scale=0xFFF)
    desk.begin(tmp_path / "other", plays_on=False, gate_delay_s=0.006, listen=False)
    assert (desk.sound.gate2, desk.sound.scale, desk.sound.enveloped) == ("retrigger", 0xFFF, ("cv1",))
    desk.close()


@pytest.mark.parametrize("task", ["freeze", "retrigger", "tap", "next preset"])
def test_other_tasks_and_no_presets_change_nothing(make, task):
    desk = make(task)
    before = msgspec.structs.replace(desk.sound)
    desk.hear([RISE, FALL, RISE])
    assert desk.sound == before
