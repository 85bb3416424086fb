"""Equal time for all: how many steps each recipe takes in the minutes given, measured in one go on the same machine.

Runs end at a number of steps, so they depend on their seed and not on the machine's mood; the measured speeds are kept
in `budget.json`, and a series that is gone on with keeps its steps.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus
from neurorack.learn.loop import Trains

FILE = "budget.json"
_WARM, _TIMED_S = 3, 8.0
_LONG = 1_000_000
"""Steps of a run that is only timed."""


def steps(
    names: Sequence[str],
    minutes: float,
    folder: Path,
    make: Callable[[str, int, int, Corpus], Trains],
    corpus: Corpus,
) -> dict[str, int]:
    """Steps of each recipe in `minutes`. BadInput where the series was begun with other minutes."""
    path = folder / FILE
    kept: dict[str, Any] = {"minutes": minutes, "steps_per_s": {}}
    if path.exists():
        kept = json.loads(path.read_text())
    if kept["minutes"] != minutes:
        raise BadInput(
            f"the series was begun with {kept['minutes']:g} minutes", str(path), "give those or another --out"
        )
    speeds: dict[str, float] = kept["steps_per_s"]
    for name in names:
        if name not in speeds:
            speeds[name] = round(steps_per_s(make(name, _LONG, 0, corpus)), 4)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(kept, indent=1))
    part.replace(path)
    return {name: max(1, round(60 * minutes * speeds[name])) for name in names}


def steps_per_s(training: Trains) -> float:
    """Over some seconds, once it is warm."""
    for _ in range(_WARM):
        training.advance()
    taken, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < _TIMED_S:
        training.advance()
        taken += 1
    return taken / (time.perf_counter() - begun)
