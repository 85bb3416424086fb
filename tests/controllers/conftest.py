"""A player that writes down what it is asked to play."""

from typing import Any

import pytest


class Heard:
    """Stands in for `controllers.player.Player`: `deeds` has what was asked for, in order."""

    def __init__(self) -> None:
        self.deeds: list[tuple[Any, ...]] = []
        self.gate, self.volts, self.level, self.strikes = False, 0.0, 0.0, 0
        self.struck = False

    def play(self, volts: float, *, gate: bool, strike: bool, level: float) -> None:
        self.strikes += strike or (gate and not self.gate)
        self.gate, self.volts, self.level = gate, volts, level

    def set(self, path: str, value: Any) -> None:
        self.deeds.append(("set", path, value))

    def recall(self, number: int) -> None:
        self.deeds.append(("recall", number))

    def panic(self) -> None:
        self.deeds.append(("panic",))

    @property
    def semitones(self) -> float:
        """Above C4."""
        return self.volts * 12


@pytest.fixture
def heard() -> Heard:
    return Heard()
