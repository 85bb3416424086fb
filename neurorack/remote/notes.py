"""What clients play, and the file by which the jacks hear of it.

Each client has one note, as a cable pair of gate and volts would. That which began last plays; when its gate falls, the
one before it does, if that is still held. A client that is gone holds nothing.
"""

import time
from pathlib import Path

from neurorack.remote.messages import Note
from neurorack.shared import NOTE, Snapshot

RENEW_NS = 500_000_000
"""How often a note that is held is written anew, so that the jacks know of a dead server (`patch.note.STALE_NS`)."""


class Notes:
    """The one writer of the run directory's `note`."""

    def __init__(self, run_dir: Path) -> None:
        self._file = Snapshot(run_dir / "note", NOTE, create=True)
        self._file.refresh()  # of a server that ended: its count goes on
        self._players: dict[int, Note] = {}  # in the order in which their newest notes began
        self._publish()

    def play(self, who: int, note: Note) -> None:
        """The client `who` plays this: its gate rises, or begins anew with `strike`, or falls, or its pitch moves."""
        before = self._players.get(who)
        if note.strike or (note.gate and not (before and before.gate)):
            self._players.pop(who, None)
            self._file.record["strikes"] += 1
        self._players[who] = note
        self._publish()

    def leave(self, who: int) -> None:
        if self._players.pop(who, None) is not None:
            self._publish()

    def renew(self) -> None:
        """Call it every second."""
        record = self._file.record
        if record["gate"] and time.monotonic_ns() - int(record["t_ns"]) >= RENEW_NS:
            self._publish()

    def _publish(self) -> None:
        players = list(self._players.values())
        held = [note for note in players if note.gate]
        record = self._file.record
        record["t_ns"], record["gate"], record["players"] = time.monotonic_ns(), bool(held), len(players)
        if players:
            record["volts"], record["level"] = (held or players)[-1].volts, (held or players)[-1].level
        self._file.publish()

    def close(self) -> None:
        self._players.clear()
        self._publish()
        self._file.close()
