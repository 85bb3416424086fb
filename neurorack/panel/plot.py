"""A small plot for reports, drawn with what the module has: axes, lines, bands, dots and bars.

Drawn at twice the size and brought down, so that edges are smooth.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from neurorack.errors import BadInput

SIZE = (880, 520)
_FINE = 2
_LEFT, _TOP, _RIGHT, _BOTTOM = 74, 46, 24, 62
_PAPER, _INK, _SOFT, _GRID = "#ffffff", "#22252b", "#6d6a64", "#e4e1da"
RED, BLUE, PALE, DARK = "#d1495b", "#00798c", "#b8dcd8", "#22252b"


class Plot:
    """`x` and `y` are the ends of the axes; those of a logarithmic y are powers of ten."""

    def __init__(
        self,
        title: str,
        x_name: str,
        y_name: str,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_y: bool = False,
    ) -> None:
        self._x, self._y, self._log = x, y, log_y
        self._image = Image.new("RGB", (SIZE[0] * _FINE, SIZE[1] * _FINE), _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._legend: list[tuple[str, str]] = []
        self._axes(title, x_name, y_name)

    def line(self, xs: Sequence[float], ys: Sequence[float], name: str, colour: str) -> None:
        self._legend.append((name, colour))
        self._draw.line([self._at(x, y) for x, y in zip(xs, ys, strict=True)], colour, 5, "curve")

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], name: str, colour: str) -> None:
        """The area between two lines."""
        self._legend.append((name, colour))
        outline = [*zip(xs, highs, strict=True), *reversed(list(zip(xs, lows, strict=True)))]
        self._draw.polygon([self._at(x, y) for x, y in outline], colour)

    def dots(self, xs: Sequence[float], ys: Sequence[float], name: str, colour: str) -> None:
        self._legend.append((name, colour))
        for x, y in zip(xs, ys, strict=True):
            left, top = self._at(x, y)
            self._draw.ellipse((left - 9, top - 9, left + 9, top + 9), colour, _PAPER, 3)

    def bars(self, edges: Sequence[float], heights: Sequence[float], name: str, colour: str) -> None:
        """A histogram: heights [n] over edges [n + 1], from the bottom."""
        self._legend.append((name, colour))
        for (left, right), height in zip(pairwise(edges), heights, strict=True):
            if height > 0:
                x0, y0 = self._at(left, height)
                x1, y1 = self._at(right, self._y[0])
                self._draw.rectangle((x0 + 1, y0, x1 - 1, y1), colour)

    def save(self, path: Path) -> None:
        """As PNG. Raises BadInput."""
        for row, (name, colour) in enumerate(self._legend):
            x, y = (SIZE[0] - _RIGHT - 14) * _FINE, (_TOP + 14 + 20 * row) * _FINE
            self._draw.rectangle((x - 18, y - 9, x, y + 9), colour)
            self._draw.text((x - 30, y), name, _INK, _font(14), "rm")
        image = self._image.resize(SIZE, Image.Resampling.LANCZOS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, "PNG", optimize=True)
        except OSError as error:
            raise BadInput(f"cannot write the picture: {error.strerror}", str(path), "give another place") from error

    def _at(self, x: float, y: float) -> tuple[float, float]:
        scale = math.log10 if self._log else float
        low, high = scale(self._y[0]), scale(self._y[1])
        width, height = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM
        share_x, share_y = (x - self._x[0]) / (self._x[1] - self._x[0]), (scale(y) - low) / (high - low)
        return (_LEFT + share_x * width) * _FINE, (_TOP + (1 - share_y) * height) * _FINE

    def _y_ticks(self) -> list[float]:
        if not self._log:
            return _ticks(*self._y)
        return [10.0**power for power in range(math.ceil(math.log10(self._y[0])), round(math.log10(self._y[1])) + 1)]

    def _axes(self, title: str, x_name: str, y_name: str) -> None:
        for x in _ticks(*self._x):
            self._draw.line([self._at(x, self._y[0]), self._at(x, self._y[1])], _GRID, 2)
            left, top = self._at(x, self._y[0])
            self._draw.text((left, top + 12), f"{x:g}", _SOFT, _font(14), "ma")
        for y in self._y_ticks():
            self._draw.line([self._at(self._x[0], y), self._at(self._x[1], y)], _SOFT if y == 0 else _GRID, 2)
            left, top = self._at(self._x[0], y)
            self._draw.text((left - 12, top), f"{y:g}", _SOFT, _font(14), "rm")
        middle = (_LEFT + SIZE[0] - _RIGHT) / 2 * _FINE
        self._draw.text((middle, 22 * _FINE), title, _INK, _font(18), "mm")
        self._draw.text((middle, (SIZE[1] - 16) * _FINE), x_name, _INK, _font(15), "mm")
        self._draw.text((_LEFT * _FINE, 22 * _FINE), y_name, _INK, _font(15), "rm")


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _FINE)


def _ticks(low: float, high: float) -> list[float]:
    """About six round numbers within low…high."""
    exact = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(exact))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= 0.999 * exact)
    return [round(n * step, 9) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
