"""The patch from the jacks' side: which knobs a jack feeds, and how."""

import numpy as np

from neurorack.panel import font, layout
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Fields, Row, Wheel
from neurorack.panel.pages.editing import amount, attenuverter_field
from neurorack.panel.state import PanelState
from neurorack.words import CV_JACKS, KNOBS, PATCHABLE

_TOP, _ROW = 38, 5


class PatchPage(Wheel):
    """A jack in large with its volts, the knobs it feeds, and below the whole matrix: jacks by knobs."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("patch", self._jacks)
        self._instrument = instrument

    def _jacks(self) -> list[Row]:
        return [Row(jack, lambda jack=jack: JackPage(self._instrument, jack)) for jack in CV_JACKS]  # type: ignore[misc]

    def draw(self, state: PanelState) -> np.ndarray:
        c, rows = Canvas(), self._read()
        layout.title(c, f"{self._title} {self.chosen + 1}/{len(rows)}", "hold: back")
        jack = rows[self.chosen].name
        c.text(0, 13, "▶")
        c.text(8, 10, jack, 2)
        volts_v = state.volts[self.chosen]
        c.text_right(WIDTH, 10, f"{layout.signed(volts_v, 2 if abs(volts_v) < 9.995 else 1)} V", 2)
        c.text(0, 28, font.shorten(feeds(self._instrument, jack) or "goes nowhere: push", WIDTH))
        self._matrix(c)
        return c.pixels

    def _matrix(self, c: Canvas) -> None:
        """Cells filled as far as the attenuverter is open, hollow where it inverts."""
        left, width = 10, (WIDTH - 10) // len(KNOBS)
        for row, jack in enumerate(CV_JACKS):
            y = _TOP + _ROW * row
            if row == self.chosen:
                c.fill(0, y, 6, 4)
            for column, name in enumerate(KNOBS):
                x = left + column * width
                share = amount(self._instrument, name, jack)
                c.fill(x, y + 2, width - 3, 1)
                long = round(abs(share) * (width - 3))
                if share > 0:
                    c.fill(x, y, max(long, 1), 4)
                elif share < 0:
                    c.fill(x, y + 1, max(long, 1), 2, lit=False)
                    c.frame(x, y, max(long, 2), 4)


def feeds(instrument: Instrument, jack: str) -> str:
    """The knobs that a jack feeds, with their attenuverters."""
    amounts = {name: amount(instrument, name, jack) for name in PATCHABLE}
    return "  ".join(f"{name} {layout.signed(share)}" for name, share in amounts.items() if share)


class JackPage(Fields):
    """The knobs, each with how much of this jack it gets; at first the one that it feeds."""

    def __init__(self, instrument: Instrument, jack: str) -> None:
        fed = [name for name in PATCHABLE if amount(instrument, name, jack)]
        fields = [attenuverter_field(instrument, name, jack, name) for name in PATCHABLE]
        super().__init__(f"{jack} →", fields, PATCHABLE.index(fed[0]) if fed else 0)
