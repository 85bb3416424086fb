"""The knobs: where each stands and why, and everything that feeds it to be changed."""

from collections.abc import Callable
from typing import get_args

import msgspec
import numpy as np

from neurorack.panel import font, layout
from neurorack.panel.canvas import WIDTH, Canvas
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import SAID_S, Field, Fields, Row, Wheel
from neurorack.panel.pages.editing import (
    PITCH,
    STEP,
    STEPS,
    attenuverter_field,
    change,
    curve_field,
    knob_field,
    knob_of,
    measured,
    moved,
    offset_field,
    position,
    semitones,
    tuned,
)
from neurorack.panel.state import PanelState, note
from neurorack.settings.model import PotName
from neurorack.words import CV_JACKS, FIND, FIND_SEED_MAX, PATCHABLE, POTS

MEANINGS = {
    "rms": "level",
    "centroid": "brightness",
    "bandwidth": "richness",
    "sharpness": "edge",
    "boominess": "bottom",
    "morph": "to another",
    "scrub": "place in it",
    "transient": "attack",
    "variation": "chance",
    "glide": "slide time",
    "release": "its length",
    "macro1": "colour",
    "macro2": "colour",
    "find1": "new ones",
    "find2": "new ones",
    "freeze": "loop length",
    "octave": "of pitch",
    "fine": "of pitch",
}
"""What a listener hears of a knob whose name does not say it."""


class KnobsPage(Wheel):
    """One knob in large: its value live, where its base comes from, and what the cables add."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("knobs", self._knobs)
        self._instrument = instrument

    def _knobs(self) -> list[Row]:
        return [Row(name, lambda name=name: KnobPage(self._instrument, name)) for name in PATCHABLE]  # type: ignore[misc]

    def draw(self, state: PanelState) -> np.ndarray:
        c, rows = Canvas(), self._read()
        layout.title(c, self._title, f"{self.chosen + 1}/{len(rows)}")
        name = rows[self.chosen].name
        c.text(0, 14, "▶")
        layout.big(c, 8, 10, name, WIDTH - 8)
        value = where(self._instrument, name, state)
        c.text_right(WIDTH, 29, value, 2)
        room = WIDTH - font.width(value, 2) - 8
        if name != PITCH:
            c.text(0, 28, font.shorten(MEANINGS[name], room))
            layout.bar(c, 0, 38, room, position(self._instrument, name, state))
        c.text(0, 47, font.shorten(self._feeds(name, state), WIDTH))
        self._foot(c, state)
        return c.pixels

    def _feeds(self, name: str, state: PanelState) -> str:
        if name in FIND and not self._instrument.finds:
            return "no space here: does nothing"
        knob = knob_of(self._instrument, name)
        cables = [f"{jack} {layout.signed(share)}" for jack, share in knob.attenuverter.items()]
        return "  ".join([base_word(self._instrument, name, state), *cables])


def where(instrument: Instrument, name: str, state: PanelState) -> str:
    """A knob's value in words: a share, or the note that plays."""
    if name != PITCH:
        return measured(name, position(instrument, name, state))
    if state.pitch_hz <= 0:
        return "−"
    letter, octave, cents = note(state.pitch_hz)
    return f"{letter}{octave} {cents:+d}¢".replace("-", "−")


def base_word(instrument: Instrument, name: str, state: PanelState) -> str:
    """Where a knob stands without a cable."""
    knob = knob_of(instrument, name)
    if name == PITCH:
        return f"tune {semitones(knob.base)}"
    if knob.pot is None:
        return f"set {measured(name, knob.base)}"
    return f"{knob.pot} {measured(name, state.picked[POTS.index(knob.pot)])}"


class KnobPage(Fields):
    """All that feeds one knob; in the foot its live value, or what a turn has to say."""

    def __init__(self, instrument: Instrument, name: str) -> None:
        self._instrument, self._name = instrument, name
        self._picked: tuple[float, ...] = (0.5,) * len(POTS)
        self._now_s, self._refused_s = 0.0, -SAID_S
        self._turned = 0  # from the pot that sets the knob to the one that a push would take
        value = (
            knob_field(instrument, name, "tune", lambda s: semitones(knob_of(instrument, name).base), self._tune)
            if name == PITCH
            else knob_field(instrument, name, "value", self._value, self._turn_value)
        )
        set_by = Field("set by", lambda s: self._pot() or "menu", self._turn_pot, self._look_at_pots, self._take_pot)
        pot = [] if name == PITCH else [set_by]
        curve = [] if name == PITCH else [curve_field(instrument, name)]
        cables = [attenuverter_field(instrument, name, jack, jack) for jack in CV_JACKS]
        seed = Field("seed", lambda s: str(instrument.sound.find_seed), self._turn_seed, self._begin_seed)
        seeds = [seed] if name in FIND else []
        super().__init__(name, [value, *cables, offset_field(instrument, name), *curve, *pot, *seeds])

    def step(self, state: PanelState) -> None:
        self._picked, self._now_s = state.picked, state.t_s

    def _value(self, state: PanelState) -> str:
        knob = knob_of(self._instrument, self._name)
        base = knob.base if knob.pot is None else state.picked[POTS.index(knob.pot)]
        return measured(self._name, base, 1)

    def _turn_value(self, turn: Turn) -> None:
        """Of a knob of a pot the pot alone is the value: so it is said."""
        knob = knob_of(self._instrument, self._name)
        if knob.pot is not None:
            self._refused_s = self._now_s
            return
        step = STEPS.get(self._name, STEP)
        change(self._instrument, self._name, base=moved(knob.base, turn, 0.0, 1.0, step))

    def _turn_seed(self, turn: Turn) -> None:
        """Both knobs that find lead elsewhere then, from the next start of the gesture on."""
        self._sow(min(max(self._instrument.sound.find_seed + turn.detents, 0), FIND_SEED_MAX))

    def _begin_seed(self) -> Callable[[], None]:
        before = self._instrument.sound.find_seed
        return lambda: self._sow(before)

    def _sow(self, seed: int) -> None:
        self._instrument.play(msgspec.structs.replace(self._instrument.sound, find_seed=seed))

    def _tune(self, turn: Turn) -> None:
        change(self._instrument, self._name, base=tuned(knob_of(self._instrument, self._name).base, turn))

    def _pot(self) -> PotName | None:
        """The pot that is shown for it; None: the menu sets it."""
        choices: tuple[PotName | None, ...] = (None, *get_args(PotName))
        return choices[(choices.index(knob_of(self._instrument, self._name).pot) + self._turned) % len(choices)]

    def _turn_pot(self, turn: Turn) -> None:
        """Only looks: on the way to a pot no other knob loses its own."""
        self._turned += turn.detents

    def _look_at_pots(self) -> Callable[[], None]:
        self._turned = 0
        return self._look_away

    def _look_away(self) -> None:
        self._turned = 0

    def _take_pot(self) -> None:
        """The menu, or a pot, which then sets no other knob. A knob that its pot leaves stands where it stood."""
        instrument, pot = self._instrument, self._pot()
        knob = knob_of(instrument, self._name)
        self._turned = 0
        if pot == knob.pot:
            return
        knobs = dict(instrument.sound.knobs)
        for name, other in [*knobs.items(), (self._name, knob)]:
            if other.pot is not None and (other.pot == pot or name == self._name):
                base = min(max(self._picked[POTS.index(other.pot)], 0.0), 1.0)
                knobs[name] = msgspec.structs.replace(other, pot=None, base=round(base, 4))  # type: ignore[index]
        knobs[self._name] = msgspec.structs.replace(knobs.get(self._name, knob), pot=pot)  # type: ignore[index,call-overload]
        instrument.play(msgspec.structs.replace(instrument.sound, knobs=knobs))

    def _head(self, c: Canvas) -> None:
        layout.title(c, self._title, "turn: change" if self._editing else "hold: back")

    def _foot(self, c: Canvas, state: PanelState) -> None:
        if said := self._saying(state):
            layout.foot(c, said)
            return
        value = where(self._instrument, self._name, state)
        left = c.text(0, layout.FOOT, "now") + 4
        if self._name != PITCH:
            layout.bar(c, left, layout.FOOT, 66, position(self._instrument, self._name, state), 7)
        c.text_right(WIDTH, layout.FOOT, value)

    def _saying(self, state: PanelState) -> str:
        if state.t_s - self._refused_s < SAID_S:
            return f"{knob_of(self._instrument, self._name).pot or 'menu'} sets it: see set by"
        pot = self._pot()
        if not self._turned or pot is None:
            return ""
        others = (name for name, knob in self._instrument.sound.knobs.items() if knob.pot == pot)
        loser = next((name for name in others if name != self._name), None)
        return f"{pot} leaves {loser}" if loser else ""
