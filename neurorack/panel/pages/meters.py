"""Tuner and meters: what sounds, and how the machine is."""

from collections.abc import Callable

import numpy as np

from neurorack.panel import font, host, layout, screens
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.page import Page
from neurorack.panel.state import PanelState, note

IN_TUNE_CENTS = 2
LOOK_S = 2.0
"""How often the machine is asked for its addresses."""


class TunerPage(Page):
    """The pitch that is played in large, the needle below."""

    def draw(self, state: PanelState) -> np.ndarray:
        c = Canvas()
        silent = "voct" in state.silent_chips
        layout.title(c, "tuner", "⚠ held" if silent else f"{state.pitch_hz:.1f} Hz" if state.pitch_hz > 0 else "")
        if state.pitch_hz <= 0:
            c.text_centre(WIDTH // 2, 26, "−", 2)
            return c.pixels
        name, octave, cents = note(state.pitch_hz)
        c.text(4, 14, f"{name}{octave}".replace("-", "−"), 2)
        c.text_right(WIDTH - 4, 14, "in tune" if abs(cents) <= IN_TUNE_CENTS else f"{cents:+d}¢".replace("-", "−"), 2)
        for tenth in range(-5, 6):
            x = WIDTH // 2 + 12 * tenth
            c.fill(x, 38 if tenth % 5 else 35, 1, 6 if tenth % 5 else 9)
        needle = WIDTH // 2 + round(1.2 * cents)
        c.fill(needle - 2, 47, 5, 13)
        c.frame(WIDTH // 2 - 5, 45, 11, 17)
        return c.pixels


class MetersPage(Page):
    """Load, lost blocks, temperature, supply, addresses; a turn shows what runs, on what, in small."""

    def __init__(self, addresses: Callable[[], list[tuple[str, str]]] = host.addresses) -> None:
        self._ask_addresses = addresses
        self._look_s = -LOOK_S
        self._addresses: list[tuple[str, str]] = []
        self._details = False

    def step(self, state: PanelState) -> None:
        if state.t_s - self._look_s >= LOOK_S:
            self._look_s = state.t_s
            self._addresses = self._ask_addresses()

    def turn(self, turn: Turn) -> None:
        self._details ^= turn.detents % 2 == 1

    def draw(self, state: PanelState) -> np.ndarray:
        if self._details:
            return screens.details(state)
        c = Canvas()
        layout.title(c, "meters", "turn: details")
        warm = "−" if state.temperature_c is None else f"{state.temperature_c:.0f}°"
        load = f"{min(100 * state.load, 999):.0f}%"
        c.text(0, 12, "load")
        c.text(0, 22, load, 2)
        c.text_centre(72, 12, "lost")
        c.text_centre(72, 22, layout.short(state.lost), 2)
        c.text_right(WIDTH, 12, "⚠ hot" if state.hot else "temp")
        c.text_right(WIDTH, 22, warm, 2)
        c.fill(0, 41, WIDTH, 1)
        addresses = self._addresses or [("", "no network")]
        name, address = addresses[int(state.t_s / layout.PAGE_S) % len(addresses)]
        volts = "" if state.supply_v is None else f"{'⚠ ' if state.supply_low else ''}{state.supply_v:.2f} V"
        c.text_right(WIDTH, 45, volts)
        c.text(0, 45, font.shorten(f"ssh  {name}" if name else "", WIDTH - 6 - font.width(volts)))
        if not layout.notice(c, layout.FOOT - 1, state.notices, state.t_s):
            c.text(0, layout.FOOT, address)
        return c.pixels
