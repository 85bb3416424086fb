"""A rendering as a picture: the spectrogram of what sounded, and below it, on the same axis, the volts and gates that
made it.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neurorack.errors import BadInput
from neurorack.rack.signals import GATE_OFF_V
from neurorack.render import LEAD_NS
from neurorack.rendering import Rendering
from neurorack.words import CV_JACKS, GATE_JACKS, SAMPLE_RATE_HZ

WIDTH = 760
_LEFT, _RIGHT, _TOP, _AXIS = 96, 12, 30, 22
_SPECTRUM, _CV, _GATE, _GAP = 240, 58, 20, 8
"""Heights."""

LOWEST_HZ, HIGHEST_HZ = 50.0, 16_000.0
_TICKS_HZ = (100, 300, 1_000, 3_000, 10_000)
DEEP_DB = 66.0
"""What lies so far below the loudest is paper."""

_LEVELS = 16
"""Of colour: with more a picture is twice as large, and shows no more."""

_WINDOW = 2_048
_PAPER, _INK, _SOFT, _GRID = "#ffffff", "#22252b", "#6d6a64", "#e4e1da"
_CV_INK, _GATE_INK = "#d1495b", "#00798c"
_SCALE = np.array([[255, 255, 255], [168, 208, 214], [0, 121, 140], [24, 34, 66]])


def spectrogram_db(sound: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """[rows, columns] in dB below the loudest, the highest frequency first; frequency is logarithmic from LOWEST_HZ to
    HIGHEST_HZ."""
    padded = np.pad(sound.astype(np.float64), _WINDOW // 2)
    begins = np.linspace(0, len(sound) - 1, columns).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[begins] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2
    centres = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** ((np.arange(rows) + 0.5) / rows)
    half = (HIGHEST_HZ / LOWEST_HZ) ** (0.5 / rows)
    bins = np.arange(power.shape[1]) * (SAMPLE_RATE_HZ / _WINDOW)
    found = np.array([np.interp(centres, bins, frame) for frame in power]).T
    for row, centre in enumerate(centres):  # where a row spans several bins, the strongest of them
        inside = (bins >= centre / half) & (bins < centre * half)
        if np.count_nonzero(inside) > 1:
            found[row] = power[:, inside].max(axis=1)
    level = 10.0 * np.log10(found + 1e-20)
    shown: np.ndarray = (level - level.max())[::-1]
    return shown


def draw(shown: Rendering) -> Image.Image:
    """The picture; jacks without a cable, and those whose volts stand still, are left out."""
    jacks = [jack for jack in (*CV_JACKS, *GATE_JACKS) if _moves(shown, jack)]
    heights = [_GATE if jack in GATE_JACKS else _CV for jack in jacks]
    height = _TOP + _SPECTRUM + sum(height + _GAP for height in heights) + _AXIS
    image = Image.new("RGB", (WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_LEFT, 8), shown.name, _INK, _font(15))
    pen.text((WIDTH - _RIGHT, 10), shown.bundle, _SOFT, _font(12), "ra")
    _draw_time(pen, shown, height)
    _draw_spectrum(image, pen, shown)
    top = _TOP + _SPECTRUM + _GAP
    for jack, tall in zip(jacks, heights, strict=True):
        (_draw_gate if jack in GATE_JACKS else _draw_cv)(pen, shown, jack, top, tall)
        top += tall + _GAP
    return image


def save_picture(shown: Rendering, path: Path) -> None:
    """As PNG. Raises BadInput."""
    try:
        draw(shown).quantize(64, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
    except OSError as error:
        raise BadInput(f"cannot write the picture: {error.strerror}", str(path), "give another --out") from error


def _columns() -> int:
    return WIDTH - _LEFT - _RIGHT


def _seconds(shown: Rendering) -> float:
    return len(shown.sound) / SAMPLE_RATE_HZ


def _times_ns(shown: Rendering) -> list[int]:
    """Of every column up to the rack's end, on the world's clock."""
    columns = round(_columns() * min(1.0, shown.seconds / _seconds(shown)))
    return [LEAD_NS + round(t_s * 1e9) for t_s in np.linspace(0.0, shown.seconds, columns, endpoint=False).tolist()]


def _moves(shown: Rendering, jack: str) -> bool:
    volts = [shown.world.volts(jack, t_ns) for t_ns in _times_ns(shown)]
    return bool(np.ptp(volts) > GATE_OFF_V / 10)


def _feeds(shown: Rendering, jack: str) -> str:
    """What the jack does in this patch."""
    if jack in GATE_JACKS:
        return shown.patch.gate2 if jack == GATE_JACKS[1] else "play"
    return ", ".join(name for name, knob in shown.patch.knobs.items() if jack in knob.attenuverter)


def _draw_time(pen: ImageDraw.ImageDraw, shown: Rendering, height: int) -> None:
    for second in range(int(_seconds(shown)) + 1):
        x = _LEFT + second / _seconds(shown) * (_columns() - 1)
        pen.line([(x, _TOP), (x, height - _AXIS)], _GRID)
        pen.text((x, height - 17), f"{second} s", _SOFT, _font(12), "ma")


def _draw_spectrum(image: Image.Image, pen: ImageDraw.ImageDraw, shown: Rendering) -> None:
    shown_db = spectrogram_db(shown.sound, _columns(), _SPECTRUM)
    level = np.round(np.clip(1.0 + shown_db / DEEP_DB, 0.0, 1.0) * (_LEVELS - 1)) / (_LEVELS - 1)
    places = np.linspace(0.0, 1.0, len(_SCALE))
    rgb = np.stack([np.interp(level, places, _SCALE[:, channel]) for channel in range(3)], axis=-1)
    image.paste(Image.fromarray(rgb.astype(np.uint8), "RGB"), (_LEFT, _TOP))
    for hz in _TICKS_HZ:
        y = _TOP + _SPECTRUM * (1.0 - np.log(hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ))
        pen.line([(_LEFT - 4, y), (_LEFT, y)], _SOFT)
        pen.text((_LEFT - 7, y), f"{hz} Hz" if hz < 1000 else f"{hz // 1000} kHz", _SOFT, _font(12), "rm")


def _draw_cv(pen: ImageDraw.ImageDraw, shown: Rendering, jack: str, top: int, tall: int) -> None:
    volts = np.array([shown.world.volts(jack, t_ns) for t_ns in _times_ns(shown)])
    low, high = float(volts.min()), float(volts.max())
    ys = top + tall - 3 - (volts - low) / (high - low) * (tall - 6)
    pen.line([(_LEFT, top + tall), (WIDTH - _RIGHT, top + tall)], _GRID)
    pen.line([(_LEFT + column, y) for column, y in enumerate(ys.tolist())], _CV_INK, 2)
    pen.text((4, top + tall / 2 - 8), jack, _INK, _font(13), "lm")
    pen.text((4, top + tall / 2 + 8), _feeds(shown, jack), _SOFT, _font(12), "lm")
    pen.text((_LEFT - 7, top + 6), f"{high:+.1f} V", _SOFT, _font(11), "rm")
    pen.text((_LEFT - 7, top + tall - 6), f"{low:+.1f} V", _SOFT, _font(11), "rm")


def _draw_gate(pen: ImageDraw.ImageDraw, shown: Rendering, jack: str, top: int, tall: int) -> None:
    world, end_ns = shown.world, LEAD_NS + round(shown.seconds * 1e9) - 1
    pen.line([(_LEFT, top + tall), (WIDTH - _RIGHT, top + tall)], _GRID)
    pen.text((4, top + tall / 2), f"{jack} {_feeds(shown, jack)}", _INK, _font(12), "lm")
    level, since = world.level(jack, LEAD_NS), LEAD_NS
    for t_ns, then in [*world.edges(jack, LEAD_NS, end_ns), (end_ns, 0)]:
        if level:
            x0, x1 = (_LEFT + (t - LEAD_NS) * 1e-9 / _seconds(shown) * (_columns() - 1) for t in (since, t_ns))
            pen.rectangle((x0, top + 4, max(x0 + 1, x1 - 1), top + tall), _GATE_INK)
        level, since = then, t_ns


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
