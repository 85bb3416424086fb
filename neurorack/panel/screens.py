"""The screens: each a pure function of the panel's state that returns 128×64 pixels.

Text stands on the display's own pages of eight rows, so a number or a bar that changes sends one page's window.
"""

import math

import numpy as np

from neurorack.errors import BadInput
from neurorack.panel import font
from neurorack.panel.canvas import HEIGHT, WIDTH, Canvas
from neurorack.panel.state import CalibrationView, Engine, PanelState, note
from neurorack.words import DESCRIPTORS

PAGE_S = 2.5
"""How long one line of a notice stays before the next."""

METER_FLOOR_DB = -48.0


def splash(state: PanelState) -> np.ndarray:
    """While the module starts: who it is, and what it still waits for."""
    c = Canvas()
    c.text_centre(WIDTH // 2, 3, "neurorack", 2)
    _wave(c, middle=29, height=7, t_s=state.t_s)
    if not _notice(c, 42, state):
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


def main(state: PanelState) -> np.ndarray:
    """While the module plays."""
    c = Canvas()
    _header(c, state)
    _pitch(c, state)
    c.text_right(WIDTH, 9, f"{100 * state.load:.0f}%")
    c.text_right(WIDTH - font.width("100%") - 3, 9, "load")
    c.text_right(WIDTH, 17, _short(state.lost))
    c.text_right(WIDTH - font.width("100%") - 3, 17, "lost")
    for index, name in enumerate(DESCRIPTORS):
        _knob(c, 24 + 8 * index, name, state.knobs[index])
    _meter(c, 122, 26, 38, state)
    return c.pixels


def _header(c: Canvas, state: PanelState) -> None:
    """Bundle and gesture; in turns with the notices, where there are any, lit from behind."""
    if _notice(c, 0, state):
        return
    warn = bool(state.silent_chips)
    right = WIDTH - (10 if warn else 0)
    gesture = font.shorten(state.gesture, right - 8 - min(font.width(state.bundle), 50))
    c.text_right(right, 0, gesture)
    c.text(0, 0, font.shorten(state.bundle, right - font.width(gesture) - 8))
    if warn and state.t_s % 1 < 0.7:
        c.text(WIDTH - 7, 0, "⚠")


def _notice(c: Canvas, y: int, state: PanelState) -> bool:
    """One line of the notices, where it is their turn: a line stays for `PAGE_S`, then what they cover has as long."""
    lines = [line for notice in state.notices for line in font.wrap(notice, WIDTH - 4)]
    turn = int(state.t_s / PAGE_S) % (len(lines) + 1)
    if turn:
        c.text(2, y + 1, lines[turn - 1])
        c.invert(0, y, WIDTH, 9)
    return turn > 0


def _pitch(c: Canvas, state: PanelState) -> None:
    """The note in large, its cents, and a tuner's needle; where the pitch chip is silent, that it is held."""
    if state.pitch_hz <= 0:
        c.text(0, 10, "−", 2)
        return
    name, octave, cents = note(state.pitch_hz)
    x = c.text(0, 10, f"{name}{octave}".replace("-", "−"), 2) + 1
    if "voct" in state.silent_chips:
        c.text(x, 10, "⚠ held")
        return
    c.text(x, 10, f"{cents:+d}¢".replace("-", "−"))
    left, right = x, 76
    middle = (left + right) // 2
    reach = (right - left) // 2 - 1
    for tenth in range(-2, 3):
        c.fill(middle + round(tenth / 2 * reach), 21, 1, 2)
    c.fill(middle + round(cents / 50 * reach) - 1, 18, 3, 5)


def _knob(c: Canvas, y: int, name: str, position: float) -> None:
    left, right = 54, 117
    c.text(0, y, name)
    end = left + round(min(max(position, 0.0), 1.0) * (right - left - 2))
    for x in range(left, right, 3):
        c.fill(x, y + 3, 1, 1)
    c.fill(left, y + 1, end - left, 5)
    c.fill(end, y, 2, 7)


def _meter(c: Canvas, x: int, y: int, height: int, state: PanelState) -> None:
    """Level in steps of three pixels, the peak as a line above it; the top step is lit by the soft limit alone."""
    steps = height // 3
    base = y + 3 * steps
    lit = _above_floor(state.level_db, steps - 1)
    for step in range(steps - 1):
        c.fill(x, base - 3 * step - 3, 6, 2) if step < lit else c.fill(x + 2, base - 3 * step - 2, 2, 1)
    peak = _above_floor(state.peak_db, steps - 1)
    if peak > 0:
        c.fill(x, base - 3 * peak, 6, 1)
    if state.clip > 0:
        c.fill(x, y, 6, 2)
    else:
        c.fill(x + 2, y + 1, 2, 1)


def _above_floor(level_db: float, steps: int) -> int:
    share = max(level_db - METER_FLOOR_DB, 0.0) / -METER_FLOOR_DB
    return min(math.ceil(share * steps), steps)


def _short(count: int) -> str:
    """A count in at most four letters: 999, 1.2k, 34k, 5M."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.0f}M"


def gesture(state: PanelState) -> np.ndarray:
    """While the encoder chooses: the gesture in large, and where it stands among the others."""
    c = Canvas()
    c.text(0, 0, font.shorten(state.bundle, 84))
    c.text_right(WIDTH, 0, f"{state.gesture_number + 1}/{state.gestures}")
    lines = font.wrap(state.gesture, WIDTH // 2)
    if len(lines) <= 2:
        for index, line in enumerate(lines):
            c.text_centre(WIDTH // 2, 36 - 10 * len(lines) + 20 * index, line, 2)
    else:
        c.text_centre(WIDTH // 2, 30, font.shorten(state.gesture, WIDTH))
    if state.gestures > 1:
        left = round(state.gesture_number * WIDTH / state.gestures)
        right = round((state.gesture_number + 1) * WIDTH / state.gestures)
        for x in range(0, WIDTH, 3):
            c.fill(x, 60, 1, 1)
        c.fill(left, 58, max(right - left, 2), 5)
    return c.pixels


def error(problem: BadInput, t_s: float = 0.0) -> np.ndarray:
    """When the module cannot play: what is wrong and where, page by page if long, and all the while what to do."""
    c = Canvas()
    c.text(3, 1, "⚠ cannot play")
    mend = font.wrap(problem.mend, WIDTH - 10)
    if len(mend) > 4:
        mend = [*mend[:3], font.shorten(" ".join(mend[3:]), WIDTH - 10)]
    body = font.wrap(problem.what, WIDTH)
    if problem.where:
        body.append(font.shorten_left(problem.where, WIDTH))
    room = 6 - len(mend)
    pages = max(math.ceil(len(body) / room), 1)
    page = int(t_s / PAGE_S) % pages
    if pages > 1:
        c.text_right(WIDTH - 3, 1, f"{page + 1}/{pages}")
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


def about(state: PanelState) -> np.ndarray:
    """Behind a long press: what runs, on what, and what has gone wrong so far."""
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
        (f"load {100 * state.load:.0f}%", f"lost {_short(state.lost)}"),
        (f"late {_short(state.late)} · flags {_short(state.flags)}", f"NaN {_short(state.resets)}"),
        (chips, f"err {_short(state.i2c_errors)}"),
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
        c.text_centre(WIDTH // 2, y, known)
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
