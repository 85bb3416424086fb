"""Hands on the virtual module as a terminal has them: keys that are pressed and never let go.

A terminal says when a key goes down and repeats while it is held, and never that it came up. So a note ends when its
key has not repeated for a while, and a push ends after its time; `step` looks after both. What is typed at the encoder
meanwhile waits for its turn, as the one hand would.
"""

import math
from collections import deque
from collections.abc import Callable
from functools import partial

from neurorack.clock import Clock
from neurorack.rack.control import FAULTY, RackControl
from neurorack.rack.sources import Keyboard
from neurorack.words import POTS

PIANO = "awsedftgyhujk"
"""Keys of the keyboard's octave from C to C, black ones in the upper row."""

FIRST_S, REPEAT_S = 0.7, 0.2
"""How long a note lasts after its key was tapped (keyboards wait up to 0.66 s before they repeat), and repeated."""

PRESS_S, LONG_PRESS_S = 0.1, 0.7
PAUSE_S = 0.05
"""Between two pushes."""
WAITING_MAX = 16
GRIP_S, GRIPPED_S = 0.35, 0.02
"""How long the encoder stays pushed for a turn, and when it may turn: a push that bounces is heard after 5 ms."""

POT_STEP = 0.02
OCTAVES = (-3, 3)


class Hands:
    """What the keys do. Each method is one key's."""

    def __init__(self, control: RackControl, clock: Clock) -> None:
        self._control, self._clock = control, clock
        self.pot = 0
        self.octave = 0
        self.broken: str | None = None
        self._note_v: float | None = None
        self._note_ends_ns = 0
        self._press_ends_ns: float | None = None
        self._turns_to_come, self._turn_due_ns = 0, 0  # with the encoder pushed
        self._waiting: deque[Callable[[], None]] = deque(maxlen=WAITING_MAX)  # for the encoder
        self._free_ns = 0  # when it may be pushed again
        self._before: dict[str, str] = {}  # cables that the keyboard replaced

    def step(self) -> None:
        """Let go of what was held long enough."""
        now_ns = self._clock.now_ns()
        if self._note_v is not None and now_ns >= self._note_ends_ns:
            self._control.key(self._note_v, False)
            self._note_v = None
        if self._turns_to_come and now_ns >= self._turn_due_ns:
            self._control.turn_encoder(self._turns_to_come)
            self._turns_to_come, self._press_ends_ns = 0, now_ns + round(GRIP_S * 1e9)
        if self._press_ends_ns is not None and now_ns >= self._press_ends_ns:
            self._control.press_encoder(False)
            self._press_ends_ns, self._free_ns = None, now_ns + round(PAUSE_S * 1e9)
        if self._waiting and self._free:
            self._waiting.popleft()()

    @property
    def _free(self) -> bool:
        return self._press_ends_ns is None and self._clock.now_ns() >= self._free_ns

    def turn(self, detents: int) -> None:
        if self._free:
            self._control.turn_encoder(detents)
        else:
            self._waiting.append(partial(self.turn, detents))

    def press(self, seconds: float = PRESS_S) -> None:
        if self._free:
            self._control.press_encoder(True)
            self._press_ends_ns = self._clock.now_ns() + seconds * 1e9
        else:
            self._waiting.append(partial(self.press, seconds))

    def toggle_hold(self) -> bool:
        """Push the encoder and keep it pushed, or let go of it; whether it is held now."""
        if self._press_ends_ns == math.inf:
            self._press_ends_ns = 0
            self.step()
            return False
        self.press(math.inf)
        return True

    def turn_pushed(self, detents: int) -> None:
        """Push the encoder and turn it; `step` turns, and lets go a while after the last turn."""
        if self._press_ends_ns is None:
            self._free_ns = 0
            self.press(GRIP_S)
            self._turn_due_ns = self._clock.now_ns() + round(GRIPPED_S * 1e9)
        self._turns_to_come += detents

    def turn_pot(self, steps: int) -> None:
        """Turn the chosen pot."""
        name = POTS[self.pot]
        position = self._control.world.pot(name) + steps * POT_STEP
        self._control.turn_pot(name, round(min(max(position, 0.0), 1.0), 4))

    def play(self, letter: str) -> None:
        """A key of the piano goes down, or repeats."""
        note_v = round(self.octave + PIANO.index(letter) / 12, 6)
        repeats = note_v == self._note_v
        if not repeats:
            before_v, self._note_v = self._note_v, note_v
            self._control.key(note_v, True)
            if before_v is not None:
                self._control.key(before_v, False)
        self._note_ends_ns = self._clock.now_ns() + round((REPEAT_S if repeats else FIRST_S) * 1e9)

    def shift_octave(self, octaves: int) -> None:
        self.octave = min(max(self.octave + octaves, OCTAVES[0]), OCTAVES[1])

    def plug_next(self, jack: str, way: int) -> None:
        """Bring the cable of `jack` to the next output (`way` 1) or the one before (−1); after the last: none."""
        outputs = ["", *self._control.world.outputs]
        here = outputs.index(self._control.world.state.cables.get(jack, ""))
        self._plug(jack, outputs[(here + way) % len(outputs)])

    def _plug(self, jack: str, output: str) -> None:
        if output:
            self._control.patch(jack, output)
        else:
            self._control.unplug(jack)

    def keyboard_plays(self) -> bool:
        """The keyboard is plugged into pitch and gate."""
        cables, wanted = self._control.world.state.cables, self._keyboard()
        return bool(wanted) and all(cables.get(jack) == end for jack, end in wanted.items())

    def _keyboard(self) -> dict[str, str]:
        """Cables that let the keyboard play: jack → output; empty where the rack has none."""
        ends = [end for end, signal in self._control.world.outputs.items() if isinstance(signal, Keyboard)]
        cv = next((end for end in ends if end.endswith(".cv")), "")
        gate = next((end for end in ends if end.endswith(".gate")), "")
        return {"voct": cv, "gate1": gate} if cv and gate else {}

    def plug_keyboard(self) -> bool:
        """Plug the keyboard into pitch and gate, or, where it is, the cables of before. Whether it plays now."""
        cables, wanted = self._control.world.state.cables, self._keyboard()
        if self.keyboard_plays():
            wanted, playing = self._before or dict.fromkeys(wanted, ""), False
        else:
            self._before = {jack: cables.get(jack, "") for jack in wanted}
            playing = bool(wanted)
        for jack, end in wanted.items():
            self._plug(jack, end)
        return playing

    def break_next(self) -> str | None:
        """Mend what is broken and break the next thing in turn, at last nothing; what is broken now."""
        if self.broken is not None:
            self._control.repair(self.broken)
        following = [*FAULTY, None]
        self.broken = following[(following.index(self.broken) + 1) % len(following)]
        if self.broken is not None:
            self._control.fault(self.broken, "stuck" if self.broken.startswith("bus") else "absent")
        return self.broken

    def toggle_noise(self) -> bool:
        """Switch the converters' noise; whether it is on now."""
        on = not self._control.world.noisy()
        self._control.noise(on)
        return on

    def let_go(self) -> None:
        """Take the hands off, as the view closes."""
        self._note_ends_ns = 0
        if self._press_ends_ns is not None:
            self._press_ends_ns = 0
        self.step()
