"""Where what outlives the power is kept, and files that are replaced whole."""

import os
from pathlib import Path

import pytest

from neurorack import statedir
from neurorack.statedir import calibration_path, read_plain, replace_file, set_aside, state_dir


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch, tmp_path):
    for name in ("NEURORACK_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setattr(statedir, "SERVICE", tmp_path / "service")


def test_the_more_particular_wins(monkeypatch, tmp_path):
    assert state_dir() == Path("/home/anna/.local/state/neurorack")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_dir() == Path("/home/anna/.local/state/neurorack"), "ignored, as the specification has it"
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert state_dir() == Path("/xdg/neurorack")
    (tmp_path / "service").mkdir()
    assert state_dir() == tmp_path / "service", "the service's user finds the service's"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two")
    assert state_dir() == Path("/var/lib/one")
    monkeypatch.setenv("NEURORACK_STATE", "/given")
    assert state_dir() == Path("/given")


def test_the_unit_gives_the_service_its_own():
    unit = (Path(__file__).parents[1] / "systemd/lib/systemd/system/neurorack-daemon.service").read_text()
    assert "\nStateDirectory=neurorack\n" in unit


def test_a_virtual_module_never_plays_by_the_soldered_ones_calibration():
    assert len({calibration_path(), calibration_path(0), calibration_path(1)}) == 3


def test_a_file_is_replaced_in_a_folder_that_need_not_exist(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace_file(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_only_a_plain_file_of_bounded_size_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    (tmp_path / "link").symlink_to(path)
    assert read_plain(path, 4) == read_plain(tmp_path / "link", 4) == b"1234"
    with pytest.raises(ValueError, match="longer than"):
        read_plain(path, 3)
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ValueError, match="not a plain file"):
            read_plain(odd, 1000)
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none", 3)


def test_what_is_damaged_is_set_aside_and_one_of_it_kept(tmp_path):
    for content in (b"first", b"second"):
        (tmp_path / "file").write_bytes(content)
        set_aside(tmp_path / "file")
        set_aside(tmp_path / "file")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file.damaged": content}
