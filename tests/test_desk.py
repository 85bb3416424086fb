"""What gate 2 chooses at the desk. Whoever changes a preset of a module that plays hears of it when the disk has it,
and the loop waits for nobody."""

import dataclasses
import errno
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from disk import FULL, READ_ONLY, Refusing, settings
from frames import frames

from neurorack import desk, statedir
from neurorack.bundle import read_card
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.mailbox import ask
from neurorack.rundir import Lock
from neurorack.settings.model import Find, Preset, Settings, Sound
from neurorack.settings.playing import Playing, is_safe, safe
from neurorack.settings.store import LOCK, Store
from neurorack.shared import FOUND, INTENT, Snapshot
from neurorack.takes import store as takes_store
from neurorack.takes.take import gesture_of


class Asked:
    """A command that waits for its answer, in a thread as it is in a process."""

    def __init__(self, run_dir: Path, **request: Any) -> None:
        self.reply: dict[str, Any] | None = None
        self._thread = threading.Thread(
            target=self._ask, args=(run_dir, json.dumps({"ask": "presets", **request}).encode())
        )
        self._thread.start()

    def _ask(self, run_dir: Path, request: bytes) -> None:
        raw = ask(run_dir, request)
        assert raw is not None
        self.reply = json.loads(raw)

    def wait(self, at: Desk, until: Callable[[], bool] = lambda: False) -> dict[str, Any] | None:
        """Let the desk work as the daemon does, until there is an answer or `until`."""
        give_up = time.monotonic() + 10
        while self.reply is None and not until():
            assert time.monotonic() < give_up
            look(at)
        return self.reply

    def join(self) -> None:
        self._thread.join(10)


def look(at: Desk) -> None:
    import select

    if select.select(at.mail, [], [], 0.005)[0]:
        at.answer(None)
    at.step(None)


@pytest.fixture
def place(run_dir: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> Iterator[Desk]:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    Store(state_dir).save(settings(1))
    made = Desk(state_dir, "tiny", bundle="tiny", assignments=[], intonation=None)
    made.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
    made.open(run_dir)
    yield made
    made.close()


def presets(state_dir: Path) -> dict[int, str]:
    return {number: preset.name for number, preset in Store(state_dir).load().presets.items()}


@pytest.mark.parametrize(
    ("request_", "after"),
    [
        ({"do": "save", "number": 2, "name": "two"}, {1: "one", 2: "two", 64: "größer"}),
        ({"do": "rename", "number": 1, "name": "uno"}, {1: "uno", 64: "größer"}),
        ({"do": "clear", "number": 64}, {1: "one"}),
    ],
    ids=["save", "rename", "clear"],
)
def test_the_answer_comes_when_it_is_on_the_disk(place, run_dir, state_dir, request_, after):
    asked = Asked(run_dir, **request_)
    reply = asked.wait(place)
    assert reply is not None and [row["number"] for row in reply["presets"]] == list(after)
    assert presets(state_dir) == after, "not a moment later"


def test_a_slow_disk_holds_up_the_answer_and_not_the_loop(place, run_dir, state_dir, monkeypatch):
    go = threading.Event()
    sync = statedir.sync_folder
    monkeypatch.setattr(statedir, "sync_folder", lambda path: (go.wait(30), sync(path)))
    asked = Asked(run_dir, do="save", number=2, name="two")
    asked.wait(place, lambda: place.waits)
    began_s = time.monotonic()
    for _ in range(20):
        place.step(None)
    assert time.monotonic() - began_s < 0.5
    assert asked.reply is None and place.waits and place.mail == [], "who comes next waits, too"
    go.set()
    assert asked.wait(place) is not None
    assert presets(state_dir)[2] == "two"


def test_a_disk_that_does_not_come_back_is_told_in_time(place, run_dir, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(statedir, "sync_folder", lambda path: go.wait(30))
    monkeypatch.setattr(desk, "ON_DISK_S", 0.1)
    reply = Asked(run_dir, do="save", number=2).wait(place)
    go.set()
    assert reply is not None and "the disk takes longer" in reply["refusal"][0]
    assert not place.waits


@pytest.mark.parametrize(("function", "number"), [("write", FULL), ("open", READ_ONLY)], ids=errno.errorcode.get)
def test_what_cannot_be_saved_is_refused_and_nothing_is_pretended(
    place, run_dir, state_dir, monkeypatch, function, number
):
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing(function, number))
        for request in ({"do": "save", "number": 2}, {"do": "rename", "number": 1, "name": "x"}):
            reply = Asked(run_dir, **request).wait(place)
            assert reply is not None and reply["refusal"][0].startswith("cannot save: ")
        listed = Asked(run_dir, do="list").wait(place)
        assert listed is not None and [row["name"] for row in listed["presets"]] == ["one", "größer"]
    reply = Asked(run_dir, do="save", number=2, name="two").wait(place)
    assert reply is not None and "refusal" not in reply, "at once when the disk takes it again"
    assert presets(state_dir)[2] == "two"


def test_settings_that_another_process_keeps_are_not_changed(place, run_dir, state_dir):
    place._memory._lock.release()
    place._memory._lock = None  # as where another had it when this one started
    with Lock(state_dir / LOCK):
        for _ in range(2):
            reply = Asked(run_dir, do="clear", number=1).wait(place)
            assert reply is not None and "keeps them" in reply["refusal"][0]
    assert presets(state_dir) == {1: "one", 64: "größer"}


def test_a_module_that_ends_leaves_nobody_waiting(place, run_dir, state_dir):
    asked = Asked(run_dir, do="save", number=2, name="two")
    asked.wait(place, lambda: place.waits)
    place.close()
    asked.join()
    assert asked.reply is not None and presets(state_dir)[2] == "two"


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


def test_presets_of_a_rack_stand_in_for_those_that_are_stored_and_change_none(make, tmp_path):
    make("next preset", _1=Sound(bundle="tongues")).close()
    rack = [Sound(bundle="skins", gesture=n, gate2="next preset") for n in (4, 2)]
    desk = Desk(tmp_path / "state", "fluid", sound=rack[0], presets=rack, bundle=None, assignments=(), intonation=None)
    desk.begin(tmp_path / "run", plays_on=False, gate_delay_s=0.006, listen=False)
    desk.open(tmp_path / "run")
    seen = []
    for _ in range(3):
        desk.hear([RISE, FALL])
        seen.append(desk.sound.gesture)
    desk.close()
    assert seen == [4, 2, 4]
    assert {number: preset.sound.bundle for number, preset in desk.presets.items()} == {1: "tongues"}


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


def test_a_patch_that_cannot_be_is_refused_in_its_own_words_and_nothing_is_lost(place, run_dir, state_dir):
    remembered = Store(state_dir).load()
    desk = Desk(state_dir, "tiny", bundle=None, assignments=["cv1=nope"], intonation=None)
    with pytest.raises(BadInput, match="nope"):
        try:
            desk.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
        finally:
            desk.close()  # as the daemon does on its way out
    assert Store(state_dir).load() == remembered


@pytest.mark.parametrize("task", ["freeze", "retrigger", "tap", "next preset"])
def test_other_tasks_and_no_presets_change_nothing(make, task):
    desk = make(task)
    before = msgspec.structs.replace(desk.sound)
    desk.hear([RISE, FALL, RISE])
    assert desk.sound == before


KEPT = Find(at=(0.8, 0.3), change=np.float16([0.5, -2.0, 3.25]).tobytes())


def test_a_preset_keeps_what_is_found_through_a_power_cut(make, tmp_path):
    desk = make("freeze")
    intent = Snapshot(tmp_path / "run" / "intent", INTENT)
    assert intent.refresh()
    told = Snapshot(tmp_path / "run" / "found", FOUND, create=True)
    told.record["intent"], told.record["at"], told.record["size"] = intent.number, KEPT.at, 3
    told.record["change"][:3] = np.frombuffer(KEPT.change, "f2")
    told.publish()
    desk.preset("save", 3, "moss")
    assert desk.sound.found is None, "what plays goes on as it is"
    desk.close()
    assert Store(tmp_path / "state").load().preset(3).sound.found == KEPT


def test_what_is_found_of_one_gesture_is_not_played_with_another(make):
    desk = make("next gesture", _1=Sound(bundle="fluid", gesture=4, gate2="next gesture", found=KEPT))
    desk.preset("recall", 1)
    assert desk.sound.found == KEPT
    desk.hear([RISE])
    assert (desk.sound.gesture, desk.sound.found) == (5, None)
    desk.preset("recall", 1)
    assert (desk.sound.gesture, desk.sound.found) == (4, KEPT)


@pytest.fixture
def with_takes(tmp_path, tiny_bundle) -> Iterator[Desk]:
    """A desk whose instrument has two recorded gestures."""
    run, state = tmp_path / "run", tmp_path / "state"
    run.mkdir()
    card = read_card(tiny_bundle)
    for number in (1, 2):
        gesture = gesture_of(card, frames(seed=number), np.full(5, 0.5))
        takes_store.save(state, card, dataclasses.replace(gesture, name=f"take {number}"), number)
    made = Desk(state, "fluid", bundle=str(tiny_bundle))
    made.begin(run, plays_on=False, gate_delay_s=0.006, listen=False)
    made.open(run)
    yield made
    made.close()


def test_the_engine_never_hears_of_a_take_that_is_gone_with_a_number_of_before(with_takes, tmp_path, monkeypatch):
    last = len(with_takes.gestures) - 1
    with_takes.play(msgspec.structs.replace(with_takes.sound, gesture=last))
    told = []
    publish = Snapshot.publish

    def heard(snapshot: Snapshot) -> None:
        publish(snapshot)
        if "takes" in (snapshot.record.dtype.names or ()):
            told.append((int(snapshot.record["takes"]), int(snapshot.record["gesture"])))

    monkeypatch.setattr(Snapshot, "publish", heard)
    with_takes.take("remove", "take 1")
    give_up = time.monotonic() + 10
    while with_takes.takes != ["take 2"]:
        assert time.monotonic() < give_up
        with_takes.follow(None)
    assert told == [(1, last - 1)]


def test_an_instrument_that_comes_late_is_taken_up_by_the_next_change(tmp_path, tiny_bundle):
    (tmp_path / "run").mkdir()
    late = tmp_path / "late"
    made = Desk(tmp_path / "state", "fluid", bundle=str(late))
    made.begin(tmp_path / "run", plays_on=False, gate_delay_s=0.006, listen=False)
    with pytest.raises(BadInput):
        made.open(tmp_path / "run")
    with pytest.raises(BadInput, match="no instrument is loaded"):
        made.take("record")
    assert not made.gestures and not made.takes
    made.play(msgspec.structs.replace(made.sound, depth=0.5))
    assert (made.sound.depth, made.gestures) == (0.5, ())
    shutil.copytree(tiny_bundle, late)
    made.play(msgspec.structs.replace(made.sound, depth=1.5))
    assert made.gestures
    made.close()


# --- shelter ----------------------------------------------------------------------------------------------------

OWN = Sound(bundle="skins", gesture=4, depth=0.5, scale=0xFFF)


@pytest.fixture
def sheltered(make, tmp_path):
    """A desk that remembers OWN, and one preset of tongues, and has taken shelter."""
    desk = make("freeze", _1=Sound(bundle="tongues", gesture=2))
    desk.play(OWN)
    save(desk)
    desk.shelter()
    return desk


def save(desk: Desk) -> None:
    """As the daemon's loop does until the disk is done."""
    desk.step(None)
    desk._memory.close()


def remembered(tmp_path) -> Sound | None:
    return Store(tmp_path / "state").load().playing


def intent_of(tmp_path) -> Any:
    intent = Snapshot(tmp_path / "run" / "intent", INTENT)
    assert intent.refresh()
    return intent.record


def test_in_shelter_it_plays_as_out_of_the_box_and_says_so_to_the_engine(sheltered, tmp_path):
    assert (sheltered.sound.bundle, sheltered.sound.gesture, sheltered.sound.depth) == ("fluid", 0, 1.0)
    assert sheltered.sound.scale == 0 and sheltered.sheltered
    assert (intent_of(tmp_path)["bundle"], intent_of(tmp_path)["sheltered"]) == (b"fluid", 1)


def test_whatever_is_turned_in_shelter_is_not_remembered(sheltered, tmp_path):
    sheltered.play(msgspec.structs.replace(sheltered.sound, gesture=3))
    sheltered.hear([RISE])
    sheltered.play_safe()  # panic
    save(sheltered)
    assert remembered(tmp_path) == OWN and sheltered.sheltered


def test_in_shelter_a_value_is_set_of_what_plays_and_not_remembered(sheltered, tmp_path):
    from neurorack.presets import Request

    sheltered._memory.remember(sheltered._apply(Request("set", path="depth", value=2.0)))
    assert (sheltered.sound.depth, sheltered.sound.bundle) == (2.0, "fluid") and sheltered.sheltered
    save(sheltered)
    assert remembered(tmp_path) == OWN


def test_a_preset_is_stored_of_the_safe_sound_and_ones_own_stays(sheltered, tmp_path):
    sheltered.preset("save", 9, "safe one")
    save(sheltered)
    kept = Store(tmp_path / "state").load()
    assert kept.presets[9].sound.bundle == "fluid" and kept.playing == OWN and sheltered.sheltered


@pytest.mark.parametrize("by", ["panel", "ctl"])
def test_ones_own_instrument_comes_back_as_it_was_left(sheltered, tmp_path, by):
    from neurorack.presets import Request

    if by == "panel":
        sheltered.choose("skins")
    else:
        sheltered._memory.remember(sheltered._apply(Request("set", path="bundle", value="skins")))
    assert sheltered.sound == OWN and not sheltered.sheltered
    assert (intent_of(tmp_path)["bundle"], intent_of(tmp_path)["sheltered"]) == (b"skins", 0)
    sheltered.play(msgspec.structs.replace(sheltered.sound, gesture=1))
    save(sheltered)
    assert remembered(tmp_path).gesture == 1, "and it is remembered again"


def test_an_instrument_that_is_also_the_safe_one_comes_back_as_it_was_left(make):
    desk = make("freeze")
    own = msgspec.structs.replace(desk.sound, depth=0.25)
    desk.play(own)
    desk.shelter()
    assert desk.sound.depth == 1.0
    desk.choose("fluid")
    assert desk.sound == own and not desk.sheltered


def test_another_instrument_or_a_preset_ends_the_shelter_too(sheltered, tmp_path):
    sheltered.choose("tongues")
    assert (sheltered.sound.bundle, sheltered.sheltered) == ("tongues", False)
    sheltered.shelter()
    sheltered.preset("recall", 1)
    assert (sheltered.sound.bundle, sheltered.sound.gesture, sheltered.sheltered) == ("tongues", 2, False)
    save(sheltered)
    assert remembered(tmp_path).gesture == 2


def test_an_instrument_that_is_not_there_leaves_it_in_shelter(sheltered):
    from neurorack.errors import BadInput

    with pytest.raises(BadInput):
        sheltered.choose("no-such")
    assert sheltered.sheltered and sheltered.sound.bundle == "fluid"


def test_the_next_daemon_stays_in_shelter_and_the_next_power_on_does_not(sheltered, tmp_path):
    save(sheltered)
    for plays_on, bundle in ((True, "fluid"), (False, "skins")):
        desk = Desk(tmp_path / "state", "fluid", bundle=None, assignments=(), intonation=None)
        desk.begin(tmp_path / "run", plays_on=plays_on, gate_delay_s=0.006, listen=False)
        assert (desk.sheltered, desk.sound.bundle) == (plays_on, bundle)
        desk.close()


def test_a_factory_reset_ends_the_shelter(sheltered, tmp_path):
    sheltered.reset()
    save(sheltered)
    assert not sheltered.sheltered and remembered(tmp_path).bundle == "fluid"


def played(place: Desk) -> Sound:
    """A patch that nobody has stored."""
    place.play(msgspec.structs.replace(place.sound, intonation=0.5, scale=0xFFF))
    return place.sound


def started_again(place: Desk, run_dir: Path, state_dir: Path, *, plays_on: bool = False) -> Desk:
    place.close()
    again = Desk(state_dir, "tiny", bundle=None)
    again.begin(run_dir, plays_on=plays_on, gate_delay_s=0.0, listen=False)
    again.open(run_dir)
    return again


def test_what_played_before_a_panic_is_brought_back_after_a_restart_too(place, run_dir, state_dir):
    before = played(place)
    place.play_safe()
    assert place.sound.intonation == 1.0 and place.panicked
    again = started_again(place, run_dir, state_dir)
    assert again.sound.intonation == 1.0
    again.undo_panic()
    assert again.sound == before and not again.panicked
    again.close()


def test_a_second_panic_leaves_what_played_before_the_first(place):
    before = played(place)
    place.play_safe()
    place.play(msgspec.structs.replace(place.sound, pots=(0.1, 0.2, 0.3, 0.4)))
    place.play_safe()
    place.undo_panic()
    assert place.sound == before


def test_what_was_changed_since_a_panic_is_not_lost_by_undoing_it(place, run_dir, state_dir):
    before = played(place)
    place.play_safe()
    place.play(msgspec.structs.replace(place.sound, intonation=1.5))
    since = place.sound
    place.undo_panic()
    assert place.sound == before and place.panicked
    again = started_again(place, run_dir, state_dir)
    again.undo_panic()
    assert again.sound == since
    again.undo_panic()
    assert again.sound == before
    again.close()


def test_an_undo_out_of_shelter_keeps_what_was_the_players(place):
    before = played(place)
    place.play_safe()
    place.play(msgspec.structs.replace(place.sound, intonation=1.5))
    since = place.sound
    place.shelter()
    place.play(msgspec.structs.replace(place.sound, depth=2.0))
    place.undo_panic()
    assert place.sound == before and not place.sheltered
    place.undo_panic()
    assert place.sound == since


def test_an_undo_whose_instrument_is_gone_leaves_all_as_it_was(place, tmp_path, monkeypatch, tiny_bundle):
    for name in ("bells", "tiny"):
        shutil.copytree(tiny_bundle, tmp_path / "models" / name)
    monkeypatch.setenv("NEURORACK_MODELS", str(tmp_path / "models"))
    place.play(safe("bells"))
    place.play_safe()
    place.play(msgspec.structs.replace(place.sound, intonation=1.5))
    since, kept = place.sound, place._memory.settings.before_panic
    shutil.rmtree(tmp_path / "models" / "bells")
    with pytest.raises(BadInput, match="bells"):
        place.undo_panic()
    assert (place.sound, place._memory.settings.before_panic) == (since, kept)


def test_a_panic_of_a_module_as_out_of_its_box_has_nothing_to_bring_back(place):
    place.reset()
    place.play_safe()
    assert not place.panicked
    with pytest.raises(BadInput, match="no panic to undo"):
        place.undo_panic()


def test_an_instrument_that_a_panic_puts_aside_is_brought_back_too(place, tmp_path, monkeypatch, tiny_bundle):
    shutil.copytree(tiny_bundle, tmp_path / "models" / "bells")
    shutil.copytree(tiny_bundle, tmp_path / "models" / "tiny")
    monkeypatch.setenv("NEURORACK_MODELS", str(tmp_path / "models"))
    place.play(safe("bells"))
    place.play_safe()
    assert place.sound.bundle == "tiny"
    place.undo_panic()
    assert place.sound.bundle == "bells"


def test_a_panic_without_a_daemon_is_undone_by_the_next(place, run_dir, state_dir):
    before = played(place)
    place.close()
    writer = Playing(run_dir, gate_delay_s=0.0, listen=False)
    writer.play(safe("tiny"))
    writer.close()
    again = started_again(place, run_dir, state_dir, plays_on=True)
    assert is_safe(again.sound) and again.panicked
    again.undo_panic()
    assert again.sound == before
    again.close()
