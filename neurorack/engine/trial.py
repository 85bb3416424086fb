"""One trial of `neurorack bench`: the real callback and an empty one, in turn, in an engine's process of its own.

Both run on the same device and thread, in segments of half a second, so what the machine does to one it does to the
other. Entry and exit of every callback are kept and only judged when the sound has ended.

    python -m neurorack.engine.trial --run-dir DIR --bundle NAME --block N --seconds S --device NAME     → JSON
"""

import argparse
import json
import sys
import time
from pathlib import Path
from time import monotonic_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorack.engine.callback import AudioCallback
from neurorack.engine.device import open_device
from neurorack.engine.meters import Meters, histogram_bin
from neurorack.engine.process import make_player
from neurorack.engine.timeline import GAP_ENTRIES, LockedTimeline
from neurorack.errors import BadInput
from neurorack.realtime import WATCH_PRIORITY, lock_memory, make_fifo, settle
from neurorack.rundir import open_run_dir
from neurorack.shared import CONTROLS, HISTOGRAM_BINS, METERS, AudioTap, EdgeRing, FrameTap, Snapshot
from neurorack.words import SAMPLE_RATE_HZ

SEGMENT_S = 0.5
"""Of each of the two before the other takes its turn. The first is not judged."""

COLD = 8
"""Callbacks at the start of each segment whose duration is not judged: half a second of the other has emptied the
caches, and the first one takes 0.6 ms longer, which it would not where it plays on."""

SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}


class Alternation:
    """A device's callback that is the real one in even segments and does nothing in odd ones."""

    def __init__(self, real: AudioCallback, block: int, seconds: float) -> None:
        self.segment = max(1, round(SEGMENT_S * SAMPLE_RATE_HZ / block))
        self.entries_ns = np.zeros(round(seconds * SAMPLE_RATE_HZ / block) + self.segment, np.int64)
        self.exits_ns = np.zeros_like(self.entries_ns)
        self.count = 0
        self._real = real

    def __call__(self, buffer: Any, frames: int, times: Any, flags: Any) -> None:
        entry_ns, count = monotonic_ns(), self.count
        if count >= len(self.entries_ns) or count // self.segment % 2:
            np.frombuffer(buffer, np.float32)[:] = 0.0
        else:
            self._real(buffer, frames, times, flags)
        if count < len(self.entries_ns):
            self.entries_ns[count] = entry_ns
            self.exits_ns[count] = monotonic_ns()
            self.count = count + 1

    @property
    def full(self) -> bool:
        return self.count >= len(self.entries_ns)


def judge(
    entries_ns: NDArray[np.int64],
    exits_ns: NDArray[np.int64],
    segment: int,
    block: int,
    rate_hz: float = SAMPLE_RATE_HZ,
) -> dict[str, Any]:
    """Durations, lateness and lost callbacks of both, from their entries and exits [N]; times in microseconds."""
    timeline = LockedTimeline(block, rate_hz)
    late_s, lost = np.zeros(len(entries_ns)), np.zeros(len(entries_ns), int)
    before = 0
    for k, entry_ns in enumerate(entries_ns.tolist()):
        timeline.tick(entry_ns)
        late_s[k] = timeline.lateness_s
        # what was skipped is known GAP_ENTRIES later; guilty is the callback before the gap
        lost[max(0, k - GAP_ENTRIES)] += timeline.lost - before
        before = timeline.lost
    number, place = np.divmod(np.arange(len(entries_ns)), segment)
    duration_s = (exits_ns - entries_ns) * 1e-9
    result: dict[str, Any] = {}
    for name, mine in (("callback", number % 2 == 0), ("empty", number % 2 == 1)):
        mine &= number > 0
        warm_s = duration_s[mine & (place >= COLD)]
        bins = [histogram_bin(seconds) for seconds in warm_s.tolist()]
        result[name] = {
            "callbacks": int(mine.sum()),
            "lost": int(lost[mine].sum()),
            "duration_us": _quantiles_us(warm_s),
            "lateness_us": _quantiles_us(np.maximum(0.0, late_s[mine])),
            "histogram": np.bincount(bins, minlength=HISTOGRAM_BINS).tolist(),
        }
    return result


def _quantiles_us(seconds: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(np.quantile(seconds, share)) * 1e6, 1) for name, share in SHARES.items()}


def measure(run_dir: Path, bundle: str, block: int, seconds: float, wanted: str, cpu: int | None) -> dict[str, Any]:
    """Play, then judge. The jacks' files in `run_dir` must be there."""
    name, player = make_player(bundle, block, 0)
    while not player.prepare(0):
        pass
    meters = Meters(Snapshot(run_dir / "meters", METERS, create=True), block)
    device = open_device(wanted, block, "neurorack-bench")
    meters.play_at(device.rate_hz)
    callback = AudioCallback(player, block, meters, channels=device.channels, rate_hz=device.rate_hz, cpu=cpu)
    callback.tap = AudioTap(run_dir / "tap", create=True)
    callback.frames = FrameTap(run_dir / "frames", create=True)
    callback.controls, callback.edges = Snapshot(run_dir / "controls", CONTROLS), EdgeRing(run_dir / "edges")
    alternation = Alternation(callback, block, seconds)
    unlocked = lock_memory()
    settle()
    device.start(alternation)
    make_fifo(WATCH_PRIORITY)
    while not alternation.full:
        time.sleep(0.2)
    device.stop()
    if callback.fault is not None:
        raise callback.fault
    return {
        "bundle": name,
        "block": block,
        "period_us": round(block / device.rate_hz * 1e6, 1),
        "device": device.name,
        "notice": device.notice,
        "realtime": callback.realtime_refused is None,
        "memory_locked": unlocked is None,
        "resident_mb": _resident_mb(),
        **judge(alternation.entries_ns, alternation.exits_ns, alternation.segment, block, device.rate_hz),
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m neurorack.engine.trial", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--block", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--device", default="null")
    parser.add_argument("--cpu", type=int)
    given = parser.parse_args()
    try:
        result = measure(open_run_dir(given.run_dir), given.bundle, given.block, given.seconds, given.device, given.cpu)
    except BadInput as fault:
        print(fault, file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
