"""What is counted over days: across restarts, power cuts and full disks; and Prometheus can read it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disk import FULL, Refusing

from neurorack import statedir
from neurorack.engine.meters import histogram_bin
from neurorack.remote.metrics import BYTES_MAX, COUNTS, FILE, HOUR, HOURS, RECENT, RECENT_S, Metrics, prometheus
from neurorack.remote.tree import Tree
from neurorack.shared import METERS, VOLTS, Snapshot

SECOND_NS = 1_000_000_000


class Playing:
    """An engine's meters and a clock that runs as fast as it is told."""

    def __init__(self, run_dir: Path) -> None:
        self.tree = Tree(run_dir)
        self.meters = Snapshot(run_dir / "meters", METERS, create=True)
        self.volts = Snapshot(run_dir / "volts", VOLTS, create=True)
        self.now_ns = SECOND_NS
        self.start(1)

    def start(self, pid: int) -> None:
        """Another engine and other jacks, whose counters begin at 0."""
        m = self.meters.record
        for name in (*COUNTS, "duration", "lateness", "load"):
            m[name] = 0
        m["pid"], m["started_ns"] = pid, self.now_ns
        self.volts.record["pid"], self.volts.record["i2c_errors"] = pid, 0
        self.publish()

    def publish(self) -> None:
        self.meters.publish()
        self.volts.publish()

    def play(self, metrics: Metrics, seconds: int, step_s: int = 1) -> None:
        """375 blocks a second of 300 µs, one of them lost, two errors on the bus."""
        for _ in range(0, seconds, step_s):
            self.now_ns += step_s * SECOND_NS
            m = self.meters.record
            m["blocks"] += 375 * step_s
            m["lost"] += step_s
            m["load"] = 0.25
            m["duration"][histogram_bin(300e-6)] += 375 * step_s
            self.volts.record["i2c_errors"] += 2 * step_s
            self.publish()
            metrics.step(self.tree, self.now_ns)


@pytest.fixture
def playing(run_dir: Path) -> Playing:
    return Playing(run_dir)


def counted(metrics: Metrics) -> dict[str, int]:
    return dict(zip(COUNTS, metrics.totals["counts"].tolist(), strict=True)) | {
        "i2c": int(metrics.totals["i2c_errors"])
    }


def test_a_restart_of_the_engine_loses_and_doubles_nothing(playing: Playing, state_dir: Path):
    metrics = Metrics(state_dir)
    playing.play(metrics, 10)
    playing.start(2)
    playing.play(metrics, 10)
    assert counted(metrics)["blocks"] == 7500 and counted(metrics)["lost"] == 20 and counted(metrics)["i2c"] == 40
    assert metrics.totals["starts"].tolist()[:2] == [2, 2]
    assert metrics.totals["duration"].sum() == 7500
    assert metrics.totals["duration_sum_s"] == pytest.approx(7500 * 300e-6, rel=0.05)


def test_a_restart_of_the_counting_itself_doubles_nothing_either(playing: Playing, state_dir: Path):
    first = Metrics(state_dir)
    playing.play(first, 10)
    first.save()
    playing.play(first, 5)  # and it is killed: these are lost from its memory, not from the engine's
    second = Metrics(state_dir)
    playing.play(second, 1)
    assert counted(second)["blocks"] == 16 * 375 and counted(second)["i2c"] == 32
    assert second.totals["starts"].tolist()[:2] == [1, 1]


def test_days_take_no_more_room_than_the_first_and_the_newest_stay(playing: Playing, state_dir: Path):
    metrics = Metrics(state_dir)
    metrics.save()
    size = (state_dir / FILE).stat().st_size
    assert size <= BYTES_MAX
    records = RECENT + 2 * HOUR + 3
    playing.play(metrics, round(RECENT_S) * records, round(RECENT_S))
    assert (state_dir / FILE).stat().st_size == size
    again = Metrics(state_dir)
    recent, hours = again.rows("recent"), again.rows("hours")
    assert len(recent) == RECENT and len(hours) == records // HOUR <= HOURS
    assert [row["running_s"] for row in recent] == [round(RECENT_S) * n for n in range(records - RECENT, records)]
    assert hours[-1]["blocks"] == 3600 * 375 and hours[-1]["load_mean"] == pytest.approx(0.25, abs=0.01)
    assert sum(hours[-1]["duration"]) == hours[-1]["blocks"]


def test_a_record_is_on_the_disk_within_minutes(playing: Playing, state_dir: Path):
    metrics = Metrics(state_dir)
    playing.play(metrics, round(RECENT_S) + 2, 2)
    assert counted(Metrics(state_dir))["blocks"] > 0


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "huge", "folder"])
def test_damage_is_set_aside_and_counted_anew(playing: Playing, state_dir: Path, capsys: Any, damage: str):
    metrics = Metrics(state_dir)
    playing.play(metrics, 3)
    metrics.save()
    path = state_dir / FILE
    raw = bytearray(path.read_bytes())
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        raw[100] ^= damage == "changed"
        path.write_bytes({"cut": raw[:-1], "empty": b"", "huge": raw * 4}.get(damage, raw))
    again = Metrics(state_dir)
    assert counted(again)["blocks"] == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    if damage in ("cut", "changed", "empty"):
        assert (state_dir / f"{FILE}.damaged").exists()


def test_a_disk_that_refuses_leaves_the_record_before(
    playing: Playing, state_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    metrics = Metrics(state_dir)
    playing.play(metrics, 3)
    metrics.save()
    playing.play(metrics, 3)
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing("rename", FULL))
        metrics.save()
        metrics.save()
    assert len(capsys.readouterr().err.splitlines()) == 1, "told once"
    assert counted(Metrics(state_dir))["blocks"] == 3 * 375
    metrics.save()
    assert counted(Metrics(state_dir))["blocks"] == 6 * 375


# --- Prometheus --------------------------------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
KINDS = {"counter", "gauge", "histogram"}


def parsed(text: str) -> dict[str, dict[str, Any]]:
    """Families of a text in the exposition format 0.0.4: {name: {kind, samples}}. AssertionError where it is none."""
    assert text.endswith("\n")
    families: dict[str, dict[str, Any]] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, told = line.split(" ", 3)
            assert re.fullmatch(NAME, current) and told and current not in families, "one family, in one piece"
            families[current] = {"kind": None, "samples": []}
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and kind in KINDS and not families[name]["samples"], "the type comes first"
            families[name]["kind"] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels, number = found.groups()
            suffixes = ("_bucket", "_sum", "_count") if families[current]["kind"] == "histogram" else ("",)
            assert name in {current + suffix for suffix in suffixes}
            pairs = dict(pair.split("=", 1) for pair in re.findall(LABEL, labels or ""))
            families[current]["samples"].append((name, pairs, float(number)))
    return families


def test_what_is_printed_is_prometheus_text_format(playing: Playing, state_dir: Path):
    metrics = Metrics(state_dir)
    playing.play(metrics, 4)
    playing.meters.record["bundle"] = b'a "strange"\\name\nindeed'
    playing.publish()
    values = playing.tree.read()
    families = parsed(prometheus(metrics, values))
    seen = set()
    for name, family in families.items():
        assert name.startswith("neurorack_")
        assert (family["kind"] == "counter") == name.endswith("_total")
        for sample, labels, number in family["samples"]:
            key = sample, tuple(sorted(labels.items()))
            assert key not in seen and math.isfinite(number)
            seen.add(key)
    assert families["neurorack_blocks_lost_total"]["samples"][0][2] == 4.0
    units = ("_total", "_seconds", "_celsius", "_volts", "_ratio", "_up", "_info")
    assert all(name.endswith(units) for name in families), "a base unit, as the naming rules want"
    duration = families["neurorack_callback_duration_seconds"]["samples"]
    buckets = [(labels["le"].strip('"'), number) for name, labels, number in duration if name.endswith("_bucket")]
    edges = [float(le) for le, _ in buckets]
    assert edges == sorted(edges) and edges[-1] == math.inf
    counts = [number for _, number in buckets]
    assert counts == sorted(counts)
    total = next(number for name, _, number in duration if name.endswith("_count"))
    assert counts[-1] == total == 1500
    assert counts[int(np.searchsorted(edges, 300e-6)) - 1] == 0, "none was shorter"
