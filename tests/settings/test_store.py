"""Settings through a pulled plug: always the old or the new, and a start that nothing stops."""

import contextlib
import errno
import os
import random
import re
from pathlib import Path

import pytest
from disk import BROKEN, FULL, READ_ONLY, Disk, PowerCut, Refusing, settings

from neurorack import statedir
from neurorack.settings import model, store
from neurorack.settings.model import Settings
from neurorack.settings.playing import patch_of
from neurorack.settings.store import Store

OLDEST, OLD, NEW = settings(1), settings(2), settings(3)


@pytest.fixture
def folder(run_dir: Path) -> Path:
    """With OLD as the newest generation, OLDEST as the one before. In memory: thousands of files are written."""
    made = run_dir / "state"
    made.mkdir()
    kept = Store(made)
    kept.save(OLDEST)
    kept.save(OLD)
    return made


def loaded(folder: Path) -> tuple[Settings, list[str]]:
    kept = Store(folder)
    return kept.load(), kept.notices


def newest(folder: Path) -> Path:
    kept = Store(folder)
    kept.load()
    return folder / f"settings-{model.schema()}.{kept._slot}"


def test_what_is_saved_is_loaded(folder):
    assert loaded(folder) == (OLD, [])


def test_an_empty_or_missing_folder_is_a_module_out_of_its_box(tmp_path):
    assert loaded(tmp_path) == (Settings(), [])
    assert loaded(tmp_path / "none") == (Settings(), [])


def test_a_file_can_be_read_by_a_person(folder):
    line, *rest = newest(folder).read_text().splitlines()
    assert line.startswith(f"neurorack settings {model.schema()} 2 ")
    assert '  "bundle": "fluid",' in rest


@pytest.mark.parametrize("before", ["two generations", "the newer damaged", "none"])
def test_a_power_cut_at_any_system_call_leaves_the_old_or_the_new(folder, tmp_path, monkeypatch, before):
    """What the disk has then may be any part of what was not synced."""
    if before == "the newer damaged":
        newest(folder).write_bytes(b"\0" * 100)
    image = {path.name: path.read_bytes() for path in folder.iterdir() if before != "none"}
    put(folder, image)
    old = loaded(folder)[0]
    calls, seen = 0, 0
    while True:
        put(folder, image)
        kept = Store(folder)
        kept.load()
        disk = Disk(folder, calls)
        with monkeypatch.context() as patch:
            patch.setattr(statedir, "os", disk)
            try:
                kept.save(NEW)
                break
            except PowerCut:
                pass
        for state in disk.states():
            seen += 1
            put(tmp_path / "after", state)
            assert loaded(tmp_path / "after")[0] in (old, NEW), f"cut before call {calls}"
        assert loaded(folder)[0] in (old, NEW), "and where only the process was killed"
        calls += 1
    assert calls >= 8 and seen > 20
    for state in disk.states():
        put(tmp_path / "after", state)
        assert loaded(tmp_path / "after") == (NEW, []), "once it has returned it is the new one"


def put(folder: Path, state: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in state.items():
        (folder / name).write_bytes(data)


def test_a_save_after_a_power_cut_works_again(folder, monkeypatch):
    for calls in range(12):
        kept = Store(folder)
        kept.load()
        with monkeypatch.context() as patch:
            patch.setattr(statedir, "os", Disk(folder, calls))
            with contextlib.suppress(PowerCut):
                kept.save(NEW)
        again = Store(folder)
        again.load()
        again.save(OLD)
        assert loaded(folder) == (OLD, [])


def test_a_file_torn_at_any_byte_gives_the_generation_before(folder):
    path = newest(folder)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found, notices = loaded(folder)
        assert found == OLDEST, length
        assert len(notices) == 1 and "\n" not in notices[0]


def test_a_file_with_any_byte_changed_gives_the_generation_before(folder):
    path = newest(folder)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert loaded(folder)[0] == OLDEST, place


def test_ten_thousand_damaged_files_stop_no_start(folder):
    """Cut, spliced, scribbled over, values in each other's place; half with a checksum that agrees, as a stranger's."""
    chance = random.Random(5)
    path = newest(folder)
    head, body = path.read_bytes().split(b"\n", 1)
    values = [found.span() for found in re.finditer(rb"(?<=: )[^\s,{[]+|(?<=   )[\d.]+", body)]
    accepted = 0
    for _ in range(10_000):
        damaged = bytearray(body)
        if chance.random() < 0.5:
            (begin, end), (first, last) = chance.choices(values, k=2)
            other = (body[first:last], b"%d" % chance.randint(-70, 70), b"%g" % chance.random())
            damaged[begin:end] = chance.choice(other)
        for _ in range(chance.randrange(1, 4) if damaged == body else chance.randrange(2)):
            at = chance.randrange(len(damaged) + 1)
            if chance.random() < 0.5:
                damaged[at : at + chance.randrange(40)] = chance.randbytes(chance.randrange(8))
            else:
                word = chance.choice(
                    [b"-1", b"1e999", b"NaN", b"null", b"{}", b"[" * 50, b'"', b"65", b'"\\ud800"', b","]
                )
                damaged[at : at + chance.randrange(8)] = word
        raw = bytes(damaged)
        path.write_bytes((store._line(model.schema(), 9, raw) if chance.random() < 0.5 else head + b"\n") + raw)
        found, notices = loaded(folder)
        assert found == OLDEST or not notices
        if found not in (OLDEST, OLD):
            accepted += 1
            model.decode(model.encode(found), model.schema())  # within bounds, all of it
            for sound in filter(None, (found.playing, found.before_panic, *(p.sound for p in found.presets.values()))):
                patch_of(sound)
    assert 200 < accepted < 2_000, "some of the strangers' can be read, and play"


def test_with_both_generations_damaged_it_plays_as_out_of_the_box_and_says_so(folder):
    for path in folder.glob("settings-*"):
        path.write_bytes(b"\x00" * 4096)
    found, notices = loaded(folder)
    assert found == Settings()
    assert len(notices) == 1 and "damaged settings" in notices[0]
    kept = Store(folder)
    kept.load()
    kept.save(NEW)
    assert loaded(folder)[0] == NEW


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(8 << 30)


@pytest.mark.parametrize("what", [pipe, loop, huge, Path.mkdir], ids=["pipe", "loop", "huge", "folder"])
def test_what_is_no_file_holds_up_nobody(folder, what):
    path = newest(folder)
    path.unlink()
    what(path)
    found, notices = loaded(folder)
    assert found == OLDEST and len(notices) == 1


@pytest.mark.parametrize("what", [pipe, huge, Path.mkdir], ids=["pipe", "huge", "folder"])
def test_what_is_no_file_is_set_aside_too(folder, what):
    path = newest(folder)
    path.unlink()
    what(path)
    kept = Store(folder)
    kept.load()
    kept.save(NEW)
    assert loaded(folder) == (NEW, [])
    assert path.with_name(f"{path.name}.damaged").exists()


def test_a_damaged_file_is_set_aside_before_its_place_is_written(folder):
    for content in (b"precious", b"more precious"):
        path = newest(folder)
        path.write_bytes(content)
        kept = Store(folder)
        assert kept.load() != Settings()
        kept.save(NEW)
        assert path.with_name(f"{path.name}.damaged").read_bytes() == content
        assert loaded(folder) == (NEW, [])
        kept.save(OLD)
        kept.save(OLDEST)
        assert path.with_name(f"{path.name}.damaged").read_bytes() == content, "a sound one pushes it not out"
    assert len(list(folder.glob("*.damaged"))) <= 2


def test_both_damaged_ones_are_set_aside(folder):
    for path in sorted(folder.glob("settings-*")):
        path.write_text(path.name)
    kept = Store(folder)
    kept.load()
    for settings_ in (NEW, OLD, NEW):
        kept.save(settings_)
    assert {path.name: path.read_text() for path in folder.glob("*.damaged")} == {
        f"settings-{model.schema()}.{slot}.damaged": f"settings-{model.schema()}.{slot}" for slot in "ab"
    }


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO], ids=errno.errorcode.get)
def test_what_cannot_be_read_may_be_the_newest_and_is_never_overwritten(folder, monkeypatch, number):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    hidden = newest(folder)

    def refusing(path, bytes_max, read=statedir.read_plain):
        if path == hidden:
            raise OSError(number, os.strerror(number))
        return read(path, bytes_max)

    monkeypatch.setattr(store, "read_plain", refusing)
    kept = Store(folder)
    assert kept.load() == OLDEST
    assert len(kept.notices) == 1 and os.strerror(number) in kept.notices[0] and hidden.name in kept.notices[0]
    for _ in range(3):
        with pytest.raises(ValueError, match=f"may be the newest, {hidden.name}"):
            kept.save(NEW)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_listed_is_not_written_either(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(store, "os", Refusing("listdir", errno.EACCES))
        kept = Store(folder)
        kept.load()
        with pytest.raises(ValueError, match="their folder cannot be read"):
            kept.save(NEW)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_file_changed_by_hand_says_how_to_make_it_count(folder):
    path = newest(folder)
    path.write_text(path.read_text().replace('"größer"', '"wider"'))
    found, notices = loaded(folder)
    assert found == OLDEST and "remove it from the first line" in notices[0]
    line, rest = path.read_text().split("\n", 1)
    for ending in ("", " ", "\r"):
        path.write_text(line.rsplit(" ", 1)[0] + ending + "\n" + rest, newline="")
        found, notices = loaded(folder)
        assert found.presets[64].name == "wider" and notices == []
    kept = Store(folder)
    kept.load()
    kept.save(NEW)
    kept.save(OLD)
    assert loaded(folder) == (OLD, []) and not list(folder.glob("*.damaged"))


@pytest.mark.parametrize("before", [store.GENERATIONS - 1, store.GENERATIONS - 2, store.GENERATIONS // 2])
def test_generations_are_counted_round_and_round(folder, before):
    for path in folder.iterdir():
        path.unlink()
    body = model.encode(OLD)
    (folder / "settings-1.a").write_bytes(store._line(1, before, body) + body)
    for number in range(5):
        kept = Store(folder)
        kept.load()
        kept.save(settings(number))
        assert loaded(folder) == (settings(number), [])


def test_a_folder_of_settings_that_is_a_file_or_may_not_be_read_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    found, notices = loaded(tmp_path / "file")
    assert found == Settings() and "cannot be read" in notices[0]


def test_the_higher_generation_is_the_newer_whatever_the_clock_says(folder):
    path = newest(folder)
    os.utime(path, (0, 0))
    for other in folder.iterdir():
        if other != path:
            os.utime(other, (4e9, 4e9))
    assert loaded(folder) == (OLD, [])


# Schemas


def older(document: dict) -> dict:
    """From a schema in which `depth` was called otherwise, and counted in percent."""
    sound = document["playing"]
    sound["depth"] = sound.pop("amount") / 100
    return document


def test_an_older_schema_is_migrated_forward_and_left_as_it_was(folder, monkeypatch):
    path = newest(folder)
    for other in set(folder.iterdir()) - {path}:
        other.unlink()
    body = path.read_bytes().split(b"\n", 1)[1].replace(b'"depth": 0.5', b'"amount": 50', 1)
    present = model.schema()
    before = store._line(present, 7, body) + body
    path.write_bytes(before)
    monkeypatch.setattr(model, "MIGRATIONS", (*model.MIGRATIONS, older))
    assert loaded(folder) == (OLD, [])
    kept = Store(folder)
    kept.save(NEW)
    assert loaded(folder) == (NEW, [])
    assert sorted(found.name for found in folder.iterdir()) == [path.name, f"settings-{present + 1}.a"]
    assert path.read_bytes() == before


def test_a_migration_that_fails_is_damage_like_any_other(folder, monkeypatch):
    monkeypatch.setattr(model, "MIGRATIONS", (*model.MIGRATIONS, older))
    found, notices = loaded(folder)
    assert found == Settings() and len(notices) == 1


def test_a_newer_schema_is_left_alone_with_a_message(folder):
    path = folder / "settings-9.a"
    path.write_bytes(b"neurorack settings 9 0 in some other way")
    found, notices = loaded(folder)
    assert found == OLD and len(notices) == 1 and "newer neurorack" in notices[0]
    kept = Store(folder)
    kept.load()
    kept.save(NEW)
    kept.save(OLD)
    assert path.read_bytes() == b"neurorack settings 9 0 in some other way"


# Refusals of the disk


@pytest.mark.parametrize(
    ("function", "number"),
    [("write", FULL), ("open", FULL), ("open", READ_ONLY), ("fsync", BROKEN), ("rename", FULL)],
)
def test_a_disk_that_refuses_is_an_error_and_what_was_there_stays(folder, monkeypatch, function, number):
    kept = Store(folder)
    kept.load()
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing(function, number))
        with pytest.raises(OSError):
            kept.save(NEW)
    assert loaded(folder) == (OLD, [])
    assert not list(folder.glob(".*.draft")) or function == "open"
    kept.save(NEW)
    assert loaded(folder) == (NEW, [])


def test_a_write_that_takes_a_few_bytes_at_a_time_is_gone_on_with(folder, monkeypatch):
    kept = Store(folder)
    kept.load()
    with monkeypatch.context() as patch:
        patch.setattr(statedir.os, "write", lambda fd, data, write=os.write: write(fd, data[:100]))
        kept.save(NEW)
    assert loaded(folder) == (NEW, [])


def test_what_could_not_be_read_back_is_not_written(folder):
    kept = Store(folder)
    kept.load()
    sounds = [model.Sound(bundle="x" * 5000), model.Sound(bundle="x", depth=float("nan"))]
    for sound in sounds:
        with pytest.raises(ValueError):
            kept.save(Settings(playing=sound))
    assert loaded(folder) == (OLD, [])
