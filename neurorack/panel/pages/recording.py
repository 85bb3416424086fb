"""Gestures recorded live: one is recorded, and those that were can be renamed and thrown away."""

import msgspec
import numpy as np

from neurorack.panel import font, layout
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Ask, Page, Row, Wheel
from neurorack.panel.pages.presets import NamePage
from neurorack.panel.state import PanelState
from neurorack.takes.shelf import Stage
from neurorack.takes.take import TAKE_S

_HINTS = {
    Stage.IDLE: "hold: back",
    Stage.WAITING: "hold: leave",
    Stage.RECORDING: "push: end  hold: drop it",
    Stage.KEEPING: "",
    Stage.KEPT: "push: play it  hold: back",
    Stage.FAILED: "push: again  hold: back",
}


class RecordPage(Page):
    """Begins to wait for a gate at once, and follows the recording: what a push does depends on where that is."""

    def __init__(self, instrument: Instrument) -> None:
        instrument.take("record")
        self._instrument, self._progress = instrument, instrument.recording

    def step(self, state: PanelState) -> None:
        self._progress = self._instrument.recording

    def press(self) -> Page | None:
        stage, instrument = self._progress.stage, self._instrument
        if stage is Stage.RECORDING:
            instrument.take("stop")
        elif stage is Stage.FAILED:
            instrument.take("record")
        elif stage is Stage.KEPT and self._progress.name in instrument.gestures:
            number = list(instrument.gestures).index(self._progress.name)
            instrument.play(msgspec.structs.replace(instrument.sound, gesture=number))
            self.over = True
        return None

    def back(self) -> bool:
        self._instrument.take("cancel")
        return True

    def draw(self, state: PanelState) -> np.ndarray:
        c, progress = Canvas(), self._progress
        layout.title(c, "record a gesture")
        if progress.stage is Stage.WAITING:
            self._tell(c, "ready", "waiting for gate 1")
        elif progress.stage is Stage.RECORDING:
            if state.t_s % 1 < 0.6:
                c.fill(0, 18, 8, 8)
            c.text(16, 14, f"{progress.left_s:.1f} s left", 2)
            layout.bar(c, 0, 36, WIDTH, 1 - progress.left_s / TAKE_S, 10)
        elif progress.stage is Stage.KEPT:
            self._tell(c, progress.name, "is kept. With the CVs out it plays as it was.")
        elif progress.stage is Stage.FAILED:
            for row, line in enumerate(font.wrap(f"⚠ {progress.fault}", WIDTH)[:4]):
                c.text(0, 13 + 10 * row, line)
        else:
            self._tell(c, progress.stage.value, "")
        layout.foot(c, _HINTS[progress.stage], state.notices, state.t_s)
        return c.pixels

    @staticmethod
    def _tell(c: Canvas, large: str, small: str) -> None:
        if font.width(large, 2) <= WIDTH:
            c.text_centre(WIDTH // 2, 14, large, 2)
        else:
            layout.big(c, 0, 14, large, WIDTH)
        for row, line in enumerate(font.wrap(small, WIDTH)[:2]):
            c.text_centre(WIDTH // 2, 34 + 10 * row, line)


class TakesPage(Wheel):
    """Those that were recorded with this instrument; a push tells what can be done with one."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("recorded", self._takes)
        self._instrument = instrument

    def _takes(self) -> list[Row]:
        return [Row(name, lambda name=name: self._open(name)) for name in self._instrument.takes]  # type: ignore[misc]

    def _open(self, name: str) -> Page:
        rename = Row("rename", lambda: NamePage("name", name, lambda to: self._do("rename", name, to)))
        question = f"Throw {name} away? Presets with it play another."
        remove = Row("remove", lambda: Ask("remove", question, "yes", lambda: self._do("remove", name)))
        self._deeds = Wheel(name, lambda: [rename, remove], "push: do it  hold: back")
        return self._deeds

    def _do(self, deed: str, name: str, to: str = "") -> None:
        self._instrument.take(deed, name, to)
        self.say(f"{deed}d")
        self._deeds.over = True
