"""The world's document: shared between processes, whole for every reader."""

import multiprocessing
from pathlib import Path

import pytest

from neurorack.errors import BadInput
from neurorack.rack.state import Contact, Fault, FileStore, Key, MemoryStore, WorldState


def full() -> WorldState:
    return WorldState(
        rack="/somewhere/rack.toml",
        epoch_ns=123,
        cables={"voct": "seq.cv"},
        pots={"pot1": 0.5},
        contacts=[Contact(1, 5, "encoder_a", 1)],
        keys=[Key(7, 0.25, 1)],
        faults={"oled": Fault("absent")},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    FileStore(tmp_path, full)
    assert FileStore(tmp_path).read() == full()


def test_a_reader_hears_only_of_what_is_new(tmp_path: Path) -> None:
    writer, reader = FileStore(tmp_path, full), FileStore(tmp_path)
    assert reader.read() is not None
    assert reader.read() is None
    writer.change(lambda state: state.pots.update(pot1=0.75))
    state = reader.read()
    assert state is not None and state.pots["pot1"] == 0.75
    assert reader.read() is None


def test_a_writer_reads_its_own_change(tmp_path: Path) -> None:
    writer = FileStore(tmp_path, full)
    writer.read()
    writer.change(lambda state: state.pots.update(pot1=0.75))
    state = writer.read()
    assert state is not None and state.pots["pot1"] == 0.75


def test_where_a_world_is_the_first_one_stays(tmp_path: Path) -> None:
    FileStore(tmp_path, full)
    state = FileStore(tmp_path, WorldState).read()
    assert state == full()


def test_without_a_world_there_is_nothing_to_open(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no virtual rack"):
        FileStore(tmp_path)
    with pytest.raises(BadInput, match="virtual rack"):
        FileStore(tmp_path / "nowhere", full)


def _count(run_dir: str) -> None:
    store = FileStore(Path(run_dir))
    for _ in range(50):
        store.change(lambda state: state.pots.update(pot1=state.pots["pot1"] + 1))


def test_writers_in_several_processes_lose_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path, full)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(str(tmp_path),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    state = store.read()
    assert state is not None and state.pots["pot1"] == 100.5


def test_a_document_in_memory_behaves_the_same() -> None:
    store = MemoryStore(full())
    assert store.read() == full()
    assert store.read() is None
    store.change(lambda state: state.pots.update(pot1=0.75))
    state = store.read()
    assert state is not None and state.pots["pot1"] == 0.75
