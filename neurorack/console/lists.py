"""Lists to choose from: what plays, and the presets."""

from typing import Any

from rich.text import Text

from neurorack.console.page import DIM, HEIGHT, WARM, Page, Question, Values, Wish, moved, number
from neurorack.words import FIND_SEED_MAX, GATE2_TASKS

PRESETS = 64
SCALES = ("off", "chromatic", "major", "minor", "pentatonic", "octaves")

_NUMBERS = {"depth": (0.0, 4.0, 0.1), "intonation": (0.0, 2.0, 0.05), "find_seed": (0, FIND_SEED_MAX, 1)}
"""From, to, step."""

ROWS = ("bundle", "gesture", "morph_to", "depth", "intonation", "gate2", "scale", "find_seed", "found")


class SoundPage(Page):
    """Instrument, gesture and what holds for the whole sound; below, the gestures there are. One is recorded here, too,
    and the chosen one, if it was, renamed and thrown away."""

    title = "sound"
    hint = "↑ ↓ choose  ← → change  ↵ type a value  0 none"

    def __init__(self) -> None:
        self.row = 0

    def draw(self, values: Values) -> Text:
        text = Text()
        gestures, takes = values.get("gestures") or [], values.get("takes") or []
        for row, path in enumerate(ROWS):
            here, value = row == self.row, values.get(path)
            told = number(value, ".2f") if isinstance(value, float) else str(_named(path, value, gestures))
            text.append(f"{'▸' if here else ' '}{path:<12}", "bold" if here else DIM)
            text.append(f"{told[:60]}\n", "reverse" if here else "")
        waits = values.get("system.bundle") != (values.get("bundle") or "").rpartition("/")[2]
        text.append(f"\n plays {values.get('system.bundle', '–')}", WARM if waits else DIM)
        text.append("; the other is being loaded\n" if waits else "\n", WARM)
        live = f", the last {len(takes)} recorded live" if takes else ""
        text.append(f" gestures{live}\n", DIM)
        for start in range(0, min(len(gestures), 4 * (HEIGHT - len(ROWS) - 4)), 4):
            for index, name in enumerate(gestures[start : start + 4], start):
                chosen = index == values.get("gesture")
                text.append(f" {'●' if chosen else ' '} {name[:15]:<16}", WARM if chosen else "")
            text.append("\n")
        return text.append(" r record from the next gate  e end that  n rename  x throw away", DIM)

    def key(self, key: str, values: Values) -> Wish | Question | None:
        self.row = moved(self.row, key, len(ROWS))
        path = ROWS[self.row]
        if key in ("r", "e"):
            return {"do": "gesture", "deed": "record" if key == "r" else "stop"}
        if key in ("n", "x") and (take := _chosen_take(values)) is not None:
            wish = {"do": "gesture", "deed": "rename" if key == "n" else "remove", "gesture": take}
            if key == "n":
                return Question(f"name of {take!r}", lambda answer: wish | {"name": answer}, take)
            return Question(f"throw {take!r} away? y", lambda answer: wish if answer == "y" else None)
        if key in ("left", "right", "+", "-"):
            return self._changed(path, 1 if key in ("right", "+") else -1, values)
        if key == "enter":
            return Question(path, lambda answer: _typed(path, answer))
        if key == "0" and path == "found":
            return _set(path, None)
        return None

    def say(self, answer: dict[str, Any]) -> str:
        return answer.get("fault") or answer.get("stage") or super().say(answer)

    @staticmethod
    def _changed(path: str, way: int, values: Values) -> Wish | None:
        value = values.get(path)
        if path in _NUMBERS:
            low, high, step = _NUMBERS[path]
            return _set(path, round(min(max((value or 0) + way * step, low), high), 3))
        count = len(values.get("gestures") or [])
        if path == "gesture":
            return _set(path, ((value or 0) + way) % count) if count else None
        if path == "morph_to":
            return _set(path, (value + 1 + way) % (count + 1) - 1) if value is not None else None
        if path == "found":
            return None
        choices = {"bundle": values.get("system.bundles") or [], "gate2": GATE2_TASKS, "scale": SCALES}[path]
        value = value.rpartition("/")[2] if path == "bundle" and value else value
        if not choices:
            return None
        return _set(path, choices[(choices.index(value) + way) % len(choices) if value in choices else 0])


class PresetsPage(Page):
    """64 of them. What would be lost is asked for."""

    title = "presets"
    hint = "↑ ↓ choose  ↵ recall  s save  n rename  x clear"

    def __init__(self) -> None:
        self.row = 0

    def draw(self, values: Values) -> Text:
        text, room = Text(), HEIGHT - 1
        first = min(max(self.row - room // 2, 0), PRESETS - room)
        for row in range(first, first + room):
            at, here = f"preset.{row + 1}", row == self.row
            name = values.get(f"{at}.name")
            text.append(f"{'▸' if here else ' '}{row + 1:>3}  ", "bold" if here else DIM)
            text.append(f"{name if name is not None else '–':<26}", "reverse" if here else DIM if name is None else "")
            if name is not None:
                gesture = 1 + (values.get(f"{at}.gesture") or 0)
                text.append(f" {str(values.get(f'{at}.bundle', ''))[-24:]}, gesture {gesture}", DIM)
            text.append("\n")
        return text

    def key(self, key: str, values: Values) -> Wish | Question | None:
        self.row = moved(self.row, key, PRESETS, HEIGHT - 1)
        number, name = self.row + 1, values.get(f"preset.{self.row + 1}.name")
        if key == "enter" and name is not None:
            return {"do": "preset", "deed": "recall", "number": number}
        if key == "s":
            lost = f", in place of {name!r}" if name is not None else ""
            return Question(f"save as preset {number}{lost}; name", lambda answer: _save(number, answer), name or "")
        if key == "n" and name is not None:
            return Question(f"name of preset {number}", lambda answer: _deed("rename", number, answer), name)
        if key == "x" and name is not None:
            return Question(f"clear {name!r}? y", lambda answer: _deed("clear", number) if answer == "y" else None)
        return None


def _save(number: int, answer: str) -> Wish:
    return _deed("save", number, answer.strip() or None)


def _deed(deed: str, number: int, name: str | None = None) -> Wish:
    return {"do": "preset", "deed": deed, "number": number, **({} if name is None else {"name": name})}


def _set(path: str, value: Any) -> Wish:
    return {"do": "set", "path": path, "value": value}


def _typed(path: str, answer: str) -> Wish | None:
    from neurorack.remote.ctl import parsed

    return _set(path, parsed(path, answer.strip())) if answer.strip() else None


def _chosen_take(values: Values) -> str | None:
    """The name of the chosen gesture, if it was recorded live."""
    gestures, number = values.get("gestures") or [], values.get("gesture")
    chosen = gestures[number] if number is not None and number < len(gestures) else None
    return chosen if chosen in (values.get("takes") or []) else None


def _named(path: str, value: Any, gestures: list[str]) -> Any:
    if path in ("gesture", "morph_to") and isinstance(value, int):
        if value < 0:
            return "the next"
        return gestures[value] if value < len(gestures) else value
    if path == "found" and value is not None:
        return f"find1 {value[0]:.2f}, find2 {value[1]:.2f}"
    return "–" if value is None else value
