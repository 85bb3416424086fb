"""The world around the module: sources, the cables between their outputs and the jacks, and a person's hands.

A world is described by a TOML file (see `plan`) or by a volts file; what a person changes while it runs is in `state`.
Times of the world's methods are those of the clock; sources count from its epoch.
"""

from collections.abc import Mapping
from pathlib import Path

from neurorack.rack.plan import DEMO, WorldPlan, load_plan
from neurorack.rack.signals import Constant, Signal, edges, is_on, mean_v
from neurorack.rack.sources import Envelope, Keyboard
from neurorack.rack.state import Contact, Fault, FileStore, MemoryStore, Store, WorldState
from neurorack.rack.volts_file import VoltsFile
from neurorack.words import POTS


class World:
    """Everything outside the panel, as functions of time.

    `outputs` are the signals one can patch, by "source.output"; `refresh()` takes up what a person changed.
    """

    def __init__(self, outputs: Mapping[str, Signal], store: Store, *, name: str = "", seed: int = 0) -> None:
        self.outputs, self.name, self.seed = dict(outputs), name, seed
        self.duration_s: float | None = None
        """Where the world ends by itself (a volts file), else None."""
        self.store = store
        self.state = WorldState()
        self._unplugged = Constant(0.0)
        self._plugged: dict[str, Signal] = {}
        self.refresh()

    @classmethod
    def from_toml(cls, path: Path | None = None, *, epoch_ns: int = 0, noise: bool = True) -> "World":
        """A world of this process alone (`render`, tests); None is the demo. Raises BadInput."""
        plan, outputs = load_plan(path or DEMO)
        state = _first_state(plan, epoch_ns, str(path.resolve()) if path else "", "")
        state.noise = noise
        return cls(outputs, MemoryStore(state), name=plan.name, seed=plan.seed)

    @classmethod
    def from_volts_file(cls, path: Path, *, epoch_ns: int = 0, seed: int = 0, noise: bool = True) -> "World":
        """A world in which the columns of a volts file are plugged into the jacks of their names. Raises BadInput."""
        file = VoltsFile(path)
        outputs = {f"file.{jack}": track for jack, track in file.tracks.items()}
        state = WorldState(epoch_ns=epoch_ns, pots=dict.fromkeys(POTS, 0.5), noise=noise)
        state.cables = {jack: f"file.{jack}" for jack in file.tracks}
        world = cls(outputs, MemoryStore(state), name=path.stem, seed=seed)
        world.duration_s = file.duration_s
        return world

    @classmethod
    def create(cls, run_dir: Path, epoch_ns: int, *, path: Path | None = None, board: Path | None = None) -> "World":
        """Begin a world that all processes of this run directory share, over any left there. Raises BadInput."""
        plan, outputs = load_plan(path or DEMO)
        rack, board_path = (str(p.resolve()) if p else "" for p in (path, board))
        first = _first_state(plan, epoch_ns, rack, board_path)
        store = FileStore(run_dir, lambda: first)
        store.replace(first)
        return cls(outputs, store, name=plan.name, seed=plan.seed)

    @classmethod
    def attach(cls, run_dir: Path, now_ns: int) -> "World":
        """Join the world of this run directory; where there is none yet, begin the demo at `now_ns`."""

        def first() -> WorldState:
            return _first_state(load_plan(DEMO)[0], now_ns, "", "")

        store = FileStore(run_dir, first)
        state = store.read()
        assert state is not None  # a store just opened has something to read
        plan, outputs = load_plan(Path(state.rack) if state.rack else DEMO)
        store.reread()
        return cls(outputs, store, name=plan.name, seed=plan.seed)

    def refresh(self) -> bool:
        """Take up the newest document; whether it was new."""
        state = self.store.read()
        if state is None:
            return False
        self.state = state
        since_ns = state.changed_ns - state.epoch_ns
        for signal in self.outputs.values():
            if isinstance(signal, Keyboard):
                signal.play(state.keys)
            elif isinstance(signal, Envelope):
                signal.rewind(since_ns)
        self._plugged = {jack: self.outputs[end] for jack, end in state.cables.items() if end in self.outputs}
        return True

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
        return [contact for contact in self.state.contacts if contact.number > after and contact.t_ns <= t_ns]


def _first_state(plan: WorldPlan, epoch_ns: int, rack: str, board: str) -> WorldState:
    return WorldState(
        rack=rack,
        board=board,
        epoch_ns=epoch_ns,
        changed_ns=epoch_ns,
        cables=dict(plan.cables),
        pots={pot: plan.pots.get(pot, 0.5) for pot in POTS},
    )
