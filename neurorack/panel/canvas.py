"""A sheet of 128×64 pixels to draw a screen on, and its form in the display's memory."""

import numpy as np

from neurorack.panel import font

WIDTH, HEIGHT = 128, 64


class Canvas:
    """Pixels [64, 128] of bool, True lit; what lies outside the sheet is cut off."""

    def __init__(self) -> None:
        self.pixels = np.zeros((HEIGHT, WIDTH), bool)

    def fill(self, x: int, y: int, width: int, height: int, lit: bool = True) -> None:
        self.pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = lit

    def frame(self, x: int, y: int, width: int, height: int) -> None:
        """The one-pixel outline of a rectangle."""
        self.fill(x, y, width, 1)
        self.fill(x, y + height - 1, width, 1)
        self.fill(x, y, 1, height)
        self.fill(x + width - 1, y, 1, height)

    def invert(self, x: int, y: int, width: int, height: int) -> None:
        part = self.pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        np.logical_not(part, out=part)

    def stamp(self, x: int, y: int, shape: np.ndarray) -> None:
        """Light what `shape` [h, w] of bool lights, with its top left corner at x, y."""
        left, top = max(-x, 0), max(-y, 0)
        shape = shape[top : HEIGHT - y, left : WIDTH - x]
        if shape.size:
            self.pixels[y + top : y + top + shape.shape[0], x + left : x + left + shape.shape[1]] |= shape

    def text(self, x: int, y: int, text: str, scale: int = 1) -> int:
        """Write `text` with its top left corner at x, y; return the first free column behind it."""
        shape = font.set_text(text, scale)
        self.stamp(x, y, shape)
        return x + shape.shape[1] + scale

    def text_right(self, x: int, y: int, text: str, scale: int = 1) -> None:
        """Write `text` so that its last column is x − 1."""
        self.text(x - font.width(text, scale), y, text, scale)

    def text_centre(self, x: int, y: int, text: str, scale: int = 1) -> None:
        """Write `text` with its middle at x."""
        self.text(x - font.width(text, scale) // 2, y, text, scale)


def pages(pixels: np.ndarray) -> np.ndarray:
    """Pixels [64, 128] as the display holds them: bytes [8, 128], one column of eight pixels each, bit 0 on top."""
    return np.packbits(pixels.reshape(8, 8, WIDTH), axis=1, bitorder="little")[:, 0, :]
