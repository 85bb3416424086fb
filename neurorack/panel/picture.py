"""The module as a picture: its faceplate with what the display, the LEDs, the jacks and the pots show just now.

Everything is in the order of the panel that is cut (`hardware/panel/layout.py`); the display is drawn three times as
large, so that it can be read, and pots bear the names of what they turn. Drawn at twice the size and brought down, so
that edges are smooth. Lengths in the code are in millimetres: 3 U (128.5 mm) high and 20 HP (101.6 mm) wide.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from neurorack.errors import BadInput
from neurorack.panel.leds import RGB
from neurorack.words import GATE_JACKS

WIDTH_MM, HEIGHT_MM = 101.6, 128.5
MARGIN_MM, BELOW_MM = 7.0, 25.0
"""Round the plate, and below it, where the cables hang."""

SCALE = 8.0
"""Pixels per millimetre of the finished picture."""

_FINE = 2 * SCALE

_PLATE, _INK, _SOFT, _GLASS = "#ece7dc", "#22252b", "#8b877d", "#06080b"
_BEHIND, _METAL, _HOLE = "#191b20", "#b9b6ae", "#0d0e11"
_LIT = (196, 231, 255)
_CABLES = ("#d1495b", "#edae49", "#00798c", "#66a182", "#7a5c8f", "#e07a3f", "#2e6fb7")

_OLED = (10.8, 16.4, 64.0, 32.0)  # x, y, width, height of the lit glass
_LEDS_Y, _POTS_Y, _JACKS_Y = 58.0, 76.2, (97.6, 114.6)
_JACKS = {
    "cv1": (21.3, 0), "cv2": (41.0, 0), "cv3": (60.6, 0), "cv4": (80.3, 0),
    "voct": (11.5, 1), "gate1": (31.2, 1), "gate2": (50.8, 1), "in": (70.4, 1), "out": (90.1, 1),
}  # fmt: skip
_LEDS = {
    **{name: (11.5 + 15.72 * n, _LEDS_Y) for n, name in enumerate(name for name in RGB if name not in _JACKS)},
    **{name: (_JACKS[name][0] + 6.6, _JACKS_Y[1] - 1.0) for name in GATE_JACKS},
}
_POTS = {"pot1": "rms", "pot2": "centroid", "pot3": "bandwidth", "pot4": "sharpness"}
_POT_X = (21.3, 41.0, 60.6, 80.3)
_ENCODER = (88.0, 32.4)


def save_picture(run_dir: Path, path: Path) -> None:
    """Write the virtual module of a run directory, as it looks now, to a PNG. Raises BadInput."""
    from neurorack.clock import MonotonicClock
    from neurorack.rack.look import Looker

    look = Looker(run_dir, MonotonicClock()).look()
    image = draw_module(look.pixels, look.lights, look.volts, look.pots, look.cables)
    try:
        image.save(path, optimize=True)
    except OSError as error:
        raise BadInput(f"cannot write the picture: {error.strerror}", str(path), "give another folder") from error


def draw_module(
    pixels: np.ndarray,
    lights: Mapping[str, float],
    volts: Mapping[str, float],
    pots: Mapping[str, float],
    cables: Mapping[str, str],
) -> Image.Image:
    """The module: display `pixels` [64, 128] of bool, LEDs' brightness 0…1, volts by jack, pots 0…1, cables by jack."""
    size = (WIDTH_MM + 2 * MARGIN_MM, HEIGHT_MM + MARGIN_MM + BELOW_MM)
    sheet = _Sheet(Image.new("RGB", (round(size[0] * _FINE), round(size[1] * _FINE)), _BEHIND))
    _plate(sheet)
    _display(sheet, pixels)
    _leds(sheet, lights)
    for (pot, name), x in zip(_POTS.items(), _POT_X, strict=True):
        _pot(sheet, x, pots.get(pot, 0.5), name)
    _encoder(sheet)
    for jack, (x, row) in _JACKS.items():
        _jack(sheet, x, _JACKS_Y[row], jack)
    _cables(sheet, cables)
    for jack, (x, row) in _JACKS.items():
        _label(sheet, x, _JACKS_Y[row] - 5.2, jack, volts.get(jack))
    return sheet.image.resize((round(size[0] * SCALE), round(size[1] * SCALE)), Image.Resampling.LANCZOS)


class _Sheet:
    """A picture to draw on in millimetres of the plate."""

    def __init__(self, image: Image.Image) -> None:
        self.image, self.draw = image, ImageDraw.Draw(image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (x + MARGIN_MM) * _FINE, (y + MARGIN_MM) * _FINE

    def disc(self, x: float, y: float, radius: float, fill: str, outline: str | None = None, width: float = 0) -> None:
        left, top = self.at(x - radius, y - radius)
        right, bottom = self.at(x + radius, y + radius)
        self.draw.ellipse((left, top, right, bottom), fill, outline, round(width * _FINE))

    def box(self, x: float, y: float, w: float, h: float, radius: float, fill: str, outline: str | None = None) -> None:
        self.draw.rounded_rectangle((*self.at(x, y), *self.at(x + w, y + h)), radius * _FINE, fill, outline, 3)

    def line(self, points: list[tuple[float, float]], fill: str, width: float) -> None:
        self.draw.line([self.at(x, y) for x, y in points], fill, round(width * _FINE), "curve")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        height: float,
        fill: str = _INK,
        edge: str | None = None,
        anchor: str = "mm",
    ) -> None:
        """`text` at x, y by its `anchor`, on a rim of `edge` where one is given."""
        font, rim = ImageFont.load_default(height * _FINE), round(0.45 * _FINE) if edge else 0
        self.draw.text(self.at(x, y), text, fill, font, anchor, stroke_width=rim, stroke_fill=edge)

    def length(self, text: str, height: float) -> float:
        """Width of `text` in millimetres."""
        return ImageFont.load_default(height * _FINE).getlength(text) / _FINE

    def glow(self, x: float, y: float, radius: float, rgb: tuple[int, int, int], strength: float) -> None:
        """Light around a point, over what is there."""
        reach = round(radius * _FINE)
        ramp = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) / reach
        mask = Image.fromarray((255 * strength * np.clip(1 - ramp, 0, 1) ** 2).astype(np.uint8))
        left, top = self.at(x, y)
        self.image.paste(Image.new("RGB", mask.size, rgb), (round(left) - reach, round(top) - reach), mask)

    def shadow(self, x: float, y: float, radius: float) -> None:
        """The soft shadow of something round that stands on the plate, lit from above left."""
        reach = round(2 * radius * _FINE)
        mask = Image.new("L", (2 * reach, 2 * reach))
        inner = round(radius * _FINE)
        ImageDraw.Draw(mask).ellipse((reach - inner, reach - inner, reach + inner, reach + inner), 110)
        mask = mask.filter(ImageFilter.GaussianBlur(0.9 * _FINE))
        left, top = self.at(x + 0.5, y + 1.0)
        self.image.paste(Image.new("RGB", mask.size, "#000000"), (round(left) - reach, round(top) - reach), mask)


def _plate(sheet: _Sheet) -> None:
    sheet.box(0, 0, WIDTH_MM, HEIGHT_MM, 0.8, _PLATE, "#c9c4b8")
    for x in (7.5, WIDTH_MM - 7.5):
        for y in (3.0, HEIGHT_MM - 3.0):
            sheet.box(x - 2.6, y - 1.6, 5.2, 3.2, 1.6, _HOLE)
            sheet.disc(x, y, 2.3, _METAL, "#8f8c85", 0.15)
            sheet.line([(x - 1.3, y - 0.6), (x + 1.3, y + 0.6)], "#6d6a64", 0.4)
    sheet.text(WIDTH_MM / 2, 7.0, "neurorack", 5.2)
    sheet.line([(8, 66.0), (WIDTH_MM - 8, 66.0)], "#cfc9bb", 0.25)


def _display(sheet: _Sheet, pixels: np.ndarray) -> None:
    x, y, w, h = _OLED
    sheet.box(x - 2.4, y - 2.4, w + 4.8, h + 4.8, 1.4, "#101216", "#3a3d44")
    cell = 2 * round(w * _FINE / 128 / 2)
    dot = np.zeros((cell, cell))
    dot[1:-1, 1:-1] = 1.0
    lit = np.kron(pixels.astype(float), dot)
    mask = Image.fromarray((255 * lit).astype(np.uint8))
    halo = mask.filter(ImageFilter.GaussianBlur(0.35 * _FINE)).point(lambda v: v // 4)
    glass = Image.new("RGB", mask.size, _GLASS)
    glass.paste(_LIT, (0, 0), halo)
    glass.paste(_LIT, (0, 0), mask)
    middle = sheet.at(x + w / 2, y + h / 2)
    sheet.image.paste(glass, (round(middle[0]) - glass.width // 2, round(middle[1]) - glass.height // 2))


def _leds(sheet: _Sheet, lights: Mapping[str, float]) -> None:
    """A row under the display; the gates' beside their jacks, which name them."""
    for name, (x, y) in _LEDS.items():
        rgb, brightness = RGB[name], lights.get(name, 0.0)
        dark = tuple(round(60 + 0.16 * c) for c in rgb)
        colour = tuple(round(d + (c - d) * brightness) for c, d in zip(rgb, dark, strict=True))
        if brightness > 0:
            sheet.glow(x, y, 4.2, rgb, 0.75 * brightness)
        sheet.disc(x, y, 1.5, "#{:02x}{:02x}{:02x}".format(*colour), "#5b5952", 0.15)
        if brightness > 0:
            sheet.glow(x - 0.3, y - 0.3, 1.1, (255, 255, 255), 0.6 * brightness)
        if name not in _JACKS:
            sheet.text(x, y + 4.2, name, 2.3, _SOFT)


def _pot(sheet: _Sheet, x: float, position: float, name: str) -> None:
    y, radius = _POTS_Y, 4.6
    for tick in range(11):
        angle = math.radians(135 + 27 * tick)
        reach = 6.8 if tick % 5 else 7.2
        points = [(x + r * math.cos(angle), y + r * math.sin(angle)) for r in (6.0, reach)]
        sheet.line(points, _SOFT, 0.25)
    _cap(sheet, x, y, radius)
    angle = math.radians(135 + 270 * min(max(position, 0.0), 1.0))
    sheet.line([(x + r * math.cos(angle), y + r * math.sin(angle)) for r in (1.6, radius - 0.3)], "#f4f0e6", 0.75)
    sheet.text(x, y + 8.4, name, 2.6)


def _cap(sheet: _Sheet, x: float, y: float, radius: float) -> None:
    sheet.shadow(x, y, radius)
    sheet.disc(x, y, radius, "#25282f", "#14161a", 0.2)
    sheet.disc(x - 0.1, y - 0.15, 0.82 * radius, "#343842")
    sheet.disc(x, y, 0.76 * radius, "#2b2f37")


def _encoder(sheet: _Sheet) -> None:
    x, y = _ENCODER
    _cap(sheet, x, y, 5.2)
    for notch in range(24):
        angle = math.radians(15 * notch)
        points = [(x + r * math.cos(angle), y + r * math.sin(angle)) for r in (4.5, 5.1)]
        sheet.line(points, "#14161a", 0.3)
    sheet.text(x, y + 8.4, "gesture", 2.6)


def _jack(sheet: _Sheet, x: float, y: float, name: str) -> None:
    if name == "out":
        sheet.box(x - 8.4, y - 8.4, 16.8, 15.0, 1.2, _INK)
    sheet.shadow(x, y, 3.3)
    hexagon = [sheet.at(x + 4.3 * math.cos(a), y + 4.3 * math.sin(a)) for a in np.arange(6) * math.pi / 3]
    sheet.draw.polygon(hexagon, _METAL, "#7f7c75", 3)
    sheet.disc(x, y, 3.3, "#d8d5cd", "#8f8c85", 0.15)
    sheet.disc(x, y, 1.9, _HOLE)


def _label(sheet: _Sheet, x: float, y: float, name: str, volts: float | None) -> None:
    """Name and volts over a jack, kept readable where a cable runs behind them."""
    if volts is None:
        ink, edge = (_PLATE, _INK) if name == "out" else (_INK, _PLATE)
        sheet.text(x, y, name, 2.6, ink, edge, "ms")
        return
    reading = f"{volts:+.2f} V"
    name_mm, reading_mm = sheet.length(name, 2.6), sheet.length(reading, 2.1)
    left = x - (name_mm + 1.2 + reading_mm) / 2
    sheet.text(left, y, name, 2.6, _INK, _PLATE, "ls")
    sheet.text(left + name_mm + 1.2, y, reading, 2.1, "#5b5850", _PLATE, "ls")


def _cables(sheet: _Sheet, cables: Mapping[str, str]) -> None:
    """Each from its jack down over the plate's edge to a flag that says where it comes from."""
    ways = []
    for number, jack in enumerate(sorted(cables, key=_JACKS.__getitem__)):
        (x, row), foot_x = _JACKS[jack], WIDTH_MM * (number + 0.5) / len(cables)
        y, foot_y = _JACKS_Y[row], HEIGHT_MM + 9.5
        t = np.linspace(0, 1, 400)[:, None]
        drop = 14.0 if row else 28.0  # from the upper row straight down between the lower jacks
        p = np.array([(x, y), (x, y + drop), (foot_x, foot_y - 16), (foot_x, foot_y)])
        way = (1 - t) ** 3 * p[0] + 3 * (1 - t) ** 2 * t * p[1] + 3 * (1 - t) * t**2 * p[2] + t**3 * p[3]
        ways.append((jack, _CABLES[number % len(_CABLES)], way))
    shade = Image.new("L", sheet.image.size)
    under = ImageDraw.Draw(shade)
    for _, _, way in ways:
        for a, b in np.add(way, (0.7, 1.1)):
            under.ellipse((*sheet.at(a - 0.95, b - 0.95), *sheet.at(a + 0.95, b + 0.95)), 90)
    sheet.image.paste("#000000", (0, 0), shade.filter(ImageFilter.GaussianBlur(0.5 * _FINE)))
    width = min(WIDTH_MM / max(len(cables), 1) - 1.6, 18.0)
    for jack, colour, way in ways:
        for radius, aside, tint in (
            (0.95, 0.0, _mixed(colour, 0, 0.25)),
            (0.8, 0.0, colour),
            (0.25, -0.3, _mixed(colour, 255, 0.35)),
        ):
            for a, b in way:
                sheet.disc(a + aside, b, radius, tint)
        (x, y), (foot_x, foot_y) = way[0], way[-1]
        sheet.disc(x, y, 2.7, "#1b1d22", "#000000", 0.1)
        sheet.disc(x, y, 1.6, colour)
        sheet.box(foot_x - width / 2, foot_y, width, 5.2, 1.2, colour)
        sheet.text(foot_x, foot_y + 2.6, cables[jack], 2.2, "#ffffff")


def _mixed(colour: str, level: int, share: float) -> str:
    """`colour` brought towards grey `level` by `share`."""
    return "#" + "".join(f"{round(int(colour[i : i + 2], 16) * (1 - share) + level * share):02x}" for i in (1, 3, 5))
