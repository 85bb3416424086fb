"""A checkpoint is there whole or not at all, and the one before it stays."""

import errno
import os

import pytest

torch = pytest.importorskip("torch")

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn import checkpoint  # noqa: E402


def at(step: int) -> dict:
    return {"recipe": "{}", "kind": "pitched", "knobs": "[]", "step": step, "state": {"w": torch.full((300,), step)}}


def damage(path, where: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(where * (len(data) - 1))] ^= 0x10
    path.write_bytes(data)


def test_a_second_training_in_the_same_folder_is_refused_until_the_first_has_ended(tmp_path):
    folder = tmp_path / "new"
    second = checkpoint.held(folder)
    with checkpoint.held(folder), pytest.raises(BadInput, match="another training is at work here"), second:
        pass
    with checkpoint.held(folder):
        pass


def test_what_was_written_is_read(tmp_path):
    checkpoint.write(tmp_path, at(3))
    found, wrong = checkpoint.read_newest(tmp_path)
    assert found["step"] == 3 and torch.equal(found["state"]["w"], at(3)["state"]["w"]) and not wrong


def test_torch_reads_it_without_unpickling_objects(tmp_path):
    checkpoint.write(tmp_path, at(3))
    assert torch.load(tmp_path / checkpoint.NEWEST, weights_only=True)["step"] == 3


def test_two_generations_are_kept_and_nothing_else(tmp_path):
    for step in (1, 2, 3):
        checkpoint.write(tmp_path, at(step))
    assert sorted(os.listdir(tmp_path)) == [checkpoint.BEFORE, checkpoint.NEWEST]
    assert [checkpoint.read(tmp_path / name)["step"] for name in (checkpoint.BEFORE, checkpoint.NEWEST)] == [2, 3]


@pytest.mark.parametrize("where", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_damaged_one_gives_way_to_the_one_before(tmp_path, where):
    checkpoint.write(tmp_path, at(1))
    checkpoint.write(tmp_path, at(2))
    damage(tmp_path / checkpoint.NEWEST, where)
    found, wrong = checkpoint.read_newest(tmp_path)
    assert found["step"] == 1 and checkpoint.NEWEST in wrong and "damaged" in wrong


def test_two_damaged_ones_are_refused(tmp_path):
    for step in (1, 2):
        checkpoint.write(tmp_path, at(step))
    for name in (checkpoint.NEWEST, checkpoint.BEFORE):
        damage(tmp_path / name)
    with pytest.raises(BadInput, match="damaged"):
        checkpoint.read_newest(tmp_path)


def test_a_loss_of_power_between_two_names_leaves_the_one_before(tmp_path):
    checkpoint.write(tmp_path, at(1))
    (tmp_path / checkpoint.NEWEST).rename(tmp_path / checkpoint.BEFORE)
    assert checkpoint.read_newest(tmp_path)[0]["step"] == 1


def test_a_file_of_something_else_is_damaged(tmp_path):
    import hashlib
    import io

    buffer = io.BytesIO()
    torch.save([1, 2], buffer)
    data = buffer.getvalue()
    (tmp_path / checkpoint.NEWEST).write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(checkpoint.Damaged, match="something else"):
        checkpoint.read(tmp_path / checkpoint.NEWEST)


def test_a_full_disk_leaves_all_as_it_was(tmp_path, monkeypatch):
    checkpoint.write(tmp_path, at(1))
    checkpoint.write(tmp_path, at(2))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            checkpoint.write(tmp_path, at(3))
    assert sorted(os.listdir(tmp_path)) == [checkpoint.BEFORE, checkpoint.NEWEST]
    assert checkpoint.read_newest(tmp_path)[0]["step"] == 2
