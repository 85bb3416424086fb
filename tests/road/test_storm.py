"""Hands gone mad on the module as it is, with its processes and its engine: it loses no more blocks of sound than the
machine takes from a callback beside it that does nothing.

    make test-storm EVENTS=5000                    as many events, about 20 a second
    pytest tests/road/test_storm.py --hands 5000   likewise
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hands import Hands
from rig import REPOSITORY, wait_for
from whole import Empty

from neurorack.daemon import SHUT_DOWN
from neurorack.errors import BadInput
from neurorack.rack.control import RackControl
from neurorack.rundir import holder
from neurorack.shared import METERS, Snapshot

PATIENCE_S = 60.0
PROCESSES = ("daemon", "engine", "jacks")
TWICE, AND_ONE_IN = 2.0, 500
"""Of the blocks, the module may lose twice what the empty callback does, and one in so many."""


class Live:
    """The module on its rack, on the device that keeps time; it is switched on again whenever somebody shuts it down.

    `counted` (blocks, lost) of all engines that have played, each from its first sound on.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir, self.starts = run_dir, 0
        self.counts: dict[int, tuple[int, int, int, int]] = {}  # by engine: blocks and lost at first, and since
        self._start()

    def _start(self) -> None:
        options = ["--run-dir", str(self.run_dir), "--device", "null", "--rack"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        with open(self.run_dir / "daemon.err", "ab") as err:
            command = [sys.executable, "-m", "neurorack.daemon", *options]
            self.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=err, env=environment)
        self.starts += 1

    def plays(self) -> bool:
        """Whether all are there and sound comes."""
        return all(map(self.pid, PROCESSES)) and self.pid("engine") in self._look()

    def pid(self, name: str) -> int:
        return holder(self.run_dir / f"{name}.lock")

    def _look(self) -> dict[int, tuple[int, int, int, int]]:
        """Take up what has been counted."""
        with contextlib.suppress(BadInput):  # there is none yet
            meters = Snapshot(self.run_dir / "meters", METERS)
            if meters.refresh() and meters.record["first_sound_ns"]:
                pid, blocks, lost = (int(meters.record[name]) for name in ("pid", "blocks", "lost"))
                first = self.counts.get(pid, (blocks, lost))[:2]
                self.counts[pid] = (*first, blocks, lost)
            meters.close()
        return self.counts

    def tend(self) -> None:
        """Switch it on again where it was shut down. AssertionError where it has ended by itself."""
        self._look()
        if (status := self.daemon.poll()) is not None:
            assert status == SHUT_DOWN, f"the daemon has ended with status {status}: {self.log}"
            self._start()
            wait_for(self.plays, PATIENCE_S)

    @property
    def log(self) -> str:
        """What the daemon has said."""
        return (self.run_dir / "daemon.err").read_text(errors="replace")

    @property
    def counted(self) -> tuple[int, int]:
        counts = self._look().values()
        return sum(now - first for first, _, now, _ in counts), sum(now - first for _, first, _, now in counts)

    def end(self) -> None:
        pids = [self.daemon.pid, *filter(None, map(self.pid, PROCESSES))]
        self.daemon.terminate()
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.daemon.wait()


@pytest.fixture
def live(run_dir: Path) -> Iterator[Live]:
    made = Live(run_dir / "storm")
    try:
        wait_for(made.plays, PATIENCE_S)
        yield made
    finally:
        made.end()


def test_a_storm_costs_the_engine_no_block_that_an_empty_callback_keeps(
    live: Live, request: pytest.FixtureRequest
) -> None:
    events = request.config.getoption("--hands")
    if not events:
        pytest.skip("takes a quiet machine: give --hands 1000")
    meters = Snapshot(live.run_dir / "meters", METERS)
    meters.refresh()
    hands = Hands(RackControl(live.run_dir), Random(1), time.sleep)
    with Empty(int(meters.record["block"])) as empty:
        before, began_s = live.counted, time.monotonic()
        for _ in range(events):
            hands.event()
            time.sleep(hands.random.choice((0.001, 0.01, 0.02, 0.06)))
            live.tend()
        blocks, lost = (now - first for now, first in zip(live.counted, before, strict=True))
        nothing_blocks, nothing_lost = empty.counted()
    print(
        f"{events} events in {time.monotonic() - began_s:.0f} s, {live.starts} starts, {len(live.counts)} engines: "
        f"lost {lost} of {blocks} blocks, the empty callback {nothing_lost} of {nothing_blocks}"
    )
    hands.repair()
    wait_for(live.plays, PATIENCE_S)
    assert blocks > 100
    assert len(live.counts) == live.starts, f"an engine has ended by itself: {live.log}"
    assert lost / blocks <= TWICE * nothing_lost / nothing_blocks + 1 / AND_ONE_IN
