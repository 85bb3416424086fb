"""From the wish to record to a take on the disk, and what keeps it from getting there."""

import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frames import frames

from neurorack import bundle, statedir
from neurorack.errors import BadInput
from neurorack.shared import FrameTap
from neurorack.takes import shelf as shelves
from neurorack.takes.shelf import Shelf, Stage

PATIENCE_S = 60.0


class Bench:
    def __init__(self, folder: Path, tiny: Path) -> None:
        self.path, self.state = folder / "frames", folder / "state"
        self.engine = FrameTap(self.path, create=True)
        self.card = bundle.read_card(tiny)
        self.shelf = self.fresh()

    def fresh(self) -> Shelf:
        made = Shelf(self.state)
        assert made.turn_to(self.card) == []
        return made

    def step(self) -> bool:
        return self.shelf.step(lambda: np.full(5, 0.5))

    def until(self, *stages: Stage) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while self.shelf.progress.stage not in stages:
            assert time.monotonic() < give_up
            self.step()
            time.sleep(0.002)

    def record(self, name: str = "", seed: int = 1) -> None:
        self.shelf.record(self.path, name)
        self.engine.write(frames(seed=seed))
        self.until(Stage.KEPT, Stage.FAILED)

    @property
    def names(self) -> list[str]:
        return [take.name for take in self.shelf.takes]


@pytest.fixture
def bench(tmp_path: Path, tiny_bundle: Path) -> Bench:
    return Bench(tmp_path, tiny_bundle)


def test_it_waits_records_keeps_and_has_kept(bench):
    bench.shelf.record(bench.path)
    assert bench.shelf.progress.stage is Stage.WAITING
    note = frames()
    bench.engine.write(note[:100])
    bench.step()
    assert bench.shelf.progress.stage is Stage.RECORDING
    assert bench.shelf.progress.left_s == pytest.approx(20 - 100 * 64 / 48_000, abs=0.01)
    bench.engine.write(note[100:])
    bench.until(Stage.KEPT)
    assert bench.shelf.progress.name == "take 1" and bench.names == ["take 1"]
    assert bench.fresh().takes == bench.shelf.takes, "and after the power was gone"


def test_every_take_gets_a_name_of_its_own(bench):
    bench.record()
    bench.record(seed=2)
    bench.record("sweep", seed=3)
    assert bench.names == ["take 1", "take 2", "sweep"]
    with pytest.raises(BadInput, match="another gesture is called 'sweep'"):
        bench.record("sweep")
    with pytest.raises(BadInput, match="another gesture is called"):
        bench.record(bench.card.gestures.names[0])


def test_a_stop_keeps_what_there_is_and_a_cancel_keeps_nothing(bench):
    for deed, kept in ((bench.shelf.cancel, []), (bench.shelf.stop, ["take 1"])):
        bench.shelf.record(bench.path)
        bench.engine.write(frames()[:50])
        bench.step()
        deed()
        bench.until(Stage.KEPT if kept else Stage.IDLE)
        assert bench.names == kept


def test_a_stop_before_any_gate_waits_no_longer(bench):
    bench.shelf.record(bench.path)
    bench.shelf.stop()
    assert bench.shelf.progress.stage is Stage.IDLE


def test_another_instrument_ends_the_recording(bench):
    bench.shelf.record(bench.path)
    bench.shelf.turn_to(bench.card)
    assert not bench.shelf.busy


def test_what_is_being_kept_when_the_instrument_changes_is_not_the_next_ones(bench, monkeypatch):
    go = threading.Event()
    sync = statedir.sync_folder
    monkeypatch.setattr(statedir, "sync_folder", lambda path: (go.wait(30), sync(path)))
    bench.shelf.record(bench.path)
    bench.engine.write(frames())
    bench.until(Stage.KEEPING)
    decoder = msgspec.structs.replace(bench.card.decoder, sha256="2" * 64)
    bench.shelf.turn_to(msgspec.structs.replace(bench.card, decoder=decoder))
    go.set()
    bench.until(Stage.KEPT)
    assert bench.names == [] and len(bench.fresh().takes) == 1


def test_one_is_renamed_and_removed(bench):
    bench.record()
    bench.record(seed=2)
    bench.shelf.rename("take 1", "  slow   rain ")
    bench.until(Stage.KEPT)
    bench.shelf.remove("take 2")
    bench.until(Stage.KEPT)
    assert bench.names == ["slow rain"] == [take.name for take in bench.fresh().takes]
    with pytest.raises(BadInput, match=r"no recorded gesture is called 'take 2'.*slow rain"):
        bench.shelf.remove("take 2")


def test_one_thing_at_a_time(bench):
    bench.record()
    bench.shelf.record(bench.path)
    for deed in (lambda: bench.shelf.record(bench.path), lambda: bench.shelf.remove("take 1")):
        with pytest.raises(BadInput, match="is being recorded"):
            deed()


def test_a_disk_that_refuses_costs_that_take_alone(bench, monkeypatch):
    bench.record()
    with monkeypatch.context() as full:
        full.setattr(statedir, "_write_through", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        bench.record(seed=2)
        assert bench.shelf.progress == (Stage.FAILED, 0.0, "", "the disk refuses: No space left")
    assert bench.names == ["take 1"] == [take.name for take in bench.fresh().takes]
    bench.record(seed=2)
    assert bench.names == ["take 1", "take 2"]


def test_a_slow_disk_holds_up_nobody(bench, monkeypatch):
    go = threading.Event()
    sync = statedir.sync_folder
    monkeypatch.setattr(statedir, "sync_folder", lambda path: (go.wait(30), sync(path)))
    bench.shelf.record(bench.path)
    bench.engine.write(frames())
    bench.until(Stage.KEEPING)
    for _ in range(20):
        assert not bench.step()
    assert bench.names == [], "not before the disk has it"
    go.set()
    bench.until(Stage.KEPT)


def test_there_are_so_many_and_no_more(bench, monkeypatch):
    monkeypatch.setattr(shelves, "TAKES_MAX", 2)
    bench.record()
    bench.record(seed=2)
    with pytest.raises(BadInput, match="remove one first"):
        bench.record()


def test_what_was_missed_is_told_and_not_kept(bench):
    bench.shelf.record(bench.path)
    bench.engine.write(frames(held=300)[:250])
    bench.step()
    held = np.repeat(frames()[1:2], 400)
    for _ in range(8):
        bench.engine.write(held)
    bench.step()
    assert bench.shelf.progress.stage is Stage.FAILED and "too busy" in bench.shelf.progress.fault
