"""A person's hands on the virtual module: turn, press, plug, play, break."""

from collections.abc import Callable
from pathlib import Path

from neurorack.clock import Clock, MonotonicClock
from neurorack.errors import BadInput
from neurorack.rack.plan import INPUT_JACKS
from neurorack.rack.state import MOST_CONTACTS, MOST_KEYS, REMEMBERED_NS, Contact, Fault, FaultKind, Key, WorldState
from neurorack.rack.world import World
from neurorack.words import CV_JACKS, POTS

EDGE_SPACING_NS = 1_500_000
"""Between two edges of the encoder: a detent takes 6 ms, as a quick turn does."""

QUADRATURE = (("encoder_a", 1), ("encoder_b", 1), ("encoder_a", 0), ("encoder_b", 0))
"""One detent to the right. Both lines rest low."""

MOST_FINGERS = 10

FAULTY = ("adc_voct", "adc_cv", "adc_pots", "oled", "leds", "bus_a", "bus_b")
"""Chips and buses that can be broken; a CV jack can be open, too."""

BUS_KINDS, JACK_KINDS, CHIP_KINDS = ("stuck",), ("open",), ("absent", "silent", "slow", "strapped")


class RackControl:
    """Changes the world of a run directory (or one in memory); every change is whole for all who read it."""

    def __init__(self, place: Path | World, clock: Clock | None = None) -> None:
        """Raises BadInput where the run directory cannot be used."""
        self._clock = clock or MonotonicClock()
        self.world = place if isinstance(place, World) else World.attach(place, self._clock.now_ns())
        """The same world, to look at: volts, outputs, state."""

    def turn_pot(self, pot: str, position: float) -> None:
        """Turn `pot1`…`pot4` to 0…1; beyond the stops it stays at the stop."""
        if pot not in POTS:
            raise BadInput(f"there is no pot {pot!r}", "rack", f"use {', '.join(POTS)}")
        self._change(lambda state, now_ns: state.pots.update({pot: max(0.0, min(1.0, position))}))

    def turn_encoder(self, detents: int, spacing_ns: int = EDGE_SPACING_NS) -> None:
        """Turn right (positive) or left, after whatever turn is still under way; an edge every `spacing_ns`."""
        path = QUADRATURE if detents > 0 else tuple((_OTHER[line], level) for line, level in QUADRATURE)

        def turn(state: WorldState, now_ns: int) -> None:
            t_ns = max(now_ns, *(contact.t_ns for contact in state.contacts[-1:]), 0)
            for line, level in path * abs(detents):
                t_ns += spacing_ns
                _touch(state, t_ns, line, level)

        self._change(turn)

    def press_encoder(self, pressed: bool) -> None:
        """Press or let go."""

        def press(state: WorldState, now_ns: int) -> None:
            t_ns = max(now_ns, *(contact.t_ns for contact in state.contacts[-1:]), 0)
            _touch(state, t_ns, "encoder_push", int(pressed))

        self._change(press)

    def patch(self, jack: str, output: str) -> None:
        """Plug a cable from `source.output` into a jack, in place of what was there."""
        if jack not in INPUT_JACKS:
            raise BadInput(f"there is no jack {jack!r}", "rack", f"use {', '.join(INPUT_JACKS)}")
        if output not in self.world.outputs:
            raise BadInput(f"there is no output {output!r}", "rack", f"use {', '.join(self.world.outputs)}")
        self._change(lambda state, now_ns: state.cables.update({jack: output}))

    def unplug(self, jack: str) -> None:
        """Pull the cable out of a jack, if there is one."""
        self._change(lambda state, now_ns: state.cables.pop(jack, None))

    def key(self, note_v: float, pressed: bool) -> None:
        """Press or let go of a key: the last one pressed sounds, the gate stays on while any is held."""

        def play(state: WorldState, now_ns: int) -> None:
            state.held = [held_v for held_v in state.held if held_v != note_v]
            if pressed:
                state.held.append(note_v)
                del state.held[:-MOST_FINGERS]
            last_v = state.keys[-1].cv_v if state.keys else note_v
            t_ns = max(now_ns - state.epoch_ns, state.keys[-1].t_ns + 1 if state.keys else 0)
            state.keys.append(Key(t_ns, state.held[-1] if state.held else last_v, int(bool(state.held))))
            del state.keys[:-MOST_KEYS]

        self._change(play)

    def fault(self, what: str, kind: FaultKind, *, after: int = 0, seconds: float = 0.1, address: int = 0) -> None:
        """Break a chip, a bus (`FAULTY`) or a CV jack; see `state.Fault` for the kinds."""
        breakable = (*FAULTY, *CV_JACKS)
        if what not in breakable:
            raise BadInput(f"there is nothing called {what!r} to break", "rack", f"use {', '.join(breakable)}")
        kinds = JACK_KINDS if what in CV_JACKS else BUS_KINDS if what.startswith("bus") else CHIP_KINDS
        if kind not in kinds:
            raise BadInput(f"{what} cannot be {kind}", "rack", f"it can be {' or '.join(kinds)}")
        self._change(lambda state, now_ns: state.faults.update({what: Fault(kind, after, seconds, now_ns, address)}))

    def repair(self, what: str) -> None:
        """Undo a fault. A chip that did not answer comes back as after power on."""
        self._change(lambda state, now_ns: state.faults.pop(what, None))

    def noise(self, on: bool) -> None:
        """Switch the converters' noise."""

        def switch(state: WorldState, now_ns: int) -> None:
            state.noise = on

        self._change(switch)

    def _change(self, edit: Callable[[WorldState, int], object]) -> None:
        def stamped(state: WorldState) -> None:
            state.changed_ns = self._clock.now_ns()
            edit(state, state.changed_ns)
            _forget(state, state.changed_ns)

        self.world.store.change(stamped)
        self.world.refresh()


_OTHER = {"encoder_a": "encoder_b", "encoder_b": "encoder_a"}


def _touch(state: WorldState, t_ns: int, line: str, level: int) -> None:
    number = state.contacts[-1].number + 1 if state.contacts else 1
    state.contacts.append(Contact(number, t_ns, line, level))


def _forget(state: WorldState, now_ns: int) -> None:
    """Drop contacts of long ago, but for the last of each line, which says how it stands."""
    last = {contact.line: contact.number for contact in state.contacts}
    kept = [c for c in state.contacts if c.t_ns > now_ns - REMEMBERED_NS or c.number == last[c.line]]
    state.contacts = kept[-MOST_CONTACTS:]
