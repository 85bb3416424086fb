"""What is cut into the panel and printed on it, from the table of parts."""

from math import cos, exp, radians, sin

from hardware.panel import layout, stroke_font
from hardware.panel.drawing import BARE, CUT, HINT, INK, Drawing
from hardware.panel.layout import ENCODER, HEIGHT_MM, JACK, LED, POT, WIDTH_MM, Item

LETTER_MM, LETTER_LINE_MM = 1.55, 0.26
SMALL_MM, SMALL_LINE_MM = 1.15, 0.2
TITLE_MM, TITLE_LINE_MM = 2.9, 0.42
THIN_MM = 0.2
RIDGE_Y_MM = 52.2

TITLE, MOTTO = "neurorack", "neural voice"
MOTTO_MM = 1.3
TITLE_AT = (7.5 + stroke_font.width(TITLE) * TITLE_MM / 2, 11.4)
MOTTO_AT = (WIDTH_MM - 7.5 - stroke_font.width(MOTTO) * MOTTO_MM / 2, TITLE_AT[1] + (TITLE_MM - MOTTO_MM) / 2)


def letter_mm(item: Item) -> float:
    """Height of an `x` in its name."""
    return SMALL_MM if item.kind is LED else LETTER_MM


def label_box(item: Item) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a part's name as printed, ascenders and descenders included."""
    size = letter_mm(item)
    x, y = item.x + item.label[0], item.y + item.label[1]
    half = stroke_font.width(item.legend) * size / 2
    base = y + size / 2
    return x - half, base - stroke_font.ASCENT * size, x + half, base + stroke_font.DESCENT * size


def named() -> list[Item]:
    """Parts that bear a legend: display and encoder explain themselves, a gate's LED stands beside its name."""
    return [item for item in layout.ITEMS if item.legend]


def draw() -> Drawing:
    """The whole panel."""
    drawing = Drawing(WIDTH_MM, HEIGHT_MM)
    _ridge(drawing)
    _blocks(drawing)
    _scales(drawing)
    for item in named():
        layer = BARE if item.name == "out" else INK
        x, y = item.x + item.label[0], item.y + item.label[1]
        line = SMALL_LINE_MM if item.kind is LED else LETTER_LINE_MM
        drawing.text(layer, x, y, item.legend, letter_mm(item), line)
    drawing.text(INK, *TITLE_AT, TITLE, TITLE_MM, TITLE_LINE_MM)
    drawing.text(INK, *MOTTO_AT, MOTTO, MOTTO_MM, SMALL_LINE_MM)
    _holes(drawing)
    return drawing


def outline(drawing: Drawing) -> Drawing:
    """With the panel's edge, which is cut too."""
    drawing.box(CUT, WIDTH_MM / 2, HEIGHT_MM / 2, WIDTH_MM, HEIGHT_MM, 0.0, 0.1)
    return drawing


def on_paper(drawing: Drawing) -> Drawing:
    """With cross hairs to punch through, and a ruler below the panel that tells whether the printer scaled."""
    centres = [(item.x, item.y) for item in layout.ITEMS if len(item.kind.hole_mm) == 1]
    for x, y in (*centres, *layout.MOUNTS):
        drawing.line(CUT, [(x - 1, y), (x + 1, y)], 0.1)
        drawing.line(CUT, [(x, y - 1), (x, y + 1)], 0.1)
    left, y = (WIDTH_MM - 100) / 2, HEIGHT_MM + 12
    drawing.line(INK, [(left, y), (left + 100, y)], THIN_MM)
    for n in range(11):
        drawing.line(INK, [(left + 10 * n, y), (left + 10 * n, y - (3 if n in (0, 5, 10) else 1.8))], THIN_MM)
    drawing.text(INK, WIDTH_MM / 2, y + 4, "100 mm", LETTER_MM, LETTER_LINE_MM)
    return drawing


def _holes(drawing: Drawing) -> None:
    for x, y in layout.MOUNTS:
        drawing.box(CUT, x, y, layout.SLOT_MM[0], layout.SLOT_MM[1], layout.SLOT_MM[1] / 2, 0.1)
    for item in layout.ITEMS:
        width, *height = item.kind.hole_mm
        if height:
            drawing.box(CUT, item.x, item.y, width, height[0], 0.5, 0.1)
        else:
            drawing.circle(CUT, item.x, item.y, width, 0.1)
        if item.kind in (JACK, POT, ENCODER):
            drawing.circle(HINT, item.x, item.y, item.kind.front_mm, THIN_MM)


def _blocks(drawing: Drawing) -> None:
    """`out` on a printed field, as outputs are marked; a thread from each pot to its CV; a frame around the display."""
    out = layout.item("out")
    drawing.box(INK, out.x, out.y - 1.6, 13.2, 18.2, 2.2)
    drawing.circle(BARE, out.x, out.y, layout.JACK.front_mm + 1.2)
    display = layout.item("display")
    drawing.box(INK, display.x, display.y, 29.0, 17.6, 2.2, THIN_MM)
    for n in range(1, 5):
        pot, cv = layout.item(f"pot{n}"), layout.item(f"cv{n}")
        start, end = pot.y + pot.label[1] + 1.9, cv.y + cv.label[1] - 2.2
        drawing.line(INK, [(pot.x, start), (pot.x, end)], THIN_MM)


def _scales(drawing: Drawing) -> None:
    """Eleven ticks around each pot over its 300°, a ring of dots around the encoder."""
    for item in layout.ITEMS:
        if item.kind is POT:
            for n in range(11):
                angle = radians(-240 + 30 * n)
                inner, outer = 7.5, 8.9 if n in (0, 5, 10) else 8.3
                drawing.line(
                    INK,
                    [(item.x + r * cos(angle), item.y + r * sin(angle)) for r in (inner, outer)],
                    0.3 if n in (0, 5, 10) else THIN_MM,
                )
        elif item.kind is ENCODER:
            for n in range(24):
                angle = radians(15 * n)
                drawing.circle(INK, item.x + 10 * cos(angle), item.y + 10 * sin(angle), 0.45)


def _ridge(drawing: Drawing) -> None:
    """Partials of a struck tone dying away: seven strands from edge to edge, between display and pots."""
    for strand in range(7):
        points = []
        for step in range(0, 93):
            x = step
            envelope = exp(-(((x - 33) / 17) ** 2)) + 0.55 * exp(-(((x - 66) / 10) ** 2))
            wave = sin(2 * 3.14159265 * (x / (5.2 + 1.9 * strand)) + strand * 0.8)
            points.append((x * WIDTH_MM / 92, RIDGE_Y_MM + strand * 0.55 - envelope * wave * (1.6 - 0.17 * strand)))
        drawing.curve(INK, points, 0.14)
