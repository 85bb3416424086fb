"""systemd hears that a process is ready with its first progress, and of the later ones now and then."""

import socket

import pytest

from neurorack import notify
from neurorack.notify import FEED_S, Progress


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        lines = []
        while True:
            try:
                lines.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def now_s(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(notify.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("abstract", [False, True])
def test_the_first_progress_says_ready_and_later_ones_feed_the_watchdog(tmp_path, monkeypatch, now_s, abstract):
    name = str(tmp_path / "notify")
    manager = Manager("\0" + name if abstract else name)
    monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
    progress = Progress()
    assert manager.heard() == []
    progress.made()
    assert manager.heard() == ["READY=1\nWATCHDOG=1"]
    for _ in range(100):
        progress.made()
    assert manager.heard() == [], "no system call a block"
    now_s[0] += FEED_S
    progress.made()
    assert manager.heard() == ["WATCHDOG=1"]
    manager.close()


def test_a_manager_that_is_not_there_or_does_not_read_holds_up_nobody(tmp_path, monkeypatch, now_s):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    progress = Progress()
    progress.made()
    manager = Manager(str(tmp_path / "notify"))
    progress.made()
    assert manager.heard() == ["READY=1\nWATCHDOG=1"], "told as soon as somebody listens"
    for _ in range(2000):
        now_s[0] += FEED_S
        progress.made()
    manager.close()


def test_without_systemd_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Progress().made()
