"""How a knob of the patch is read and changed from a page."""

import math
from collections.abc import Callable
from typing import Any

import msgspec

from neurorack.panel import layout
from neurorack.panel.encoder import Turn
from neurorack.panel.instrument import Instrument
from neurorack.panel.page import Field
from neurorack.panel.state import PanelState
from neurorack.patch.matrix import CURVES, SPAN_V, standing
from neurorack.patch.performance import GLIDE_MAX_S, RELEASE_OCT, freeze_hops
from neurorack.settings.model import Knob
from neurorack.words import CV_JACKS, HOP, POTS, SAMPLE_RATE_HZ

PITCH = "pitch"
CURVE_WORDS = {"linear": "lin", "exponential": "exp", "logarithmic": "log", "s-curve": "s"}

STEP, _FINER = 0.01, 10
STEPS = {"octave": 0.1, "fine": 0.005}
"""How far a detent turns a knob where that is a step of its own: an octave, a cent. Others go by a hundredth."""

_SEMITONE_V, _CENT_V = 1 / 12, 1 / 1200
_TUNE_V = 5.0


def knob_of(instrument: Instrument, name: str) -> Knob:
    """What feeds a knob; one that the sound does not name stands half way, the pitch at C4."""
    found = instrument.sound.knobs.get(name)  # type: ignore[call-overload]
    return found or Knob(base=0.0 if name == PITCH else 0.5)


def amount(instrument: Instrument, name: str, jack: str) -> float:
    """How far a knob's attenuverter for a jack is open, −1…+1."""
    return knob_of(instrument, name).attenuverter.get(jack, 0.0)  # type: ignore[call-overload]


def change(instrument: Instrument, name: str, **values: object) -> None:
    _put(instrument, name, msgspec.structs.replace(knob_of(instrument, name), **values))


def _put(instrument: Instrument, name: str, knob: Knob) -> None:
    knobs: dict[Any, Knob] = {**instrument.sound.knobs, name: knob}  # type: ignore[dict-item]
    instrument.play(msgspec.structs.replace(instrument.sound, knobs=knobs))


def knob_field(
    instrument: Instrument, name: str, label: str, text: Callable[[PanelState], str], turn: Callable[[Turn], None]
) -> Field:
    """A value of a knob; what is undone is all that the editing did to that knob, and to no other."""

    def begin() -> Callable[[], None]:
        before = knob_of(instrument, name)
        return lambda: _put(instrument, name, before)

    return Field(label, text, turn, begin)


def position(instrument: Instrument, name: str, state: PanelState) -> float:
    """Where a knob other than the pitch stands now, 0…1."""
    knob = knob_of(instrument, name)
    base = knob.base if knob.pot is None else state.picked[POTS.index(knob.pot)]
    amounts = [amount(instrument, name, jack) for jack in CV_JACKS]
    return standing(base, amounts, state.volts, knob.offset, CURVES.index(knob.curve))


def measured(name: str, position: float, decimals: int = 0) -> str:
    """A position 0…1 in the knob's own unit, as `patch.performance` and `patch.matrix` play it; else in per cent."""
    if name == "octave":
        return f"{layout.signed(round(SPAN_V * (position - 0.5)), 0)} oct"
    if name == "fine":
        return f"{layout.signed(200 * (position - 0.5), decimals)}¢"
    if name == "freeze":
        return f"{1e3 * freeze_hops(position) * HOP / SAMPLE_RATE_HZ:.0f} ms"
    if name == "glide":
        return f"{1e3 * GLIDE_MAX_S * position**2:.0f} ms"
    if name == "release":
        return f"×{2 ** (RELEASE_OCT * (2 * position - 1)):.2g}"
    return f"{100 * position:.{decimals}f}%"


def moved(value: float, turn: Turn, low: float, high: float, step: float = STEP) -> float:
    """A position or an attenuverter after a turn: on the grid of its steps, and no turn passes its zero by."""
    step /= _FINER if turn.fine else 1
    steps = round(turn.steps)
    if not steps:
        return value
    before = math.floor(value / step + 1e-6) if steps > 0 else math.ceil(value / step - 1e-6)
    after = (before + steps) * step
    return round(min(max(0.0 if value * after < 0 else after, low), high), 4)


def tuned(value_v: float, turn: Turn) -> float:
    """Volts of pitch after a turn: by semitones, fine by cents."""
    value_v += turn.detents * _CENT_V if turn.fine else round(turn.steps) * _SEMITONE_V
    return round(min(max(value_v, -_TUNE_V), _TUNE_V) * 1200) / 1200


def semitones(value_v: float) -> str:
    return f"{layout.signed(12 * value_v)}"


def attenuverter_field(instrument: Instrument, name: str, jack: str, label: str) -> Field:
    """How much of a jack a knob gets, −1…+1."""

    def turn(turn: Turn) -> None:
        amounts: dict[Any, float] = {**knob_of(instrument, name).attenuverter}
        amounts[jack] = moved(amount(instrument, name, jack), turn, -1.0, 1.0)
        change(instrument, name, attenuverter={of: value for of, value in amounts.items() if value})

    return knob_field(instrument, name, label, lambda state: attenuation(amount(instrument, name, jack)), turn)


def attenuation(amount: float) -> str:
    """Two decimals, or three where it was set finely."""
    return layout.signed(amount, 2 if round(amount, 2) == amount else 3)


def offset_field(instrument: Instrument, name: str) -> Field:
    def turn(turn: Turn) -> None:
        offset = knob_of(instrument, name).offset
        change(instrument, name, offset=tuned(offset, turn) if name == PITCH else moved(offset, turn, -1.0, 1.0))

    def text(state: PanelState) -> str:
        offset = knob_of(instrument, name).offset
        return semitones(offset) if name == PITCH else f"{layout.signed(100 * offset, 1)}%"

    return knob_field(instrument, name, "offset", text, turn)


def curve_field(instrument: Instrument, name: str) -> Field:
    def turn(turn: Turn) -> None:
        here = CURVES.index(knob_of(instrument, name).curve)
        change(instrument, name, curve=CURVES[(here + turn.detents) % len(CURVES)])

    return knob_field(instrument, name, "curve", lambda state: CURVE_WORDS[knob_of(instrument, name).curve], turn)
