"""What a training writes down of its losses: a table anyone can read, and TensorBoard's files where it is installed."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLE = "training.csv"


def read_table(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's table, none where there is no table."""
    if not (folder / TABLE).exists():
        return []
    with open(folder / TABLE, newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


class Log:
    """Of a run that stands at `step`: what an interrupted one wrote of later steps is dropped. OSError where there is
    no room."""

    def __init__(self, folder: Path, step: int) -> None:
        self._table = folder / TABLE
        self._names: list[str] = []
        self._board = _board(folder, step)
        if self._table.exists():
            head, *rows = self._table.read_text().splitlines() or [""]
            kept = [row for row in rows if row.split(",")[0].isdigit() and int(row.split(",")[0]) <= step]
            self._names = head.split(",")
            part = self._table.with_suffix(".part")
            part.write_text("".join(f"{line}\n" for line in [head, *kept]))
            part.replace(self._table)

    def write(self, step: int, losses: Mapping[str, float]) -> None:
        """A row of the table, and a point of every curve."""
        row = {"step": step} | {name: f"{loss:.6g}" for name, loss in losses.items()}
        text = io.StringIO()
        table = csv.DictWriter(text, self._names or list(row), restval="", extrasaction="ignore", lineterminator="\n")
        if not self._names:
            self._names = list(row)
            table.writeheader()
        table.writerow(row)
        with open(self._table, "a") as file:
            file.write(text.getvalue())
        if self._board is not None:
            for name, loss in losses.items():
                self._board.add_scalar(name, loss, step)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def _board(folder: Path, step: int) -> Any:
    """TensorBoard's writer, or None where it is not installed: it is 55 MB that nobody needs to train."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
