"""Pages: what the display shows and what the encoder does there, by one grammar.

turn        moves: to the next row, or the value that is being edited
push        enters: a page, or the editing of a value, which a second push ends
long press  goes back: from a page to the one before, from editing to the rows, with the value as it was
push-turn   moves a value by its finest step
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurorack.errors import BadInput
from neurorack.panel import font, layout, screens
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.state import PanelState

SAID_S = 2.0
"""How long a page says what it has just done."""


class Page(ABC):
    """A page may raise BadInput from `turn` and `press`: the player is told, and nothing has changed."""

    over = False
    """It has ended by itself: back to the page before."""

    def step(self, state: PanelState) -> None:  # noqa: B027 (most pages live by what they draw alone)
        """Called before every frame, with what will be drawn."""

    def turn(self, turn: Turn) -> None:  # noqa: B027
        """A turn of the encoder."""

    def press(self) -> "Page | None":
        """A push; the page it leads to."""
        return None

    def back(self) -> bool:
        """A long press; whether it leaves the page."""
        return True

    @abstractmethod
    def draw(self, state: PanelState) -> np.ndarray:
        """Pixels [64, 128], by nothing but the page's own state and `state`."""


@dataclass(frozen=True)
class Row:
    """A row of a wheel: its name, and what a push does there."""

    name: str
    act: Callable[[], Page | None] = lambda: None
    mark: str = ""  # behind the name
    hint: str = ""  # in the foot, where a push does not do what it does to the others


class Wheel(Page):
    """Rows to turn through, the chosen one in large between its neighbours."""

    def __init__(
        self, title: str, rows: Callable[[], Sequence[Row]], hint: str = "push: open  hold: back", chosen: int = 0
    ) -> None:
        self._title, self._rows, self._hint = title, rows, hint
        self.chosen = chosen
        self._said, self._said_s, self._now_s = "", -SAID_S, 0.0

    def say(self, text: str) -> None:
        """Show this in the foot for a while."""
        self._said, self._said_s = text, self._now_s

    def step(self, state: PanelState) -> None:
        self._now_s = state.t_s

    def _read(self) -> Sequence[Row]:
        """The rows of now; what was chosen may be gone."""
        rows = self._rows()
        self.chosen = min(self.chosen, max(len(rows) - 1, 0))
        return rows

    def turn(self, turn: Turn) -> None:
        if rows := self._read():
            self.chosen = (self.chosen + turn.detents) % len(rows)

    def press(self) -> Page | None:
        rows = self._read()
        return rows[self.chosen].act() if rows else None

    def draw(self, state: PanelState) -> np.ndarray:
        c, rows = Canvas(), self._read()
        layout.title(c, self._title, f"{self.chosen + 1}/{len(rows)}" if rows else "")
        if rows:
            self._wheel(c, rows)
        else:
            c.text_centre(WIDTH // 2, 28, "nothing here")
        self._foot(c, state)
        return c.pixels

    def _wheel(self, c: Canvas, rows: Sequence[Row]) -> None:
        for y, way in ((12, -1), (42, 1)):
            if len(rows) > 2 or 0 <= self.chosen + way < len(rows):
                row = rows[(self.chosen + way) % len(rows)]
                c.text(14, y, font.shorten(f"{row.name} {row.mark}".rstrip(), WIDTH - 14))
        row = rows[self.chosen]
        c.text(0, 23, "▶", 2)
        room = WIDTH - 14 - (font.width(row.mark) + 3 if row.mark else 0)
        layout.big(c, 14, 23, row.name, room)
        c.text_right(WIDTH, 27, row.mark)

    def _foot(self, c: Canvas, state: PanelState) -> None:
        if state.t_s - self._said_s < SAID_S:
            layout.foot(c, self._said)
            return
        rows = self._read()
        hint = rows[self.chosen].hint or self._hint if rows else "hold: back"
        layout.foot(c, hint, state.notices, state.t_s)


@dataclass(frozen=True)
class Field:
    """A value of a page of fields. `turn` edits it, and sounds at once unless it waits for `keep`.

    `begin` is called before the editing: what it gives puts the value back, after a long press. `keep` is called after
    a push.
    """

    name: str
    text: Callable[[PanelState], str]
    turn: Callable[[Turn], None]
    begin: Callable[[], Callable[[], None]]
    keep: Callable[[], None] = lambda: None


class Fields(Page):
    """Values to turn through, the chosen one in large between its neighbours, lit from behind while it is edited."""

    def __init__(self, title: str, fields: Sequence[Field], chosen: int = 0) -> None:
        self._title, self._fields = title, fields
        self._chosen = chosen
        self._undo: Callable[[], None] | None = None  # while a value is edited

    @property
    def _editing(self) -> bool:
        return self._undo is not None

    def turn(self, turn: Turn) -> None:
        if self._editing:
            self._fields[self._chosen].turn(turn)
        else:
            self._chosen = (self._chosen + turn.detents) % len(self._fields)

    def press(self) -> Page | None:
        field = self._fields[self._chosen]
        if self._editing:
            self._undo = None
            field.keep()
        else:
            self._undo = field.begin()
        return None

    def back(self) -> bool:
        if self._undo is None:
            return True
        undo, self._undo = self._undo, None
        undo()
        return False

    def draw(self, state: PanelState) -> np.ndarray:
        c, fields = Canvas(), self._fields
        self._head(c)
        if self._editing:
            c.text_centre(WIDTH // 2, 46, "push: keep  hold: undo")
        else:
            for y, way in ((11, -1), (46, 1)):
                if len(fields) > 2 or 0 <= self._chosen + way < len(fields):
                    self._small(c, y, fields[(self._chosen + way) % len(fields)], state)
        field = fields[self._chosen]
        text = font.shorten(field.text(state), 40)
        width = font.width(text, 2)
        left = c.text(0, 28, "▶") + 2
        layout.big(c, left, 24, field.name, WIDTH - width - 8 - left)
        c.text_right(WIDTH - 3, 24, text, 2)
        if self._editing:
            c.invert(WIDTH - width - 6, 22, width + 6, 20)
        self._foot(c, state)
        return c.pixels

    def _head(self, c: Canvas) -> None:
        layout.title(c, self._title, f"{self._chosen + 1}/{len(self._fields)}")

    @staticmethod
    def _small(c: Canvas, y: int, field: Field, state: PanelState) -> None:
        text = font.shorten(field.text(state), WIDTH // 2)
        c.text(14, y, font.shorten(field.name, WIDTH - 20 - font.width(text)))
        c.text_right(WIDTH - 3, y, text)

    def _foot(self, c: Canvas, state: PanelState) -> None:
        layout.foot(c, "turn: change" if self._editing else "push: edit  hold: back", state.notices, state.t_s)


class Ask(Page):
    """A question whose first answer is no."""

    def __init__(self, title: str, question: str, word: str, act: Callable[[], Page | None]) -> None:
        self._title, self._question, self._answers, self._act = title, question, ("no", word), act
        self._chosen = 0

    def turn(self, turn: Turn) -> None:
        self._chosen = min(max(self._chosen + turn.detents, 0), 1)

    def press(self) -> Page | None:
        self.over = True
        return self._act() if self._chosen else None

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        layout.title(c, self._title)
        lines = font.wrap(self._question, WIDTH)[:3]
        for row, line in enumerate(lines):
            c.text_centre(WIDTH // 2, 25 - 9 * len(lines) // 2 + 9 * row, line)
        for index, answer in enumerate(self._answers):
            x = (2 * index + 1) * WIDTH // 4
            c.text_centre(x, 43, answer, 2)
            if index == self._chosen:
                half = font.width(answer, 2) // 2 + 4
                c.invert(x - half, 41, 2 * half, 20)
        return c.pixels


class Refused(Page):
    """What could not be done, where, and the mend; any touch goes on, and what it says may cease to hold."""

    def __init__(self, refusal: BadInput, title: str = "⚠ not done", holds: Callable[[], bool] = lambda: True) -> None:
        self._refusal, self._title, self._since_s, self._now_s = refusal, title, -1.0, 0.0
        self._holds = holds

    def step(self, state: PanelState) -> None:
        self._now_s = state.t_s
        self.over = self.over or not self._holds()
        if self._since_s < 0:
            self._since_s = state.t_s

    def turn(self, turn: Turn) -> None:
        self.over = True

    def press(self) -> Page | None:
        self.over = True
        return None

    def draw(self, state: PanelState) -> np.ndarray:
        return screens.error(self._refusal, self._now_s - max(self._since_s, 0.0), self._title, "push: back")
