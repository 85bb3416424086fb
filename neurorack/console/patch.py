"""The patch to edit: a row a knob, a column a jack, and what else feeds it."""

from typing import Any

from rich.text import Text

from neurorack.console.page import BAD, DIM, GOOD, WARM, Page, Question, Values, Wish, moved, number
from neurorack.glyphs import bar
from neurorack.words import CV_JACKS, PATCHABLE, POTS

CURVES = ("linear", "exponential", "logarithmic", "s-curve")
"""As in `patch.matrix`, which needs a network's worth of numpy to say so."""

COLUMNS = ("base", *CV_JACKS, "offset", "pot", "curve")
_CHOICES: dict[str, tuple[Any, ...]] = {"pot": (None, *POTS), "curve": CURVES}

STEP, FINE = 0.05, 0.005
PITCH_STEP_V, PITCH_FINE_V = 1 / 12, 1 / 1200


class PatchPage(Page):
    """← → ↑ ↓ choose, + − change, < > change finely, 0 sets to nothing, enter types a value."""

    title = "patch"
    hint = "← → ↑ ↓ choose  + − change  < > finely  0 none  ↵ type a value"

    def __init__(self) -> None:
        self.row = self.column = 0

    @property
    def path(self) -> str:
        """Of the value under the cursor."""
        column = COLUMNS[self.column]
        return f"knob.{PATCHABLE[self.row]}.{f'attenuverter.{column}' if column in CV_JACKS else column}"

    def draw(self, values: Values) -> Text:
        text = Text()
        heads = "".join(f"{column.replace('offset', 'off'):>6}" for column in COLUMNS[:-2])
        text.append(f" {'knob':<9} {'now':<8}{heads}  pot  curve\n", DIM)
        for row, name in enumerate(PATCHABLE):
            here = row == self.row
            position = values.get(f"knob.{name}.position")
            text.append(f"{'▸' if here else ' '}{name:<9} ", "bold" if here else "")
            if name == "pitch":
                text.append(f"{number(values.get('knob.pitch.hz'), '.1f'):<8}", WARM)
            else:
                text.append(bar(0.0 if position is None or position < 0 else position, 7) + " ", WARM)
            for index, column in enumerate(COLUMNS):
                at = f"knob.{name}.{f'attenuverter.{column}' if column in CV_JACKS else column}"
                told, colour = _cell(column, values.get(at))
                text.append(told, "reverse" if here and index == self.column else colour)
            text.append("\n")
        text.append(f" {self.path}", DIM)
        return text

    def key(self, key: str, values: Values) -> Wish | Question | None:
        if key in ("left", "right"):
            self.column = (self.column + (1 if key == "right" else -1)) % len(COLUMNS)
        elif key in ("up", "down", "pageup", "pagedown", "home", "end"):
            self.row = moved(self.row, key, len(PATCHABLE), 8)
        elif key in ("+", "=", "-", "<", ">"):
            return self._changed(1 if key in ("+", "=", ">") else -1, values, fine=key in "<>")
        elif key == "0":
            return self._set(_CHOICES[COLUMNS[self.column]][0] if COLUMNS[self.column] in _CHOICES else 0.0)
        elif key == "enter":
            return Question(self.path, self._typed)
        return None

    def _changed(self, way: int, values: Values, *, fine: bool) -> Wish | None:
        column, value = COLUMNS[self.column], values.get(self.path)
        if (choices := _CHOICES.get(column)) is not None:
            place = choices.index(value) if value in choices else 0
            return self._set(choices[(place + way) % len(choices)])
        pitch = PATCHABLE[self.row] == "pitch" and column in ("base", "offset")
        step = (PITCH_FINE_V if fine else PITCH_STEP_V) if pitch else (FINE if fine else STEP)
        low, high = (-10.0, 10.0) if pitch else (0.0, 1.0) if column == "base" else (-1.0, 1.0)
        return self._set(round(min(max((value or 0.0) + way * step, low), high), 4))

    def _typed(self, answer: str) -> Wish | None:
        answer = answer.strip()
        if not answer:
            return None
        try:
            return self._set(float(answer))
        except ValueError:
            return self._set(None if answer in ("none", "null") else answer)

    def _set(self, value: Any) -> Wish:
        return {"do": "set", "path": self.path, "value": value}


def _cell(column: str, value: Any) -> tuple[str, str]:
    """(what to write, its colour)."""
    if column == "pot":
        return f"  {value or '–':<4}", DIM if value is None else ""
    if column == "curve":
        return f" {value or '–':<11}", DIM if value == CURVES[0] else ""
    if column in CV_JACKS or column == "offset":
        return f"{number(value, '+.2f') if value else '·':>6}", DIM if not value else GOOD if value > 0 else BAD
    return f"{number(value, '.2f'):>6}", ""
