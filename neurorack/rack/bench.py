"""A virtual module on a workbench: one specimen, a voltage source that is exact, and nothing else running."""

from pathlib import Path

from neurorack.board import Board
from neurorack.clock import Clock
from neurorack.jacks.bus import open_bus
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.measure import Totals
from neurorack.jacks.scan import Scan
from neurorack.rack.control import RackControl
from neurorack.rack.plan import Rack
from neurorack.rack.signals import Constant, Signal
from neurorack.rack.state import MemoryStore, WorldState
from neurorack.rack.world import World
from neurorack.words import CV_JACKS


class Bench:
    """With a `SimulatedClock` a minute of it takes a second or two. `board` is that of the rack (`Board.on_rack`)."""

    def __init__(self, board: Board, clock: Clock, specimen: int, path: Path | None = None) -> None:
        """`path` is the file of `board`, None the packaged one."""
        state = WorldState(
            rack="bench", board=str(path or ""), seed=specimen, specimen=specimen, epoch_ns=clock.now_ns()
        )
        self._outputs: dict[str, Signal] = {"source.0": Constant(0.0)}
        self._clock = clock
        self._hands = RackControl(
            World(MemoryStore(state), Rack(Path("bench"), "bench", specimen, self._outputs, {}, {})), clock
        )
        self._bus = open_bus(board.bus_of(board.adc.voct).device, clock, self._hands.world)
        self._scan = Scan(board, self._bus, None, clock)

    def apply(self, jacks: tuple[str, ...], volts: float) -> None:
        """Plug the source into these jacks, and nothing into the others."""
        output = f"source.{len(self._outputs)}"
        self._outputs[output] = Constant(volts)
        for jack in CV_JACKS:
            if jack in jacks:
                self._hands.patch(jack, output)
            else:
                self._hands.unplug(jack)

    def totals(self, seconds: float) -> Totals:
        """What has been read after `seconds` more."""
        end_ns = self._clock.now_ns() + round(seconds * 1e9)
        while self._clock.now_ns() < end_ns:
            self._clock.sleep_until_ns(min(self._scan.step(), end_ns))
        return self._scan.totals

    def calibrate(self, calibration: Calibration) -> None:
        self._scan.calibrate(calibration)

    def voct_v(self, volts: float, seconds: float = 0.5) -> float:
        """What the module plays `volts` at `voct` for, once it has settled."""
        self.apply(CV_JACKS[:1], volts)
        self.totals(seconds)
        return float(self._scan.volts[0])

    def close(self) -> None:
        self._bus.close()
