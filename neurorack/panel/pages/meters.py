"""Tuner and meters: what sounds, and how the machine is."""

from collections.abc import Callable

import msgspec
import numpy as np

from neurorack.panel import font, host, layout, screens
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Page
from neurorack.panel.state import PanelState, note
from neurorack.patch.matrix import Matrix
from neurorack.settings.model import Sound
from neurorack.settings.playing import patch_of

IN_TUNE_CENTS = 2
LOOK_S = 2.0
"""How often the machine is asked for its addresses."""


class TunerPage(Page):
    """While it sounds, the pitch that is asked for in large, before a scale draws it to a note; the needle below."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument, self._sound = instrument, instrument.sound
        self._matrix = Matrix(_unscaled(self._sound))

    def step(self, state: PanelState) -> None:
        if self._sound is not self._instrument.sound:
            self._sound = self._instrument.sound
            self._matrix.load(_unscaled(self._sound))

    def _pitch_hz(self, state: PanelState) -> float:
        """0 in silence."""
        if state.level_db <= layout.METER_FLOOR_DB:
            return 0.0
        if not self._sound.scale:
            return state.pitch_hz
        return self._matrix.play(np.array(state.volts), np.array(state.picked))[0]

    def draw(self, state: PanelState) -> np.ndarray:
        c, pitch_hz = Canvas(), self._pitch_hz(state)
        held = "voct" in state.silent_chips
        layout.title(
            c,
            "tuner, unscaled" if self._sound.scale else "tuner",
            "⚠ held" if held else f"{pitch_hz:.{1 if pitch_hz < 1000 else 0}f} Hz" if pitch_hz > 0 else "",
        )
        layout.foot(c, "hold: back" if pitch_hz > 0 else "play a note  hold: back", state.notices, state.t_s)
        if pitch_hz <= 0:
            c.text_centre(WIDTH // 2, 26, "−", 2)
            return c.pixels
        name, octave, cents = note(pitch_hz)
        c.text(4, 12, f"{name}{octave}".replace("-", "−"), 2)
        c.text_right(WIDTH - 4, 12, "in tune" if abs(cents) <= IN_TUNE_CENTS else f"{cents:+d}¢".replace("-", "−"), 2)
        for tenth in range(-5, 6):
            x = WIDTH // 2 + 12 * tenth
            c.fill(x, 33 if tenth % 5 else 30, 1, 6 if tenth % 5 else 9)
        needle = WIDTH // 2 + round(1.2 * cents)
        c.fill(needle - 2, 42, 5, 10)
        c.frame(WIDTH // 2 - 5, 40, 11, 14)
        return c.pixels


def _unscaled(sound: Sound) -> np.recarray:
    return patch_of(msgspec.structs.replace(sound, scale=0))


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
        volts = "" if state.supply_v is None else f"{'⚠ ' if state.supply_low else ''}{state.supply_v:.2f} V"
        layout.title(c, "meters", volts)
        warm = "−" if state.temperature_c is None else f"{state.temperature_c:.0f}°"
        load = f"{min(100 * state.load, 999):.0f}%"
        c.text(0, 12, "load")
        c.text(0, 22, load, 2)
        c.text_centre(72, 12, "lost")
        c.text_centre(72, 22, layout.short(state.lost), 2)
        c.text_right(WIDTH, 12, "⚠ hot" if state.hot else "temp")
        c.text_right(WIDTH, 22, warm, 2)
        c.fill(0, 41, WIDTH, 1)
        layout.foot(c, "turn: details  hold: back", state.notices, state.t_s)
        addresses = self._addresses or [("", "no network")]
        name, address = addresses[int(state.t_s / layout.PAGE_S) % len(addresses)]
        c.text(0, 45, font.shorten(f"ssh {address}" if name else address, WIDTH))
        return c.pixels
