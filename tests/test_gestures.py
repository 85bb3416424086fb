"""Recorded gestures at the desk, by command and in presets: what is named comes back, or that it does not is said."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frames import frames

from neurorack import bundle, cli, gestures
from neurorack.bundle import read_card
from neurorack.desk import Desk
from neurorack.errors import BadInput
from neurorack.render import render
from neurorack.shared import INTENT, FrameTap, Snapshot
from neurorack.takes import store
from neurorack.takes.shelf import Stage
from neurorack.takes.take import gesture_of

PATIENCE_S = 60.0
Command = Callable[..., tuple[int, str, str]]


class Module:
    """A desk with an engine that plays what it is told to have played."""

    def __init__(self, run_dir: Path, state: Path) -> None:
        self.engine, self._run_dir, self._state = FrameTap(run_dir / "frames", create=True), run_dir, state
        self.start()

    def start(self) -> None:
        """As at the beginning, or after the power was gone."""
        self.desk = Desk(self._state, "tiny", bundle=None, assignments=[], intonation=None)
        self.desk.begin(self._run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
        self.desk.open(self._run_dir)
        self.intent = Snapshot(self._run_dir / "intent", INTENT)

    def off(self) -> None:
        self.desk.step(None)
        self.desk.close()

    def until(self, *stages: Stage) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while self.desk.recording.stage not in stages:
            assert time.monotonic() < give_up
            self.desk.follow(None)
            time.sleep(0.002)

    def record(self, name: str = "", seed: int = 1) -> None:
        self.desk.take("record", name=name)
        self.engine.write(frames(seed=seed))
        self.until(Stage.KEPT)

    def choose(self, name: str) -> None:
        number = list(self.desk.gestures).index(name)
        self.desk.play(msgspec.structs.replace(self.desk.sound, gesture=number))

    def told(self) -> int:
        """Which gesture the engine hears of."""
        self.intent.refresh()
        return int(self.intent.record["gesture"])


@pytest.fixture
def module(run_dir: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> Iterator[Module]:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(run_dir))
    made = Module(run_dir, state_dir)
    yield made
    made.desk.close()


@pytest.fixture
def own(tiny_bundle: Path) -> int:
    return len(read_card(tiny_bundle).gestures.names)


def test_a_take_stands_behind_the_bundles_own_and_the_engine_is_told(module, own):
    module.intent.refresh()
    before = int(module.intent.record["takes"])
    module.record()
    assert list(module.desk.gestures)[own:] == ["take 1"] == module.desk.takes
    module.choose("take 1")
    assert module.told() == own
    assert int(module.intent.record["takes"]) == before + 1


def test_what_plays_and_presets_bring_it_back_after_the_power_was_gone(module, own):
    module.record()
    module.record(seed=2)
    module.choose("take 2")
    module.desk.preset("save", 1, "mine")
    module.choose(module.desk.gestures[0])
    module.off()
    module.start()
    assert module.told() == 0
    module.desk.preset("recall", 1)
    assert module.told() == own + 1 and not module.desk.take_notices()
    module.off()
    module.start()
    assert module.told() == own + 1


def test_a_preset_finds_its_take_where_it_stands_now_and_under_any_name(module, own):
    module.record()
    module.record(seed=2)
    module.choose("take 2")
    module.desk.preset("save", 1)
    module.desk.take("rename", "take 2", "rain")
    module.until(Stage.KEPT)
    module.desk.take("remove", "take 1")
    module.until(Stage.KEPT)
    assert module.told() == own, "what plays moves with it"
    module.choose(module.desk.gestures[0])
    module.desk.preset("recall", 1)
    assert module.desk.gestures[module.told()] == "rain"


def test_a_take_that_is_gone_gives_way_to_the_bundles_first_and_that_is_said(module):
    module.record()
    module.choose("take 1")
    module.desk.preset("save", 1)
    module.desk.take("remove", "take 1")
    module.until(Stage.KEPT)
    assert module.told() == 0
    (said,) = module.desk.take_notices()
    assert "gone" in said and "plays its own" in said
    module.desk.preset("recall", 1)
    assert module.told() == 0 and len(module.desk.take_notices()) == 1


def test_one_of_another_version_of_the_bundle_gives_way_too(module, monkeypatch):
    module.record()
    module.choose("take 1")
    module.off()
    real = bundle.read_card

    def retrained(folder: Path) -> bundle.Card:
        card = real(folder)
        return msgspec.structs.replace(card, decoder=msgspec.structs.replace(card.decoder, sha256="1" * 64))

    with monkeypatch.context() as patch:
        patch.setattr(bundle, "read_card", retrained)
        module.start()
        assert module.told() == 0 and any("another version" in line for line in module.desk.take_notices())
        module.off()
    module.start()
    assert module.desk.takes == ["take 1"], "which has it still"


def test_the_far_end_of_morph_is_kept_by_its_id_too(module, own):
    module.record()
    module.record(seed=2)
    module.desk.play(msgspec.structs.replace(module.desk.sound, morph_to=own + 1))
    module.desk.take("remove", "take 1")
    module.until(Stage.KEPT)
    assert module.desk.sound.morph_to == own
    module.desk.take("remove", "take 2")
    module.until(Stage.KEPT)
    assert module.desk.sound.morph_to == -1


def test_next_gesture_goes_on_into_the_takes_and_round(module, own):
    module.record()
    module.desk.play(msgspec.structs.replace(module.desk.sound, gate2="next gesture", gesture=own - 1))
    module.desk.hear([(0, "gate2", 1)])
    assert module.told() == own
    module.desk.hear([(0, "gate2", 1)])
    assert module.told() == 0


def test_a_daemon_that_takes_over_knows_which_take_plays(module, run_dir, state_dir, own):
    module.record()
    module.choose("take 1")
    after = Desk(state_dir, "tiny", bundle=None, assignments=[], intonation=None)
    after.begin(run_dir, plays_on=True, gate_delay_s=0.0, listen=False)
    after.open(run_dir)
    assert after.sound.gesture == own and after.sound.take == module.desk.sound.take
    after.close()


def test_a_damaged_take_is_told_once_and_the_others_play(module, state_dir):
    module.record()
    module.record(seed=2)
    module.off()
    first = sorted((state_dir / "gestures").rglob("*.gesture"))[0]
    first.write_bytes(b"?")
    module.start()
    assert module.desk.takes == ["take 2"]
    assert [line for line in module.desk.take_notices() if "passed over" in line and str(first) in line]


def test_the_encoders_direction_outlives_power_and_factory_reset(module):
    assert not module.desk.encoder_swapped
    module.desk.swap_encoder()
    module.desk.reset()
    module.off()
    module.start()
    assert module.desk.encoder_swapped


class Loop:
    """The desk at work as in the daemon's loop, while a command waits for it."""

    def __init__(self, module: Module) -> None:
        self._module, self._over = module, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        import select

        desk, played = self._module.desk, False
        while not self._over.is_set():
            if select.select(desk.mail, [], [], 0.005)[0]:
                desk.answer(None)
            desk.follow(None)
            if desk.recording.stage is Stage.WAITING and not played:
                played = True
                self._module.engine.write(frames(seed=9))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def command(capsys) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["gestures", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_command_records_lists_renames_and_removes_on_a_module_that_plays(module, command, own):
    with Loop(module):
        status, out, err = command("record", "--name", "sweep")
        assert (status, out) == (0, "kept as sweep\n") and "waiting for a gate" in err
        assert command("list")[1].splitlines()[own:] == [f"{own + 1}\tsweep\trecorded"]
        assert command("rename", "sweep", "rain")[:2] == (0, "renamed sweep\n")
        assert json.loads(command("list", "--json")[1])[-1] == {"name": "rain", "recorded": True}
        assert command("remove", "rain")[:2] == (0, "removed rain\n")
        status, out, err = command("remove", "rain")
        assert (status, out) == (2, "") and err.count("\n") == 1 and "no recorded gesture" in err
    assert module.desk.takes == []


def test_without_a_module_it_lists_and_changes_what_lies_in_the_state_directory(module, command, own, state_dir):
    module.record()
    module.off()
    module.desk._mailbox.close()
    assert command("rename", "take 1", "rain")[:2] == (0, "renamed take 1\n")
    assert command("list")[1].splitlines()[own:] == [f"{own + 1}\train\trecorded"]
    status, out, err = command("record")
    assert (status, out) == (2, "") and err.count("\n") == 1 and "no module runs" in err
    assert command("remove", "rain")[0] == 0
    assert len(command("list")[1].splitlines()) == own


def test_a_module_without_its_bundle_answers_too(module, command):
    module.desk._card = None
    with Loop(module):
        assert command("list")[:2] == (0, "")


def test_interrupted_it_keeps_what_there_is(module, monkeypatch):
    asked: list[str] = []
    replies = iter([gestures.Reply(stage="recording"), gestures.Reply(stage="keeping"), gestures.Reply(stage="kept")])
    monkeypatch.setattr(gestures, "_ask", lambda wanted, place: (asked.append(wanted.do), next(replies))[1])
    naps = iter([KeyboardInterrupt, None])

    def nap(_: float) -> None:
        if (what := next(naps)) is not None:
            raise what

    monkeypatch.setattr(gestures.time, "sleep", nap)
    reply = gestures.request(gestures.Request("record"), None, "tiny", lambda reply: None)
    assert reply.stage == "kept" and asked == ["record", "stop", "list"]


def test_render_plays_a_take_by_its_name(tiny_bundle, state_dir, tmp_path):
    card = read_card(tiny_bundle)
    gesture = dataclasses.replace(gesture_of(card, frames(), np.full(5, 0.5)), name="take 1")
    store.save(state_dir, card, gesture, 1)
    (tmp_path / "take.csv").write_text("t,gate1\n0,5\n0.5,0\n0.6,0")

    def play(name: str) -> bytes:
        render(tiny_bundle, tmp_path / "take.csv", tmp_path / f"{name}.wav", gesture=name)
        return (tmp_path / f"{name}.wav").read_bytes()

    assert play("take 1") != play(card.gestures.names[0])
    with pytest.raises(BadInput, match="take 1"):
        play("take 2")
