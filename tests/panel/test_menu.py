"""The grammar, and every page by the hand at the encoder: on a desk of its own, with presets that are kept."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frames import frames

from hardware.screens import CRASH, PLAYING, Shown, Strings, home, playing
from neurorack import bundle
from neurorack.board import load_board
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.panel.encoder import Event, Push, Turn
from neurorack.panel.menu import Menu
from neurorack.panel.page import SAID_S, Fields, Refused, Row, Wheel
from neurorack.panel.pages.home import HomePage
from neurorack.panel.pages.meters import MetersPage
from neurorack.panel.pages.presets import LETTERS, NamePage
from neurorack.panel.pages.sounds import LOAD_S
from neurorack.panel.pages.system import CalibrationPage, CrashPage, Service, SystemPage
from neurorack.panel.panel import menu_rows
from neurorack.panel.state import PanelState
from neurorack.patch.matrix import CURVES, Matrix, default_patch
from neurorack.patch.scale import SCALES
from neurorack.settings.model import Find, Knob, Sound
from neurorack.settings.playing import patch_of
from neurorack.shared import PATCH, FrameTap, Snapshot
from neurorack.takes.shelf import Stage
from neurorack.words import C4_HZ, CV_JACKS, DESCRIPTORS, PATCHABLE, POTS

PRESS, BACK = Push.PRESS, Push.LONG_PRESS


def turn(detents: int, *, fine: bool = False) -> Turn:
    return Turn(detents, float(detents), fine)


@dataclass
class Player:
    """A hand at the encoder of a module whose engine does as it is told."""

    desk: Desk
    menu: Menu
    done: list[str]
    state: PanelState = field(default_factory=lambda: PLAYING)

    def do(self, *events: Event) -> None:
        for event in events:
            self.menu.step(self.state)
            self.menu.touch(event)
            self.menu.step(self.state)
            assert self.menu.draw(self.state).shape == (64, 128)

    def open(self, row: str, *events: Event) -> None:
        while not self.menu.at_home:
            editing = isinstance(self.menu.page, Fields) and self.menu.page._editing
            self.do(PRESS if editing else BACK)
        rows = [r.name for r in self.menu.page._rows()]  # type: ignore[attr-defined]
        self.do(PRESS, turn(rows.index(row)), PRESS, *events)

    def find(self, row: str) -> None:
        """Turn to this row of a wheel, or this one of a page's fields."""
        wheel = self.menu.page
        if isinstance(wheel, Fields):
            self.do(turn([f.name for f in wheel._fields].index(row) - wheel._chosen))
            return
        assert isinstance(wheel, Wheel)
        self.do(turn([r.name for r in wheel._read()].index(row) - wheel.chosen))

    @property
    def page(self) -> str:
        return type(self.menu.page).__name__

    def later(self, seconds: float, **state: object) -> None:
        self.state = replace(self.state, t_s=self.state.t_s + seconds, **state)  # type: ignore[arg-type]
        self.menu.step(self.state)


@pytest.fixture
def player(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Player:
    models = tmp_path / "models"
    for name in ("bells", "tiny"):
        shutil.copytree(tiny_bundle, models / name)
        card = bundle.read_card(models / name)
        bundle.write_card(models / name, msgspec.structs.replace(card, name=name))
    monkeypatch.setattr(bundle, "folders", lambda: [models])
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    desk = Desk(tmp_path / "state", "tiny", bundle=None, assignments=[], intonation=None)
    desk.begin(run_dir, plays_on=False, gate_delay_s=0.006, listen=False)
    desk.open(run_dir)
    done: list[str] = []
    service = Service(
        forget_calibration=lambda: done.append("forget"),
        shut_down=lambda: done.append("shut down"),
        panic=lambda: done.append("panic"),
    )
    rows = menu_rows(desk, service, lambda: CalibrationPage(load_board(), service, lambda: None), Strings)
    made = Player(desk, Menu(HomePage(desk, lambda: rows)), done)
    made.state = replace(PLAYING, bundle="tiny", gesture_number=0, gestures=2)
    return made


def test_a_turn_at_home_plays_another_gesture(player: Player) -> None:
    player.do(turn(1))
    assert player.desk.sound.gesture == 1
    player.do(turn(1))
    assert player.desk.sound.gesture == 0


def test_every_page_is_entered_by_a_push_and_left_by_a_long_one(player: Player) -> None:
    rows = player.menu.page._rows()  # type: ignore[attr-defined]
    for row in rows:
        player.open(row.name)
        assert not player.menu.at_home and player.page != "Wheel", row.name
        player.do(BACK)
        assert player.page == "Wheel", "back in the menu"


def test_long_presses_come_home_from_anywhere_and_stay_there(player: Player) -> None:
    player.open("patch", turn(1), PRESS, PRESS, turn(1), PRESS)
    player.do(*[BACK] * 8)
    assert player.menu.at_home


def test_the_knobs_are_those_of_the_patch(player: Player) -> None:
    player.open("knobs")
    assert [row.name for row in player.menu.page._rows()] == list(PATCHABLE)  # type: ignore[attr-defined]


@pytest.mark.parametrize("jack", CV_JACKS)
@pytest.mark.parametrize("knob", PATCHABLE)
def test_an_attenuverter_is_turned_from_the_knob_and_from_the_jack(player: Player, jack: str, knob: str) -> None:
    player.open(
        "knobs",
        turn(PATCHABLE.index(knob)),
        PRESS,
        turn(1 + CV_JACKS.index(jack)),
        PRESS,
        turn(-500),
        turn(-500),
        turn(25),
    )
    assert player.desk.sound.knobs[knob].attenuverter[jack] == pytest.approx(-0.75)  # type: ignore[index]
    player.open("patch", turn(CV_JACKS.index(jack)), PRESS)
    player.find(knob)
    player.do(PRESS, turn(3, fine=True))
    assert player.desk.sound.knobs[knob].attenuverter[jack] == pytest.approx(-0.747)  # type: ignore[index]
    player.do(turn(747, fine=True))
    assert jack not in player.desk.sound.knobs[knob].attenuverter, "closed is no cable"  # type: ignore[index]


@pytest.mark.parametrize("steps", [-63.9, -136.2, -400.0])
def test_slow_turns_come_to_zero_after_any_fast_one(player: Player, steps: float) -> None:
    def cv1() -> float:
        return player.desk.sound.knobs["rms"].attenuverter.get("cv1", 0.0)

    player.open("knobs", turn(1), PRESS, turn(2), PRESS, Turn(-20, steps))
    assert 0.0 <= cv1() < 1.0, "nor does a fast one pass zero by"
    for _ in range(200):
        if cv1():
            player.do(turn(-1))
    assert cv1() == 0.0
    player.do(turn(3, fine=True), turn(-1))
    assert cv1() == 0.0, "from between two steps too"


def test_one_jack_can_feed_every_knob(player: Player) -> None:
    for name in PATCHABLE:
        player.open("patch", turn(CV_JACKS.index("cv4")), PRESS)
        player.find(name)
        player.do(PRESS, turn(1000))
    assert all(player.desk.sound.knobs[knob].attenuverter["cv4"] == 1.0 for knob in PATCHABLE)  # type: ignore[index]


def test_what_performs_is_patched_like_what_sounds(player: Player) -> None:
    player.open("patch", turn(1), PRESS)
    page = player.menu.page
    assert isinstance(page, Fields) and page._fields[page._chosen].name == "rms", "which it feeds"
    player.find("scrub")
    player.do(PRESS, turn(50))
    assert player.desk.sound.knobs["scrub"].attenuverter == {"cv1": 0.5}  # type: ignore[index]
    player.open("knobs", turn(PATCHABLE.index("morph")), PRESS, PRESS, turn(10))
    assert player.desk.sound.knobs["morph"].base == pytest.approx(0.1)  # type: ignore[index]


def test_the_seed_of_what_is_found_is_beside_its_knobs(player: Player) -> None:
    player.open("knobs", turn(PATCHABLE.index("find2")), PRESS, turn(9), PRESS, turn(12))
    assert player.desk.sound.find_seed == 12


def test_curve_and_offset_are_the_knobs(player: Player) -> None:
    player.open("patch", turn(2), PRESS)
    assert not {"offset", "curve"} & {f.name for f in player.menu.page._fields}, "not the cable's"  # type: ignore[attr-defined]
    player.open("knobs", turn(2), PRESS)
    player.find("offset")
    player.do(PRESS, turn(7), PRESS, turn(1), PRESS, turn(1))
    knob = player.desk.sound.knobs["centroid"]
    assert knob.offset == pytest.approx(0.07) and knob.curve == CURVES[1]


def test_the_pitch_is_tuned_in_semitones_and_cents(player: Player) -> None:
    player.open("knobs", PRESS, PRESS, turn(-12), turn(7, fine=True))
    assert player.desk.sound.knobs["pitch"].base == pytest.approx(-1 + 7 / 1200)


def test_what_is_turned_reaches_the_jacks(player: Player, tmp_path: Path) -> None:
    player.open("knobs", turn(5), PRESS, PRESS, turn(-20))
    record = Snapshot(tmp_path / "run" / "patch", PATCH)
    assert record.refresh() and record.record["base"][5] == pytest.approx(0.3)


def test_a_knob_of_a_pot_says_so_where_the_encoder_is_turned(player: Player, texts: list[str]) -> None:
    before = player.desk.sound
    player.open("knobs", turn(2), PRESS, PRESS, turn(10))
    assert player.desk.sound == before
    assert "pot2 sets it: see set by" in texts
    player.later(SAID_S + 0.1)
    texts.clear()
    player.menu.draw(player.state)
    assert "pot2 sets it: see set by" not in texts and "now" in texts


def test_a_pot_that_another_knob_would_lose_is_named_before_the_push(player: Player, texts: list[str]) -> None:
    player.open("knobs", turn(5), PRESS)
    player.find("set by")
    player.do(PRESS, turn(2))
    assert "pot2 leaves centroid" in texts


@pytest.mark.parametrize(
    ("knob", "detents", "shown"),
    [
        ("octave", 0, "0 oct"),
        ("octave", 2, "+2 oct"),
        ("octave", -1, "−1 oct"),
        ("fine", 7, "+7.0¢"),
        ("freeze", -50, "20 ms"),
        ("freeze", 50, "500 ms"),
        ("glide", 50, "250 ms"),
        ("release", 0, "×1"),
        ("morph", 12, "12.0%"),
    ],
)
def test_a_value_is_shown_in_the_unit_in_which_it_plays(
    player: Player, texts: list[str], knob: str, detents: int, shown: str
) -> None:
    player.open("knobs", turn(PATCHABLE.index(knob)), PRESS, PRESS, turn(detents))
    assert shown in texts


def test_an_octave_on_the_screen_is_an_octave_of_the_pitch(player: Player) -> None:
    matrix, none = Matrix(default_patch()), np.zeros(5)
    player.open("knobs", turn(PATCHABLE.index("octave")), PRESS, PRESS)
    for octaves in (1, 2, 3):
        player.do(turn(1))
        matrix.load(patch_of(player.desk.sound))
        assert matrix.play(none, np.full(4, 0.5))[0] == pytest.approx(C4_HZ * 2**octaves)


@pytest.mark.parametrize("knob", ["find1", "find2"])
def test_home_marks_a_gesture_that_was_found(texts: list[str], knob: str) -> None:
    for base, name in ((0.5, "pluck"), (0.7, "pluck*")):
        texts.clear()
        home(instrument=playing(knobs={knob: Knob(base=base)}))
        assert name in texts and f"{name}*" not in texts
    instrument = playing(found=Find(at=(0.5, 0.5), change=b"\0\0"))
    home(instrument=instrument)
    assert "pluck*" in texts
    instrument.finds = False
    texts.clear()
    home(instrument=instrument)
    assert "pluck*" not in texts, "without a space nothing is found"


def test_every_page_says_how_to_leave_it(player: Player, texts: list[str]) -> None:
    for row in player.menu.page._rows():  # type: ignore[attr-defined]
        player.open(row.name)
        texts.clear()
        player.menu.draw(player.state)
        assert any("hold: back" in text or text == "leave" for text in texts), row.name


def test_a_list_with_nothing_in_it_offers_nothing_to_open(texts: list[str]) -> None:
    Wheel("gestures", list).draw(PLAYING)
    assert "hold: back" in texts and not any("push" in text for text in texts)


def test_the_tuner_shows_what_the_scale_has_not_drawn_to_a_note_yet(player: Player, texts: list[str]) -> None:
    player.state = replace(player.state, volts=(0.75 + 20 / 1200, 0, 0, 0, 0), pitch_hz=440.0)
    player.desk.play(msgspec.structs.replace(player.desk.sound, scale=SCALES["chromatic"]))
    player.open("tuner")
    assert "+20¢" in texts and "in tune" not in texts
    player.desk.play(msgspec.structs.replace(player.desk.sound, scale=0))
    player.later(0.1)
    player.menu.draw(player.state)
    assert "in tune" in texts


def test_the_tuner_says_nothing_in_silence(player: Player, texts: list[str]) -> None:
    player.state = replace(player.state, level_db=-90.0, pitch_hz=440.0)
    player.open("tuner")
    assert not {"in tune", "A4"} & set(texts)


def test_both_directions_of_the_encoder_have_their_own_words(player: Player, texts: list[str]) -> None:
    player.open("system", turn(1), PRESS)
    assert "turns reversed" in texts
    player.do(PRESS)
    assert "turns as built" in texts


def test_a_long_name_is_seen_whole_while_it_is_written(texts: list[str]) -> None:
    name = "a Mandolin under water 2"
    NamePage("name 3", name, lambda name: None).draw(PLAYING)
    assert "".join(texts).count(name) == 1


@pytest.mark.parametrize(
    ("letter", "foot"), [("a", "push: set  ✓: keep it"), ("✓", "push: keep it"), ("←", "push: delete")]
)
def test_the_letters_say_what_a_push_and_a_hold_do(texts: list[str], letter: str, foot: str) -> None:
    page = NamePage("name 3", "glass", lambda name: None)
    page.turn(turn(LETTERS.index(letter) - LETTERS.index("a")))
    page.draw(PLAYING)
    assert foot in texts and "hold: undo" in texts


def test_a_pot_sets_one_knob_and_a_knob_it_leaves_stands_where_it_stood(player: Player) -> None:
    player.later(1, picked=(0.2, 0.4, 0.6, 0.8))
    player.open("knobs", turn(5), PRESS, turn(-1), PRESS, turn(2), PRESS)
    after = player.desk.sound.knobs
    assert after["boominess"].pot == POTS[1]
    assert [after[name].pot for name in DESCRIPTORS].count(POTS[1]) == 1  # type: ignore[index]
    assert after["centroid"].pot is None and after["centroid"].base == pytest.approx(0.4)


@pytest.mark.parametrize("last", [PRESS, BACK])
def test_looking_through_the_pots_takes_none_from_another_knob(player: Player, last: Event) -> None:
    before = player.desk.sound.knobs
    player.open("knobs", turn(1), PRESS, turn(-1), PRESS, *[turn(1)] * 3, *[turn(-1)] * 3, last)
    assert player.desk.sound.knobs == before


def test_a_hold_drops_the_pot_that_was_looked_at(player: Player) -> None:
    before = player.desk.sound.knobs
    player.open("knobs", turn(1), PRESS, turn(-1), PRESS, turn(2), BACK)
    assert player.desk.sound.knobs == before and player.page == "KnobPage"
    player.do(PRESS, PRESS)
    assert player.desk.sound.knobs == before, "and the next push does not take it either"


@pytest.mark.parametrize(
    ("knob", "field"),
    [
        ("boominess", "value"),
        ("rms", "cv1"),
        ("pitch", "tune"),
        ("pitch", "offset"),
        ("rms", "curve"),
        ("find1", "seed"),
    ],
)
def test_a_hold_puts_back_what_was_edited_since_the_push(player: Player, knob: str, field: str) -> None:
    def edit(*events: Event) -> Sound:
        player.open("knobs", turn(PATCHABLE.index(knob)), PRESS)
        player.find(field)
        player.do(PRESS, *events)
        return player.desk.sound

    kept = edit(turn(2), PRESS)
    assert edit(turn(-8), turn(3, fine=True)) != kept
    player.do(BACK)
    assert player.page == "KnobPage" and player.desk.sound == kept
    player.do(turn(1), BACK)
    assert player.page == "KnobsPage" and player.desk.sound == kept


def test_what_another_hand_changed_meanwhile_is_not_put_back(player: Player) -> None:
    player.open("patch", turn(1), PRESS, PRESS, turn(-5))
    player.desk.play(msgspec.structs.replace(player.desk.sound, gesture=1))
    player.do(BACK)
    sound = player.desk.sound
    assert sound.gesture == 1 and sound.knobs["rms"].attenuverter["cv1"] == 1.0


def test_while_a_value_is_edited_the_screen_says_how_to_end_that(player: Player, texts: list[str]) -> None:
    for page in ("knobs", "patch"):
        player.open(page, turn(1), PRESS, PRESS)
        texts.clear()
        player.menu.draw(player.state)
        assert {"turn: change", "push: keep  hold: undo"} <= set(texts)


@pytest.mark.parametrize(
    ("page", "row", "hint"), [("system", "panic", "push: panic"), ("gestures", "record", "push: record")]
)
def test_a_row_where_a_push_acts_at_once_says_so(
    player: Player, texts: list[str], page: str, row: str, hint: str
) -> None:
    player.open(page)
    player.find(row)
    texts.clear()
    player.menu.draw(player.state)
    assert f"{hint}  hold: back" in texts


@pytest.mark.parametrize("curve", range(len(CURVES)))
def test_the_value_on_the_screen_is_the_one_the_matrix_plays(curve: int) -> None:
    from neurorack.panel.pages.editing import position

    instrument, random = Shown(), np.random.default_rng(curve)
    for _ in range(50):
        volts, pots = random.uniform(-5, 5, 5), random.random(4)
        knobs = {
            name: msgspec.structs.replace(knob, curve=CURVES[curve]) for name, knob in instrument.sound.knobs.items()
        }
        instrument.sound = msgspec.structs.replace(instrument.sound, knobs=knobs)
        state = replace(PLAYING, volts=tuple(volts), picked=tuple(pots))
        matrix = Matrix(default_patch())
        matrix.load(patch_of(instrument.sound))
        _, played, _ = matrix.play(volts, pots)
        assert [position(instrument, name, state) for name in DESCRIPTORS] == pytest.approx(played.tolist())


def test_a_gesture_is_chosen_by_name_and_plays_from_the_push_on(player: Player) -> None:
    player.open("gestures", turn(1))
    assert player.desk.sound.gesture == 0
    player.do(PRESS)
    assert player.desk.sound.gesture == 1


def test_a_gesture_that_is_gone_leaves_the_screen_at_the_last(player: Player) -> None:
    player.open("gestures", turn(1))
    player.desk._card = None
    player.do(turn(1), BACK)
    assert player.page == "Wheel"


@pytest.fixture
def engine(player: Player, tmp_path: Path) -> FrameTap:
    return FrameTap(tmp_path / "run" / "frames", create=True)


def wait_for(player: Player, stage: Stage) -> None:
    give_up = time.monotonic() + 60
    while player.desk.recording.stage is not stage:
        assert time.monotonic() < give_up
        player.desk.follow(None)
        time.sleep(0.002)
    player.later(0.05)


def test_a_gesture_is_recorded_from_the_panel_and_played_by_the_next_push(player: Player, engine: FrameTap) -> None:
    player.open("gestures", turn(-1), PRESS)
    assert player.page == "RecordPage" and player.desk.recording.stage is Stage.WAITING
    engine.write(frames()[:100])
    wait_for(player, Stage.RECORDING)
    player.do(PRESS)
    wait_for(player, Stage.KEPT)
    player.do(PRESS)
    assert player.page == "GesturesPage"
    assert player.desk.gestures[player.desk.sound.gesture] == "take 1"


def test_a_long_press_drops_what_is_recorded(player: Player, engine: FrameTap) -> None:
    player.open("gestures", turn(-1), PRESS)
    engine.write(frames()[:100])
    wait_for(player, Stage.RECORDING)
    player.do(BACK)
    assert player.page == "GesturesPage" and not player.desk.takes and player.desk.recording.stage is Stage.IDLE


def test_a_recording_without_an_engine_is_refused_in_words(player: Player) -> None:
    player.open("gestures", turn(-1), PRESS)
    assert player.page == "Refused"


def test_a_recorded_gesture_is_renamed_and_removed(player: Player, engine: FrameTap) -> None:
    player.open("gestures", turn(-1), PRESS)
    engine.write(frames())
    wait_for(player, Stage.KEPT)
    player.open("gestures", turn(-2), PRESS, PRESS, PRESS, turn(1), PRESS, turn(-4), PRESS)
    wait_for(player, Stage.KEPT)
    assert player.desk.takes == ["take 1b"]
    assert player.page == "TakesPage"
    player.do(PRESS, turn(1), PRESS, PRESS)
    assert player.desk.takes == ["take 1b"], "no comes first"
    player.do(PRESS, turn(1), PRESS, turn(1), PRESS)
    wait_for(player, Stage.KEPT)
    assert not player.desk.takes


def test_gate_2_gets_a_task(player: Player) -> None:
    player.open("gate 2", turn(2), PRESS)
    assert player.desk.sound.gate2 == "tap"


def test_a_scale_is_chosen_by_name_or_note_by_note(player: Player) -> None:
    player.open("scale", turn(2), PRESS)
    assert player.desk.sound.scale == SCALES["major"]
    player.do(turn(-3), PRESS)
    assert player.page == "NotesPage"
    player.do(turn(1), PRESS)
    assert player.desk.sound.scale == SCALES["major"] | 0b10
    player.do(PRESS)
    assert player.desk.sound.scale == SCALES["major"]


def test_morph_goes_to_a_gesture_or_to_the_next_one(player: Player) -> None:
    player.open("morph to", turn(2), PRESS)
    assert player.desk.sound.morph_to == 1
    player.do(turn(-2), PRESS)
    assert player.desk.sound.morph_to == -1


def test_the_encoder_is_swapped_and_swapped_back(player: Player) -> None:
    for swapped in (True, False):
        player.open("system", turn(1), PRESS)
        assert player.desk.encoder_swapped is swapped


def test_a_list_that_grows_shorter_while_it_is_shown_leaves_its_last_row_chosen() -> None:
    names = ["bow", "breath", "pluck"]
    wheel = Wheel("gestures", lambda: [Row(name) for name in names], chosen=2)
    del names[1:]
    assert wheel.draw(PLAYING).any() and wheel.press() is None and wheel.chosen == 0
    names.clear()
    wheel.turn(turn(1))
    assert wheel.draw(PLAYING).any() and wheel.press() is None


def test_an_instrument_is_loaded_beside_what_sounds(player: Player) -> None:
    player.open("instruments", turn(-1), PRESS)
    assert player.desk.sound.bundle == "bells"
    player.later(0.5)
    assert player.desk.sound.bundle == "bells", "the engine is at it"
    player.later(0.5, bundle="bells")
    player.later(2 * LOAD_S)
    assert player.desk.sound.bundle == "bells"


@pytest.mark.parametrize(("later_s", "said"), [(0.5, "no room for bells"), (LOAD_S + 1, "")])
def test_one_that_the_engine_refuses_leaves_the_one_before(player: Player, later_s: float, said: str) -> None:
    player.do(turn(1))
    player.open("instruments", turn(-1), PRESS)
    player.later(later_s, said=said)
    assert player.desk.sound.bundle == "tiny" and player.desk.sound.gesture == 1
    assert player.menu.page._refusal == said or not said  # type: ignore[attr-defined]


def test_one_that_is_gone_is_refused_in_words_and_any_touch_goes_on(player: Player, tmp_path: Path) -> None:
    player.open("instruments")
    shutil.rmtree(tmp_path / "models" / "bells")
    player.do(turn(-1), PRESS)
    assert isinstance(player.menu.page, Refused) and player.desk.sound.bundle == "tiny"
    player.do(turn(1))
    assert player.page == "InstrumentsPage"


def test_presets_are_stored_recalled_renamed_and_cleared(player: Player) -> None:
    player.do(turn(1))
    player.open("presets", turn(2), PRESS, PRESS)
    assert player.desk.presets[3].name == "preset 3" and player.page == "PresetsPage"
    player.do(BACK, BACK, turn(1))
    assert player.desk.sound.gesture == 0
    player.open("presets", turn(2), PRESS, PRESS)
    assert player.desk.sound.gesture == 1
    player.do(PRESS, turn(2), PRESS)
    for letter in "←←a1✓":
        page = player.menu.page
        player.do(turn(LETTERS.index(letter) - page._at), PRESS)  # type: ignore[attr-defined]
    assert player.desk.presets[3].name == "preseta1"
    player.do(PRESS, turn(-1), PRESS, PRESS)
    assert 3 in player.desk.presets, "the first answer is no"
    player.do(PRESS, turn(1), PRESS)
    assert 3 not in player.desk.presets


def test_a_stored_preset_is_not_overwritten_by_a_push_too_many(player: Player) -> None:
    player.open("presets", PRESS, PRESS)
    player.do(turn(1))
    stored = player.desk.presets[1]
    player.do(turn(-1), PRESS, turn(1), PRESS, PRESS)
    assert player.desk.presets[1] == stored


def test_a_preset_that_is_gone_is_refused_in_words(player: Player) -> None:
    player.open("presets", PRESS, PRESS, PRESS)
    deeds = player.menu.page._deeds()  # type: ignore[attr-defined]
    player.desk.preset("clear", 1)
    player.menu.page._rows = lambda: deeds  # type: ignore[attr-defined]  # as if it went between look and push
    player.do(PRESS)
    assert isinstance(player.menu.page, Refused)


def test_a_preset_whose_bundle_is_gone_changes_nothing(player: Player, tmp_path: Path) -> None:
    player.desk.play(msgspec.structs.replace(player.desk.sound, bundle="bells"))
    player.desk.preset("save", 1)
    player.desk.play(msgspec.structs.replace(player.desk.sound, bundle="tiny"))
    shutil.rmtree(tmp_path / "models" / "bells")
    player.open("presets", PRESS, PRESS)
    assert isinstance(player.menu.page, Refused) and player.desk.sound.bundle == "tiny"


def test_a_name_of_nothing_is_refused_and_one_of_300_letters_ends_at_the_24th(player: Player) -> None:
    player.open("presets", PRESS, PRESS, PRESS, turn(2), PRESS)
    player.do(turn(LETTERS.index("←") - LETTERS.index("a")), *[PRESS] * 300, turn(-1), PRESS)
    assert isinstance(player.menu.page, Refused) and player.desk.presets[1].name == "preset 1"
    player.do(PRESS, turn(LETTERS.index("a") - LETTERS.index("✓")), *[PRESS] * 300)
    assert player.page == "NamePage", "the refusal loses nothing"
    player.do(turn(-LETTERS.index("a")), PRESS)
    assert player.desk.presets[1].name == "a" * 24


def test_a_reset_is_asked_for_twice_and_leaves_the_calibration(player: Player) -> None:
    player.do(turn(1))
    player.desk.preset("save", 1)
    player.open("system", turn(4), PRESS, turn(1), PRESS)
    assert player.page == "Ask" and player.desk.presets
    player.do(PRESS)
    assert player.page == "SystemPage" and player.desk.presets, "the first answer is no, again"
    player.do(PRESS, turn(1), PRESS, turn(1), PRESS)
    assert not player.desk.presets and player.desk.sound.gesture == 0 and player.done == []


def test_calibration_is_forgotten_by_its_own_row_alone(player: Player) -> None:
    player.open("system", turn(5), PRESS, turn(1), PRESS, turn(1), PRESS)
    assert player.done == ["forget"]


def test_who_forgets_it_is_told_what_this_module_may_then_be_off_by(texts: list[str]) -> None:
    for service, cents in ((Service(uncalibrated_cents=lambda: 41.6), 42), (Service(), 20)):
        texts.clear()
        SystemPage(Shown(), service)._ask_forget().draw(PLAYING)
        assert f"up to {cents} cents off?" in " ".join(texts)


def test_panic_has_a_row_and_is_undone_by_another(player: Player) -> None:
    def rows() -> list[str]:
        return [row.name for row in player.menu.page._rows()]  # type: ignore[attr-defined]

    player.do(turn(1))
    player.open("system", turn(-1))
    assert rows()[-1] == "panic" and "undo panic" not in rows()
    player.do(PRESS)
    assert player.done == ["panic"]
    player.desk.play_safe()  # as the daemon does
    assert player.desk.sound.gesture == 0
    player.find("undo panic")
    player.do(PRESS, turn(1), PRESS)
    assert player.desk.sound.gesture == 1 and "undo panic" not in rows()


def test_shutting_down_asks_once_and_leaves_nothing_to_turn(player: Player) -> None:
    player.open("system", turn(2), PRESS, PRESS)
    assert player.done == []
    player.do(PRESS, turn(1), PRESS)
    assert player.done == ["shut down"]
    player.do(BACK, PRESS, turn(1))
    assert player.page == "GoodbyePage"


def test_the_meters_ask_for_addresses_every_two_seconds_at_most() -> None:
    asked: list[int] = []
    page = MetersPage(lambda: asked.append(1) or [])  # type: ignore[func-returns-value]
    for frame in range(100):
        page.step(replace(PLAYING, t_s=0.05 * frame))
    assert len(asked) == 3


def test_the_last_crash_is_read_to_its_beginning_and_a_push_is_done_with_it(player: Player) -> None:
    player.open("system", turn(3), PRESS)
    assert player.page == "CrashPage"
    page = CrashPage(CRASH)
    seen = [page.draw(PLAYING)]
    for _ in range(20):
        page.turn(turn(1))
        seen.append(page.draw(PLAYING))
    assert np.array_equal(seen[-1], seen[-2]) and not np.array_equal(seen[0], seen[-1])
    page.turn(turn(-50))
    assert np.array_equal(page.draw(PLAYING), seen[0])
    player.do(PRESS)
    assert player.page == "SystemPage"


def test_an_instrument_is_chosen_anew_out_of_shelter_though_it_is_the_one_that_plays(player: Player) -> None:
    player.desk.play(msgspec.structs.replace(player.desk.sound, depth=0.5))
    player.desk.shelter()
    assert player.desk.sound.depth == 1.0
    player.open("instruments", PRESS)
    assert not player.desk.sheltered and player.desk.sound.depth == 0.5


def test_one_that_cannot_be_loaded_leads_back_to_shelter_and_what_is_remembered_stays(player: Player) -> None:
    player.desk.play(msgspec.structs.replace(player.desk.sound, bundle="bells", depth=0.5))
    player.desk.shelter()
    player.state = replace(player.state, bundle="tiny", said="")
    player.open("instruments")
    player.find("bells")
    player.do(PRESS)
    assert not player.desk.sheltered and player.desk.sound.bundle == "bells"
    player.later(0.1, said="bells: damaged")
    assert player.desk.sheltered and player.desk.sound.bundle == "tiny"
    assert player.desk._memory.settings.playing.bundle == "bells"  # type: ignore[union-attr]


def test_a_spectrum_names_the_frequency_it_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurorack.panel import layout
    from neurorack.panel.pages.scope import SpectrumPage

    titles: list[str] = []
    monkeypatch.setattr(layout, "title", lambda c, left, right="": titles.append(left))
    SpectrumPage(Strings()).draw(PLAYING)
    assert titles == ["440 Hz"]


def test_refusals_do_not_pile_up(player: Player) -> None:
    def refuse() -> None:
        raise BadInput("no")

    act: Callable[[], None] = refuse
    player.open("gestures")
    player.menu.page.press = act  # type: ignore[method-assign,assignment]
    for _ in range(20):
        player.do(PRESS)
    assert len(player.menu._pages) <= 4


def test_a_turn_left_from_no_is_still_no(player: Player) -> None:
    player.open("system", turn(2), PRESS, turn(-1), PRESS)
    assert player.page == "SystemPage" and player.done == []
    player.do(PRESS, turn(5), turn(1), PRESS)
    assert player.done == ["shut down"]
