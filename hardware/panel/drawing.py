"""Circles, boxes and lines in millimetres, written as SVG or as a page of PDF from the same paths."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import radians, tan

from hardware.panel import stroke_font
from hardware.panel.stroke_font import Arc, Line, Point

CUT, INK, BARE, HINT = "cut", "ink", "bare", "hint"
"""What a shape is for: cut through, printed, left unprinted on print, or shown in pictures only."""


@dataclass(frozen=True)
class Shape:
    """A path: ("M", x, y), ("L", x, y), ("C", x1, y1, x2, y2, x, y), ("Z",). Filled where the line has no width."""

    layer: str
    path: tuple[tuple, ...]
    line_mm: float = 0.0


@dataclass
class Drawing:
    """What has been drawn, in order."""

    width_mm: float
    height_mm: float
    shapes: list[Shape] = field(default_factory=list)

    def circle(self, layer: str, x: float, y: float, diameter_mm: float, line_mm: float = 0.0) -> None:
        """Around (x, y); filled where no line's width is given."""
        arc = tuple(_arc(Arc(x, y, diameter_mm / 2, 0, 360)))
        self.shapes.append(Shape(layer, (*arc, ("Z",)), line_mm))

    def box(
        self, layer: str, x: float, y: float, width_mm: float, height_mm: float, radius_mm: float, line_mm: float = 0.0
    ) -> None:
        """Centred on (x, y), corners rounded."""
        left, right = x - width_mm / 2, x + width_mm / 2
        top, bottom = y - height_mm / 2, y + height_mm / 2
        r = radius_mm
        corners = (
            (right - r, bottom - r, 0),
            (left + r, bottom - r, 90),
            (left + r, top + r, 180),
            (right - r, top + r, 270),
        )
        path: list[tuple] = []
        for cx, cy, start in corners:
            piece = list(_arc(Arc(cx, cy, r, start, start + 90)))
            path += piece if not path else [("L", *piece[0][1:]), *piece[1:]]
        self.shapes.append(Shape(layer, (*path, ("Z",)), line_mm))

    def line(self, layer: str, points: list[Point], line_mm: float) -> None:
        """Straight from point to point."""
        path = (("M", *points[0]), *(("L", *point) for point in points[1:]))
        self.shapes.append(Shape(layer, path, line_mm))

    def curve(self, layer: str, points: list[Point], line_mm: float) -> None:
        """Smoothly through points, left to right (Catmull and Rom's tangents)."""
        path: list[tuple] = [("M", *points[0])]
        padded = [points[0], *points, points[-1]]
        for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
            path.append(("C", bx + (cx - ax) / 6, by + (cy - ay) / 6, cx - (dx - bx) / 6, cy - (dy - by) / 6, cx, cy))
        self.shapes.append(Shape(layer, tuple(path), line_mm))

    def text(self, layer: str, x: float, y: float, text: str, size_mm: float, line_mm: float) -> None:
        """Centred on (x, y); `size_mm` is the height of an `x`."""
        left = x - stroke_font.width(text) * size_mm / 2
        base = y + size_mm / 2
        for stroke in stroke_font.strokes(text):
            if isinstance(stroke, Line):
                self.line(layer, [(left + px * size_mm, base - py * size_mm) for px, py in stroke.points], line_mm)
            else:
                flipped = Arc(
                    left + stroke.x * size_mm,
                    base - stroke.y * size_mm,
                    stroke.radius * size_mm,
                    -stroke.start,
                    -stroke.to,
                )
                self.shapes.append(Shape(layer, tuple(_arc(flipped)), line_mm))


def _arc(arc: Arc) -> Iterator[tuple]:
    """As Béziers of at most 90°: 4/3 tan(θ/4) of the radius along the tangents."""
    pieces = max(1, round(abs(arc.to - arc.start) / 90 + 0.499))
    step = (arc.to - arc.start) / pieces
    k = 4 / 3 * tan(radians(step) / 4)
    yield ("M", *arc.at(arc.start))
    for n in range(pieces):
        a, b = arc.start + n * step, arc.start + (n + 1) * step
        (ax, ay), (bx, by) = arc.at(a), arc.at(b)
        (adx, ady), (bdx, bdy) = ((x - arc.x, y - arc.y) for x, y in ((ax, ay), (bx, by)))
        yield ("C", ax - ady * k, ay + adx * k, bx + bdy * k, by - bdx * k, bx, by)


def svg(drawing: Drawing, colours: dict[str, str], background: str) -> str:
    """One group a layer run, sized in millimetres. Layers without a colour are left out."""
    w, h = drawing.width_mm, drawing.height_mm
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:g}mm" height="{h:g}mm" viewBox="0 0 {w:g} {h:g}" '
        'stroke-linecap="round" stroke-linejoin="round">',
        f'<rect class="panel" width="{w:g}" height="{h:g}" fill="{background}"/>',
    ]
    for shape in drawing.shapes:
        if colour := colours.get(shape.layer):
            d = " ".join(command[0] + " ".join(f"{value:.3f}" for value in command[1:]) for command in shape.path)
            paint = (
                f'fill="none" stroke="{colour}" stroke-width="{shape.line_mm:g}"'
                if shape.line_mm
                else f'fill="{colour}"'
            )
            out.append(f'<path class="{shape.layer}" d="{d}" {paint}/>')
    return "\n".join([*out, "</svg>\n"])


POINTS_PER_MM = 72 / 25.4
A4_MM = (210.0, 297.0)


def pdf(drawing: Drawing, colours: dict[str, float]) -> bytes:
    """On A4, 1:1, in the middle; `colours` are greys by layer, 0 black. PDF 1.4, one page, nothing compressed."""
    dx, dy = (A4_MM[0] - drawing.width_mm) / 2, (A4_MM[1] - drawing.height_mm) / 2
    # y goes up in PDF
    left, top = dx * POINTS_PER_MM, (A4_MM[1] - dy) * POINTS_PER_MM
    content = [f"{POINTS_PER_MM:.8f} 0 0 {-POINTS_PER_MM:.8f} {left:.4f} {top:.4f} cm 1 J 1 j"]
    for shape in drawing.shapes:
        if shape.layer in colours:
            grey = colours[shape.layer]
            content.append(f"{grey:g} G {grey:g} g {shape.line_mm or 0.1:g} w")
            content += [_pdf_command(command) for command in shape.path]
            content.append("S" if shape.line_mm else "f")
    stream = "\n".join(content).encode()
    width, height = (side * POINTS_PER_MM for side in A4_MM)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] /Contents 4 0 R".encode()
        + b" /Resources << >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + trailer


def _pdf_command(command: tuple) -> str:
    name, values = command[0], " ".join(f"{value:.3f}" for value in command[1:])
    return {"M": f"{values} m", "L": f"{values} l", "C": f"{values} c", "Z": "h"}[name]
