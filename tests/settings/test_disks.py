"""A disk that is full and one that is read-only, as the kernel has them: a tmpfs of 64 kB, mounted for the test.

Settings, presets and calibration: what cannot be saved is one line, what was there can be read, and all goes on.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk import settings

from neurorack.desk import Desk
from neurorack.jacks.calibration import Calibration, Correction, former_path
from neurorack.mailbox import ask
from neurorack.settings.memory import SAVE_S, Memory
from neurorack.settings.model import Preset, Settings, Sound
from neurorack.settings.store import Store


class Disk:
    """A file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        command = ("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", path)
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        self.fault = mounted.stderr.strip() if mounted.returncode else ""

    def fill(self) -> None:
        with (self.path / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(512))

    def make_room(self) -> None:
        (self.path / "filler").unlink()

    def lock(self) -> None:
        """Read-only for whatever is opened from now on. Whole, it could not be: the module keeps its lock file open."""
        subprocess.run(("mount", "--bind", self.path, self.path), check=True)
        subprocess.run(("mount", "-o", "remount,bind,ro", self.path), check=True)

    def unlock(self) -> None:
        subprocess.run(("umount", self.path), check=True)

    def files(self) -> dict[str, bytes]:
        """What lies there, but for what fills it."""
        return {path.name: path.read_bytes() for path in self.path.iterdir() if path.name != "filler"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    path = tmp_path / "small"
    path.mkdir()
    made = Disk(path)
    if made.fault:
        pytest.skip(f"no file system may be mounted here: {made.fault}")
    yield made
    while os.path.ismount(path):
        subprocess.run(("umount", path), check=True)


Trouble = tuple[Callable[[Disk], None], Callable[[Disk], None], str]

TROUBLES: dict[str, Trouble] = {
    "full": (Disk.fill, Disk.make_room, "No space left on device"),
    "read-only": (Disk.lock, Disk.unlock, "Read-only file system"),
}


@pytest.fixture(params=TROUBLES)
def trouble(request) -> Trouble:
    return TROUBLES[request.param]


def many(number: int) -> Settings:
    """Settings with presets that take several of the disk's pages."""
    sound = settings(number).playing
    return Settings(playing=sound, presets={n: Preset(name=f"{number}", sound=sound) for n in range(1, 17)})


def save(memory: Memory, wanted: Settings, now_s: list[float]) -> list[str]:
    """What the player hears once the thread has tried."""
    memory.remember(wanted)
    now_s[0] += 100 * SAVE_S
    memory.step()
    if memory._thread is not None:
        memory._thread.join()
    memory.step()
    return memory.take_notices()


def test_settings_wait_for_the_disk_in_one_line(disk, trouble):
    break_it, mend_it, words = trouble
    now_s = [100.0]
    memory = Memory(disk.path, lambda: now_s[0])
    assert save(memory, many(1), now_s) == []
    before = disk.files()
    break_it(disk)
    assert save(memory, many(2), now_s) == [f"settings are not saved, {words} ({disk.path}): plays on without"]
    assert save(memory, many(3), now_s) == [], "told once"
    assert disk.files() == before
    assert Store(disk.path).load() == many(1)
    mend_it(disk)
    assert save(memory, many(3), now_s) == []
    assert Store(disk.path).load() == many(3)
    memory.close()


def test_a_start_from_a_read_only_disk_finds_what_was_kept(disk):
    Store(disk.path).save(many(1))
    disk.lock()
    now_s = [100.0]
    memory = Memory(disk.path, lambda: now_s[0])
    assert memory.settings == many(1)
    said = memory.take_notices() + save(memory, many(2), now_s)
    assert len(said) == 1 and "Read-only file system" in said[0]
    memory.close()


def test_a_calibration_stays_as_it_was(disk, trouble):
    break_it, mend_it, words = trouble
    path = disk.path / "calibration.toml"
    old, new = (Calibration({"voct": Correction([0.0, 3.0 + off], [0.0, 3.0])}) for off in (0.01, 0.02))
    old.save(path)
    old.save(path)
    before = disk.files()
    break_it(disk)
    with pytest.raises(OSError, match=words):
        new.save(path)
    assert disk.files() == before
    found = Calibration.load(path)
    assert (found.corrections, found.notices) == (old.corrections, ())
    mend_it(disk)
    new.save(path)
    assert Calibration.load(path).corrections == new.corrections
    assert Calibration.load(former_path(path)).corrections == old.corrections


@pytest.fixture
def desk(disk: Disk, run_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> Iterator[Desk]:
    """A module's desk that keeps its presets there."""
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    sounds = {1: Preset(name="one", sound=Sound(bundle="tiny", depth=0.25))}
    Store(disk.path).save(Settings(playing=Sound(bundle="tiny"), presets=sounds))
    made = Desk(disk.path, "tiny", bundle="tiny", assignments=[], intonation=None)
    made.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
    made.open(run_dir)
    yield made
    made.close()


def asked(desk: Desk, run_dir: Path, **request: object) -> dict[str, object]:
    """What a command hears of the module that plays."""
    replies: list[bytes | None] = []
    words = json.dumps({"ask": "presets", **request}).encode()
    thread = threading.Thread(target=lambda: replies.append(ask(run_dir, words)))
    thread.start()
    give_up = time.monotonic() + 60
    while not replies:
        assert time.monotonic() < give_up
        desk.answer(None)
        desk.step(None)
        time.sleep(0.005)
    assert replies[0] is not None
    return dict(json.loads(replies[0]))


def test_a_preset_that_cannot_be_stored_is_refused_and_those_there_are_recalled(desk, disk, run_dir, trouble):
    break_it, mend_it, words = trouble
    assert "refusal" not in asked(desk, run_dir, do="save", number=2, name="two")  # both generations are there
    before = disk.files()
    break_it(disk)
    refusal = asked(desk, run_dir, do="save", number=3, name="three")["refusal"]
    assert refusal[0] == f"cannot save: {words}" and "\n" not in "".join(refusal)
    assert disk.files() == before
    assert "refusal" not in asked(desk, run_dir, do="recall", number=1)
    assert desk.sound.depth == 0.25, "it plays on, and plays what was stored"
    mend_it(disk)
    assert "refusal" not in asked(desk, run_dir, do="save", number=3, name="three")
    assert sorted(Store(disk.path).load().presets) == [1, 2, 3]


YEAR_S = 365 * 86_400


@pytest.mark.parametrize("jump_s", [-50 * YEAR_S, 70 * YEAR_S])
def test_files_dated_years_away_are_told_apart_by_their_count(state_dir, jump_s):
    """As a clock without a battery leaves them, at 1970 until the network comes. `tests/kernel` sets a clock."""
    kept = Store(state_dir)
    for number in range(5):
        kept.save(settings(number))
        date_s = time.time() + jump_s * (number % 2)
        os.utime(max(state_dir.glob("settings-*.[ab]"), key=os.path.getmtime), (date_s, date_s))
        assert Store(state_dir).load() == settings(number)
