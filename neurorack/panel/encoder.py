"""The encoder: edges on its three lines → turns and presses.

A mechanical encoder passes four states between two detents, A and B in quadrature, and its contacts bounce. Counting
quarter steps with their sign lets a bounce take back what it gave; a step counts when the encoder comes to rest in a
detent with at least half of the way behind it, so one detent is one step even where an edge was lost.
"""

from dataclasses import dataclass
from enum import Enum

LONG_PRESS_S, HOLD_S = 0.5, 2.0
_QUARTER = {
    (0b00, 0b10): 1, (0b10, 0b11): 1, (0b11, 0b01): 1, (0b01, 0b00): 1,
    (0b10, 0b00): -1, (0b11, 0b10): -1, (0b01, 0b11): -1, (0b00, 0b01): -1,
}  # fmt: skip
"""(2·A + B before, after) → quarter steps: clockwise, A leads."""

_RESTS = {4: (0b00,), 2: (0b00, 0b11), 1: (0b00, 0b01, 0b10, 0b11)}
"""Quarter steps between two detents → states of A and B in a detent; both contacts are open in the first."""


class Event(Enum):
    CLOCKWISE = "clockwise"
    COUNTERCLOCKWISE = "counterclockwise"
    PRESS = "press"  # pushed and let go within half a second
    LONG_PRESS = "long press"  # still held after half a second
    HOLD = "hold"  # and after two seconds


class Quadrature:
    """Turns, in detents. A level of 1 is a closed contact."""

    def __init__(self, quarters_per_detent: int = 4, *, reverse: bool = False) -> None:
        self._detent = quarters_per_detent
        self._rests = _RESTS[quarters_per_detent]
        self._sign = -1 if reverse else 1
        self._state = self._quarters = 0

    def edge(self, jack: str, level: int) -> int:
        """Take one edge of `encoder_a` or `encoder_b`; ±1 where it completes a step, + clockwise, else 0."""
        bit = 0b10 if jack == "encoder_a" else 0b01
        state = self._state | bit if level else self._state & ~bit
        self._quarters += _QUARTER.get((self._state, state), 0)
        self._state = state
        if state not in self._rests:
            return 0
        quarters, self._quarters = self._quarters, 0
        return self._sign * ((2 * quarters >= self._detent) - (2 * quarters <= -self._detent))


_HELD = ((LONG_PRESS_S, Event.LONG_PRESS), (HOLD_S, Event.HOLD))


class Button:
    """Presses; a level of 1 is pressed. Its bounce has ended where the lines are read (the board's `debounce_us`)."""

    def __init__(self) -> None:
        self._pressed_ns: int | None = None
        self._told = 0  # of `_HELD`, for the press under way

    def edge(self, t_ns: int, level: int) -> list[Event]:
        events = self.poll(t_ns)
        if level and self._pressed_ns is None:
            self._pressed_ns, self._told = t_ns, 0
        elif not level and self._pressed_ns is not None:
            self._pressed_ns = None
            if not self._told:
                events.append(Event.PRESS)
        return events

    def poll(self, now_ns: int) -> list[Event]:
        """What has become of the button by `now_ns`."""
        if self._pressed_ns is None:
            return []
        held_s = (now_ns - self._pressed_ns) * 1e-9
        events = [event for after_s, event in _HELD[self._told :] if held_s >= after_s]
        self._told += len(events)
        return events


@dataclass
class Encoder:
    """Turns and presses of one encoder with a push button."""

    turns: Quadrature
    button: Button

    def read(self, edges: list[tuple[int, str, int]], now_ns: int) -> list[Event]:
        """Events out of `edges` (t_ns, jack, level) in time order, as `EdgeRing.read` gives them, gates and all."""
        events: list[Event] = []
        for t_ns, jack, level in edges:
            if jack == "encoder_push":
                events += self.button.edge(t_ns, level)
            elif jack in ("encoder_a", "encoder_b"):
                step = self.turns.edge(jack, level)
                if step:
                    events.append(Event.CLOCKWISE if step > 0 else Event.COUNTERCLOCKWISE)
        return events + self.button.poll(now_ns)
