from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.engine.meters import Meters, bin_edges_s, histogram_bin, percentile_s
from neurorack.shared import HISTOGRAM_BINS, METERS, Snapshot


@given(st.floats(1e-6, 0.06))
def test_a_duration_falls_into_the_bin_whose_edges_enclose_it(seconds: float):
    edges = bin_edges_s()
    index = histogram_bin(seconds)
    assert edges[index] <= seconds * (1 + 1e-9) and seconds <= edges[index + 1] * (1 + 1e-9)


@pytest.mark.parametrize(("seconds", "index"), [(-1.0, 0), (0.0, 0), (10.0, HISTOGRAM_BINS - 1)])
def test_what_has_no_bin_goes_to_an_end(seconds: float, index: int):
    assert histogram_bin(seconds) == index


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
def test_percentiles_are_good_to_five_percent(share: float):
    durations = np.random.default_rng(1).lognormal(np.log(300e-6), 0.5, 20_000)
    histogram = np.bincount([histogram_bin(d) for d in durations], minlength=HISTOGRAM_BINS)
    assert percentile_s(histogram, share) == pytest.approx(np.quantile(durations, share), rel=0.05)


def test_nothing_counted_is_zero():
    assert percentile_s(np.zeros(HISTOGRAM_BINS, np.uint64), 0.99) == 0.0


def test_a_reader_sees_what_was_metered(run_dir: Path):
    meters = Meters(Snapshot(run_dir / "meters", METERS, create=True), 128)
    reader = Snapshot(run_dir / "meters", METERS)
    meters.describe(device="null", bundle="fluid", notice="é" * 60)
    for k in range(100):
        meters.enter(1000 + k, 20e-6, 2, flagged=k < 3)
        meters.sound(0.1, 0.3, 5)
        meters.leave(1.0 if k < 7 else 0.001)
    assert reader.refresh()
    record = reader.record
    assert (record["blocks"], record["lost"], record["device_flags"], record["deadline_misses"]) == (100, 2, 3, 7)
    assert record["clipped"] == 500 and record["level_peak"] == 0.3
    assert record["duration"].sum() == 99, "the newest one's is known when the next begins"
    assert record["lateness"][histogram_bin(20e-6)] == 100
    assert record["bundle"] == b"fluid" and bytes(record["notice"]).decode() == "é" * 48


def test_period_and_load_are_counted_by_the_cards_own_rate(run_dir: Path):
    meters = Meters(Snapshot(run_dir / "meters", METERS, create=True), 128)
    meters.play_at(96_000)
    meters.enter(1_000, 0.0, 0, flagged=False)
    meters.leave(0.0015)
    reader = Snapshot(run_dir / "meters", METERS)
    assert reader.refresh()
    assert reader.record["period_s"] == pytest.approx(128 / 96_000) and reader.record["sample_rate_hz"] == 96_000
    assert reader.record["deadline_misses"] == 1, "1.5 ms is more than a block of 1.33"


def test_a_new_engine_begins_at_zero(run_dir: Path):
    Meters(Snapshot(run_dir / "meters", METERS, create=True), 128).leave(0.0)
    Meters(Snapshot(run_dir / "meters", METERS, create=True), 64)
    reader = Snapshot(run_dir / "meters", METERS)
    reader.refresh()
    assert reader.record["blocks"] == 0 and reader.record["block"] == 64
