"""What is counted over days: totals since the module's first day, and how every hour of its last month went.

Time is counted in hours of operation, since nothing here knows the date: a clock at 1970 or one that jumps is harmless.
The file is a round robin of fixed size, replaced whole every five minutes, so a pulled plug costs these at most:

    metrics.bin    one line with a checksum │ totals │ 288 records of 5 minutes │ 744 of an hour      < 150 KB

32 MB a day, 12 GB a year: a small card bears it for a thousand years of its 10 TB.
"""

import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.engine.meters import BINS_PER_OCTAVE, bin_edges_s
from neurorack.remote.tree import Tree
from neurorack.rundir import holder
from neurorack.shared import HISTOGRAM_BINS
from neurorack.statedir import read_plain, replace_file, set_aside

FILE = "metrics.bin"
BYTES_MAX = 256 << 10

COUNTS = (
    "blocks", "lost", "deadline_misses", "device_flags", "nan_resets", "late_edges", "clipped", "stale_controls"
)  # fmt: skip
"""Of the engine's meters."""

PROCESSES = ("engine", "jacks", "daemon")
OCTAVES = HISTOGRAM_BINS // BINS_PER_OCTAVE
RECENT_S, RECENT = 300.0, 288
HOUR, HOURS = 12, 744
"""An hour is twelve of the recent records."""

_Histogram = ("u8", OCTAVES)

TOTALS = np.dtype(
    [
        ("running_s", "f8"),
        ("counts", "u8", len(COUNTS)),
        ("i2c_errors", "u8"),
        ("starts", "u8", len(PROCESSES)),
        ("duration", *_Histogram),
        ("lateness", *_Histogram),
        ("duration_sum_s", "f8"),
        ("lateness_sum_s", "f8"),
        # Where the living processes' own counters stood, which start with them:
        ("pids", "i8", len(PROCESSES)),
        ("started_ns", "i8"),
        ("seen", "u8", len(COUNTS) + 2 * HISTOGRAM_BINS),
        ("seen_i2c_errors", "u8"),
        ("pushed", "u8"),  # records of both rings, from which their places follow
    ]
)

PERIOD = np.dtype(
    [
        ("running_s", "f8"),  # at its end; 0: none yet
        ("seconds", "f4"),  # of it that were counted
        ("counts", "u4", len(COUNTS)),
        ("i2c_errors", "u4"),
        ("starts", "u2", len(PROCESSES)),
        ("load_mean", "f4"),
        ("load_max", "f4"),
        ("warmest_c", "f4"),
        ("duration", "u4", OCTAVES),
    ]
)
"""What happened in a stretch of time. Temperature is NaN where nothing measures it."""

_LAYOUT = zlib.crc32(repr((TOTALS, PERIOD, RECENT, HOURS)).encode())
_CENTRES_S = np.sqrt(bin_edges_s()[:-1] * bin_edges_s()[1:])


class Metrics:
    """`step` once a second; saves itself. A damaged file is set aside, and counting begins anew."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self.totals = np.zeros(1, TOTALS)[0:1].view(np.recarray)[0]
        self.recent, self.hours = np.zeros(RECENT, PERIOD), np.zeros(HOURS, PERIOD)
        self._now = _empty()
        self._told = ""
        self._last_ns = 0
        self._load()

    def step(self, tree: Tree, now_ns: int | None = None) -> None:
        """Count what has happened since the last call, by the newest records of the run directory."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        passed_s = (now_ns - self._last_ns) * 1e-9 if self._last_ns else 0.0
        self._last_ns = now_ns
        self.totals["running_s"] += passed_s
        self._now["seconds"] += passed_s
        if (meters := tree.record("meters")) is not None and meters["pid"]:
            self._count_engine(meters, passed_s)
        if (volts := tree.record("volts")) is not None and volts["pid"]:
            self._count_jacks(volts)
        self._count_start("daemon", holder(tree.run_dir / "daemon.lock"))
        if (warmest := tree.read().get("system.temperature_c")) is not None:
            self._now["warmest_c"] = np.fmax(self._now["warmest_c"], warmest)
        if self._now["seconds"] >= RECENT_S:
            self._push()
            self.save()

    def _count_engine(self, meters: Any, passed_s: float) -> None:
        totals, now = self.totals, self._now
        seen = np.concatenate(
            [np.array([meters[name] for name in COUNTS], "u8"), meters["duration"], meters["lateness"]]
        )
        same = totals["started_ns"] == meters["started_ns"] and totals["pids"][0] == meters["pid"]
        new = np.where(seen >= totals["seen"], seen - totals["seen"], 0) if same else seen
        self._count_start("engine", int(meters["pid"]), same=bool(same))
        totals["started_ns"], totals["seen"] = meters["started_ns"], seen
        counts, duration, lateness = np.split(new, [len(COUNTS), len(COUNTS) + HISTOGRAM_BINS])
        totals["counts"] += counts
        now["counts"] += counts.astype("u4")
        for name, bins in (("duration", duration), ("lateness", lateness)):
            totals[name] += _octaves(bins)
            totals[f"{name}_sum_s"] += float(bins @ _CENTRES_S)
        now["duration"] += _octaves(duration).astype("u4")
        load = float(meters["load"])
        now["load_mean"] += passed_s / max(passed_s, float(now["seconds"]), 1e-9) * (load - now["load_mean"])
        now["load_max"] = max(float(now["load_max"]), load)

    def _count_jacks(self, volts: Any) -> None:
        totals = self.totals
        same = totals["pids"][1] == volts["pid"]
        new = int(volts["i2c_errors"]) - (int(totals["seen_i2c_errors"]) if same else 0)
        self._count_start("jacks", int(volts["pid"]))
        totals["seen_i2c_errors"] = volts["i2c_errors"]
        totals["i2c_errors"] += max(new, 0)
        self._now["i2c_errors"] += max(new, 0)

    def _count_start(self, process: str, pid: int, *, same: bool = True) -> None:
        row = PROCESSES.index(process)
        if pid and (not same or self.totals["pids"][row] != pid):
            self.totals["pids"][row] = pid
            self.totals["starts"][row] += 1
            self._now["starts"][row] += 1

    def _push(self) -> None:
        """The stretch of now becomes a record; twelve of them become an hour."""
        totals = self.totals
        self._now["running_s"] = totals["running_s"]
        number = int(totals["pushed"])
        self.recent[number % RECENT] = self._now
        totals["pushed"] = number + 1
        if (number + 1) % HOUR == 0:
            places = np.arange(number + 1 - HOUR, number + 1) % RECENT
            self.hours[number // HOUR % HOURS] = _together(self.recent[places])
        self._now = _empty()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Records of "recent" or "hours", oldest first, ready for JSON."""
        ring = self.recent if name == "recent" else self.hours
        ring = np.sort(ring[ring["running_s"] > 0], order="running_s")
        return [_plain(record) for record in ring]

    # --- the file ---

    def save(self) -> None:
        """Write all through to the disk. A disk that refuses is told once, and tried again with the next record."""
        body = self.totals.tobytes() + self.recent.tobytes() + self.hours.tobytes()
        try:
            replace_file(self._path, _head(body) + body)
            self._told = ""
        except OSError as error:
            self._say(f"metrics are not saved, {error.strerror} ({self._path}): counts on without")

    def _load(self) -> None:
        try:
            raw = read_plain(self._path, BYTES_MAX)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._say(f"metrics cannot be read, {error} ({self._path}): counts anew")
            return
        head, _, body = raw.partition(b"\n")
        sizes = [TOTALS.itemsize, RECENT * PERIOD.itemsize, HOURS * PERIOD.itemsize]
        if head + b"\n" != _head(body) or len(body) != sum(sizes):
            self._say(f"damaged metrics ({self._path}): kept as *.damaged, counts anew")
            try:
                set_aside(self._path)
            except OSError as error:
                self._say(f"damaged metrics stay, {error.strerror} ({self._path})")
            return
        self.totals = np.frombuffer(body[: sizes[0]], TOTALS).copy().view(np.recarray)[0]
        self.recent = np.frombuffer(body, PERIOD, RECENT, sizes[0]).copy()
        self.hours = np.frombuffer(body, PERIOD, HOURS, sizes[0] + sizes[1]).copy()

    def _say(self, text: str) -> None:
        if text != self._told:
            self._told = text
            print(f"remote: {text}", file=sys.stderr, flush=True)


def _head(body: bytes) -> bytes:
    return b"neurorack metrics %08x %08x\n" % (_LAYOUT, zlib.crc32(body))


def _empty() -> Any:
    record = np.zeros(1, PERIOD).view(np.recarray)[0]
    record["warmest_c"] = np.nan
    return record


def _together(periods: np.ndarray) -> np.ndarray:
    """Several records as one."""
    made = np.zeros(1, PERIOD)
    for name in ("counts", "i2c_errors", "starts", "duration", "seconds"):
        made[name] = periods[name].sum(axis=0)
    made["running_s"], made["load_max"] = periods["running_s"].max(), periods["load_max"].max()
    made["load_mean"] = np.average(periods["load_mean"], weights=np.maximum(periods["seconds"], 1e-9))
    made["warmest_c"] = np.fmax.reduce(periods["warmest_c"])
    return made[0]


def _octaves(bins: np.ndarray) -> np.ndarray:
    summed: np.ndarray = bins.reshape(OCTAVES, BINS_PER_OCTAVE).sum(axis=1)
    return summed


def _plain(record: Any) -> dict[str, Any]:
    counts = dict(zip(COUNTS, record["counts"].tolist(), strict=True))
    return {
        "running_s": round(float(record["running_s"])),
        "seconds": round(float(record["seconds"])),
        **{name: count for name, count in counts.items() if count},
        "i2c_errors": int(record["i2c_errors"]),
        "starts": record["starts"].tolist(),
        "load_mean": round(float(record["load_mean"]), 3),
        "load_max": round(float(record["load_max"]), 3),
        "warmest_c": None if np.isnan(record["warmest_c"]) else round(float(record["warmest_c"]), 1),
        "duration": record["duration"].tolist(),
    }


# --- Prometheus' text format -------------------------------------------------------------------------------------

_HELP = {
    "blocks": ("blocks_total", "Blocks of sound that were played."),
    "lost": ("blocks_lost_total", "Blocks that the sound card did not get in time."),
    "deadline_misses": ("deadline_misses_total", "Callbacks that ended after their block was due."),
    "device_flags": ("device_flags_total", "Callbacks for which the card reported an under- or overflow (xrun)."),
    "nan_resets": ("nan_resets_total", "Times the sound was no number and was begun anew."),
    "late_edges": ("late_edges_total", "Gate edges that came after their sample had passed."),
    "clipped": ("clipped_samples_total", "Samples that the soft limit lowered by more than 1 dB."),
    "stale_controls": ("stale_controls_total", "Blocks played on knob targets of the block before."),
}


def prometheus(metrics: Metrics, values: Mapping[str, Any]) -> str:
    """Totals of `metrics` and what the tree's `values` say of now, in Prometheus' text format 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(metrics.totals, values))


def _lines(totals: Any, values: Mapping[str, Any]) -> Iterator[str]:
    yield from _family("info", "gauge", "What runs; always 1.")
    labels = {"version": values.get("system.version", ""), "bundle": values.get("system.bundle", "")}
    yield _sample("info", 1, labels)
    yield from _family("running_seconds_total", "counter", "Seconds for which the module was looked after.")
    yield _sample("running_seconds_total", float(totals["running_s"]))
    for field, count in zip(COUNTS, totals["counts"], strict=True):
        name, told = _HELP[field]
        yield from _family(name, "counter", told)
        yield _sample(name, int(count))
    yield from _family("i2c_errors_total", "counter", "Transactions with the jacks' converters that failed.")
    yield _sample("i2c_errors_total", int(totals["i2c_errors"]))
    yield from _family("process_starts_total", "counter", "Processes that were started; all but the first, restarts.")
    for process, count in zip(PROCESSES, totals["starts"], strict=True):
        yield _sample("process_starts_total", int(count), {"process": process})
    for field, what in (("duration", "How long callbacks took."), ("lateness", "How late callbacks were entered.")):
        yield from _histogram(f"callback_{field}_seconds", what, totals[field], float(totals[f"{field}_sum_s"]))
    for name, path, what in (
        ("load_ratio", "meters.load", "Callback duration over the block's period, smoothed over a second."),
        ("temperature_celsius", "system.temperature_c", "The warmest sensor of the machine."),
        ("supply_volts", "system.supply_v", "What feeds the machine."),
        ("block_period_seconds", "meters.period_s", "How long a block sounds."),
    ):
        if (value := values.get(path)) is not None:
            yield from _family(name, "gauge", what)
            yield _sample(name, float(value))
    yield from _family("process_up", "gauge", "Whether the process lives.")
    lives = (
        values.get("system.engine") in ("playing", "starting"),
        values.get("system.jacks"),
        values.get("system.daemon"),
    )
    for process, up in zip(PROCESSES, lives, strict=True):
        yield _sample("process_up", int(bool(up)), {"process": process})


def _family(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP neurorack_{name} {what}"
    yield f"# TYPE neurorack_{name} {kind}"


def _sample(name: str, value: float, labels: Mapping[str, str] | None = None) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in (labels or {}).items())
    return f"neurorack_{name}{{{told}}} {value!r}" if told else f"neurorack_{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _histogram(name: str, what: str, counts: Any, sum_s: float) -> Iterator[str]:
    """Octaves from 2 µs to 65 ms; the last holds all beyond, and so goes to infinity."""
    yield from _family(name, "histogram", f"{what} Its sum is taken from the bins' middles, good to 5 %.")
    total = 0
    for octave, count in enumerate(counts.tolist()):
        total += count
        edge = f"{1e-6 * 2.0 ** (octave + 1):.9g}" if octave < len(counts) - 1 else "+Inf"
        yield _sample(f"{name}_bucket", total, {"le": edge})
    yield _sample(f"{name}_sum", round(sum_s, 6))
    yield _sample(f"{name}_count", total)
