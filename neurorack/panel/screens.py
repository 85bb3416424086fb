"""The screens: each a pure function of the panel's state that returns 128×64 pixels.

Text stands on the display's own pages of eight rows, so a number or a bar that changes sends one page's window.
"""

import math

import numpy as np

from neurorack.errors import BadInput
from neurorack.panel import font, layout
from neurorack.panel.canvas import HEIGHT, WIDTH, Canvas
from neurorack.panel.state import CalibrationView, Engine, PanelState, note


def splash(state: PanelState) -> np.ndarray:
    """While the module starts: who it is, and what it still waits for."""
    c = Canvas()
    c.text_centre(WIDTH // 2, 3, "neurorack", 2)
    _wave(c, middle=29, height=7, t_s=state.t_s)
    if not layout.notice(c, 42, state.notices, state.t_s):
        c.text(0, 43, state.version)
        c.text_right(WIDTH, 43, font.shorten(state.bundle, 90))
    c.fill(0, 53, WIDTH, 1)
    done = (
        ("jacks", state.jacks_alive and not state.silent_chips),
        ("engine", state.engine is not Engine.GONE and bool(state.device)),
        ("sound", state.engine is Engine.PLAYING),
    )
    x = 0
    for word, ready in done:
        mark = "✓" if ready else "…" if state.t_s % 1 < 0.7 else ""
        c.text(c.text(x, 56, word) + 2, 56, mark)
        x += font.width(word) + 17
    return c.pixels


def _wave(c: Canvas, middle: int, height: int, t_s: float) -> None:
    """A struck note running along the screen: attack, body, decay."""
    x = np.arange(WIDTH)
    envelope = np.exp(-x / 45.0) * np.minimum(x / 5.0, 1.0)
    y = middle - np.rint(height * 1.35 * envelope * np.sin(2 * np.pi * (x / 11.0 - t_s))).astype(int)
    for column in range(WIDTH - 1):
        low, high = sorted((int(y[column]), int(y[column + 1])))
        c.fill(column, low, 1, max(high - low, 1))


def play(state: PanelState) -> np.ndarray:
    """While the module plays: instrument, pitch, the gesture in large, level, and below it how to go on."""
    c = Canvas()
    right = WIDTH - _pitch(c, state) - 6
    c.text(0, 0, font.shorten(state.bundle, right))
    c.fill(0, 9, WIDTH, 1)
    _gesture(c, state)
    _meter(c, 0, 47, WIDTH, state)
    hint = "⚠  push menu" if state.silent_chips and state.t_s % 1 < 0.7 else "turn gesture, push menu"
    layout.foot(c, hint, state.notices, state.t_s)
    return c.pixels


def _pitch(c: Canvas, state: PanelState) -> int:
    """Note and cents in the upper right corner; where the pitch chip is silent, that it is held. Columns taken."""
    if state.pitch_hz <= 0:
        text = "−"
    else:
        name, octave, cents = note(state.pitch_hz)
        held = "voct" in state.silent_chips
        text = f"{name}{octave} " + ("⚠ held" if held else f"{cents:+d}¢")
    text = text.replace("-", "−")
    c.text_right(WIDTH, 0, text)
    return font.width(text)


def _gesture(c: Canvas, state: PanelState) -> None:
    """Doubled, in two lines if need be; where that is too much, as much of it as two small lines hold."""
    name = state.gesture or "−"
    lines = font.wrap(name[:WIDTH], WIDTH // 2)
    if len(lines) <= 2:
        for index, line in enumerate(lines):
            c.text_centre(WIDTH // 2, (20 if len(lines) == 1 else 11) + 18 * index, line, 2)
    else:
        lines = font.wrap(name[:WIDTH], WIDTH)
        lines = [lines[0], font.shorten(" ".join(lines[1:]), WIDTH)] if len(lines) > 1 else lines
        for index, line in enumerate(lines):
            c.text_centre(WIDTH // 2, 17 + 12 * index, line)


def _meter(c: Canvas, x: int, y: int, width: int, state: PanelState) -> None:
    """Level in steps of three pixels, the peak as a line beyond it; the last step is lit by the soft limit alone."""
    steps = width // 3
    lit = layout.above_floor(state.level_db, steps - 1)
    for step in range(steps - 1):
        c.fill(x + 3 * step, y, 2, 6) if step < lit else c.fill(x + 3 * step, y + 2, 1, 2)
    peak = layout.above_floor(state.peak_db, steps - 1)
    if peak > 0:
        c.fill(x + 3 * peak - 1, y, 1, 6)
    if state.clip > 0:
        c.fill(x + 3 * steps - 3, y - 1, 3, 8)


def error(problem: BadInput, t_s: float = 0.0, title: str = "⚠ cannot play", hint: str = "") -> np.ndarray:
    """When something cannot be: what is wrong and where, page by page if long, and all the while what to do. `hint`
    is what the encoder does there."""
    c = Canvas()
    c.text(3, 1, title)
    mend = font.wrap(problem.mend, WIDTH - 10)
    if len(mend) > 4:
        mend = [*mend[:3], font.shorten(" ".join(mend[3:]), WIDTH - 10)]
    body = font.wrap(problem.what, WIDTH)
    if problem.where:
        body.append(font.shorten_left(problem.where, WIDTH))
    room = 6 - len(mend)
    pages = max(math.ceil(len(body) / room), 1)
    page = int(t_s / layout.PAGE_S) % pages
    c.text_right(WIDTH - 3, 1, f"{page + 1}/{pages}" if pages > 1 else hint)
    c.invert(0, 0, WIDTH, 9)
    for index, line in enumerate(body[room * page : room * (page + 1)]):
        c.text(0, 12 + 8 * index, line)
    top = HEIGHT - 8 * len(mend)
    if mend:
        c.fill(0, top - 3, WIDTH, 1)
        c.text(0, top, "→")
    for index, line in enumerate(mend):
        c.text(9, top + 8 * index, line)
    return c.pixels


def holding(left: float) -> np.ndarray:
    """While the encoder is held far beyond a long press: what that will do, and the share of the way that is left."""
    c = Canvas()
    layout.title(c, "keep holding:")
    c.text_centre(WIDTH // 2, 15, "panic", 2)
    layout.bar(c, 0, 38, WIDTH, 1 - left, 10)
    layout.foot(c, "let go: no panic")
    return c.pixels


def farewell(*, saved: bool) -> np.ndarray:
    """When all has ended: whether the power may go. What the computer has yet to do its own lights say."""
    c = Canvas()
    large = ("safe to", "switch off") if saved else ("not saved:", "disk fault")
    small = ("once the lights of the", "computer are still") if saved else ("the newest changes", "are lost")
    for row in range(2):
        c.text_centre(WIDTH // 2, 4 + 18 * row, large[row], 2)
        c.text_centre(WIDTH // 2, 44 + 10 * row, small[row])
    return c.pixels


def details(state: PanelState) -> np.ndarray:
    """Behind the meters: what runs, on what, and what has gone wrong so far."""
    c = Canvas()
    minutes, seconds = divmod(int(state.playing_s), 60)
    chips = (
        "jacks not read yet"
        if not state.jacks_alive
        else " ".join(f"{chip}{'⚠' if chip in state.silent_chips else '✓'}" for chip in ("voct", "cv", "pots"))
    )
    rate = f"{state.sample_rate_hz / 1000:g} kHz · {state.block}" if state.block else ""
    gestures = f"{state.gestures} gestures"
    rows = (
        (font.shorten(state.bundle or "no bundle", WIDTH - 6 - font.width(gestures)), gestures),
        (font.shorten(state.device or "no sound yet", WIDTH), ""),
        (rate, "real time" if state.realtime else "not real time"),
        (f"load {100 * state.load:.0f}%", f"lost {layout.short(state.lost)}"),
        (f"late {layout.short(state.late)} · flags {layout.short(state.flags)}", f"NaN {layout.short(state.resets)}"),
        (chips, f"err {layout.short(state.i2c_errors)}"),
    )
    c.text(2, 1, f"neurorack {state.version}")
    c.text_right(WIDTH - 2, 1, f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}")
    c.invert(0, 0, WIDTH, 9)
    for index, (left, right) in enumerate(rows):
        c.text(0, 10 + 9 * index, left)
        c.text_right(WIDTH, 10 + 9 * index, right)
    return c.pixels


def calibration(view: CalibrationView) -> np.ndarray:
    """The wizard: a title bar with the step, what it asks or reads in large, and below what a push does."""
    c = Canvas()
    c.text(2, 1, "⚠ calibrate" if view.warn else "calibrate")
    c.text_right(WIDTH - 2, 1, f"{view.step}/{view.steps}")
    c.invert(0, 0, WIDTH, 9)
    y = 12
    if view.title:
        c.text_centre(WIDTH // 2, y, view.title, 2)
        y += 18
    if view.progress is not None:
        known = f"±{view.confidence_cents:.2f}¢" if view.confidence_cents < 100 else "settling…"
        c.text_centre(WIDTH // 2, y, view.moving or known)
        c.frame(8, y + 11, WIDTH - 16, 8)
        c.fill(10, y + 13, round(min(max(view.progress, 0.0), 1.0) * (WIDTH - 20)), 4)
    rows = [row for line in view.lines for row in font.wrap(line, WIDTH)]
    for index, row in enumerate(rows[: (54 - y) // 8]):
        c.text_centre(WIDTH // 2, y + 8 * index, row)
    for index, choice in enumerate(view.choices):
        x = (2 * index + 1) * WIDTH // (2 * len(view.choices))
        c.text_centre(x, 56, choice)
        if index == view.chosen:
            half = font.width(choice) // 2 + 4
            c.invert(x - half, 55, 2 * half, 9)
    return c.pixels
