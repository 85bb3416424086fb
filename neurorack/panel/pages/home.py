"""Home: what plays. A turn chooses the gesture at once, a push opens the menu."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from neurorack.panel import screens
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Page, Row, Wheel
from neurorack.panel.pages.editing import position
from neurorack.panel.state import PanelState
from neurorack.words import FIND

CHOICE_S = 0.5
"""So long the engine has to take up a chosen gesture; then home shows what it says it plays."""


AWAY = 0.01
"""So far from its middle a knob that finds leads elsewhere; a pot's noise does not."""


class HomePage(Page):
    def __init__(self, instrument: Instrument, rows: Callable[[], list[Row]]) -> None:
        self._instrument, self._rows = instrument, rows
        self._number, self._choice_ends_s, self._now_s = 0, 0.0, 0.0

    def step(self, state: PanelState) -> None:
        self._now_s = state.t_s
        if state.t_s >= self._choice_ends_s:
            self._number = state.gesture_number

    def turn(self, turn: Turn) -> None:
        gestures = len(self._instrument.gestures)
        if gestures and turn.detents:
            self._number = (self._number + turn.detents) % gestures
            self._choice_ends_s = self._now_s + CHOICE_S
            self._instrument.play(msgspec.structs.replace(self._instrument.sound, gesture=self._number))

    def press(self) -> Page | None:
        return Wheel("menu", self._rows)

    def draw(self, state: PanelState) -> np.ndarray:
        gestures = self._instrument.gestures
        name = gestures[self._number] if 0 <= self._number < len(gestures) else ""
        return screens.play(replace(state, gesture=f"{name}*" if name and self._finds(state) else name))

    def _finds(self, state: PanelState) -> bool:
        """What plays is another gesture than the one that is named: one that was found from it."""
        instrument = self._instrument
        if not instrument.finds:
            return False
        away = (abs(position(instrument, name, state) - 0.5) > AWAY for name in FIND)
        return instrument.sound.found is not None or any(away)
