"""Hands on the virtual module that do anything, by chance, the encoder first; and cables, pots, keys and mishaps."""

import time
from collections.abc import Callable
from random import Random

from neurorack.rack.control import FAULTY, RackControl
from neurorack.rack.plan import INPUT_JACKS
from neurorack.words import POTS

SPUN_NS = 250_000
"""Between two edges of an encoder that passes a thousand detents a second."""

Act = tuple[int, Callable[[], object]]
"""How often, against others, and what."""


class Hands:
    """`wait` lets so many seconds of the module's time pass, which `now_ns` tells."""

    def __init__(
        self,
        control: RackControl,
        random: Random,
        wait: Callable[[float], object],
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.control, self.random, self._wait, self._now_ns = control, random, wait, now_ns
        self._outputs = sorted(control.world.outputs)

    def event(self, *more: Act) -> None:
        """One of all that they can do, or of `more`."""
        acts = (*self._acts(), *more)
        self.random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]()

    def _acts(self) -> list[Act]:
        random, control = self.random, self.control
        return [
            (30, lambda: control.turn_encoder(random.choice((-3, -1, 1, 1, 2, 5)))),
            (1, lambda: control.turn_encoder(random.choice((-40, 40)))),
            (1, lambda: control.turn_encoder(random.choice((-200, 200)), SPUN_NS)),
            (24, lambda: self.push(random.uniform(0.015, 0.06))),
            (9, lambda: self.push(random.uniform(0.51, 0.7))),
            (5, self.push_turn),
            (12, lambda: control.turn_pot(random.choice(POTS), random.random())),
            (12, lambda: control.key(random.uniform(-3, 7), random.random() < 0.5)),
            (8, lambda: control.patch(random.choice(INPUT_JACKS), random.choice(self._outputs))),
            (3, lambda: control.unplug(random.choice(INPUT_JACKS))),
            (1, lambda: control.fault(random.choice(FAULTY[:5]), "absent")),
            (3, self.repair),
        ]

    def repair(self) -> None:
        """All that is broken."""
        for what in FAULTY:
            self.control.repair(what)

    def push(self, seconds: float) -> None:
        self.let_turn_end()
        self.control.press_encoder(True)
        self._wait(seconds)
        self.control.press_encoder(False)

    def let_turn_end(self) -> None:
        """A hand pushes when its turn is over."""
        if contacts := self.control.world.state.contacts:
            self._wait(max(contacts[-1].t_ns - self._now_ns(), 0) * 1e-9 + 0.01)

    def push_turn(self) -> None:
        self.let_turn_end()
        self.control.press_encoder(True)
        self._wait(0.02)
        self.control.turn_encoder(self.random.choice((-2, 1)))
        self.let_turn_end()
        self.control.press_encoder(False)
