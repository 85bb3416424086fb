"""The encoder: edges on its three lines → turns and pushes.

A mechanical encoder passes four states between two detents, A and B in quadrature, and its contacts bounce. Counting
quarter steps with their sign lets a bounce take back what it gave; a step counts when the encoder comes to rest in a
detent with at least half of the way behind it, so one detent is one step even where an edge was lost.

The button, as the hand knows it:

    up ──down──▶ held ──let go──▶ PRESS
                  ├──half a second──▶ LONG_PRESS ──let go──▶ nothing more
                  └──a turn──▶ fine steps ──let go──▶ nothing more
"""

from dataclasses import dataclass
from enum import Enum

LONG_PRESS_S = 0.5

SLOW_S, FAST_S, FASTEST = 0.08, 0.01, 12.0
"""Detents that follow each other within 80 ms count for more, in 10 ms or less for twelve: a value's whole travel of
100 steps is then a flick of the wrist, and a careful hand still moves it by one."""

_QUARTER = {
    (0b00, 0b10): 1, (0b10, 0b11): 1, (0b11, 0b01): 1, (0b01, 0b00): 1,
    (0b10, 0b00): -1, (0b11, 0b10): -1, (0b01, 0b11): -1, (0b00, 0b01): -1,
}  # fmt: skip
"""(2·A + B before, after) → quarter steps: clockwise, A leads."""

_RESTS = {4: (0b00,), 2: (0b00, 0b11), 1: (0b00, 0b01, 0b10, 0b11)}
"""Quarter steps between two detents → states of A and B in a detent; both contacts are open in the first."""


class Push(Enum):
    PRESS = "press"  # pushed and let go within half a second, without a turn
    LONG_PRESS = "long press"  # still held after half a second, without a turn


@dataclass(frozen=True)
class Turn:
    """A turn to the right (positive) or left: as detents for what stands in a list, as steps for what is a value."""

    detents: int
    steps: float = 0.0  # detents with acceleration
    fine: bool = False  # turned while pushed: no acceleration, and a value moves by its finest step


Event = Push | Turn


class Quadrature:
    """Turns, in detents. A level of 1 is a closed contact."""

    def __init__(self, quarters_per_detent: int = 4, *, reverse: bool = False) -> None:
        self.reverse = reverse
        self._detent = quarters_per_detent
        self._rests = _RESTS[quarters_per_detent]
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
        way = (2 * quarters >= self._detent) - (2 * quarters <= -self._detent)
        return -way if self.reverse else way


class Button:
    """Pushes; a level of 1 is pushed. Its bounce has ended where the lines are read (the board's `debounce_us`)."""

    def __init__(self) -> None:
        self._pushed_ns: int | None = None
        self._told = False  # this push has had its effect

    @property
    def down(self) -> bool:
        return self._pushed_ns is not None

    def turned(self) -> None:
        """It was turned: letting go is no press, and holding on no long one."""
        self._told = True

    def edge(self, t_ns: int, level: int) -> list[Event]:
        events = self.poll(t_ns)
        if level and self._pushed_ns is None:
            self._pushed_ns, self._told = t_ns, False
        elif not level and self._pushed_ns is not None:
            self._pushed_ns = None
            if not self._told:
                events.append(Push.PRESS)
        return events

    def poll(self, now_ns: int) -> list[Event]:
        """What has become of the button by `now_ns`."""
        if self._pushed_ns is None or self._told or now_ns - self._pushed_ns < LONG_PRESS_S * 1e9:
            return []
        self._told = True
        return [Push.LONG_PRESS]


class Pace:
    """How many steps a detent counts for, by the time since the one before in the same direction."""

    def __init__(self) -> None:
        self._t_ns, self._way = 0, 0

    def steps(self, t_ns: int, way: int) -> float:
        since_s = max((t_ns - self._t_ns) * 1e-9, FAST_S)
        factor = 1.0 if way != self._way or since_s >= SLOW_S else min(SLOW_S / since_s, SLOW_S / FAST_S)
        self._t_ns, self._way = t_ns, way
        return way * (1.0 + (FASTEST - 1.0) * (factor - 1.0) / (SLOW_S / FAST_S - 1.0))


class Encoder:
    """Turns and pushes of one encoder with a push button."""

    def __init__(self, turns: Quadrature, button: Button) -> None:
        self._turns, self._button, self._pace = turns, button, Pace()

    def read(self, edges: list[tuple[int, str, int]], now_ns: int) -> list[Event]:
        """Events out of `edges` (t_ns, jack, level) in time order, as `EdgeRing.read` gives them, gates and all.

        Turns that follow each other are one: at a thousand detents a second the panel hears of 25 turns.
        """
        events: list[Event] = []
        for t_ns, jack, level in edges:
            if jack == "encoder_push":
                events += self._button.edge(t_ns, level)
            elif jack in ("encoder_a", "encoder_b") and (way := self._turns.edge(jack, level)):
                if self._button.down:
                    self._button.turned()
                    turn = Turn(way, way, fine=True)
                else:
                    turn = Turn(way, self._pace.steps(t_ns, way))
                last = events[-1] if events else None
                if isinstance(last, Turn) and last.fine == turn.fine:
                    turn = Turn(last.detents + way, last.steps + turn.steps, turn.fine)
                    events.pop()
                events.append(turn)
        return events + self._button.poll(now_ns)
