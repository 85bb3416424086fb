"""What gate 2 does to a voice, of words.GATE2_TASKS.

    freeze     while it is up, what is heard goes round
    retrigger  its rise starts the gesture anew
    tap        rises set a clock, and on it the gesture starts anew for as long as gate 1 is up

The others choose what is to be played, and are not for a voice to do. While gate 1 is down a retrigger is a trigger.
"""

from neurorack.patch.taps import Taps
from neurorack.words import GATE2_TASKS


class Gate2:
    """`freezes`: whether what is heard goes round now. Samples count on from block to block."""

    def __init__(self) -> None:
        self.freezes = False
        self._task = GATE2_TASKS[0]
        self._taps = Taps()

    def set_task(self, task: str) -> None:
        """Another task lets go of whatever the one before held."""
        if task != self._task:
            self._task, self.freezes = task, False
            self._taps.forget()

    def turn(self, sample: int, level: int, *, held: bool) -> bool:
        """An edge on this sample, with gate 1 `held` or not; whether it starts the gesture."""
        if self._task == "freeze":
            self.freezes = bool(level)
        elif level and self._task == "tap":
            self._taps.tap(sample)
            return held
        return bool(level) and self._task == "retrigger"

    def ticks(self, begin: int, end: int) -> list[int]:
        """Samples from `begin` up to `end` on which the tapped clock ticks."""
        found = []
        while 0 <= self._taps.next_tick < end:
            found.append(max(begin, self._taps.next_tick))
            self._taps.tick()
        return found
