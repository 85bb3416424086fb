"""A version's sign of life, printed as JSON for the watch of another: it need not know how this one keeps its files.

python -m neurorack.update.sign     → {"plays": true, "pids": {"engine": 812, "jacks": 813, "daemon": 808}}

The remote is not asked for: an owner may switch it off, and a module without it is played, shown and updated as ever. A
version whose remote cannot even be imported fails its self-test.
"""

import json
import time
from pathlib import Path

from neurorack.errors import BadInput
from neurorack.rundir import SERVICE, holder

FRESH_NS = 1_000_000_000


def sign(run_dir: Path) -> dict[str, object]:
    """`plays` while an engine that lives calls for sound, unmuted, and there are jacks and daemon to play it by."""
    pids = {name: holder(run_dir / f"{name}.lock") for name in ("engine", "jacks", "daemon")}
    return {"plays": all(pids.values()) and _sounds(run_dir, pids["engine"]), "pids": pids}


def _sounds(run_dir: Path, engine: int) -> bool:
    from neurorack.shared import METERS, Snapshot

    try:
        meters = Snapshot(run_dir / "meters", METERS)
    except BadInput:
        return False
    meters.refresh()
    record = meters.record
    fresh = time.monotonic_ns() - int(record["t_ns"]) < FRESH_NS
    meters_of = int(record["pid"])
    played = bool(record["first_sound_ns"])
    meters.close()
    return meters_of == engine and played and fresh


if __name__ == "__main__":
    print(json.dumps(sign(SERVICE)))
