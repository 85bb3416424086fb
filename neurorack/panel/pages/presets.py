"""The 64 presets, and the letters of their names."""

import string
from collections.abc import Callable

import numpy as np

from neurorack.panel import font, layout
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Ask, Page, Row, Wheel
from neurorack.panel.state import PanelState
from neurorack.settings.model import NAME_CHARACTERS_MAX, PRESETS

DONE, DELETE = "✓", "←"
LETTERS = DONE + DELETE + " " + string.ascii_lowercase + string.digits + string.ascii_uppercase + "-'.,&+#"


class PresetsPage(Wheel):
    """All places, full or empty; a push tells what can be done with one."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("presets", self._places)
        self._instrument = instrument

    def _places(self) -> list[Row]:
        presets = self._instrument.presets
        return [
            Row(f"{number} {presets[number].name if number in presets else '−'}", self._open)
            for number in range(1, PRESETS + 1)
        ]

    def _open(self) -> Page:
        return PresetPage(self._instrument, self.chosen + 1, self.say)


class PresetPage(Wheel):
    """What can be done with one place. What loses something asks first."""

    def __init__(self, instrument: Instrument, number: int, say: Callable[[str], None]) -> None:
        super().__init__(f"preset {number}", self._deeds, "push: do it  hold: back")
        self._instrument, self._number, self._say = instrument, number, say

    def _deeds(self) -> list[Row]:
        number = self._number
        if number not in self._instrument.presets:
            return [Row("store", lambda: self._do("save", "stored"))]
        return [
            Row("recall", lambda: self._do("recall", "recalled")),
            Row("store", lambda: self._ask("save", "stored", f"Store what plays over preset {number}?")),
            Row("rename", self._rename),
            Row("clear", lambda: self._ask("clear", "cleared", f"Clear preset {number}?")),
        ]

    def _do(self, deed: str, done: str, name: str | None = None) -> None:
        self._instrument.preset(deed, self._number, name)
        self._say(f"{self._number} {done}")
        self.over = True

    def _ask(self, deed: str, done: str, question: str) -> Page:
        return Ask(f"preset {self._number}", question, "yes", lambda: self._do(deed, done))

    def _rename(self) -> Page:
        name = self._instrument.presets[self._number].name
        return NamePage(f"name {self._number}", name, lambda name: self._do("rename", "renamed", name))

    def draw(self, state: PanelState) -> np.ndarray:
        preset = self._instrument.presets.get(self._number)
        self._title = f"{self._number} {preset.name if preset else 'is empty'}"
        return super().draw(state)


class NamePage(Page):
    """A name, letter by letter: turn to a letter, push to set it; ✓ keeps the name, ← takes back a letter. A long
    press drops what was changed."""

    def __init__(self, title: str, name: str, keep: Callable[[str], None]) -> None:
        self._title, self._name, self._keep = title, name, keep
        self._at = LETTERS.index("a")

    def turn(self, turn: Turn) -> None:
        self._at = (self._at + turn.detents) % len(LETTERS)

    def press(self) -> Page | None:
        letter = LETTERS[self._at]
        if letter == DONE:
            self._keep(self._name)
            self.over = True
        elif letter == DELETE:
            self._name = self._name[:-1]
        elif len(self._name) < NAME_CHARACTERS_MAX:
            self._name += letter
        return None

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        full = ", full" if len(self._name) == NAME_CHARACTERS_MAX else ""
        layout.title(c, self._title + full, "hold: undo")
        scale = 2 if font.width(self._name, 2) <= WIDTH - 14 else 1
        lines = [self._name] if scale == 2 else _halves(self._name)
        for row, line in enumerate(lines):
            x = c.text(0, 13 + 9 * row, line, scale) if line else 0
        x += 4 * scale if self._name.endswith(" ") else 0
        if state.t_s % 1 < 0.6:
            c.fill(x, 28 if scale == 2 else 20 + 9 * (len(lines) - 1), 5 * scale, scale)
        for step in range(-4, 5):
            letter = LETTERS[(self._at + step) % len(LETTERS)]
            letter, middle = "␣" if letter == " " else letter, WIDTH // 2 + 14 * step
            c.text_centre(middle, 40 if step else 36, letter, 1 if step else 2)
        c.invert(WIDTH // 2 - 9, 34, 18, 20)
        push = {DONE: "keep it", DELETE: "delete"}.get(LETTERS[self._at], f"set  {DONE}: keep it")
        layout.foot(c, f"push: {push}")
        return c.pixels


def _halves(name: str) -> list[str]:
    """A name in one small line or two: 24 of the widest letters fit."""
    cut = next(n for n in range(len(name), 0, -1) if font.width(name[:n]) <= WIDTH - 8)
    return [name[:cut], name[cut:]] if name[cut:] else [name]
