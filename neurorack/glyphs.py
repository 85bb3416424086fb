"""Pixels, bars and gauges as characters of a terminal."""

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bits of a Braille cell: four rows of two dots."""


def braille(pixels: np.ndarray) -> list[str]:
    """Every pixel a dot: [h, w] of bool → h/4 lines of w/2 cells, exact to the pixel."""
    height, width = pixels.shape
    cells = pixels.reshape(height // 4, 4, width // 2, 2).transpose(0, 2, 1, 3)
    codes = (cells * _DOTS).sum(axis=(2, 3))
    return ["".join(chr(0x2800 + code) if code else " " for code in line) for line in codes]


def half_blocks(pixels: np.ndarray) -> list[str]:
    """Every pixel half a cell: [h, w] of bool → h/2 lines of w cells, for terminals with room."""
    codes = pixels[0::2] + 2 * pixels[1::2].astype(int)
    return ["".join(" ▀▄█"[code] for code in line) for line in codes]


def bar(share: float, width: int) -> str:
    """A share 0…1 of `width` cells as a line, to half a cell."""
    full, half = divmod(round(min(max(share, 0.0), 1.0) * width * 2), 2)
    return ("━" * full + "╸" * half).ljust(width)


def gauge(value: float, low: float, high: float, width: int) -> str:
    """A needle between two ends, over a mark at 0 where that lies between them."""
    cells = ["·"] * width

    def cell(at: float) -> int:
        return round((min(max(at, low), high) - low) / (high - low) * (width - 1))

    if low <= 0 <= high:
        cells[cell(0.0)] = "┊"
    cells[cell(value)] = "●"
    return "".join(cells)
