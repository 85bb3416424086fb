"""Panic: silence at once with the daemon alive, dead or asleep; then the sound of a module out of its box."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rig import REPOSITORY, wait_for

from neurorack import cli
from neurorack import panic as module
from neurorack.clock import MonotonicClock
from neurorack.errors import BadInput
from neurorack.panel import screens
from neurorack.panel.panel import WARNED_S
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.control import RackControl
from neurorack.rundir import Lock, holder
from neurorack.settings.playing import sound_of
from neurorack.shared import INTENT, METERS, PATCH, Snapshot, Switch

PATIENCE_S = 120.0
NOBODY = "neurorack: no module plays there ({}): start it, or give the --run-dir of one that plays\n"


class Module:
    """A daemon on the rack and the null device, its gesture another than out of the box."""

    def __init__(self, run_dir: Path, bundle: Path) -> None:
        self.run_dir = run_dir
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "NEURORACK_MODELS": str(bundle.parent)}
        command = [sys.executable, "-m", "neurorack.daemon", "--run-dir", str(run_dir), "--device", "null", "--rack"]
        command += ["--bundle", str(bundle), "--intonation", "0.5"]
        self.daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
        wait_for(lambda: (run_dir / "meters").exists() and (run_dir / "panic").exists(), PATIENCE_S)
        self._meters = Snapshot(run_dir / "meters", METERS)
        wait_for(lambda: self.meters()["first_sound_ns"] and holder(run_dir / "jacks.lock"), PATIENCE_S)
        wait_for(lambda: self.loud(), PATIENCE_S)
        time.sleep(0.2)  # the engine's main thread has seen the switch
        self.switch = Switch(run_dir / "panic")

    def meters(self) -> Any:
        self._meters.refresh()
        return self._meters.record

    def loud(self) -> bool:
        return bool(self.meters()["level_peak"] > 1e-4)

    def intonation(self) -> float:
        patch, intent = Snapshot(self.run_dir / "patch", PATCH), Snapshot(self.run_dir / "intent", INTENT)
        assert patch.refresh() and intent.refresh()
        return sound_of(patch.record, intent.record).intonation

    def quiet(self) -> bool:
        return not self.loud()

    def end(self) -> None:
        self.daemon.kill()
        self.daemon.wait()
        for name in ("engine", "jacks", "remote"):
            if pid := holder(self.run_dir / f"{name}.lock"):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: not Path(f"/proc/{pid}/cmdline").exists() or not _cmdline(pid), PATIENCE_S)


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def playing(run_dir: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    made = Module(run_dir, tiny_bundle)
    yield made
    made.end()


def panic(run_dir: Path, capsys: Any) -> str:
    assert cli.main(["ctl", "panic", "--run-dir", str(run_dir)]) == 0
    return capsys.readouterr().out


def test_with_the_daemon_alive_dead_and_asleep(playing: Module, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    assert playing.intonation() == 0.5
    playing.switch.on = True  # as a client of the socket, or the encoder, leaves it
    wait_for(playing.quiet, PATIENCE_S)
    wait_for(lambda: not playing.switch.on, PATIENCE_S)
    assert playing.intonation() == 1.0, "as out of the box"
    wait_for(playing.loud, PATIENCE_S)
    assert panic(playing.run_dir, capsys) == "silenced; plays as out of the box\n"

    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    playing.daemon.send_signal(signal.SIGSTOP)
    assert "does not answer" in panic(playing.run_dir, capsys)
    wait_for(playing.quiet, PATIENCE_S)
    playing.daemon.send_signal(signal.SIGCONT)
    wait_for(lambda: not playing.switch.on, PATIENCE_S)
    wait_for(playing.loud, PATIENCE_S)

    playing.daemon.kill()
    playing.daemon.wait()
    intent = Snapshot(playing.run_dir / "intent", INTENT)
    intent.refresh()
    intent.record["intonation"] = 0.25
    intent.publish()
    assert panic(playing.run_dir, capsys) == "silenced without a daemon; plays as out of the box\n"
    assert playing.intonation() == 1.0
    wait_for(playing.loud, PATIENCE_S)


def test_the_encoder_held_silences_without_a_daemon(playing: Module):
    playing.daemon.kill()
    playing.daemon.wait()
    control = RackControl(playing.run_dir, MonotonicClock())
    control.press_encoder(True)
    wait_for(lambda: playing.switch.on, PATIENCE_S)
    wait_for(playing.quiet, PATIENCE_S)
    control.press_encoder(False)


def test_the_display_warns_of_panic_and_says_what_it_has_done(playing: Module):
    display = Snapshot(playing.run_dir / "rack.oled", OLED)

    def shows(screen: np.ndarray) -> bool:
        display.refresh()
        seen = pixels(display.record)
        return np.array_equal(seen[:9], screen[:9]) and np.array_equal(seen[55:], screen[55:])

    control = RackControl(playing.run_dir, MonotonicClock())

    def warned() -> bool:
        """Held for so long that it warns; again where the panel was not there yet."""
        control.press_encoder(True)
        time.sleep(WARNED_S + 1.0)
        if shows(screens.holding(0.5)):
            return True
        control.press_encoder(False)
        time.sleep(0.3)
        return False

    wait_for(warned, PATIENCE_S)
    assert not playing.switch.on
    done = BadInput("Silent for a second, then the factory patch.", "", "undo: menu, system, undo panic")
    wait_for(lambda: shows(screens.error(done, title="⚠ panic", hint="push: back")), PATIENCE_S)
    control.press_encoder(False)
    wait_for(lambda: playing.intonation() == 1.0 and not playing.switch.on, PATIENCE_S)
    assert shows(screens.error(done, title="⚠ panic", hint="push: back"))
    wait_for(lambda: (playing.run_dir / "remote.socket").exists(), PATIENCE_S)
    assert cli.main(["ctl", "panic", "--undo", "--run-dir", str(playing.run_dir)]) == 0
    wait_for(lambda: not shows(screens.error(done, title="⚠ panic", hint="push: back")), PATIENCE_S)


def test_where_nothing_plays_it_says_so(run_dir: Path, capsys: Any):
    for made in (False, True):
        if made:
            Switch(run_dir / "panic", create=True)
        assert cli.main(["ctl", "panic", "--run-dir", str(run_dir)]) == 2
        said = capsys.readouterr().err
        assert (
            said == f"neurorack: no module plays there ({run_dir}): start it, or give the --run-dir of one that plays\n"
        )
    assert not Switch(run_dir / "panic").on, "the next engine is not silent"


def test_a_place_that_is_no_run_directory_is_one_line_with_the_same_words(tmp_path: Path, capsys: Any):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "none", tmp_path / "file", tmp_path):
        assert cli.main(["ctl", "panic", "--run-dir", str(place)]) == 2
        said = capsys.readouterr().err
        assert (
            said == f"neurorack: no module plays there ({place}): start it, or give the --run-dir of one that plays\n"
        )


@pytest.mark.parametrize("switch", [None, b"of another version"])
def test_a_module_without_a_switch_that_is_known_is_told_with_its_mend(
    run_dir: Path, capsys: Any, switch: bytes | None
):
    if switch:
        (run_dir / "panic").write_bytes(switch)
    with Lock(run_dir / "engine.lock"):
        assert cli.main(["ctl", "panic", "--run-dir", str(run_dir)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"no panic of this version ({run_dir}): use the version that it runs" in said
