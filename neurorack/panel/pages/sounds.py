"""What plays: gestures by name, and the instruments that are installed."""

import msgspec

from neurorack.panel import layout
from neurorack.panel.canvas import Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Row, Wheel
from neurorack.panel.pages.recording import RecordPage, TakesPage
from neurorack.panel.state import Engine, PanelState
from neurorack.settings.model import Sound

LOAD_S = 15.0
"""An engine that has not taken an instrument up by then will not."""


class GesturesPage(Wheel):
    """Names to turn through; a push plays one from the next gate on. Behind them one is recorded."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("gestures", self._names, "push: choose  hold: back", instrument.sound.gesture)
        self._instrument = instrument

    def _names(self) -> list[Row]:
        instrument = self._instrument
        rows = [
            Row(
                name,
                lambda number=number: self._choose(number),  # type: ignore[misc]
                "✓" if number == instrument.sound.gesture else "",
            )
            for number, name in enumerate(instrument.gestures)
        ]
        if instrument.takes:
            rows.append(Row("recorded", lambda: TakesPage(instrument), hint="push: open  hold: back"))
        return [*rows, Row("record", lambda: RecordPage(instrument), hint="push: record  hold: back")]

    def _choose(self, number: int) -> None:
        self._instrument.play(msgspec.structs.replace(self._instrument.sound, gesture=number, found=None))


class InstrumentsPage(Wheel):
    """The bundles that are installed. The engine loads one beside what sounds:

    chosen ──▶ loading ──the engine names it──▶ plays
                  └──it says why not, or nothing for 15 s──▶ the one before again, and the reason in the foot
    """

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("instruments", self._names, "push: load  hold: back")
        self._instrument = instrument
        self._bundles = instrument.bundles()  # asked for once: it looks through folders
        if instrument.bundle_name in self._bundles:
            self.chosen = self._bundles.index(instrument.bundle_name)
        self._before: Sound | None = None  # what to go back to, while one is loading
        self._before_sheltered = False
        self._said_before, self._asked_s = "", 0.0
        self._refusal = ""
        self._plays = ""

    def _names(self) -> list[Row]:
        return [
            Row(name, lambda name=name: self._load(name), "✓" if name == self._plays else "")  # type: ignore[misc]
            for name in self._bundles
        ]

    def _load(self, name: str) -> None:
        sheltered = self._instrument.sheltered
        if name == self._instrument.bundle_name and self._before is None and not sheltered:
            return
        before = self._before or self._instrument.sound
        self._refusal = ""
        self._instrument.choose(name)
        if self._before is None:
            self._before_sheltered = sheltered
        self._before, self._asked_s = before, self._now_s

    def step(self, state: PanelState) -> None:
        super().step(state)
        self._plays = state.bundle
        if self._before is None:
            self._said_before = state.said
            return
        if state.bundle == self._instrument.bundle_name:
            self._before = None
            return
        said = state.said if state.said != self._said_before else ""
        if said or (state.engine is Engine.PLAYING and state.t_s - self._asked_s > LOAD_S):
            before, self._before = self._before, None
            self._refusal = said or "the engine does not load it"
            if self._before_sheltered:
                self._instrument.shelter()
            else:
                self._instrument.play(before)

    def turn(self, turn: Turn) -> None:
        self._refusal = ""
        super().turn(turn)

    def _foot(self, c: Canvas, state: PanelState) -> None:
        if self._before is not None:
            layout.foot(c, "loading" + "." * (1 + int(state.t_s * 3) % 3))
        elif self._refusal:
            if not layout.notice(c, layout.FOOT - 1, (self._refusal,), state.t_s):
                c.text(0, layout.FOOT, "⚠ not loaded")
        else:
            super()._foot(c, state)
