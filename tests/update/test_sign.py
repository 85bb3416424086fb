"""A version plays while sound is called for and somebody is there to play it by, whatever becomes of the remote."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurorack.rundir import Lock
from neurorack.shared import METERS, Snapshot
from neurorack.update.selftest import RUNS
from neurorack.update.sign import sign

UNITS = Path(__file__).parents[2] / "systemd/lib/systemd/system"


@pytest.fixture
def playing(run_dir):
    """All four processes, and an engine that has just played a block."""
    meters = Snapshot(run_dir / "meters", METERS, create=True)
    meters.record["pid"], meters.record["first_sound_ns"] = os.getpid(), 1
    meters.record["t_ns"] = time.monotonic_ns()
    meters.publish()
    locks = {part: Lock(run_dir / f"{part}.lock") for part in ("engine", "jacks", "daemon", "remote")}
    yield locks
    for lock in locks.values():
        lock.release()


@pytest.mark.parametrize(
    ("gone", "plays"), [(None, True), ("engine", False), ("jacks", False), ("daemon", False), ("remote", True)]
)
def test_it_plays_without_a_remote_and_not_without_any_of_the_others(playing, run_dir, gone, plays):
    if gone is not None:
        playing[gone].release()
    told = sign(run_dir)
    assert told["plays"] is plays
    pids = {part: 0 if part == gone else os.getpid() for part in ("engine", "jacks", "daemon")}
    assert told["pids"] == pids


def test_an_engine_that_has_not_called_for_sound_for_a_second_does_not_play(playing, run_dir, monkeypatch):
    later_ns = time.monotonic_ns() + 2_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: later_ns)
    assert sign(run_dir)["plays"] is False


def test_the_self_test_imports_whatever_a_unit_runs():
    units = [path.read_text() for path in UNITS.glob("*.service")]
    run = {name for text in units for name in re.findall(r"^ExecStart=.* -m (\S+)", text, re.M)}
    run |= {"neurorack.engine", "neurorack.frontend", "neurorack.remote.server"}  # what `neurorack.service` becomes
    loads = f"import importlib, sys; [importlib.import_module(n) for n in {RUNS}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert {"neurorack.service", "neurorack.update.trial", "neurorack.update.stick"} < run
    assert run <= set(done.stdout.split())
