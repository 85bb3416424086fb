"""What a page of the console is: it draws what is known, and makes wishes of keys. No terminal, no socket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

Values = Mapping[str, Any]
"""Path → value, as the socket tells them."""

Wish = dict[str, Any]
"""A message for the socket."""

WIDTH, HEIGHT = 80, 21
"""Of a page, in cells: a terminal of 80 × 24 less its three other lines."""

DIM, WARM, COLD, BAD, GOOD = "#7d828c", "#ffb02e", "#c4e7ff", "#ff4236", "#56e276"


@dataclass(frozen=True)
class Question:
    """Asks for a line of text before there is a wish: `then` makes it of the answer, None for none."""

    text: str
    then: Callable[[str], Wish | None]
    answer: str = ""  # to begin with


class Page:
    """`say` is where a wish's answer goes, if the page shows it; it may return a line for the foot."""

    title = ""
    hint = ""

    def look(self, values: Values) -> None:
        """Called ten times a second, shown or not."""

    def draw(self, values: Values) -> Text:
        """At most HEIGHT lines of WIDTH cells."""
        raise NotImplementedError

    def key(self, key: str, values: Values) -> Wish | Question | None:
        """What a key asks for."""
        return None

    def say(self, answer: dict[str, Any]) -> str:
        return "done" if answer.get("done") else ""


def number(value: Any, form: str, missing: str = "–") -> str:
    """A number as `form` has it; what is not known, `missing`.

    >>> number(0.5, "+.2f"), number(None, "+.2f")
    ('+0.50', '–')
    """
    return missing if not isinstance(value, int | float) else format(value, form)


def moved(at: int, key: str, count: int, page: int = 1) -> int:
    """Where a cursor at `at` of `count` rows goes by ↑ ↓, page up and down, home and end."""
    steps = {"up": -1, "down": 1, "pageup": -page, "pagedown": page, "home": -count, "end": count}
    return min(max(at + steps.get(key, 0), 0), max(count - 1, 0))
