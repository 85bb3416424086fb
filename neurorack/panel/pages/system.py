"""The module itself: calibration, shutting down, resets, the last crash, about."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import neurorack
from neurorack.board import Board, load_board
from neurorack.crash import Kept
from neurorack.errors import BadInput
from neurorack.jacks.calibration import Calibration
from neurorack.jacks.measure import Totals
from neurorack.jacks.report import uncalibrated_cents
from neurorack.panel import font, layout, screens
from neurorack.panel.calibrating import Calibrating
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Push, Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Ask, Page, Row, Wheel
from neurorack.panel.state import PanelState


def _nothing() -> None:
    pass


def _shipped_cents() -> float:
    return uncalibrated_cents(load_board(), beside_reference=True)


@dataclass(frozen=True)
class Service:
    """What the panel may ask of the daemon beyond what plays. The first two may raise OSError."""

    save_calibration: Callable[[Calibration], None] = lambda calibration: None
    forget_calibration: Callable[[], None] = _nothing
    shut_down: Callable[[], None] = _nothing
    panic: Callable[[], None] = _nothing
    last_crash: Callable[[], Kept | None] = lambda: None
    uncalibrated_cents: Callable[[], float] = _shipped_cents
    """What the module may be off by without a calibration; of a shipped board where there is no daemon to ask."""


class CalibrationPage(Page):
    """The wizard has encoder and display until it is done."""

    def __init__(self, board: Board, service: Service, totals: Callable[[], Totals | None]) -> None:
        self._totals = totals
        self.calibrating = Calibrating(board, service.save_calibration)

    def step(self, state: PanelState) -> None:
        if (totals := self._totals()) is not None:
            self.calibrating.take(totals)

    def turn(self, turn: Turn) -> None:
        self.calibrating.touch(turn)
        self.over = self.calibrating.over

    def press(self) -> Page | None:
        self.calibrating.touch(Push.PRESS)
        self.over = self.calibrating.over
        return None

    def back(self) -> bool:
        self.calibrating.touch(Push.LONG_PRESS)
        return True

    def draw(self, state: PanelState) -> np.ndarray:
        return screens.calibration(self.calibrating.view())


class SystemPage(Wheel):
    """What is lost by a push is asked for twice, and calibration is lost by its own row alone."""

    def __init__(self, instrument: Instrument, service: Service) -> None:
        super().__init__("system", self._deeds)
        self._instrument, self._service = instrument, service

    def _deeds(self) -> list[Row]:
        encoder = "reversed" if self._instrument.encoder_swapped else "as built"
        return [
            Row("about", lambda: AboutPage(self._instrument)),
            Row("encoder", self._swap, encoder, "push: reverse  hold: back"),
            Row("shut down", lambda: Ask("shut down", "Save all and stop the module?", "yes", self._shut_down)),
            Row("last crash", lambda: CrashPage(self._service.last_crash())),
            Row("factory reset", self._ask_reset),
            Row("forget calibration", self._ask_forget),
            *([Row("undo panic", self._ask_undo)] if self._instrument.panicked else []),
            Row("panic", self._service.panic, hint="push: panic  hold: back"),
        ]

    def _swap(self) -> None:
        self._instrument.swap_encoder()
        self.say("turns reversed" if self._instrument.encoder_swapped else "turns as built")

    def _ask_undo(self) -> Page:
        return Ask("undo panic", "Play what played before it? Undo again brings this back.", "yes", self._undo)

    def _undo(self) -> None:
        self._instrument.undo_panic()
        self.say("plays as before")

    def _shut_down(self) -> Page:
        self._service.shut_down()
        return GoodbyePage()

    def _ask_reset(self) -> Page:
        question = "Forget patch, settings, presets? Calibration and recordings stay."
        return Ask("factory reset", question, "yes", lambda: self._ask_again("factory reset", self._reset))

    def _ask_again(self, title: str, act: Callable[[], None]) -> Page:
        presets = len(self._instrument.presets)
        lost = f"{presets} presets are lost. " if title == "factory reset" and presets else ""
        return Ask(title, f"Really? {lost}There is no way back.", "really", act)

    def _reset(self) -> None:
        self._instrument.reset()
        self.say("as out of its box")

    def _ask_forget(self) -> Page:
        question = f"Play uncalibrated, up to {self._service.uncalibrated_cents():.0f} cents off?"
        return Ask("calibration", question, "yes", lambda: self._ask_again("calibration", self._forget))

    def _forget(self) -> None:
        try:
            self._service.forget_calibration()
        except OSError as error:
            raise BadInput(f"the calibration is not forgotten: {error.strerror}", "", "try again") from error
        self.say("uncalibrated now")


class AboutPage(Page):
    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        layout.title(c, "about", "hold: back")
        c.text_centre(WIDTH // 2, 12, "neurorack", 2)
        rows = (
            f"version {neurorack.__version__}, Apache-2.0",
            f"{self._instrument.bundle_name}: {self._instrument.licence}"
            if self._instrument.bundle_name
            else "no bundle",
            f"{len(self._instrument.gestures)} gestures",
        )
        for row, text in enumerate(rows):
            c.text_centre(WIDTH // 2, 33 + 10 * row, font.shorten(text, WIDTH))
        return c.pixels


class CrashPage(Page):
    """Which process ended as it should not, how, when, and what it said: the newest lines first, a turn reads on, and a
    push is done with it."""

    ROWS = 6

    def __init__(self, crash: Kept | None) -> None:
        self._title, self._rows, self._top = "last crash", ["none so far"], 0
        if crash is not None:
            said = [row for line in reversed(crash.said) for row in font.wrap(line, WIDTH)]
            self._title = f"{crash.part}: {crash.how}"
            self._rows = [crash.when, f"{crash.up_s:.0f} s on, v. {crash.version}", *said]

    def turn(self, turn: Turn) -> None:
        self._top = min(max(self._top + turn.detents, 0), max(len(self._rows) - self.ROWS, 0))

    def press(self) -> Page | None:
        self.over = True
        return None

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        rest = len(self._rows) - self.ROWS
        layout.title(c, self._title, f"{self._top + 1}/{rest + 1}" if rest > 0 else "")
        for row, text in enumerate(self._rows[self._top : self._top + self.ROWS]):
            c.text(0, 11 + 9 * row, font.shorten(text, WIDTH))
        return c.pixels


class GoodbyePage(Page):
    """Until the daemon ends, with `screens.farewell` for its last picture. No touch leads away from it."""

    def back(self) -> bool:
        return False

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        c.text_centre(WIDTH // 2, 12, "good bye", 2)
        c.text_centre(WIDTH // 2, 40, "saving…")
        return c.pixels
