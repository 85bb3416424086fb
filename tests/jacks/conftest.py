"""A module on the virtual rack: real drivers, virtual chips, simulated time, any volts at the jacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurorack.board import load_board
from neurorack.clock import SimulatedClock
from neurorack.jacks.bus import open_bus
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.lines import open_lines
from neurorack.jacks.scan import Scan
from neurorack.rack.chips.ads1x15 import Ads1x15
from neurorack.rack.plan import Rack
from neurorack.rack.signals import Signal
from neurorack.rack.state import Fault, MemoryStore, WorldState
from neurorack.rack.world import World
from neurorack.words import CV_JACKS, GATE_JACKS

MS = 1_000_000


class Plays:
    """A signal from a table of (ms, volts), each holding until the next, or from a function of seconds."""

    def __init__(self, table: list[tuple[float, float]] | Callable[[float], float]) -> None:
        self._function = table if callable(table) else None
        self._table = [] if callable(table) else [(round(ms * MS), volts) for ms, volts in table]

    def volts(self, t_ns: int) -> float:
        if self._function is not None:
            return self._function(t_ns * 1e-9)
        return next((volts for at_ns, volts in reversed(self._table) if at_ns <= t_ns), 0.0)

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        return [at_ns for at_ns, _ in self._table if t0_ns < at_ns <= t1_ns]


def _signal(played: Any) -> Signal:
    if hasattr(played, "breaks"):
        return played
    return Plays([(0, played)] if isinstance(played, int | float) else played)


class Module:
    """`jacks` maps a jack to volts, to a signal or to what `Plays` takes; `seed` picks the specimens of the chips, and
    with `clock_error` all of them convert that much slower than their data sheets say. `board` is a file in place of
    orin's.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        noise: bool = True,
        clock_error: float | None = None,
        board: Path | None = None,
        calibration: Calibration | None = None,
        **jacks: object,
    ) -> None:
        signals = {jack: _signal(v) for jack, v in jacks.items()}
        cables, pots = {jack: jack for jack in signals}, {"pot1": 0.1, "pot4": 1.0}
        state = WorldState(rack="bench", board=str(board or ""), seed=seed, cables=cables, pots=pots, noise=noise)
        self.world = World(MemoryStore(state), Rack(Path("bench"), "bench", seed, dict(signals), cables, pots))
        self.clock = SimulatedClock()
        self.board = load_board(board, rack=True)
        self.bus = open_bus("rack:a", self.clock, self.world)
        self.chips: dict[str, Ads1x15] = self.bus._chips
        """Converters by their names in the rack."""
        if clock_error is not None:
            for chip in self.chips.values():
                chip.clock_error = clock_error
        lines = open_lines(self.board.gpio, self.clock, self.world) if set(jacks) & set(GATE_JACKS) else None
        self.scan = Scan(self.board, self.bus, lines, self.clock, calibration)
        self.edges: list[tuple[int, str, int]] = []
        self.history: list[tuple[float, list[float]]] = []
        """(ms, volts) after every step that brought something new."""

    def run_to(self, ms: float) -> "Module":
        while self.clock.now_ns() < ms * MS:
            due_ns = self.scan.step()
            self.edges += self.scan.take_edges()
            if self.scan.fresh:
                self.history.append((self.clock.now_ns() / MS, [float(v) for v in self.scan.volts]))
            self.clock.sleep_until_ns(due_ns)
        return self

    def of(self, jack: str, from_ms: float = 0.0) -> list[tuple[float, float]]:
        """(ms, volts) of one jack."""
        index = CV_JACKS.index(jack)
        return [(ms, volts[index]) for ms, volts in self.history if ms >= from_ms]

    def break_chip(self, name: str, fault: Fault | None) -> None:
        def edit(state: WorldState) -> None:
            state.faults = {} if fault is None else {name: fault}

        self.world.store.change(edit)


@pytest.fixture
def module() -> type[Module]:
    return Module


@pytest.fixture
def a_file(tmp_path: Path) -> Callable[[str], Path]:
    """Write a text, get its path."""

    def write(text: str) -> Path:
        path = tmp_path / "file.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
