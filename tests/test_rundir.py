"""The run directory is ours alone, or it is refused."""

import os
from pathlib import Path

import pytest

from neurorack import rundir
from neurorack.errors import BadInput
from neurorack.rundir import Held, Lock, check_room, default_run_dir, holder, open_run_dir


def test_it_is_looked_for_where_the_user_said_then_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr("neurorack.rundir.SERVICE", tmp_path / "none")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("NEURORACK_RUN_DIR", "/mine")
    assert default_run_dir() == Path("/mine")
    monkeypatch.delenv("NEURORACK_RUN_DIR")
    assert default_run_dir() == Path("/run/user/7/neurorack")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_run_dir() == Path(f"/dev/shm/neurorack-{os.geteuid()}")
    (tmp_path / "none").mkdir()
    assert default_run_dir() == tmp_path / "none"


def test_the_services_own_is_left_to_the_service(monkeypatch, tmp_path):
    service = tmp_path / "service"
    service.mkdir()
    monkeypatch.setattr("neurorack.rundir.SERVICE", service)
    monkeypatch.delenv("NEURORACK_RUN_DIR", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: service.stat().st_uid + 1)
    assert default_run_dir() != service, "root may write there, but must not take it over"


def test_it_is_made_for_this_user_alone(tmp_path):
    made = open_run_dir(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert open_run_dir(made) == made


def test_one_that_others_may_write_to_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("open", "file", "link"):
        with pytest.raises(BadInput) as refused:
            open_run_dir(tmp_path / name)
        assert refused.value.mend


def test_the_second_claim_hears_who_holds_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(Lock, "PATIENCE_S", 0.05)
    path = tmp_path / "engine.lock"
    with Lock(path):
        assert holder(path) == os.getpid()
        with pytest.raises(Held) as refused:
            Lock(path)
        assert refused.value.pid == os.getpid()
    assert holder(path) == 0
    assert holder(tmp_path / "none") == 0


def test_one_without_room_is_refused_and_its_own_files_count_as_room(tmp_path, monkeypatch):
    class Usage:
        free = rundir.ROOM_BYTES - 1_000_000

    monkeypatch.setattr(rundir.shutil, "disk_usage", lambda path: Usage)
    with pytest.raises(BadInput, match="room for 6191 KiB"):
        check_room(tmp_path)
    with open(tmp_path / "tap", "wb") as tap:
        os.posix_fallocate(tap.fileno(), 0, 1_000_000)
    check_room(tmp_path)
