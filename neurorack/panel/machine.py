"""How the machine is, as the player is told: too warm, too little voltage, too much current.

        ok ──85 °C──▶ hot: the display slows down
         ▲              │
         └────80 °C─────┘

Hot, the module goes on playing, whatever it plays. What it can save is its display: 20 frames a second cost 15 ms of
processor, 4 cost 6, where the engine takes 60 for the sound (measured, one core of an x86-64). A smaller instrument
would save 1: of a second, `fluid`'s decoder takes 9.9 ms at block 64, one of a sixth of its weights 9.0 (its nodes
count, not its arithmetic), and what is played would change under the player's hands. More than that only the machine
itself can do, and does from its own first trip point on: it lowers its clock.
"""

from dataclasses import dataclass
from pathlib import Path

from neurorack.panel.host import SYSFS, Supply, supply, warmest_c

LOOK_S = 2.0
"""How often the machine is asked."""

HOT_C, COOL_C = 85.0, 80.0
"""Well before the machine slows itself down: an Orin does at 99 °C and goes off at 104.5 °C (Linux, tegra234's device
tree, cpu-sw-throttle, cpu-sw-shutdown), a Nano at 100.5 and 102.5 °C, as its kernel says at the start (soctherm). The
five degrees between the two keep it from going to and fro."""

LOW_V, ENOUGH_V = 4.75, 4.80
"""Of VDD_IN: Nano and Orin modules want 5 V there at least (Orin NX and Nano design guide DG-10931, Module ID: 5 V, or
5 to 20 V), and 5 % less is what a supply of 5 V may give under load."""

TOLD_S = 60.0
"""How long the display tells of a dip that is over: it is the supply's only sign of weakness."""


@dataclass(frozen=True)
class Health:
    temperature_c: float | None = None
    hot: bool = False
    supply_v: float | None = None
    low: bool = False
    notices: tuple[str, ...] = ()


class Machine:
    """`look` whenever a screen is drawn: it asks the machine every LOOK_S."""

    def __init__(self, sysfs: Path = SYSFS) -> None:
        self._sysfs = sysfs
        self._health, self._look_s = Health(), -LOOK_S
        self._dips, self._overloads = _Recent(), _Recent()

    def look(self, t_s: float) -> Health:
        if t_s - self._look_s >= LOOK_S:
            self._look_s = t_s
            self._health = self._judge(t_s, warmest_c(self._sysfs), supply(self._sysfs))
        return self._health

    def _judge(self, t_s: float, temperature_c: float | None, now: Supply) -> Health:
        before = self._health
        notices: list[str] = []
        hot = temperature_c is not None and temperature_c >= (COOL_C if before.hot else HOT_C)
        low = now.volts is not None and now.volts < (ENOUGH_V if before.low else LOW_V)
        if hot:
            notices.append(f"hot, {temperature_c:.0f} °C: display slowed. Give it air")
        if low:
            notices.append(f"supply low: {now.volts:.2f} V")
        if dips := self._dips.follow(t_s, now.dips):
            notices.append(f"supply dipped {dips}×: use a stronger one")
        if self._overloads.follow(t_s, now.overloads) or now.overloaded:
            notices.append("too much current: the machine slows itself")
        return Health(temperature_c, hot, now.volts, low, tuple(notices))


class _Recent:
    """How often a count has risen, until it has stood still for TOLD_S. What rose before the first look is old."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._risen, self._until_s = 0, 0.0

    def follow(self, t_s: float, count: int) -> int:
        if self._count is not None and count > self._count:
            self._risen, self._until_s = self._risen + count - self._count, t_s + TOLD_S
        elif t_s >= self._until_s:
            self._risen = 0
        self._count = count
        return self._risen
