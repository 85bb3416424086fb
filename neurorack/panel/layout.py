"""What the screens share: title bar, large text, foot, meters' scale.

A screen stands on the display's own pages of eight rows, so a number or a bar that changes sends one page's window:

    0…8    title, lit from behind: where this is, and which of how many
    10…54  what it is about, as far as it can be in letters of double height, to be read from arm's length
    56…63  foot: a notice, or what the encoder does here
"""

import math
from collections.abc import Sequence

import numpy as np

from neurorack.panel import font
from neurorack.panel.canvas import WIDTH, Canvas

PAGE_S = 2.5
"""How long one line of a notice stays before the next."""

METER_FLOOR_DB = -48.0
FOOT = 56


def title(c: Canvas, left: str, right: str = "") -> None:
    c.text_right(WIDTH - 2, 1, right)
    c.text(2, 1, font.shorten(left, WIDTH - 8 - font.width(right)))
    c.invert(0, 0, WIDTH, 9)


def foot(c: Canvas, hint: str, notices: Sequence[str] = (), t_s: float = 0.0) -> None:
    """The hint; in turns with the notices, where there are any, lit from behind."""
    if not notice(c, FOOT - 1, notices, t_s):
        c.text_centre(WIDTH // 2, FOOT, font.shorten(hint, WIDTH))


def notice(c: Canvas, y: int, notices: Sequence[str], t_s: float) -> bool:
    """The next line of the notices, where it is their turn: after each, what they cover has as long, `PAGE_S`."""
    lines = [line for text in notices for line in _broken(text)]
    turn, shows = divmod(int(t_s / PAGE_S), 2)
    if not (lines and shows):
        return False
    c.text(2, y + 1, lines[turn % len(lines)])
    c.invert(0, y, WIDTH, 9)
    return True


def _broken(text: str) -> list[str]:
    """A notice in lines that show where it goes on, since each is seen alone: "no sound card:…", "…playing to file"."""
    if font.width(text) <= WIDTH - 4:
        return [text]
    lines = font.wrap(text, WIDTH - 4 - 2 * (font.width("…") + 1))
    last = len(lines) - 1
    return [f"{'…' if row else ''}{line}{'…' if row < last else ''}" for row, line in enumerate(lines)]


def big(c: Canvas, x: int, y: int, text: str, room: int) -> int:
    """`text` as large as 16 rows and `room` pixels allow: doubled, tall, in two lines, or cut. The column behind it."""
    if font.width(text, 2) <= room:
        return c.text(x, y, text, 2)
    if font.width(text) <= room:
        c.stamp(x, y, np.repeat(font.set_text(text), 2, axis=0))
        return x + font.width(text) + 1
    lines = font.wrap(text[:WIDTH], room)
    if len(lines) > 2:
        lines = [lines[0], font.shorten(" ".join(lines[1:]), room)]
    return max(c.text(x, y + 8 * row, line) for row, line in enumerate(lines))


def signed(value: float, decimals: int = 2) -> str:
    """+1.00, −0.50, 0.00."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def short(count: int) -> str:
    """A count in at most four letters: 999, 1.2k, 34k, 5M."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.0f}M"


def above_floor(level_db: float, steps: int) -> int:
    """How many of `steps` from −48 dB to full scale a level lights."""
    share = max(level_db - METER_FLOOR_DB, 0.0) / -METER_FLOOR_DB
    return min(math.ceil(share * steps), steps)


def bar(c: Canvas, x: int, y: int, width: int, share: float, height: int = 6) -> None:
    """A position 0…1 as a bar over a dotted line, its end one pixel taller on both sides."""
    end = x + round(min(max(share, 0.0), 1.0) * (width - 2))
    for column in range(x, x + width, 3):
        c.fill(column, y + height // 2, 1, 1)
    c.fill(x, y + 1, end - x, height - 2)
    c.fill(end, y, 2, height)
