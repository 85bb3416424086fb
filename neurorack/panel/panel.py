"""The panel at work: draws, lights, and listens to the encoder.

The panel owns nothing of the sound: what the player decides goes out through the instrument, and what is shown comes
from the snapshots, so a display that hangs on its bus delays nobody but the display.

A frame comes every 50 ms. A touch of the encoder brings the next one forward: it is looked for every 10 ms, and a
change of the whole display takes 23.5 ms on the bus, so even one that comes while a frame is being sent is seen within
50 ms. Frames are paid from a purse that fills by 22 a second and holds three, so there are never more than 25 in one.
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
from neurorack.jacks.hold import HELD_S, Hold
from neurorack.panel import screens
from neurorack.panel.canvas import HEIGHT, WIDTH
from neurorack.panel.encoder import Button, Encoder, Quadrature
from neurorack.panel.host import SYSFS
from neurorack.panel.instrument import Instrument
from neurorack.panel.leds import Leds, lights
from neurorack.panel.machine import Machine
from neurorack.panel.menu import Menu
from neurorack.panel.oled import BRIGHT, DIM, Oled
from neurorack.panel.page import Page, Refused, Row
from neurorack.panel.pages.home import HomePage
from neurorack.panel.pages.knobs import KnobsPage
from neurorack.panel.pages.meters import MetersPage, TunerPage
from neurorack.panel.pages.patch import PatchPage
from neurorack.panel.pages.performing import Gate2Page, MorphPage, ScalePage
from neurorack.panel.pages.presets import PresetsPage
from neurorack.panel.pages.scope import Ear, Listener, ScopePage, SpectrumPage
from neurorack.panel.pages.sounds import GesturesPage, InstrumentsPage
from neurorack.panel.pages.system import CalibrationPage, Service, SystemPage
from neurorack.panel.rest import Light, Rest
from neurorack.panel.state import PanelState
from neurorack.panel.watch import Opened, Watch
from neurorack.shared import LED_NAMES, PANEL, EdgeRing, Snapshot

FRAME_S, HOT_FRAME_S = 0.05, 0.25
"""From frame to frame where nobody touches the encoder; while the machine is hot."""

LISTEN_S = 0.01
"""From look to look at the encoder."""

WARNED_S = 2.0
"""Held for so long, the display says what holding on will do: well after a long press has gone back."""

FRAMES_PER_S, PURSE = 22.0, 3.0

SPLASH_S = 1.2
"""The splash stays at least as long, so that a person can read it."""

CONTRAST = {Light.BRIGHT: BRIGHT, Light.DIM: DIM, Light.DARK: DIM}


def menu_rows(
    instrument: Instrument, service: Service, calibration: Callable[[], Page], ear: Callable[[], Listener]
) -> list[Row]:
    """The menu: what is needed most comes first. A page that listens has an ear of its own, while it is open."""
    return [
        Row("knobs", lambda: KnobsPage(instrument)),
        Row("gestures", lambda: GesturesPage(instrument)),
        Row("presets", lambda: PresetsPage(instrument)),
        Row("instruments", lambda: InstrumentsPage(instrument)),
        Row("patch", lambda: PatchPage(instrument)),
        Row("gate 2", lambda: Gate2Page(instrument)),
        Row("scale", lambda: ScalePage(instrument)),
        Row("morph to", lambda: MorphPage(instrument)),
        Row("tuner", lambda: TunerPage(instrument)),
        Row("scope", lambda: ScopePage(ear())),
        Row("spectrum", lambda: SpectrumPage(ear())),
        Row("meters", MetersPage),
        Row("calibrate", calibration),
        Row("system", lambda: SystemPage(instrument, service)),
    ]


class Panel:
    """Call `step` when it asks for it. It never raises for what a chip or another process does or fails to do.

    `notices` and `problem` are the daemon's to set; with a problem home says what to do instead of what sounds.
    """

    def __init__(
        self,
        run_dir: Path,
        board: Board,
        clock: Clock,
        instrument: Instrument,
        service: Service | None = None,
        sysfs: Path = SYSFS,
    ) -> None:
        self.notices: Sequence[str] = ()
        self.problem: BadInput | None = None
        self._board, self._clock, self._instrument = board, clock, instrument
        self._watch, self._machine = Watch(run_dir, clock), Machine(sysfs)
        self._edges = Opened(lambda: EdgeRing(run_dir / "edges"), clock)
        self._mirror = Opened(lambda: Snapshot(run_dir / "panel", PANEL, create=True), clock)
        self._turns = Quadrature(board.encoder.steps_per_detent)
        self._encoder = Encoder(self._turns, Button())
        self._hold = Hold(seen_up=True)
        buses = {
            name: Opened(lambda name=name: open_bus(board.buses[name].device, clock, run_dir), clock)  # type: ignore[misc]
            for name in {board.oled.bus, board.leds.bus}
        }
        self._oled_bus, self._led_bus = buses[board.oled.bus], buses[board.leds.bus]
        self._oled: Oled | None = None
        self._leds: Leds | None = None
        self._rest = Rest()
        service = service or Service()
        rows = menu_rows(
            instrument,
            service,
            lambda: CalibrationPage(board, service, self._watch.totals),
            lambda: Ear(run_dir, clock),
        )
        self.menu = Menu(HomePage(instrument, lambda: rows))
        self._frame_ns = clock.now_ns()
        self._purse, self._paid_ns = PURSE, clock.now_ns()

    def step(self) -> int:
        """Do what is due; returns when to call again, in the clock's nanoseconds."""
        now_ns = self._clock.now_ns()
        touched = self._listen(now_ns)
        if (touched or now_ns >= self._frame_ns) and self._pays(now_ns):
            self._draw(now_ns)
        elif touched:
            self._frame_ns = now_ns  # as soon as it can be paid
        return max(self._clock.now_ns(), now_ns + round(LISTEN_S * 1e9))  # a slow bus: fewer frames, never a backlog

    def _pays(self, now_ns: int) -> bool:
        self._purse = min(self._purse + (now_ns - self._paid_ns) * 1e-9 * FRAMES_PER_S, PURSE)
        self._paid_ns = now_ns
        if self._purse < 1.0:
            return False
        self._purse -= 1.0
        return True

    def _listen(self, now_ns: int) -> bool:
        """Hand what the encoder did to the page; whether it did anything."""
        ring = self._edges.get()
        self._turns.reverse = self._board.encoder.reversed != self._instrument.encoder_swapped
        edges = ring.read() if ring else []
        for edge in edges:
            self._hold.edge(*edge)
        self._hold.held(now_ns)  # from then on it is the jacks' and the daemon's
        events = self._encoder.read(edges, now_ns)
        t_s = self._watch.t_s
        for event in events:
            if not self._rest.touch(t_s):
                self.menu.touch(event)
        return bool(events)

    def tell(self, what: BadInput, title: str, holds: Callable[[], bool] = lambda: True) -> None:
        """Say this on the whole display until the next touch, and as long as it holds."""
        self._rest.touch(self._watch.t_s)
        self.menu.cover(Refused(what, title, holds))

    def _draw(self, now_ns: int) -> None:
        state = self._state()
        self._rest.look(state.t_s, state.picked, self.problem)
        self.menu.step(state)
        light = self._rest.light(state.t_s)
        pixels = np.zeros((HEIGHT, WIDTH), bool) if light is Light.DARK else self._screen(state)
        brightness = lights(state, problem=self.problem is not None)
        self._show(pixels, CONTRAST[light], brightness)
        self._reflect(pixels, brightness, now_ns)
        self._frame_ns = now_ns + round((HOT_FRAME_S if state.hot else FRAME_S) * 1e9)

    def _state(self) -> PanelState:
        state = self._watch.state()
        health = self._machine.look(state.t_s)
        silent = [
            name for name, chip in (("oled", self._oled), ("leds", self._leds)) if chip is not None and not chip.ok
        ]
        return replace(
            state,
            silent_chips=(*state.silent_chips, *silent),
            version=neurorack.__version__,
            bundle=state.bundle or self._instrument.bundle_name,
            notices=(
                *self.notices,
                *state.notices,
                *health.notices,
                *(["LED chip silent"] if "leds" in silent else ()),
            ),
            temperature_c=health.temperature_c,
            hot=health.hot,
            supply_v=health.supply_v,
            supply_low=health.low,
            gestures=len(self._instrument.gestures),
        )

    def _screen(self, state: PanelState) -> np.ndarray:
        if (left_s := self._hold.left_s(self._clock.now_ns())) <= HELD_S - WARNED_S:
            return screens.holding(left_s / (HELD_S - WARNED_S))
        if self.menu.at_home and self.problem is not None:
            return screens.error(self.problem, state.t_s)
        if self.menu.at_home and (state.t_s < SPLASH_S or not self._watch.played):
            return screens.splash(state)
        return self.menu.draw(state)

    def _show(self, pixels: np.ndarray, contrast: int, brightness: dict[str, float]) -> None:
        bus: I2cBus | None = self._oled_bus.get()
        if bus is not None:
            if self._oled is None:
                self._oled = Oled(bus, self._board.oled.address, self._clock, rotated=self._board.oled.rotated)
            self._oled.show(pixels, contrast=contrast)
        bus = self._led_bus.get()
        if bus is not None:
            if self._leds is None:
                board = self._board.leds
                self._leds = Leds(bus, board.address, board.channels, board.pwm_hz, self._clock)
            self._leds.show(brightness)

    def _reflect(self, pixels: np.ndarray, brightness: dict[str, float], now_ns: int) -> None:
        """Let those who look from afar see it too."""
        if (mirror := self._mirror.get()) is not None:
            mirror.record["t_ns"] = now_ns
            mirror.record["pages"] = np.packbits(pixels.reshape(8, 8, WIDTH), axis=1, bitorder="little")[:, 0]
            mirror.record["leds"] = [brightness[name] for name in LED_NAMES]
            told = ([str(self.problem)] if self.problem is not None else []) + list(self.notices)
            mirror.record["notice"] = " · ".join(told).encode()
            mirror.publish()

    def bid_farewell(self, *, saved: bool) -> None:
        """The last picture, which the display keeps as long as it has power."""
        pixels, dark = screens.farewell(saved=saved), dict.fromkeys(LED_NAMES, 0.0)
        self._show(pixels, BRIGHT, dark)
        self._reflect(pixels, dark, self._clock.now_ns())

    def close(self) -> None:
        """Switch display and LEDs off: a dark panel is one that nobody looks after."""
        if self._oled is not None:
            self._oled.blank()
        if self._leds is not None:
            self._leds.show({})
