"""Between the processes: nothing torn is ever taken for news, and what was missed is counted."""

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorack.errors import BadInput
from neurorack.shared import EDGE_JACKS, VOLTS, AudioTap, EdgeRing, Snapshot

PAIR = np.dtype([("a", "u8"), ("filler", "u1", 4096), ("b", "u8")])
"""Large enough for a writer to be killed in the middle of it."""

SETTINGS = settings(max_examples=50, deadline=None)


def pair(path: Path) -> tuple[Snapshot, Snapshot]:
    return Snapshot(path, VOLTS, create=True), Snapshot(path, VOLTS)


def test_a_reader_that_opens_late_sees_what_was_published_before(tmp_path):
    writer = Snapshot(tmp_path / "volts", VOLTS, create=True)
    writer.record.cv_v[:] = [1, 2, 3, 4, 5]
    writer.publish()
    reader = Snapshot(tmp_path / "volts", VOLTS)
    assert reader.refresh()
    assert list(reader.record.cv_v) == [1, 2, 3, 4, 5]


def test_news_are_told_once(tmp_path):
    writer, reader = pair(tmp_path / "volts")
    assert not reader.refresh()
    writer.publish()
    assert reader.refresh()
    assert not reader.refresh()


def test_a_second_writer_goes_on_where_the_first_died(tmp_path):
    first, reader = pair(tmp_path / "volts")
    for _ in range(3):
        first.publish()
    reader.refresh()
    second = Snapshot(tmp_path / "volts", VOLTS, create=True)
    second.record.pid = 42
    second.publish()
    assert reader.refresh()
    assert reader.record.pid == 42


@SETTINGS
@given(flipped=st.integers(0, 8 + VOLTS.itemsize + 12 - 1), bit=st.integers(0, 7))
def test_one_wrong_bit_anywhere_leaves_the_previous_in_force(tmp_path_factory, flipped, bit):
    path = tmp_path_factory.mktemp("torn") / "volts"
    writer, reader = pair(path)
    writer.record.pid = 1
    writer.publish()
    assert reader.refresh()
    writer.record.pid = 2
    writer.publish()
    with open(path, "r+b") as file:
        file.seek(64 + flipped)
        byte = file.read(1)[0]
        file.seek(64 + flipped)
        file.write(bytes([byte ^ 1 << bit]))
    reader.refresh()
    assert reader.record.pid == 1
    writer.record.pid = 3
    for _ in range(2):  # a number damaged to one seen before costs one more
        writer.publish()
    assert reader.refresh()
    assert reader.record.pid == 3


@SETTINGS
@given(cut=st.integers(0, 8 + VOLTS.itemsize + 12))
def test_a_writer_that_dies_mid_write_leaves_the_previous_in_force(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "volts"
    writer, reader = pair(path)
    writer.record.pid = 1
    writer.publish()
    reader.refresh()
    before = path.read_bytes()
    writer.record.pid = 2
    writer.publish()
    after = path.read_bytes()
    path_bytes = after[: 64 + cut] + before[64 + cut :]
    with open(path, "r+b") as file:
        file.write(path_bytes)
    news = reader.refresh()
    assert reader.record.pid == (2 if news else 1)
    if news:
        assert path_bytes == after


def test_a_reader_never_sees_halves_of_two_records_whenever_its_writer_is_killed(tmp_path):
    path = tmp_path / "pair"
    Snapshot(path, PAIR, create=True).publish()
    program = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_shared import PAIR
from neurorack.shared import Snapshot
writer = Snapshot(Path(sys.argv[1]), PAIR, create=True)
writer.refresh()
print("ready", flush=True)
while True:
    writer.record.a += 1
    writer.record.b = writer.record.a
    writer.record.filler[:] = writer.record.a % 251
    writer.publish()
    time.sleep(0.0001)
"""
    reader = Snapshot(path, PAIR)
    seen = 0
    for _ in range(3):
        here = str(Path(__file__).parent)
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(path), here], stdout=subprocess.PIPE, cwd=Path(here).parent
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        wanted, give_up = seen + 50, time.monotonic() + 10
        while seen < wanted and time.monotonic() < give_up:
            if reader.refresh():
                record = reader.record
                assert record.a == record.b
                assert set(record.filler) == {record.a % 251}
                seen += 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        reader.refresh()
        assert reader.record.a == reader.record.b
    assert seen == 150


def test_a_strangers_file_is_refused(tmp_path):
    (tmp_path / "volts").write_bytes(bytes(64 + VOLTS.itemsize + 24))
    with pytest.raises(BadInput, match="another version"):
        Snapshot(tmp_path / "volts", VOLTS)
    with pytest.raises(BadInput, match="start the module"):
        Snapshot(tmp_path / "none", VOLTS)


@SETTINGS
@given(edges=st.lists(st.tuples(st.integers(0, 2**62), st.sampled_from(EDGE_JACKS), st.integers(0, 1)), max_size=300))
def test_every_edge_arrives_once_and_in_order(tmp_path_factory, edges):
    path = tmp_path_factory.mktemp("edges") / "edges"
    writer, reader = EdgeRing(path, create=True), EdgeRing(path)
    got = []
    for number, edge in enumerate(edges):
        writer.push(*edge)
        if number % 7 == 0:
            got += reader.read()
    assert got + reader.read() == edges
    assert reader.missed == 0


@pytest.mark.parametrize("surplus", [1, 5, 3000])
def test_a_reader_too_slow_gets_the_newest_edges_and_the_number_of_the_lost(tmp_path, surplus):
    writer, reader = EdgeRing(tmp_path / "edges", create=True), EdgeRing(tmp_path / "edges")
    count = EdgeRing.SLOTS + surplus
    for number in range(count):
        writer.push(number, "gate1", number & 1)
    got = reader.read()
    assert [t for t, _, _ in got] == list(range(surplus, count))
    assert reader.missed == surplus


def test_a_damaged_edge_is_counted_and_the_others_arrive(tmp_path):
    writer, reader = EdgeRing(tmp_path / "edges", create=True), EdgeRing(tmp_path / "edges")
    for number in range(3):
        writer.push(number, "gate2", 1)
    slot = 24
    with open(tmp_path / "edges", "r+b") as file:
        file.seek(64 + 8 + 2 * slot + 8)  # the time of edge number 2
        file.write(b"\xff")
    assert [t for t, _, _ in reader.read()] == [0, 2]
    assert reader.missed == 1


def test_a_writer_killed_between_slot_and_count_repeats_no_edge(tmp_path):
    path = tmp_path / "edges"
    writer, reader = EdgeRing(path, create=True), EdgeRing(path)
    writer.push(1, "gate1", 1)
    count = path.read_bytes()[64:72]
    writer.push(2, "gate1", 0)
    with open(path, "r+b") as file:
        file.seek(64)
        file.write(count)
    second = EdgeRing(path, create=True)
    second.push(3, "gate1", 0)
    assert [t for t, _, _ in reader.read()] == [1, 3]


@SETTINGS
@given(blocks=st.lists(st.integers(1, 512), max_size=60), every=st.integers(1, 9))
def test_the_tap_gives_back_what_was_written(tmp_path_factory, blocks, every):
    path = tmp_path_factory.mktemp("tap") / "tap"
    writer = AudioTap(path, create=True)
    reader = AudioTap(path)
    written, got, position = [], [], 0
    for number, size in enumerate(blocks):
        block = np.arange(position, position + size, dtype=np.float32)
        position += size
        writer.write(block)
        written.append(block)
        if number % every == 0:
            got.append(reader.read())
    got.append(reader.read())
    np.testing.assert_array_equal(np.concatenate(got), np.concatenate([*written, np.empty(0, np.float32)]))
    assert reader.missed == 0


def test_a_tap_read_too_late_says_what_is_missing(tmp_path):
    writer, reader = AudioTap(tmp_path / "tap", create=True), AudioTap(tmp_path / "tap")
    total = AudioTap.SAMPLES + 48_000
    for start in range(0, total, 480):
        writer.write(np.arange(start, start + 480, dtype=np.float32))
    got = reader.read()
    assert reader.missed + len(got) == total
    np.testing.assert_array_equal(got, np.arange(total - len(got), total, dtype=np.float32))


def test_the_checksum_is_of_the_record_and_its_number(tmp_path):
    """A file may be read by other programs: this is its layout."""
    writer = Snapshot(tmp_path / "volts", VOLTS, create=True)
    writer.record.pid = 7
    writer.publish()
    raw = (tmp_path / "volts").read_bytes()[64:]
    body = raw[8 : 8 + VOLTS.itemsize]
    assert raw[:8] == raw[8 + VOLTS.itemsize :][:8] == (1).to_bytes(8, "little")
    assert int.from_bytes(raw[16 + VOLTS.itemsize :][:4], "little") == zlib.crc32(body, 1)


def test_levels_are_what_the_ring_last_saw_of_every_jack(tmp_path):
    ring = EdgeRing(tmp_path / "edges", create=True)
    for t_ns, (jack, level) in enumerate([("gate1", 1), ("gate2", 1), ("gate2", 0)]):
        ring.push(t_ns, jack, level)
    assert EdgeRing(tmp_path / "edges").levels() == {"gate1": 1, "gate2": 0}


def test_one_of_another_size_is_replaced_and_never_cut_under_a_reader(tmp_path):
    reader = EdgeRing(tmp_path / "volts", create=True)
    Snapshot(tmp_path / "volts", VOLTS, create=True)
    reader.push(1, "gate1", 1)
    assert not Snapshot(tmp_path / "volts", VOLTS).refresh()
