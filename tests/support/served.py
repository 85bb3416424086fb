"""A module in a run directory, its socket's server in a thread: the fixture `playing`."""

import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from disk import settings

from neurorack.desk import Desk
from neurorack.remote.metrics import Metrics
from neurorack.remote.server import Server
from neurorack.settings.store import Store
from neurorack.shared import METERS, PANEL, VOLTS, Snapshot, Switch


class Module:
    """What the server serves: files as engine, jacks and panel write them, and a daemon that is a desk."""

    def __init__(self, run_dir: Path, state_dir: Path) -> None:
        self.run_dir = run_dir
        self.meters = Snapshot(run_dir / "meters", METERS, create=True)
        self.volts = Snapshot(run_dir / "volts", VOLTS, create=True)
        self.panel = Snapshot(run_dir / "panel", PANEL, create=True)
        self.switch = Switch(run_dir / "panic", create=True)
        self.desk = Desk(state_dir, "tiny", bundle="tiny", assignments=[], intonation=None)
        self.desk.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
        self.desk.open(run_dir)
        self.play()
        self.server = Server(run_dir, Metrics(state_dir))
        self._ended, self.desk_sleeps, self.panics = False, False, False
        self._threads = [threading.Thread(target=run) for run in (self._serve, self._be_daemon)]
        for thread in self._threads:
            thread.start()

    def play(self, **values: Any) -> None:
        """A look at a module that plays."""
        now_ns = time.monotonic_ns()
        m, v = self.meters.record, self.volts.record
        m["t_ns"], m["pid"], m["first_sound_ns"], m["block"], m["bundle"] = now_ns, 1, 1, 128, b"tiny"
        v["t_ns"], v["pid"], v["readings"], v["picked"] = now_ns, 1, 9, 0.25
        v["pot"], v["chip_ok"] = 0.25, 1
        for name, value in values.items():
            (v if name in (VOLTS.names or ()) else m)[name] = value
        self.meters.publish()
        self.volts.publish()

    def _serve(self) -> None:
        while not self._ended:
            self.server.step(0.02)

    def _be_daemon(self) -> None:
        while not self._ended:
            if self.desk_sleeps or not select.select(self.desk.mail, [], [], 0.02)[0]:
                time.sleep(0.005)
            else:
                self.desk.answer(self.volts.record)
            if self.panics:
                self.desk.play_safe()
                self.panics = False
            self.desk.step(self.volts.record)

    def end(self) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()
        self.server.close()
        self.desk.close()


@pytest.fixture
def playing(run_dir: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> Iterator[Module]:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    Store(state_dir).save(settings(1))
    made = Module(run_dir, state_dir)
    yield made
    made.end()
