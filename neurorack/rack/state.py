"""What a person changes in the virtual world while it runs, and how the processes share it.

Sources are pure functions of time, so any process may compute them; only this small document has to travel:
cables, pots, the encoder's contacts, keys, faults. Writers take a file lock and append to what they find;
readers look at one number and decode only what is new.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import numpy as np

from neurorack.errors import BadInput
from neurorack.shared import Snapshot

WORLD = np.dtype([("length", "u4"), ("payload", "u1", 65_532)])
"""The document in MessagePack, as it lies in the run directory."""

REMEMBERED_NS = 5_000_000_000
"""How long contacts are kept after they happened; every reader looks many times a second."""
MOST_CONTACTS = 1024
MOST_KEYS = 128

FaultKind = Literal["absent", "silent", "slow", "strapped", "stuck", "open"]


class Fault(msgspec.Struct):
    """What ails a chip, a bus or a jack.

    `absent`: no acknowledge. `silent`: none after `after` more messages. `slow`: every message stretched
    by `seconds`. `strapped`: at `address` instead of its own, beside whoever is there. `stuck` (a bus): every
    transaction times out after `seconds`. `open` (a CV jack): nothing drives its converter's pin.
    """

    kind: FaultKind
    after: int = 0
    seconds: float = 0.1
    since_ns: int = 0
    address: int = 0


class Contact(msgspec.Struct, array_like=True):
    """One edge on a line that a hand moves: numbered from 1, `line` as in `shared.EDGE_JACKS`."""

    number: int
    t_ns: int
    line: str
    level: int


class Key(msgspec.Struct, array_like=True):
    """What the keyboard puts out from `t_ns` on; `t_ns` counts from the world's epoch."""

    t_ns: int
    cv_v: float
    gate: int


class WorldState(msgspec.Struct):
    """The document. Times without another note are those of the clock."""

    rack: str = ""  # TOML or volts file of the sources; "" for the packaged demo
    board: str = ""  # TOML of the board; "" for the default
    seed: int = 0  # of random sources, of the chips' noise and clocks
    specimen: int = 0  # which module it is: its parts' errors; 0 has none
    epoch_ns: int = 0  # where the sources' time begins
    changed_ns: int = 0  # when a person last changed something
    cables: dict[str, str] = {}  # jack → "source.output"
    pots: dict[str, float] = {}  # 0…1
    contacts: list[Contact] = []
    keys: list[Key] = []
    held: list[float] = []  # keys now pressed, oldest first, in volts
    faults: dict[str, Fault] = {}
    noise: bool = True


class Store(Protocol):
    """Where the document lies."""

    def read(self) -> WorldState | None:
        """The document where it changed since the last call, else None."""
        ...

    def change(self, edit: Callable[[WorldState], None]) -> None:
        """Apply `edit` to the newest document and make the result the newest."""
        ...


class MemoryStore:
    """The document of one process, for `render` and tests."""

    def __init__(self, state: WorldState) -> None:
        self._state, self._unread = state, True

    def read(self) -> WorldState | None:
        if not self._unread:
            return None
        self._unread = False
        return self._state

    def change(self, edit: Callable[[WorldState], None]) -> None:
        edit(self._state)
        self._unread = True


class FileStore:
    """The document in `rack.world` of the run directory, for any number of processes."""

    def __init__(self, run_dir: Path, first: Callable[[], WorldState] | None = None) -> None:
        """Open it; `first()` makes the document where there is none. Raises BadInput where neither is to be had."""
        self._lock_path = run_dir / "rack.world.lock"
        lock = self._locked()
        try:
            self._snapshot = Snapshot(run_dir / "rack.world", WORLD, create=True)
            if not self._snapshot.refresh():
                if first is None:
                    raise BadInput("no virtual rack runs here", str(run_dir), "start it with `neurorack run --rack`")
                self._write(first())
            self._unread = True
        finally:
            os.close(lock)

    def read(self) -> WorldState | None:
        if not (self._snapshot.refresh() or self._unread):
            return None
        self._unread = False
        return self._decode()

    def change(self, edit: Callable[[WorldState], None]) -> None:
        lock = self._locked()
        try:
            self._snapshot.refresh()
            state = self._decode()
            edit(state)
            self._write(state)
        finally:
            os.close(lock)
        self._unread = True

    def close(self) -> None:
        self._snapshot.close()

    def _locked(self) -> int:
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        except OSError as error:
            where = str(self._lock_path.parent)
            raise BadInput(f"cannot open the virtual rack: {error.strerror}", where, "check --run-dir") from error
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def _decode(self) -> WorldState:
        record = self._snapshot.record
        return msgspec.msgpack.decode(record.payload[: int(record.length)].tobytes(), type=WorldState)

    def _write(self, state: WorldState) -> None:
        raw = msgspec.msgpack.encode(state)
        record = self._snapshot.record
        record.length = len(raw)
        record.payload[: len(raw)] = np.frombuffer(raw, np.uint8)
        self._snapshot.publish()
