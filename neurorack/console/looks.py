"""Pages that only show: the panel, the jacks as plots, load and lateness."""

import base64
import math
from collections import deque

import numpy as np
from rich.text import Text

from neurorack.console.page import BAD, COLD, DIM, GOOD, WARM, Page, Values, number
from neurorack.glyphs import bar, braille
from neurorack.panel.leds import RGB
from neurorack.panel.state import note
from neurorack.shared import LED_NAMES
from neurorack.words import CV_JACKS, GATE_JACKS

PLOT_WIDTH, PLOT_HEIGHT = 52, 3
"""Of a jack's plot, in cells of 2 × 4 dots: 104 looks, ten seconds."""

RANGES_V = {"voct": (-3.0, 7.0)}
RANGE_V = (-5.0, 5.0)

COLOURS = ("#e0687a", "#edae49", "#30a5b8", "#86c5a0", "#a98bc4", "#f08d55", "#5f9be0")


class PanelPage(Page):
    """Display pixel by pixel, LEDs, and what the engine says."""

    title = "panel"

    def draw(self, values: Values) -> Text:
        rows = braille(display(values))
        text = Text()
        for row, line in enumerate(rows):
            text.append(line, COLD).append("  ")
            if row < len(LED_NAMES):
                brightness = values.get(f"panel.led.{LED_NAMES[row]}") or 0.0
                text.append("● ", _led_colour(LED_NAMES[row], brightness))
                text.append(LED_NAMES[row], "" if brightness > 0.02 else DIM)
            text.append("\n")
        level = values.get("meters.rms_db")
        text.append("\nlevel ", DIM).append(bar(1 + (level if level is not None else -99.0) / 48, 24), GOOD)
        text.append(f" {number(level, '.1f', 'silent')}".ljust(12))
        load = values.get("meters.load") or 0.0
        text.append("load ", DIM).append(bar(load, 16), BAD if load > 0.8 else WARM)
        text.append(f" {100 * load:.0f} %\npitch ", DIM)
        if (pitch_hz := values.get("meters.pitch_hz") or 0.0) > 0:
            name, octave, cents = note(pitch_hz)
            text.append(f"{name}{octave} {cents:+d}¢  {pitch_hz:.1f} Hz")
        text.append("\nplays ", DIM).append(
            f"{values.get('system.bundle', '–')} to {values.get('system.device', '–')}"[:70]
        )
        text.append("\nsays  ", DIM).append(str(values.get("system.notice") or "nothing")[:70], WARM)
        return text


def display(values: Values) -> np.ndarray:
    """The display's pixels, bool [64, 128]."""
    pages = [np.frombuffer(base64.b64decode(values.get(f"panel.page{n}") or bytes(128)), "u1") for n in range(8)]
    whole = np.array([page if page.size == 128 else np.zeros(128, "u1") for page in pages])
    return np.unpackbits(whole[:, None, :], axis=1, bitorder="little").reshape(64, 128).astype(bool)


class JacksPage(Page):
    """The last ten seconds of every jack."""

    title = "jacks"

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {jack: deque(maxlen=2 * PLOT_WIDTH) for jack in (*CV_JACKS, *GATE_JACKS)}

    def look(self, values: Values) -> None:
        for jack, seen in self._seen.items():
            value = values.get(f"jack.{jack}.volts" if jack in CV_JACKS else f"jack.{jack}.level")
            seen.append(math.nan if value is None else float(value))

    def draw(self, values: Values) -> Text:
        text = Text()
        for index, jack in enumerate(CV_JACKS):
            low, high = RANGES_V.get(jack, RANGE_V)
            over = {1: "too high", -1: "too low"}.get(values.get(f"jack.{jack}.over", 0), "")
            beside = (f"{jack:<6}", f"{number(values.get(f'jack.{jack}.volts'), '+.3f')} V", over)
            for row, line in enumerate(plot(self._seen[jack], low, high)):
                text.append(f" {beside[row]:<12} ", (DIM, "bold", BAD)[row])
                text.append(f"{(high, None, low)[row]:+3.0f} " if row != 1 else "    ", DIM)
                text.append(line + "\n", COLOURS[index])
        for index, jack in enumerate(GATE_JACKS):
            seen = self._seen[jack]
            strip = "".join("█" if level == 1 else "▁" for level in list(seen)[1::2])
            text.append(f" {jack:<12}     ", DIM).append(strip.rjust(PLOT_WIDTH) + "\n", COLOURS[5 + index])
        text.append(" ten seconds, ten looks a second; faster changes are in the sound, not here", DIM)
        return text


def plot(seen: "deque[float]", low: float, high: float) -> list[str]:
    """The newest on the right, PLOT_HEIGHT lines: a dot a look, joined to the one before."""
    pixels = np.zeros((4 * PLOT_HEIGHT, 2 * PLOT_WIDTH), bool)
    top = len(pixels) - 1
    before: int | None = None
    for column, value in enumerate(seen, 2 * PLOT_WIDTH - len(seen)):
        if math.isnan(value):
            before = None
            continue
        row = round(top * (1 - (min(max(value, low), high) - low) / (high - low)))
        start = row if before is None else min(max(before, row - top), row + top)
        pixels[min(row, start) : max(row, start) + 1, column] = True
        before = row
    return [line.ljust(PLOT_WIDTH) for line in braille(pixels)]


class LoadPage(Page):
    """How long callbacks take and how late they come, since the engine's start."""

    title = "load"

    def draw(self, values: Values) -> Text:
        text = Text()
        period_s = values.get("meters.period_s") or 0.0
        titles = ("duration of callbacks", "lateness of their entry")
        text.append(" " + "".join(f"{title:<39}" for title in titles) + "\n", "bold")
        histograms = [values.get(f"meters.{name}.octaves") or [] for name in ("duration", "lateness")]
        for octave in range(1, 16):
            edge_s = 1e-6 * 2.0 ** (octave + 1)
            for counts in histograms:
                count = counts[octave] if octave < len(counts) else 0
                most = math.log2(1 + max(counts, default=0)) or 1.0
                late = BAD if period_s and edge_s > 2 * period_s else WARM if period_s and edge_s > period_s else GOOD
                text.append(f" {_time(edge_s):>7} ", DIM).append(bar(math.log2(1 + count) / most, 18), late)
                text.append(f" {count:<10}" if count else " " * 11, DIM)
                text.append(" ")
            text.append("\n")
        for name in ("p50_s", "p99_s", "p999_s"):
            for what in ("duration", "lateness"):
                text.append(f" {name[:-2]:>7} ", DIM).append(f"{_time(values.get(f'meters.{what}.{name}') or 0.0):<30}")
            text.append("\n")
        counted = {"lost": "lost", "deadline_misses": "late", "device_flags": "flags", "nan_resets": "resets"}
        for path, name in counted.items():
            text.append(f" {name} ", DIM).append(number(values.get(f"meters.{path}"), "d"))
        text.append(f"  load {100 * (values.get('meters.load') or 0.0):.0f} %", "bold")
        text.append(f"  block {values.get('system.block', '–')} = {_time(period_s)}", DIM)
        return text


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def _led_colour(name: str, brightness: float) -> str:
    dark = [38 + 0.08 * c for c in RGB[name]]
    return "#" + "".join(f"{round(d + (c - d) * brightness):02x}" for c, d in zip(RGB[name], dark, strict=True))
