"""Lettering of one line's width, of arcs and straight lines: to print, mill or engrave, with no font file.

Units are the height of an `x`; the baseline is 0, y goes up. Letters are those that the panel needs.
"""

from dataclasses import dataclass
from math import cos, radians, sin

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """Through points."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class Arc:
    """Of a circle, from an angle to another, in degrees, counter-clockwise where `to` is larger."""

    x: float
    y: float
    radius: float
    start: float
    to: float

    def at(self, degrees: float) -> Point:
        """The point at an angle."""
        return self.x + self.radius * cos(radians(degrees)), self.y + self.radius * sin(radians(degrees))


Stroke = Line | Arc


def _line(*flat: float) -> Line:
    return Line(tuple(zip(flat[::2], flat[1::2], strict=True)))


_BOWL = Arc(0.5, 0.5, 0.5, 0, 360)

GLYPHS: dict[str, tuple[float, tuple[Stroke, ...]]] = {
    " ": (0.4, ()),
    "a": (1.0, (_BOWL, _line(1, 1, 1, 0))),
    "c": (0.86, (Arc(0.5, 0.5, 0.5, 45, 315),)),
    "d": (1.0, (_BOWL, _line(1, 1.5, 1, 0))),
    "e": (1.0, (Arc(0.5, 0.5, 0.5, 0, 315), _line(0, 0.5, 1, 0.5))),
    "f": (0.6, (Arc(0.6, 1.15, 0.35, 90, 180), _line(0.25, 1.15, 0.25, 0), _line(0, 1, 0.58, 1))),
    "g": (1.0, (_BOWL, _line(1, 1, 1, 0), Arc(0.5, 0, 0.5, 0, -140))),
    "i": (0.0, (_line(0, 1, 0, 0), _line(0, 1.42, 0, 1.421))),
    "k": (0.8, (_line(0, 1.5, 0, 0), _line(0.74, 1, 0, 0.36), _line(0.27, 0.59, 0.8, 0))),
    "l": (0.0, (_line(0, 1.5, 0, 0),)),
    "n": (0.9, (_line(0, 1, 0, 0), Arc(0.45, 0.55, 0.45, 180, 0), _line(0.9, 0.55, 0.9, 0))),
    "o": (1.0, (_BOWL,)),
    "p": (1.0, (_BOWL, _line(0, 1, 0, -0.5))),
    "r": (0.62, (_line(0, 1, 0, 0), Arc(0.45, 0.55, 0.45, 180, 65))),
    "t": (0.6, (_line(0.25, 1.4, 0.25, 0.33), Arc(0.58, 0.33, 0.33, 180, 270), _line(0, 1, 0.58, 1))),
    "u": (0.9, (_line(0, 1, 0, 0.45), Arc(0.45, 0.45, 0.45, 180, 360), _line(0.9, 1, 0.9, 0))),
    "v": (0.84, (_line(0, 1, 0.42, 0, 0.84, 1),)),
    "m": (
        1.5,
        (
            _line(0, 1, 0, 0),
            Arc(0.375, 0.62, 0.375, 180, 0),
            _line(0.75, 0.62, 0.75, 0),
            Arc(1.125, 0.62, 0.375, 180, 0),
            _line(1.5, 0.62, 1.5, 0),
        ),
    ),
    "0": (
        0.84,
        (
            Arc(0.42, 1.08, 0.42, 0, 180),
            _line(0, 1.08, 0, 0.42),
            Arc(0.42, 0.42, 0.42, 180, 360),
            _line(0.84, 0.42, 0.84, 1.08),
        ),
    ),
    "1": (0.34, (_line(0, 1.2, 0.34, 1.5, 0.34, 0),)),
    "2": (0.9, (Arc(0.45, 1.05, 0.45, 165, -38), _line(0.8046, 0.773, 0, 0, 0.92, 0))),
    "3": (0.86, (Arc(0.42, 1.13, 0.37, 150, -90), Arc(0.42, 0.38, 0.38 + 0.0, 90, -150))),
    "4": (0.92, (_line(0.7, 0, 0.7, 1.5, 0, 0.42, 0.95, 0.42),)),
}
"""By character: how wide it is, and its strokes."""

SPACING = 0.36
ASCENT, DESCENT = 1.5, 0.5


def width(text: str) -> float:
    """Of a line of text, in heights of an `x`."""
    return sum(GLYPHS[letter][0] for letter in text) + SPACING * (len(text) - 1)


def strokes(text: str) -> list[Stroke]:
    """A line of text from (0, 0) on."""
    found: list[Stroke] = []
    x = 0.0
    for letter in text:
        advance, pieces = GLYPHS[letter]
        for piece in pieces:
            if isinstance(piece, Line):
                found.append(Line(tuple((px + x, py) for px, py in piece.points)))
            else:
                found.append(Arc(piece.x + x, piece.y, piece.radius, piece.start, piece.to))
        x += advance + SPACING
    return found
