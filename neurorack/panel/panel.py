"""The panel at work: draws, lights, and listens to the encoder.

A turn of the encoder chooses the gesture, a press the next one; a long press opens the diagnostics, and any touch
leaves them; held for two seconds it goes on to the calibration, which has the encoder until it is done. The panel owns
nothing of the sound: what is chosen goes out through `choose_gesture`, and what it shows comes from the snapshots, so a
display that hangs on its bus delays nobody but the display.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import neurorack
from neurorack.board import Board
from neurorack.clock import Clock
from neurorack.errors import BadInput
from neurorack.jacks.bus import I2cBus, open_bus
from neurorack.jacks.calibration import Calibration
from neurorack.panel import screens
from neurorack.panel.calibrating import Calibrating
from neurorack.panel.encoder import Button, Encoder, Event, Quadrature
from neurorack.panel.leds import Leds, lights
from neurorack.panel.oled import Oled
from neurorack.panel.state import PanelState
from neurorack.panel.watch import Opened, Watch
from neurorack.shared import EdgeRing

FRAME_S = 0.04
"""25 frames a second: what an eye takes for movement."""

SPLASH_S = 1.2
"""The splash stays at least as long, so that a person can read it."""

CHOICE_S = 1.5
"""How long a chosen gesture stays in large after the last turn."""


class Panel:
    """Call `step` when it asks for it. It never raises for what a chip or another process does or fails to do.

    `choose_gesture` and `save_calibration` (may raise OSError) carry out what the player decides.
    `gestures` (names), `bundle` (shown until the engine names its own), `notices` and `problem` are the daemon's to
    set; with a problem the display says what to do instead of what sounds.
    """

    def __init__(
        self,
        run_dir: Path,
        board: Board,
        clock: Clock,
        choose_gesture: Callable[[int], None] = lambda number: None,
        save_calibration: Callable[[Calibration], None] = lambda calibration: None,
    ) -> None:
        self.gestures: Sequence[str] = ()
        self.bundle = ""
        self.notices: Sequence[str] = ()
        self.problem: BadInput | None = None
        self._board, self._clock, self._choose_gesture = board, clock, choose_gesture
        self._save_calibration = save_calibration
        self._watch = Watch(run_dir, clock)
        self._edges = Opened(lambda: EdgeRing(run_dir / "edges"), clock)
        self._encoder = Encoder(Quadrature(board.encoder.steps_per_detent, reverse=board.encoder.reversed), Button())
        buses = {
            name: Opened(lambda name=name: open_bus(board.buses[name].device, clock, run_dir), clock)  # type: ignore[misc]
            for name in {board.oled.bus, board.leds.bus}
        }
        self._oled_bus, self._led_bus = buses[board.oled.bus], buses[board.leds.bus]
        self._oled: Oled | None = None
        self._leds: Leds | None = None
        self._due_ns = clock.now_ns()
        self._chosen = 0
        self._choice_ends_ns = 0
        self._about = False
        self._calibrating: Calibrating | None = None

    def step(self) -> int:
        """Do what is due; returns when to call again, in the clock's nanoseconds."""
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns:
            return self._due_ns
        state = self._state(now_ns)
        self._listen(now_ns)
        if self._calibrating is not None and (totals := self._watch.totals()) is not None:
            self._calibrating.take(totals)
        self._show(self._screen(state, now_ns), lights(state, problem=self.problem is not None))
        frame_ns = round(FRAME_S * 1e9)
        self._due_ns = max(now_ns + frame_ns, self._clock.now_ns())  # a slow bus means fewer frames, never a backlog
        return self._due_ns

    def _state(self, now_ns: int) -> PanelState:
        state = self._watch.state()
        if now_ns >= self._choice_ends_ns:
            self._chosen = state.gesture_number
        silent = [
            name for name, chip in (("oled", self._oled), ("leds", self._leds)) if chip is not None and not chip.ok
        ]
        return replace(
            state,
            silent_chips=(*state.silent_chips, *silent),
            version=neurorack.__version__,
            bundle=state.bundle or self.bundle,
            notices=(*self.notices, *state.notices, *(["LED chip silent"] if "leds" in silent else ())),
            gestures=len(self.gestures),
            gesture_number=self._chosen,
            gesture=self._gesture_name(),
        )

    def _gesture_name(self) -> str:
        return self.gestures[self._chosen] if 0 <= self._chosen < len(self.gestures) else ""

    def _listen(self, now_ns: int) -> None:
        ring = self._edges.get()
        for event in self._encoder.read(ring.read() if ring else [], now_ns):
            if self._calibrating is not None:
                self._calibrating.touch(event)
                if self._calibrating.over:
                    self._calibrating = None
            elif event is Event.HOLD and self._about:
                self._about, self._calibrating = False, Calibrating(self._board, self._save_calibration)
            elif event is Event.HOLD:
                pass  # the long press before it has just left something
            elif self._about:
                self._about = False
            elif event is Event.LONG_PRESS:
                self._about = True
            elif self.gestures:
                step = -1 if event is Event.COUNTERCLOCKWISE else 1
                self._chosen = (self._chosen + step) % len(self.gestures)
                self._choice_ends_ns = now_ns + round(CHOICE_S * 1e9)
                self._choose_gesture(self._chosen)

    def _screen(self, state: PanelState, now_ns: int) -> np.ndarray:
        if self._calibrating is not None:
            return screens.calibration(self._calibrating.view())
        if self._about:
            return screens.about(state)
        if self.problem is not None:
            return screens.error(self.problem, state.t_s)
        if state.t_s < SPLASH_S or not self._watch.played:
            return screens.splash(state)
        if now_ns < self._choice_ends_ns:
            return screens.gesture(replace(state, gesture=self._gesture_name(), gesture_number=self._chosen))
        return screens.main(state)

    def _show(self, pixels: np.ndarray, brightness: dict[str, float]) -> None:
        bus: I2cBus | None = self._oled_bus.get()
        if bus is not None:
            if self._oled is None:
                self._oled = Oled(bus, self._board.oled.address, self._clock, rotated=self._board.oled.rotated)
            self._oled.show(pixels)
        bus = self._led_bus.get()
        if bus is not None:
            if self._leds is None:
                board = self._board.leds
                self._leds = Leds(bus, board.address, board.channels, board.pwm_hz, self._clock)
            self._leds.show(brightness)

    def close(self) -> None:
        """Switch display and LEDs off: a dark panel is one that nobody looks after."""
        if self._oled is not None:
            self._oled.blank()
        if self._leds is not None:
            self._leds.show({})
