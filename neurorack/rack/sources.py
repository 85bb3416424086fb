"""Sources to patch: sequencer, LFO, random, envelope, constant, keyboard. Each is tables and arithmetic, no history.

Every class here is a `Signal`, one output; times count in nanoseconds from the world's epoch.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import exp, pi, sin
from typing import Literal

from neurorack.rack.chance import uniform
from neurorack.rack.signals import Signal, edges, is_on
from neurorack.rack.state import Key


class Steps:
    """When the steps of a sequencer begin. Swing delays every second one by a fraction of a step."""

    def __init__(self, tempo_bpm: float, steps_per_beat: int, swing: float) -> None:
        self.step_ns = round(60e9 / tempo_bpm / steps_per_beat)
        self._late_ns = round(swing * self.step_ns)

    def begin_ns(self, number: int) -> int:
        return number * self.step_ns + (self._late_ns if number & 1 else 0)

    def at(self, t_ns: int) -> int:
        """Number of the step that plays at `t_ns`."""
        number = t_ns // self.step_ns
        if number & 1 and t_ns < number * self.step_ns + self._late_ns:
            return number - 1
        return number


class StepCv:
    """Volts of a sequencer: `lag_s` behind its gate, reached in `glide_s` along a straight line."""

    def __init__(self, steps: Steps, volts: Sequence[float], lag_s: float, glide_s: float) -> None:
        self._steps, self._table = steps, tuple(volts)
        self._lag_ns, self._glide_ns = round(lag_s * 1e9), round(glide_s * 1e9)

    def volts(self, t_ns: int) -> float:
        t_ns -= self._lag_ns
        number = self._steps.at(t_ns)
        volts = self._table[number % len(self._table)]
        if self._glide_ns:
            into_ns = t_ns - self._steps.begin_ns(number)
            if into_ns < self._glide_ns:
                before = self._table[(number - 1) % len(self._table)]
                return before + (volts - before) * (into_ns / self._glide_ns)
        return volts

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        steps = self._steps
        found: list[int] = []
        t0_ns, t1_ns = t0_ns - self._lag_ns, t1_ns - self._lag_ns
        for number in range(steps.at(t0_ns), steps.at(t1_ns) + 1):
            begin = steps.begin_ns(number)
            for t in (begin, begin + self._glide_ns) if self._glide_ns else (begin,):
                if t0_ns < t <= t1_ns:
                    found.append(t + self._lag_ns)
        return found


class StepGate:
    """Gate of a sequencer. `lengths` are fractions of each step: 0 rests, 1 ties into the next."""

    def __init__(self, steps: Steps, lengths: Sequence[float], high_v: float) -> None:
        self._steps, self._lengths, self._high_v = steps, tuple(lengths), high_v

    def _end_ns(self, number: int) -> int:
        begin = self._steps.begin_ns(number)
        length = self._lengths[number % len(self._lengths)]
        return begin + round(length * (self._steps.begin_ns(number + 1) - begin))

    def volts(self, t_ns: int) -> float:
        return self._high_v if t_ns < self._end_ns(self._steps.at(t_ns)) else 0.0

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        found: list[int] = []
        for number in range(self._steps.at(t0_ns), self._steps.at(t1_ns) + 1):
            for t in (self._steps.begin_ns(number), self._end_ns(number)):
                if t0_ns < t <= t1_ns and t not in found[-1:]:
                    found.append(t)
        return found


Shape = Literal["sine", "triangle", "square", "ramp"]

_TURNS: dict[str, tuple[float, ...]] = {
    "sine": (0.25, 0.75),
    "triangle": (0.0, 0.5),
    "square": (0.0, 0.5),
    "ramp": (0.0,),
}
"""Where in a cycle a shape jumps or turns."""


class Lfo:
    """A wave between `low_v` and `high_v`. `phase` 0…1 is where it stands at the epoch; sine and triangle rise from the
    middle and the bottom, the ramp rises, the square begins high."""

    def __init__(self, shape: Shape, rate_hz: float, low_v: float, high_v: float, phase: float) -> None:
        self._shape, self._low_v, self._span_v = shape, low_v, high_v - low_v
        self._period_ns = round(1e9 / rate_hz)
        self._phase_ns = round(phase * self._period_ns)
        self._turns_ns = tuple(round(turn * self._period_ns) for turn in _TURNS[shape])

    def volts(self, t_ns: int) -> float:
        into_ns = (t_ns + self._phase_ns) % self._period_ns
        cycle = into_ns / self._period_ns
        if self._shape == "sine":
            unit = 0.5 + 0.5 * sin(2.0 * pi * cycle)
        elif self._shape == "triangle":
            unit = 2.0 * cycle if cycle < 0.5 else 2.0 - 2.0 * cycle
        elif self._shape == "square":
            unit = 1.0 if into_ns < self._turns_ns[1] else 0.0
        else:
            unit = cycle
        return self._low_v + self._span_v * unit

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        first = (t0_ns + self._phase_ns) // self._period_ns
        last = (t1_ns + self._phase_ns) // self._period_ns
        return [
            t
            for cycle in range(first, last + 1)
            for turn in self._turns_ns
            if t0_ns < (t := cycle * self._period_ns + turn - self._phase_ns) <= t1_ns
        ]


class Random:
    """A new value every period, spread evenly over `low_v`…`high_v`; `glide` 0…1 of it is spent getting there."""

    def __init__(self, rate_hz: float, low_v: float, high_v: float, glide: float, seed: int) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._low_v, self._span_v = low_v, high_v - low_v
        self._glide_ns = round(glide * self._period_ns)
        self._seed = seed
        self._known: tuple[int, float, float] = (-1, 0.0, 0.0)

    def _value_v(self, number: int) -> float:
        return self._low_v + self._span_v * uniform(self._seed, number)

    def volts(self, t_ns: int) -> float:
        number, into_ns = divmod(t_ns, self._period_ns)
        if number != self._known[0]:
            self._known = number, self._value_v(number - 1), self._value_v(number)
        _, before, now = self._known
        if into_ns < self._glide_ns:
            return before + (now - before) * (into_ns / self._glide_ns)
        return now

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        found: list[int] = []
        for number in range(t0_ns // self._period_ns, t1_ns // self._period_ns + 1):
            begin = number * self._period_ns
            for t in (begin, begin + self._glide_ns) if self._glide_ns else (begin,):
                if t0_ns < t <= t1_ns and t not in found[-1:]:
                    found.append(t)
        return found


class Envelope:
    """Attack (straight), decay to sustain and release (exponential, to 5 % in the time given), `peak_v` high.

    It starts from where it stands. The trigger's edges are found once, going forward, and remembered for a while:
    whoever looks back further, or after a long pause, finds the envelope as if 30 s before nothing had been played.
    """

    _MEMORY_NS = 30_000_000_000
    _TO_5_PERCENT = 3.0

    def __init__(
        self, trigger: Signal, attack_s: float, decay_s: float, sustain: float, release_s: float, peak_v: float
    ) -> None:
        self._trigger, self._sustain, self._peak_v = trigger, sustain, peak_v
        self._attack_ns = max(1.0, attack_s * 1e9)
        self._decay_ns = max(1.0, decay_s * 1e9) / self._TO_5_PERCENT
        self._release_ns = max(1.0, release_s * 1e9) / self._TO_5_PERCENT
        self._forget()

    def _forget(self) -> None:
        self._times: list[int] = []
        self._stages: list[tuple[int, int, float]] = []  # (t, gate, unit level there)
        self._known_ns = 0

    def rewind(self, t_ns: int) -> None:
        """Somebody changed the trigger from `t_ns` on."""
        keep = bisect_left(self._times, t_ns)
        if keep == 0:
            self._forget()
        del self._times[keep:], self._stages[keep:]
        self._known_ns = min(self._known_ns, t_ns - 1)

    def _follow(self, t_ns: int) -> None:
        """Know every edge up to `t_ns`."""
        if not self._times or t_ns < self._times[0] or t_ns > self._known_ns + self._MEMORY_NS:
            self._forget()
            begin = t_ns - self._MEMORY_NS
            gate = int(is_on(self._trigger, begin))
            self._times.append(begin)
            self._stages.append((begin, gate, self._sustain if gate else 0.0))
            self._known_ns = begin
        if t_ns <= self._known_ns:
            return
        for edge_ns, gate in edges(self._trigger, self._known_ns, t_ns, self._stages[-1][1]):
            level = self._unit(self._stages[-1], edge_ns)
            self._times.append(edge_ns)
            self._stages.append((edge_ns, gate, level))
        self._known_ns = t_ns
        if len(self._times) > 2048:
            del self._times[:1024], self._stages[:1024]

    def _attack_end_ns(self, stage: tuple[int, int, float]) -> int:
        return stage[0] + round((1.0 - stage[2]) * self._attack_ns)

    def _unit(self, stage: tuple[int, int, float], t_ns: int) -> float:
        """Level 0…1 at `t_ns`, in the stage that an edge began."""
        begin, gate, level = stage
        if not gate:
            return level * exp((begin - t_ns) / self._release_ns)
        peak_ns = self._attack_end_ns(stage)
        if t_ns < peak_ns:
            return level + (t_ns - begin) / self._attack_ns
        return self._sustain + (1.0 - self._sustain) * exp((peak_ns - t_ns) / self._decay_ns)

    def volts(self, t_ns: int) -> float:
        self._follow(t_ns)
        return self._peak_v * self._unit(self._stages[bisect_right(self._times, t_ns) - 1], t_ns)

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        self._follow(t0_ns)
        self._follow(t1_ns)
        found = set()
        for i in range(max(0, bisect_right(self._times, t0_ns) - 1), bisect_right(self._times, t1_ns)):
            stage = self._stages[i]
            found.add(stage[0])
            peak_ns = self._attack_end_ns(stage)
            if stage[1] and (i + 1 == len(self._times) or peak_ns < self._times[i + 1]):
                found.add(peak_ns)
        return sorted(t for t in found if t0_ns < t <= t1_ns)


class Keyboard:
    """One voice under a hand: the last key pressed, held by its gate. `field` says which of its outputs this is."""

    def __init__(self, field: Literal["cv", "gate"], high_v: float) -> None:
        self._field, self._high_v = field, high_v
        self._times: list[int] = []
        self._volts: list[float] = [0.0]

    def play(self, keys: Sequence[Key]) -> None:
        """Take up what has been played, oldest first."""
        self._times = [key.t_ns for key in keys]
        self._volts = [
            self._first(keys),
            *(key.cv_v if self._field == "cv" else key.gate * self._high_v for key in keys),
        ]

    def _first(self, keys: Sequence[Key]) -> float:
        return keys[0].cv_v if keys and self._field == "cv" else 0.0

    def volts(self, t_ns: int) -> float:
        return self._volts[bisect_right(self._times, t_ns)]

    def breaks(self, t0_ns: int, t1_ns: int) -> list[int]:
        return self._times[bisect_right(self._times, t0_ns) : bisect_right(self._times, t1_ns)]
