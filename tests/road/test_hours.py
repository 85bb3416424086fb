"""A working day of the module in the time of its replaceable clock: jacks, panel, desk, settings, metrics and the guard
take no more memory and descriptors at its end than after its first hour, write no more than they may, and are not
stuck.

    make test-soak                                     eight hours, beside the half hour that is real
    pytest tests/road/test_hours.py --hours 8 -rP      likewise; a few minutes if nothing is said

A tenth of the time hands, cables and mishaps are at it without a pause. Then the module rests, with its cables where
they were left; its jacks doze, or eight hours would take one.
"""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from simulated import BUNDLES, Module, is_free, tiny_bundles

from neurorack.engine.guard import WELL_S, Guard, Rung
from neurorack.remote.metrics import RECENT_S, Metrics
from neurorack.remote.server import COUNT_S
from neurorack.remote.tree import Tree
from neurorack.rundir import FALLS
from neurorack.settings.memory import SAVE_S
from neurorack.shared import EdgeRing

PLAYED_S, RESTS_S, DOZE_NS = 6.0, 54.0, 100_000_000

ENGINE_LIVES_S = 400.0
"""On average; a real one lives for weeks."""

FALLS_ALL = 0.3
"""Of the falls, as many go on until the guard plays safely."""

SHELTERED_S = 20.0
"""So long the player bears the safe sound before he chooses an instrument."""

GROWTH_MB_PER_H = 1.0
SETTLED_H = 1.0
"""Before that every page, preset and instrument has not been there yet."""

DISK_MB = 2.0


class Day(Module):
    """Beside it the metrics are counted, and its engine falls now and then."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.state_dir = folder / "state"
        self.metrics, self._tree = Metrics(self.state_dir), Tree(self.run_dir)
        self._edges = EdgeRing(self.run_dir / "edges")
        self._metrics_ns = 0
        self.falls = self.safe = 0
        self._chooses_ns = 0
        self._begin_engine()

    def _begin_engine(self) -> None:
        self._guard = Guard(self.run_dir)
        self.rung = self._guard.begin()
        now_ns = self.clock.now_ns()
        self._well_ns: int | None = now_ns + round(WELL_S * 1e9)
        self._falls_ns = now_ns + round(self.random.expovariate(1 / ENGINE_LIVES_S) * 1e9)
        if self.rung is not Rung.OWN:  # as the daemon takes shelter when the meters say so
            self.safe += 1
            self.desk.shelter()
            self._chooses_ns = now_ns + round(SHELTERED_S * 1e9)

    def tend(self, now_ns: int) -> None:
        self.desk.hear(self._edges.read())
        self.desk.follow(self.jacks._volts.record)
        super().tend(now_ns)
        self.desk.take_notices()
        if self._well_ns is not None and now_ns >= self._well_ns:
            self._well_ns = None
            self._guard.well()
        if now_ns >= self._falls_ns:
            for _ in range(4 if self.random.random() < FALLS_ALL else 1):
                self.falls += 1
                self._begin_engine()
        if self.desk.sheltered and now_ns >= self._chooses_ns:
            self.desk.choose(self.random.choice(BUNDLES))
        if self.rung is not Rung.OWN and not self.desk.sheltered:
            self._guard.chosen()
            self.rung = Rung.OWN
        if now_ns >= self._metrics_ns:
            self._metrics_ns = now_ns + round(COUNT_S * 1e9)
            self.metrics.step(self._tree, now_ns)

    def pass_time(self) -> None:
        """No leaps: every second of this day is lived."""

    def play(self, seconds: float) -> None:
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        while self.clock.now_ns() < end_ns:
            self.event()
            self.run(self.random.choice((0.01, 0.02, 0.06)))

    def rest(self, seconds: float) -> None:
        self.doze_ns = DOZE_NS
        self.run(seconds)
        self.doze_ns = 0

    @property
    def hours(self) -> float:
        return self.clock.now_ns() * 1e-9 / 3600

    def saves(self) -> int:
        """Of the settings: every one counts on by one in their first line."""
        heads = [path.read_bytes().split(b" ", 4) for path in self.state_dir.glob("settings-*.[ab]")]
        return max((int(head[3]) for head in heads), default=0)


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def kept_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def test_a_day_takes_no_more_at_its_end_than_after_its_first_hour(
    run_dir: Path, make_tiny_bundle: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    hours = request.config.getoption("--hours")
    samples: list[tuple[float, float, float]] = []
    with tiny_bundles(run_dir / "models", make_tiny_bundle):
        day = Day(run_dir, seed=1)
        began_h = day.hours
        while day.hours - began_h < hours:
            day.play(PLAYED_S)
            day.rest(RESTS_S)
            samples.append((day.hours - began_h, resident_mb(), len(os.listdir("/proc/self/fd"))))
        seconds, saves, kept = (day.hours - began_h) * 3600, day.saves(), kept_mb(day.state_dir)
        free = is_free(day)
    at_h, mb, descriptors = np.array(samples).T
    settled = at_h >= min(SETTLED_H, hours / 2)
    growth = float(np.polyfit(at_h[settled], mb[settled], 1)[0])
    pushed = int(day.metrics.totals["pushed"])
    print(
        f"{at_h[-1]:.2f} h, {day.events} events, {day.falls} falls of the engine, {day.safe} starts of it with a safe "
        f"sound, {day.restarts} of the panel\n"
        f"{mb[settled][0]:.1f} … {mb[-1]:.1f} MB, {growth:+.3f} MB/h; {descriptors[settled].min():.0f}…"
        f"{descriptors[settled].max():.0f} descriptors; settings saved {saves} times, one in {seconds / saves:.1f} s, "
        f"metrics {pushed} times; state of {kept:.2f} MB"
    )
    assert free, "nothing is stuck"
    assert saves <= seconds / SAVE_S + 1 and pushed <= seconds / RECENT_S
    assert kept < DISK_MB and (run_dir / "run" / FALLS).stat().st_size < 100
    half = len(descriptors) // 2
    assert descriptors[half:].max() <= descriptors[:half].max()
    if hours > 2 * SETTLED_H:
        assert growth <= GROWTH_MB_PER_H
