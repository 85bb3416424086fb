"""The voice's amplifier: a gain at sample rate that moves along straight lines, each begun on its own sample."""

import numpy as np


class Vca:
    """`gain` [block] float32, 0…1. Its lines are planned ahead with `go` and begin in the order of planning.

    One that is planned for before the line ahead of it begins together with that one, and replaces it.
    """

    def __init__(self, block: int) -> None:
        self.gain = np.zeros(block, np.float32)
        self.value = 0.0
        """Where it stands at the end of the block."""
        self._goal = 0.0  # of the line it is on
        self._step = 0.0
        self._plan: list[tuple[int, float, int]] = []
        self._now = 0
        self._count = np.arange(1, block + 1, dtype=np.float32)

    def go(self, offset: int, target: float, samples: int) -> None:
        """From sample `offset` of the coming block on (which may lie beyond it), reach `target` in `samples`."""
        self._plan.append((self._now + offset, target, samples))

    def render(self) -> np.ndarray:
        """The next block of `gain`."""
        at, block = 0, len(self.gain)
        while self._plan and self._plan[0][0] < self._now + block:
            sample, goal, samples = self._plan.pop(0)
            begin = max(at, sample - self._now)
            self._run(at, begin)
            self._goal, self._step, at = goal, (goal - self.value) / samples, begin
        self._run(at, block)
        self._now += block
        return self.gain

    def _run(self, begin: int, end: int) -> None:
        if end <= begin:
            return
        part = self.gain[begin:end]
        if self.value == self._goal:
            part.fill(self.value)
            return
        np.multiply(self._count[: end - begin], self._step, out=part)
        np.add(part, self.value, out=part)
        (np.minimum if self._step > 0 else np.maximum)(part, self._goal, out=part)
        reached = self.value + self._step * (end - begin)
        self.value = min(reached, self._goal) if self._step > 0 else max(reached, self._goal)
