"""The table of parts: what sits where on the panel, and how much room each kind of part needs.

Millimetres from the panel's upper left corner, x to the right, y down. Parts sit on a grid of 2.54 mm that starts at
the upper left mounting hole.
"""

from dataclasses import dataclass

HP_MM = 5.08
HP = 18
WIDTH_MM = 91.3
"""18 HP as Doepfer cuts them: 91.44 mm less play (A-100 construction details, table of widths).

Nine jacks and five knobs would do with 14. On 18 an Orin Nano developer kit, 103 × 90.5 mm, or a Nano's, 100 × 80 mm,
stands upright behind the panel instead of somewhere else in the case."""

HEIGHT_MM = 128.5
RAIL_MM = 10.0
"""At the top and the bottom, where rails and their nuts are: nothing may stand behind the panel there."""

MOUNT_X_MM, MOUNT_Y_MM = 7.5, 3.0
MOUNT_SPAN_MM = (HP - 3) * HP_MM
"""Doepfer: holes 7.5 mm from the left, 3 mm from the edge, 122.5 mm above each other, multiples of 5.08 mm apart."""
SLOT_MM = (5.2, 3.2)

GRID_MM = 2.54


@dataclass(frozen=True)
class Kind:
    """Room for a kind of part: its hole (one figure: a diameter), its body behind the panel, what stands out in front.

    `lower_mm`: how far the body's centre lies below the hole's.
    """

    hole_mm: tuple[float, ...]
    body_mm: tuple[float, float]
    front_mm: float
    lower_mm: float = 0.0


JACK = Kind((6.2,), (9.4, 10.8), 8.0, 0.75)
"""PJ398SM: bushing M6, nut 8 mm, body 9 × 10.5 mm, its tip's lug downwards."""
POT = Kind((7.2,), (10.0, 13.0), 13.0, 1.0)
"""RD901F: bushing M7; a knob of 13 mm."""
ENCODER = Kind((7.2,), (13.0, 14.0), 16.0)
"""PEC11R: bushing M7; a knob of 16 mm."""
DISPLAY = Kind((23.8, 12.9), (28.0, 30.0), 0.0)
"""0.96 inch: 21.74 × 10.86 mm of pixels, 1 mm around them; modules of 27.3 × 27.8 mm, their glass not quite central."""
LED = Kind((3.1,), (4.0, 4.0), 3.0)


@dataclass(frozen=True)
class Item:
    """A part in its place. `legend` is printed, centred on `label` (x, y) from the part's own centre."""

    name: str
    kind: Kind
    column: int
    row: int
    legend: str = ""
    label: tuple[float, float] = (0.0, -7.2)

    @property
    def x(self) -> float:
        """Millimetres from the left edge."""
        return MOUNT_X_MM + self.column * GRID_MM

    @property
    def y(self) -> float:
        """Millimetres from the upper edge."""
        return MOUNT_Y_MM + self.row * GRID_MM


def _led(name: str, column: int, row: int, legend: str) -> Item:
    return Item(f"led_{name}", LED, column, row, legend, (0.0, 4.2))


def _jack(name: str, column: int, row: int, shift_mm: float = 0.0) -> Item:
    return Item(name, JACK, column, row, name, (shift_mm, -7.2))


ITEMS = (
    Item("display", DISPLAY, 8, 9),
    Item("encoder", ENCODER, 24, 9),
    *(_led(name, 2 + 4 * n, 16, name) for n, name in enumerate(("engine", "load", "voltage", "fault"))),
    *(_led(name, 22 + 4 * n, 16, name) for n, name in enumerate(("level", "clip"))),
    *(Item(f"pot{n + 1}", POT, 3 + 8 * n, 25, f"pot{n + 1}", (0.0, 10.9)) for n in range(4)),
    *(_jack(f"cv{n + 1}", 3 + 8 * n, 35) for n in range(4)),
    _jack("voct", 3, 43),
    *(_jack(f"gate{n + 1}", 9 + 6 * n, 43, -2.2) for n in range(2)),
    *(_led(f"gate{n + 1}", 11 + 6 * n, 40, "") for n in range(2)),
    _jack("in", 21, 43),
    _jack("out", 27, 43),
)
"""Four pots above their four CVs; below them notes in on the left, sound out on the right."""

MOUNTS = tuple((x, y) for x in (MOUNT_X_MM, MOUNT_X_MM + MOUNT_SPAN_MM) for y in (MOUNT_Y_MM, HEIGHT_MM - MOUNT_Y_MM))


def item(name: str) -> Item:
    """By name."""
    return next(found for found in ITEMS if found.name == name)
