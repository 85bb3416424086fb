"""What a player has set survives a pulled plug, and presets do what they say: the whole module on its virtual rack."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disk import settings
from module import RACK, Module
from rig import REPOSITORY, wait_for

from neurorack.mailbox import ask
from neurorack.rack.control import RackControl
from neurorack.rundir import holder
from neurorack.settings.model import Settings, Sound
from neurorack.settings.store import Store
from neurorack.shared import CONTROLS, INTENT, Snapshot
from neurorack.words import DESCRIPTORS

DRONE = RACK.format(low_v=0.0, high_v=0.0, rest_v=0.0, cables='voct = "rest.out"\ngate1 = "on.out"')

PATIENCE_S = 20.0


@pytest.fixture
def start(run_dir: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Module]:
    """Modules that know `tiny` and, under its name, the instrument of a module out of its box."""
    models = run_dir / "models"
    models.mkdir()
    for name in ("tiny", "fluid"):
        shutil.copytree(tiny_bundle, models / name)
        card = json.loads((models / name / "card.json").read_text())
        (models / name / "card.json").write_text(json.dumps({**card, "name": name}))
    monkeypatch.setenv("NEURORACK_MODELS", str(models))
    started: list[Module] = []

    def start(*options: str) -> Module:
        bundle = None
        started.append(Module(run_dir / f"run{len(started)}", DRONE, bundle, *options))
        wait_for(lambda: started[-1].meters()["first_sound_ns"], PATIENCE_S)
        return started[-1]

    yield start
    for module in started:
        module.stop()


def presets(module: Module | None, *arguments: str) -> "subprocess.CompletedProcess[str]":
    where = [] if module is None else ["--run-dir", str(module.run_dir)]
    return subprocess.run(
        [sys.executable, "-m", "neurorack", "presets", *arguments, *where],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=60,
    )


def intent(module: Module) -> Any:
    snapshot = Snapshot(module.run_dir / "intent", INTENT)
    snapshot.refresh()
    return snapshot.record


def choose_gesture(module: Module, number: int) -> None:
    """Turn the encoder, again where the panel was not yet there to see it."""
    hands = RackControl(module.run_dir)
    give_up = time.monotonic() + PATIENCE_S
    while intent(module)["gesture"] != number:
        hands.turn_encoder(1)
        wait_s = time.monotonic() + 2.0
        while intent(module)["gesture"] != number and time.monotonic() < wait_s:
            time.sleep(0.02)
        assert time.monotonic() < give_up
    wait_for(lambda: module.meters()["gesture"] == number, PATIENCE_S)


def knob(module: Module, name: str) -> float:
    controls = Snapshot(module.run_dir / "controls", CONTROLS)
    controls.refresh()
    return float(controls.record["descriptors"][DESCRIPTORS.index(name)])


def stands(module: Module, name: str, position: float) -> None:
    wait_for(lambda: abs(knob(module, name) - position) < 3e-3, PATIENCE_S)


def saved(state_dir: Path) -> Settings:
    return Store(state_dir).load()


def test_what_was_playing_is_what_plays_after_a_pulled_plug(start, state_dir):
    module = start("--bundle", "tiny", "--assign", "cv1=boominess", "--intonation", "0.25")
    hands = RackControl(module.run_dir)
    choose_gesture(module, 1)
    hands.turn_pot("pot3", 0.8)
    stands(module, "bandwidth", 0.8)
    wait_for(lambda: (s := saved(state_dir).playing) and s.gesture == 1 and s.pots and s.pots[2] > 0.79, PATIENCE_S)
    module.pull_the_plug()

    again = start()  # in a rack whose pots stand half way
    assert bytes(again.meters()["bundle"]) == b"tiny"
    wait_for(lambda: again.meters()["gesture"] == 1, PATIENCE_S)
    assert intent(again)["intonation"] == 0.25
    stands(again, "bandwidth", 0.8)
    hands = RackControl(again.run_dir)
    hands.turn_pot("pot3", 0.9)
    stands(again, "bandwidth", 0.9)
    playing = saved(state_dir).playing
    assert playing is not None and playing.knobs["boominess"].attenuverter == {"cv1": 1.0}


def test_a_new_daemon_takes_over_an_engine_that_has_changed_its_instrument(start, state_dir):
    state_dir.mkdir()
    stored = Settings(playing=Sound(bundle="tiny", gesture=1)).store(1)
    Store(state_dir).save(Settings(presets=stored.presets))
    module = start()
    assert presets(module, "recall", "1").returncode == 0
    wait_for(lambda: module.meters()["bundle"] == b"tiny" and module.meters()["gesture"] == 1, PATIENCE_S)
    engine = holder(module.run_dir / "engine.lock")
    module.process.send_signal(signal.SIGSTOP)  # it would clean up after its daemon
    os.kill(holder(module.run_dir / "daemon.lock"), signal.SIGKILL)
    module.process.kill()
    wait_for(lambda: not holder(module.run_dir / "daemon.lock"))
    options = ["--rack", str(module.run_dir / "rack.toml"), "--run-dir", str(module.run_dir)]
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "none", "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen([sys.executable, "-m", "neurorack.daemon", *options], env=environment) as second:
        try:
            wait_for(lambda: ask(module.run_dir, b'{"ask":"presets","do":"list"}'), PATIENCE_S)
            assert holder(module.run_dir / "engine.lock") == engine
            assert bytes(intent(module)["bundle"]) == b"tiny"
            assert module.meters()["gesture"] == 1
        finally:
            second.terminate()


def test_options_overrule_what_is_remembered(start, state_dir):
    store = Store(state_dir)
    state_dir.mkdir()
    store.save(Settings(playing=Sound(bundle="tiny", gesture=1, intonation=0.5)))
    module = start("--bundle", "fluid", "--intonation", "2")
    assert bytes(module.meters()["bundle"]) == b"fluid"
    assert (intent(module)["gesture"], intent(module)["intonation"]) == (0, 2.0)


def test_a_remembered_instrument_that_is_gone_gives_way_to_the_first(start, state_dir):
    state_dir.mkdir()
    Store(state_dir).save(Settings(playing=Sound(bundle="bells")))
    module = start()
    assert bytes(module.meters()["bundle"]) == b"fluid"
    wait_for(lambda: bytes(intent(module)["bundle"]) == b"fluid", PATIENCE_S)


def test_neither_damage_nor_a_file_in_the_way_keeps_it_from_playing(start, state_dir, run_dir):
    state_dir.mkdir()
    for slot in "ab":
        (state_dir / f"settings-4.{slot}").write_bytes(os.urandom(5000))
    module = start()
    wait_for(lambda: "damaged settings" in (module.run_dir / "daemon.err").read_text(), PATIENCE_S)
    module.pull_the_plug()
    shutil.rmtree(state_dir)
    state_dir.write_text("not a folder")
    module = start()
    wait_for(lambda: "settings are not saved" in (module.run_dir / "daemon.err").read_text(), PATIENCE_S)


def test_a_preset_is_stored_and_recalled_while_it_plays(start, state_dir):
    module = start("--bundle", "tiny")
    hands = RackControl(module.run_dir)
    choose_gesture(module, 1)
    hands.turn_pot("pot2", 0.3)
    stands(module, "centroid", 0.3)
    done = presets(module, "save", "3", "--name", "glass rain")
    assert (done.returncode, done.stdout) == (0, "stored preset 3\n")
    assert saved(state_dir).presets[3].name == "glass rain", "when it answers it is on the disk"

    choose_gesture(module, 0)
    hands.turn_pot("pot2", 0.9)
    stands(module, "centroid", 0.9)
    assert presets(module, "recall", "3").returncode == 0
    stands(module, "centroid", 0.3)
    wait_for(lambda: module.meters()["gesture"] == 1, PATIENCE_S)
    hands.turn_pot("pot2", 0.6)
    hands.turn_pot("pot1", 0.2)
    stands(module, "rms", 0.2)
    assert knob(module, "centroid") == pytest.approx(0.3, abs=3e-3), "not passed yet"
    hands.turn_pot("pot2", 0.25)
    stands(module, "centroid", 0.25)

    done = presets(module, "list", "--json")
    assert json.loads(done.stdout) == [
        {"number": 3, "name": "glass rain", "bundle": "tiny", "gesture": 1},
    ]


def test_a_preset_whose_instrument_is_gone_is_refused_and_all_plays_on(start, state_dir):
    state_dir.mkdir()
    lost = Settings(playing=Sound(bundle="bells")).store(5, "lost")
    Store(state_dir).save(Settings(presets=lost.presets))
    module = start("--bundle", "tiny")
    done = presets(module, "recall", "5")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "no bundle 'bells'" in done.stderr
    assert bytes(intent(module)["bundle"]) == b"tiny"


@pytest.mark.parametrize(
    "letter", [b"", b"{}", b"\xff\x00", b"[" * 60_000, b'{"ask":"presets","do":"list","number":1e99}']
)
def test_a_letter_that_is_no_request_is_answered_and_all_plays_on(start, letter):
    module = start()
    wait_for(lambda: b"refusal" in (ask(module.run_dir, letter) or b""), PATIENCE_S)
    assert presets(module, "list").returncode == 0


def test_without_a_module_the_presets_are_worked_on_where_they_lie(state_dir, run_dir, monkeypatch):
    monkeypatch.setenv("NEURORACK_RUN_DIR", str(run_dir / "none"))
    state_dir.mkdir()
    Store(state_dir).save(settings(4))
    assert presets(None, "rename", "64", "wide").returncode == 0
    done = presets(None, "recall", "1")
    assert done.stdout == "recalled preset 1: it plays when the module is started\n"
    presets(None, "clear", "1")
    assert [preset.name for preset in saved(state_dir).presets.values()] == ["wide"]
    assert presets(None, "list").stdout == "64\twide\tfluid, gesture 5\n"
    done = presets(None, "recall", "1")
    assert done.returncode == 2 and "that preset is empty" in done.stderr
