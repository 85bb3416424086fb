"""Gate and encoder lines with libgpiod's `LineRequest` interface and the kernel's exact edge times."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from gpiod import EdgeEvent
from gpiod.line import Value

from neurorack.clock import Clock
from neurorack.rack.signals import Signal, edges
from neurorack.rack.world import World
from neurorack.words import GATE_JACKS

ENCODER_LINES = ("encoder_a", "encoder_b", "encoder_push")
KEPT = 1024
"""Unread edges kept: the most that the kernel grants."""
LOOK_NS = 5_000_000
"""While somebody waits for an edge, how often it is looked whether a hand or a cable made one."""


class RackLines:
    """A request for lines of the virtual module: `names` gives what is wired to each line offset.

    Gates trip where the jack's volts cross the comparator's thresholds, encoder lines where a hand turned them.
    As in the kernel, of the unread edges the oldest are lost where there are too many, and the numbers tell.
    """

    def __init__(self, world: World, clock: Clock, names: Mapping[int, str]) -> None:
        self._world, self._clock, self._names = world, clock, dict(names)
        self._offsets = {name: offset for offset, name in self._names.items()}
        world.refresh()
        now_ns = clock.now_ns()
        self._seen_ns = now_ns
        self._gates = {jack: world.level(jack, now_ns) for jack in GATE_JACKS if jack in self._offsets}
        self._plugged = {jack: world.signal(jack) for jack in self._gates}
        past = world.contacts(0, now_ns)
        self._contact = past[-1].number if past else 0
        self._encoder = dict.fromkeys(ENCODER_LINES, 0)
        self._encoder.update((contact.line, contact.level) for contact in past)
        self._unread: list[EdgeEvent] = []
        self._number = 0
        self._line_numbers = dict.fromkeys(self._names, 0)

    @property
    def offsets(self) -> list[int]:
        return list(self._names)

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        """Edges up to now, oldest first; none where the kernel's call would wait for one."""
        self._look()
        count = len(self._unread) if max_events is None else max_events
        events, self._unread = self._unread[:count], self._unread[count:]
        return events

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool:
        """Wait until there is an edge to read; False after `timeout` seconds, None waits for ever."""
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        end_ns = None if seconds is None else self._clock.now_ns() + round(seconds * 1e9)
        while True:
            self._look()
            now_ns = self._clock.now_ns()
            if self._unread or (end_ns is not None and now_ns >= end_ns):
                return bool(self._unread)
            look_ns = now_ns + LOOK_NS if end_ns is None else min(end_ns, now_ns + LOOK_NS)
            self._clock.sleep_until_ns(self._next_ns(now_ns, look_ns))

    def get_values(self, lines: Iterable[int] | None = None) -> list[Value]:
        self._look()
        levels = {**self._gates, **self._encoder}
        offsets = self._names if lines is None else lines
        return [Value.ACTIVE if levels.get(self._names[offset]) else Value.INACTIVE for offset in offsets]

    def get_value(self, line: int) -> Value:
        return self.get_values([line])[0]

    def release(self) -> None:
        """Nothing to give back."""

    def __enter__(self) -> "RackLines":
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def _next_ns(self, now_ns: int, end_ns: int) -> int:
        """The first edge that is known to come until `end_ns`, else `end_ns`."""
        times = [end_ns]
        for jack, level in self._gates.items():
            times += [t for t, _ in self._world.edges(jack, now_ns, end_ns, level)[:1]]
        times += [contact.t_ns for contact in self._world.contacts(self._contact, end_ns)[:1]]
        return max(now_ns, min(times))

    def _look(self) -> None:
        """Collect what happened since the last look."""
        self._world.refresh()
        now_ns = self._clock.now_ns()
        found: list[tuple[int, str, int]] = []
        for jack in self._gates:
            self._follow(jack, now_ns, found)
        self._seen_ns = now_ns
        for contact in self._world.contacts(self._contact, now_ns):
            self._contact = contact.number
            self._encoder[contact.line] = contact.level
            found.append((contact.t_ns, contact.line, contact.level))
        for t_ns, name, level in sorted(found):
            self._keep(t_ns, name, level)

    def _follow(self, jack: str, now_ns: int, found: list[tuple[int, str, int]]) -> None:
        """Let a gate's comparator see its jack up to now."""
        state, seen_ns = self._world.state, self._seen_ns
        before, signal = self._plugged[jack], self._world.signal(jack)
        if signal is not before:  # a cable moved: up to then its old volts counted, from there on its new ones
            moved_ns = min(max(state.changed_ns, seen_ns), now_ns)
            self._trip(jack, before, seen_ns, moved_ns, found)
            self._plugged[jack], seen_ns = signal, moved_ns
        self._trip(jack, signal, seen_ns, now_ns, found)

    def _trip(self, jack: str, signal: Signal, t0_ns: int, t1_ns: int, found: list[tuple[int, str, int]]) -> None:
        epoch_ns = self._world.state.epoch_ns
        for t_ns, level in edges(signal, t0_ns - epoch_ns, t1_ns - epoch_ns, self._gates[jack]):
            self._gates[jack] = level
            found.append((t_ns + epoch_ns, jack, level))

    def _keep(self, t_ns: int, name: str, level: int) -> None:
        offset = self._offsets.get(name)
        if offset is None:
            return
        self._number += 1
        self._line_numbers[offset] += 1
        kind = EdgeEvent.Type.RISING_EDGE if level else EdgeEvent.Type.FALLING_EDGE
        event = EdgeEvent(kind.value, t_ns, offset, self._number, self._line_numbers[offset])
        self._unread.append(event)
        if len(self._unread) > KEPT:
            del self._unread[0]


def open_rack_lines(names: Mapping[int, str], clock: Clock, place: Path | World) -> RackLines:
    """Request lines of the virtual module whose world is `place` or is kept in that run directory."""
    world = place if isinstance(place, World) else World.attach(place, clock.now_ns())
    return RackLines(world, clock, names)
