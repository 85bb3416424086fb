"""What an eye sees of the virtual module: display, LEDs, volts in the jacks, pots, cables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.board import load_board
from neurorack.clock import Clock
from neurorack.errors import BadInput
from neurorack.rack.chips.pca9685 import LEDS
from neurorack.rack.chips.ssd1306 import OLED, pixels
from neurorack.rack.plan import INPUT_JACKS
from neurorack.rack.world import World
from neurorack.shared import Snapshot
from neurorack.words import POTS

EYE = 1 / 2.2
"""Brightness that an eye sees = duty to this power."""


@dataclass(frozen=True)
class Look:
    """One glance at the module."""

    pixels: np.ndarray  # bool [64, 128]: the display
    lights: dict[str, float]  # LED → brightness 0…1 as the eye sees it
    volts: dict[str, float]  # jack → what lies there now, cable or not
    pots: dict[str, float]  # 0…1
    cables: dict[str, str]  # jack → "source.output"


class Looker:
    """Looks at the module that runs in a run directory. Raises BadInput where none does."""

    def __init__(self, run_dir: Path, clock: Clock, world: World | None = None) -> None:
        self._clock = clock
        self._world = world or World.attach(run_dir, clock.now_ns())
        board = self._world.state.board
        self._channels = load_board(Path(board) if board else None, rack=True).leds.channels
        self._oled = _Chip(run_dir / "rack.oled", OLED)
        self._leds = _Chip(run_dir / "rack.leds", LEDS)

    def look(self) -> Look:
        self._world.refresh()
        now_ns, state = self._clock.now_ns(), self._world.state
        oled, leds = self._oled.newest(), self._leds.newest()
        return Look(
            pixels=np.zeros((64, 128), bool) if oled is None else pixels(oled),
            lights={
                name: 0.0 if leds is None else float(leds["duty"][channel]) ** EYE
                for name, channel in self._channels.items()
            },
            volts={jack: self._world.volts(jack, now_ns) for jack in INPUT_JACKS},
            pots={pot: self._world.pot(pot) for pot in POTS},
            cables=dict(state.cables),
        )


class _Chip:
    """What a chip left in the run directory; None until it has been spoken to."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self._path, self._dtype = path, dtype
        self._snapshot: Snapshot | None = None

    def newest(self) -> np.record | None:
        if self._snapshot is None:
            try:
                self._snapshot = Snapshot(self._path, self._dtype)
            except BadInput:
                return None
        self._snapshot.refresh()
        return self._snapshot.record
