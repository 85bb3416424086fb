"""Where state lies, and files that are replaced whole."""

import os
from pathlib import Path

import pytest

from neurorack.statedir import calibration_path, replace_file, state_dir


@pytest.fixture
def environment(monkeypatch):
    for name in ("NEURORACK_STATE", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_first_that_is_given_counts(environment):
    assert state_dir() == Path.home() / ".local/state/neurorack"
    environment.setenv("XDG_STATE_HOME", "/x")
    assert state_dir() == Path("/x/neurorack")
    environment.setenv("STATE_DIRECTORY", "/var/lib/neurorack:/var/lib/other")
    assert state_dir() == Path("/var/lib/neurorack")
    environment.setenv("NEURORACK_STATE", "/mine")
    assert state_dir() == Path("/mine")


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_state_home_that_is_no_place_is_passed_over(environment, value):
    environment.setenv("XDG_STATE_HOME", value)
    assert state_dir() == Path.home() / ".local/state/neurorack"


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
