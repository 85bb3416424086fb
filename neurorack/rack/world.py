"""The world around the module: sources, the cables between their outputs and the jacks, and a person's hands.

A world is described by a TOML file or a volts file (see `plan`); what a person changes while it runs is in `state`.
Times of the world's methods are those of the clock; sources count from its epoch.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.rack.plan import DEMO, Rack, load_rack, volts_rack
from neurorack.rack.signals import Constant, Signal, edges, is_on, mean_v
from neurorack.rack.sources import Envelope, Keyboard
from neurorack.rack.state import Contact, Fault, FileStore, MemoryStore, Store, WorldState
from neurorack.words import POTS


class World:
    """Everything outside the panel, as functions of time. `refresh()` takes up what a person changed."""

    def __init__(self, store: Store, rack: Rack | None = None) -> None:
        """The world that the document in `store` describes; `rack` is what it names, where that is loaded already."""
        self.store = store
        self.state = WorldState()
        self.outputs: dict[str, Signal] = {}
        """Signals that can be patched, by "source.output"."""
        self._unplugged = Constant(0.0)
        self._plugged: dict[str, Signal] = {}
        state = store.read()
        assert state is not None  # whoever opens a store gets its document once
        self._install(rack or load_rack(_path(state), state.seed))
        self._take_up(state)

    @classmethod
    def from_toml(cls, path: Path | None = None, *, epoch_ns: int = 0, seed: int | None = None) -> "World":
        """A world of this process alone (`render`, tests); None is the demo. Raises BadInput."""
        rack = load_rack(path or DEMO, seed)
        return cls(MemoryStore(_first_state(rack, epoch_ns)), rack)

    @classmethod
    def from_volts_file(cls, path: Path, *, epoch_ns: int = 0, seed: int = 0) -> "World":
        """One in which the columns of a volts file are plugged into the jacks of their names. Raises BadInput."""
        rack = volts_rack(path, seed)
        return cls(MemoryStore(_first_state(rack, epoch_ns)), rack)

    @classmethod
    def at_rest(cls, *, epoch_ns: int = 0, seed: int = 0) -> "World":
        """One without a cable, every pot half way."""
        rack = Rack(DEMO, "", seed, {}, {}, {})
        return cls(MemoryStore(_first_state(rack, epoch_ns)), rack)

    @classmethod
    def create(
        cls, run_dir: Path, now_ns: int, *, path: Path | None = None, board: Path | None = None, specimen: int = 0
    ) -> "World":
        """Begin a world that all processes of this run directory share, in place of any there. Raises BadInput."""
        rack = load_rack(path or DEMO)
        first = _first_state(rack, now_ns, board)
        first.specimen = specimen
        store = FileStore(run_dir, lambda: first)

        def begin(state: WorldState) -> None:
            for name in set(WorldState.__struct_fields__) - {"contacts"}:  # their numbers go on
                setattr(state, name, getattr(first, name))

        store.change(begin)
        return cls(store, rack)

    @classmethod
    def attach(cls, run_dir: Path, now_ns: int) -> "World":
        """Join the world of this run directory; where there is none yet, begin the demo at `now_ns`."""
        return cls(FileStore(run_dir, lambda: _first_state(load_rack(DEMO), now_ns)))

    def refresh(self) -> bool:
        """Take up the newest document; whether it was new."""
        state = self.store.read()
        if state is None:
            return False
        if (state.rack, state.seed) != (self.state.rack, self.state.seed):
            with suppress(BadInput):  # whoever began that world has just read it; if not, the old sources play on
                self._install(load_rack(_path(state), state.seed))
        self._take_up(state)
        return True

    def _install(self, rack: Rack) -> None:
        self.outputs = rack.outputs
        self.name = rack.name
        self.duration_s = rack.duration_s
        """Where the world ends by itself (a volts file), else None."""

    def _take_up(self, state: WorldState) -> None:
        self.state = state
        since_ns = state.changed_ns - state.epoch_ns
        for signal in self.outputs.values():
            if isinstance(signal, Keyboard):
                signal.play(state.keys)
            elif isinstance(signal, Envelope):
                signal.rewind(since_ns)
        self._plugged = {jack: self.outputs[end] for jack, end in state.cables.items() if end in self.outputs}

    def signal(self, jack: str) -> Signal:
        """What is plugged in; 0 V where nothing is."""
        return self._plugged.get(jack, self._unplugged)

    def volts(self, jack: str, t_ns: int) -> float:
        """Volts at a jack."""
        return self.signal(jack).volts(t_ns - self.state.epoch_ns)

    def mean_v(self, jack: str, t0_ns: int, t1_ns: int) -> float:
        """Mean volts at a jack over [t0, t1)."""
        epoch_ns = self.state.epoch_ns
        return mean_v(self.signal(jack), t0_ns - epoch_ns, t1_ns - epoch_ns)

    def edges(self, jack: str, t0_ns: int, t1_ns: int, level: int | None = None) -> list[tuple[int, int]]:
        """(t_ns, level) where the gate's comparator trips, t0 < t ≤ t1. `level` at t0, where it is known."""
        signal, epoch_ns = self.signal(jack), self.state.epoch_ns
        if level is None:
            level = self.level(jack, t0_ns)
        return [(t + epoch_ns, on) for t, on in edges(signal, t0_ns - epoch_ns, t1_ns - epoch_ns, level)]

    def level(self, jack: str, t_ns: int) -> int:
        """What the gate's comparator says if it has just been powered."""
        return int(is_on(self.signal(jack), t_ns - self.state.epoch_ns))

    def pot(self, pot: str) -> float:
        """Position 0…1."""
        return self.state.pots.get(pot, 0.5)

    def noisy(self) -> bool:
        """Whether the converters have noise."""
        return self.state.noise

    def faults(self) -> Mapping[str, Fault]:
        """What ails which chip or bus now."""
        return self.state.faults

    def contacts(self, after: int, t_ns: int) -> list[Contact]:
        """Edges of the encoder's lines with a number above `after` that have happened by `t_ns`, in order."""
        contacts = self.state.contacts
        if not contacts or contacts[-1].number <= after:
            return []
        return [contact for contact in contacts if contact.number > after and contact.t_ns <= t_ns]


def _path(state: WorldState) -> Path:
    return Path(state.rack) if state.rack else DEMO


def _first_state(rack: Rack, epoch_ns: int, board: Path | None = None) -> WorldState:
    return WorldState(
        rack="" if rack.path == DEMO else str(rack.path.resolve()),
        board=str(board.resolve()) if board else "",
        seed=rack.seed,
        epoch_ns=epoch_ns,
        changed_ns=epoch_ns,
        cables=dict(rack.cables),
        pots={pot: rack.pots.get(pot, 0.5) for pot in POTS},
    )
