"""A folder takes another's place whole, or everything stays as it was."""

from pathlib import Path

import pytest

from neurorack.place import put_in_place


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "file").write_text(text)
    return path


def test_where_there_was_nothing_the_folder_is_there_afterwards(tmp_path):
    assert put_in_place(folder(tmp_path / "new", "new"), tmp_path / "place") is None
    assert (tmp_path / "place" / "file").read_text() == "new"
    assert not (tmp_path / "new").exists()


def test_the_former_one_is_handed_back(tmp_path):
    folder(tmp_path / "place", "old")
    former = put_in_place(folder(tmp_path / "new", "new"), tmp_path / "place")
    assert (tmp_path / "place" / "file").read_text() == "new"
    assert former is not None and (former / "file").read_text() == "old"


def test_where_the_new_one_cannot_move_the_former_one_is_back(tmp_path, monkeypatch):
    place, aside = folder(tmp_path / "place", "old"), folder(tmp_path / "new", "new")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == aside:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        put_in_place(aside, place)
    assert (place / "file").read_text() == "old"
    assert (aside / "file").read_text() == "new"
