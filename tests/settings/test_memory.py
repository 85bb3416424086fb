"""Saved when something has changed, now and then, and never in anybody's way."""

import os
import threading
import time
from pathlib import Path

import pytest
from disk import FULL, READ_ONLY, Refusing, settings

from neurorack import statedir
from neurorack.rundir import Lock
from neurorack.settings import memory
from neurorack.settings.memory import END_S, RETRY_S, SAVE_S, Memory
from neurorack.settings.model import Settings, Sound, schema
from neurorack.settings.store import LOCK, Store


class Bench:
    """A memory whose clock stands still until it is moved, and a count of its saves."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.folder, self.saves = folder, 0
        save = Store.save

        def counted(kept: Store, wanted: Settings) -> None:
            self.saves += 1
            save(kept, wanted)

        monkeypatch.setattr(Store, "save", counted)
        self.memory = Memory(folder, lambda: self.now_s)

    def step(self, after_s: float = 0.0) -> None:
        """As the daemon does, with time for the thread to end."""
        self.now_s += after_s
        self.memory.step()
        if self.memory._thread is not None:
            self.memory._thread.join()
        self.memory.step()

    def on_disk(self) -> Settings:
        return Store(self.folder).load()


@pytest.fixture
def bench(state_dir, monkeypatch) -> Bench:
    made = Bench(state_dir, monkeypatch)
    made.step()  # takes the lock
    made.now_s += SAVE_S
    return made


def test_what_changes_is_on_the_disk_after_a_step(bench):
    bench.memory.remember(settings(1))
    bench.step()
    assert bench.on_disk() == settings(1)


def test_without_a_change_nothing_is_written(bench):
    for _ in range(100):
        bench.step(10.0)
        bench.memory.remember(Settings())
    assert bench.saves == 0
    assert [path.name for path in bench.folder.iterdir()] == [LOCK]


def test_however_much_changes_it_writes_every_few_seconds(bench):
    for number in range(600):  # a minute
        bench.memory.remember(settings(number))
        bench.step(0.1)
    assert bench.saves == pytest.approx(60 / SAVE_S, abs=1)
    bench.step(SAVE_S)
    assert bench.on_disk() == settings(599), "and the last of it"


def test_a_disk_that_takes_minutes_holds_up_nobody(bench, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(statedir, "sync_folder", lambda path: go.wait(30))
    bench.memory.remember(settings(1))
    bench.memory.step()
    began_s = time.monotonic()
    for number in range(100):
        bench.now_s += SAVE_S
        bench.memory.remember(settings(number))
        bench.memory.step()
    assert time.monotonic() - began_s < 1.0
    assert bench.saves == 1, "one at a time"
    go.set()
    bench.step()
    bench.step(SAVE_S)
    assert bench.on_disk() == settings(99)


def test_nor_does_it_hold_up_the_end_for_long(bench, monkeypatch):
    monkeypatch.setattr(memory, "END_S", 0.05)
    go = threading.Event()
    monkeypatch.setattr(statedir, "sync_folder", lambda path: go.wait(30))
    bench.memory.remember(settings(1))
    began_s = time.monotonic()
    bench.memory.close()
    assert time.monotonic() - began_s < 1.0 and END_S < 2.5, "systemd gives five seconds for all"
    go.set()


def test_the_end_saves_what_the_limit_has_held_back(bench):
    bench.memory.remember(settings(1))
    bench.step()
    bench.memory.remember(settings(2))
    bench.memory.close()
    assert bench.on_disk() == settings(2)
    Lock(bench.folder / LOCK).release()


@pytest.mark.parametrize(("function", "number"), [("write", FULL), ("open", READ_ONLY)])
def test_a_disk_that_refuses_costs_one_message_until_it_takes_again(bench, monkeypatch, function, number):
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing(function, number))
        for number_ in range(50):
            bench.memory.remember(settings(number_))
            bench.step(10.0)
        notices = bench.memory.take_notices()
        assert len(notices) == 1 and os.strerror(number) in notices[0] and "\n" not in notices[0]
        assert bench.saves <= 500 / RETRY_S + 2
    bench.step(RETRY_S)
    assert bench.on_disk() == settings(49)
    assert bench.memory.take_notices() == []


def test_whoever_asks_for_a_save_hears_how_it_went(bench, monkeypatch):
    heard: list[str] = []
    bench.memory.save(settings(1), heard.append)
    bench.step()
    assert heard == [""] and bench.on_disk() == settings(1), "though another was done a moment ago"
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing("write", FULL))
        bench.memory.save(settings(2), heard.append)
        bench.step()
        bench.memory.save(settings(1), heard.append)
        bench.step()
    assert heard == ["", os.strerror(FULL), ""], "what is there already needs no disk"
    bench.memory.save(settings(3), heard.append)
    bench.memory.close()
    assert heard[3:] == [""] and bench.on_disk() == settings(3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_costs_one_message(tmp_path):
    (tmp_path / "state").mkdir(mode=0o500)
    kept = Memory(tmp_path / "state")
    kept.remember(settings(1))
    kept.close()
    assert len(kept.take_notices()) == 1


def test_a_file_in_the_folders_place_costs_one_message(tmp_path):
    (tmp_path / "state").write_text("")
    kept = Memory(tmp_path / "state")
    assert kept.settings == Settings()
    kept.remember(settings(1))
    kept.close()
    assert len(kept.take_notices()) == 2, "one that it cannot be read, one that nothing is saved"


def test_settings_that_another_process_keeps_are_read_and_not_written(bench):
    bench.memory.remember(settings(1))
    bench.step()
    other = Memory(bench.folder)
    assert other.settings == settings(1)
    other.remember(settings(2))
    other.close()
    assert f"process {os.getpid()} keeps them" in other.take_notices()[0]
    assert bench.on_disk() == settings(1)


def test_damage_is_told_once(bench):
    bench.memory.remember(settings(1))
    bench.memory.close()
    (bench.folder / f"settings-{schema()}.a").write_text("?")
    kept = Memory(bench.folder)
    assert len(kept.take_notices()) == 1
    assert kept.take_notices() == []


def test_what_a_command_saves_while_a_module_starts_is_not_overwritten_by_its_first_save(tmp_path):
    command = Memory(tmp_path)
    command.save(Settings(), lambda fault: None)
    command.close()
    command = Memory(tmp_path)  # reads, while…
    started = []
    starting = threading.Thread(target=lambda: started.append(Memory(tmp_path)))  # …the module starts
    starting.start()
    stored = Settings(playing=Sound(bundle="stored", knobs={}))
    command.save(stored, lambda fault: None)
    command.close()
    starting.join()
    assert started[0].settings == stored
    started[0].close()
