"""The run directory is ours alone, or it is refused."""

import grp
import os
import pwd
from pathlib import Path

import pytest
from locked import locked_out

from neurorack import cli, rundir
from neurorack.errors import BadInput
from neurorack.rundir import Held, Lock, check_room, check_run_dir, default_run_dir, holder, open_run_dir


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


def test_a_lock_whose_file_is_removed_or_another_is_gone(tmp_path):
    path = tmp_path / "run" / "daemon.lock"
    path.parent.mkdir()
    with Lock(path) as lock:
        assert not lock.gone
        path.unlink()
        assert lock.gone
        with Lock(path):
            assert lock.gone
        path.unlink()
        path.parent.rmdir()
        assert lock.gone


@pytest.mark.parametrize("command", [["ctl", "panic"], ["ctl", "get"], ["presets", "list"]], ids=" ".join)
@pytest.mark.parametrize("named", ["option", "environment"])
def test_who_may_not_enter_is_told_how_to_get_in_and_not_that_no_module_plays(
    run_dir, capsys, monkeypatch, command, named
):
    if named == "option":
        command = [*command, "--run-dir", str(run_dir)]
    else:
        monkeypatch.setenv("NEURORACK_RUN_DIR", str(run_dir))
    cli.main(command)  # with all that is imported on the way
    capsys.readouterr()
    with Lock(run_dir / "engine.lock"), locked_out(run_dir):
        assert cli.main(command) == 2
        strange = rundir.stranger(run_dir)
    said = capsys.readouterr().err
    assert said == f"neurorack: {strange}\n"


def test_a_group_is_named_where_it_may_enter_else_whose_it_is(run_dir):
    below, group = run_dir / "below", grp.getgrgid(run_dir.stat().st_gid).gr_name
    run_dir.chmod(0o770)
    assert f"--groups {group} $USER" in rundir.stranger(run_dir).mend
    run_dir.chmod(0o700)
    alone = f"{run_dir} is {pwd.getpwuid(os.geteuid()).pw_name}'s alone: ask as that user, or give another --run-dir"
    assert rundir.stranger(run_dir).mend == alone
    below.mkdir()
    with locked_out(run_dir):
        assert not rundir.may_enter(below) and rundir.stranger(below).mend == alone
    assert rundir.may_enter(below) and rundir.may_enter(run_dir / "none")


def test_looking_at_a_run_directory_makes_none(tmp_path):
    missing = tmp_path / "a" / "b"
    assert check_run_dir(missing) == missing
    check_room(missing)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be made"):
        check_run_dir(tmp_path / "file" / "run")


def test_a_run_directory_that_cannot_be_called_so_is_one_line(monkeypatch):
    for given in ("x" * 300, "/x" * 3000):
        monkeypatch.setenv("NEURORACK_RUN_DIR", given)
        with pytest.raises(BadInput, match=r"^file name too long: .{40}… \(NEURORACK_RUN_DIR\): give a shorter name$"):
            default_run_dir()
