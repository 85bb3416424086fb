"""A take outlives the power as it is, or is not there; what is damaged is passed over, told of and left where it is."""

import dataclasses
import errno
from pathlib import Path

import msgspec
import numpy as np
import pytest
from frames import frames

from neurorack import bundle, statedir
from neurorack.bundle import Card, Gesture
from neurorack.takes import store
from neurorack.takes.take import gesture_of


@pytest.fixture
def card(tiny_bundle: Path) -> Card:
    return bundle.read_card(tiny_bundle)


@pytest.fixture
def gesture(card: Card) -> Gesture:
    return dataclasses.replace(gesture_of(card, frames(), np.full(5, 0.5)), name="take 1")


def files(state: Path) -> list[Path]:
    return sorted(path for path in state.rglob("*") if path.is_file())


def test_what_is_read_is_what_was_kept(tmp_path, card, gesture):
    take = store.save(tmp_path, card, gesture, 1)
    takes, (found,), notices = store.load(tmp_path, card)
    assert takes == [take] and not notices
    for field in ("name", "latent", "descriptors", "median", "loop_start", "loop_end", "pitch", "partials"):
        assert np.array_equal(getattr(found, field), getattr(gesture, field)), field


def test_takes_stand_in_the_order_in_which_they_were_recorded(tmp_path, card, gesture):
    for number in (10, 2, 1):
        store.save(
            tmp_path, card, dataclasses.replace(gesture, name=f"n{number}", median=gesture.median + number), number
        )
    assert [take.name for take in store.load(tmp_path, card).takes] == ["n1", "n2", "n10"]


def test_another_version_of_the_bundle_has_none_of_them(tmp_path, card, gesture):
    store.save(tmp_path, card, gesture, 1)
    decoder = msgspec.structs.replace(card.decoder, sha256="0" * 64)
    assert store.load(tmp_path, msgspec.structs.replace(card, decoder=decoder)) == ([], [], [])
    assert len(files(tmp_path)) == 1


def test_a_renamed_take_keeps_its_id(tmp_path, card, gesture):
    take = store.save(tmp_path, card, gesture, 1)
    store.rename(tmp_path, card, take, "größer")
    assert store.load(tmp_path, card).takes == [take._replace(name="größer")]


def torn(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def flipped(raw: bytes) -> bytes:
    return raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:]


def relabelled(raw: bytes) -> bytes:
    return raw.replace(b"take 1", b"take 2")


def huge(raw: bytes) -> bytes:
    return raw + bytes(store.BYTES_MAX)


@pytest.mark.parametrize("damage", [torn, flipped, relabelled, huge, lambda raw: b"", lambda raw: b"\n" * 99])
def test_a_damaged_one_is_passed_over_in_one_line_and_left_where_it_is(tmp_path, card, gesture, damage):
    store.save(tmp_path, card, gesture, 1)
    whole = store.save(tmp_path, card, dataclasses.replace(gesture, name="whole", median=gesture.median + 1), 2)
    path = files(tmp_path)[0]
    path.write_bytes(damage(path.read_bytes()))
    takes, _, notices = store.load(tmp_path, card)
    assert takes == [whole]
    assert len(notices) == 1 and "passed over" in notices[0] and str(path) in notices[0] and "\n" not in notices[0]
    assert path.exists()


def test_numbers_that_are_none_are_passed_over(tmp_path, card, gesture):
    gesture.latent[3, 2] = np.nan
    store.save(tmp_path, card, gesture, 1)
    assert "not finite" in store.load(tmp_path, card).notices[0]


def test_a_full_disk_leaves_what_was_there(tmp_path, card, gesture, monkeypatch):
    take = store.save(tmp_path, card, gesture, 1)

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(statedir, "_write_through", full)
    with pytest.raises(OSError):
        store.save(tmp_path, card, dataclasses.replace(gesture, name="other"), 2)
    with pytest.raises(OSError):
        store.rename(tmp_path, card, take, "other")
    assert store.load(tmp_path, card).takes == [take] and len(files(tmp_path)) == 1


def test_a_name_from_a_card_leads_out_of_no_folder(tmp_path, card):
    for name in ("../../etc", "a/b", ".."):
        folder = store.folder_of(tmp_path, msgspec.structs.replace(card, name=name))
        assert folder.parent == tmp_path / "gestures" and ".." not in folder.name
