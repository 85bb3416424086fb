"""A request comes whole, gets one answer, and leaves nothing behind."""

import select
import socket
import threading
from pathlib import Path

import pytest

from neurorack import mailbox
from neurorack.errors import BadInput
from neurorack.mailbox import SOCKET, Mailbox, ask


def serve(box: Mailbox, count: int = 1) -> threading.Thread:
    def answer() -> None:
        for _ in range(count):
            assert select.select([box], [], [], 5.0)[0]
            letter = box.take()
            assert letter is not None
            box.answer(letter[1], b"heard " + letter[0])

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_request_gets_its_answer(tmp_path):
    box = Mailbox(tmp_path)
    thread = serve(box, 2)
    assert ask(tmp_path, b"one") == b"heard one"
    assert ask(tmp_path, b"x" * 60_000) == b"heard " + b"x" * 60_000
    thread.join()
    assert box.take() is None
    assert [path.name for path in tmp_path.iterdir()] == [SOCKET]
    box.close()


def test_a_run_directory_of_any_length_will_do(tmp_path):
    deep = tmp_path / ("x" * 200)
    deep.mkdir()
    box = Mailbox(deep)
    thread = serve(box)
    assert ask(deep, b"hello") == b"heard hello"
    thread.join()
    box.close()


def test_where_nobody_is_there_is_no_answer(tmp_path):
    assert ask(tmp_path, b"?") is None
    Mailbox(tmp_path).close()
    assert ask(tmp_path, b"?") is None, "its name is still there, it is not"


def test_the_next_daemon_takes_the_place_of_one_that_died(tmp_path):
    Mailbox(tmp_path).close()
    box = Mailbox(tmp_path)
    thread = serve(box)
    assert ask(tmp_path, b"?") == b"heard ?"
    thread.join()
    box.close()


def test_of_one_that_does_not_answer_is_told_that_it_may_do_it_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "ANSWER_S", 0.05)
    box = Mailbox(tmp_path)
    with pytest.raises(BadInput, match=r"does not answer .* it may do it yet: look before you ask again"):
        ask(tmp_path, b"?")
    letter = box.take()
    assert letter is not None
    box.answer(letter[1], b"too late")  # whoever asked has gone
    box.close()


def test_a_sender_without_an_address_is_no_trouble(tmp_path: Path):
    box = Mailbox(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
        nobody.sendto(b"hello", str(tmp_path / SOCKET))
    letter = box.take()
    assert letter is not None
    box.answer(letter[1], b"hello")
    box.close()
