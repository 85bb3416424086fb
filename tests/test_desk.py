"""Whoever changes a preset of a module that plays hears of it when the disk has it, and the loop waits for nobody."""

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from disk import FULL, READ_ONLY, Refusing, settings

from neurorack import desk, statedir
from neurorack.desk import Desk
from neurorack.mailbox import ask
from neurorack.rundir import Lock
from neurorack.settings.store import LOCK, Store


class Asked:
    """A command that waits for its answer, in a thread as it is in a process."""

    def __init__(self, run_dir: Path, **request: Any) -> None:
        self.reply: dict[str, Any] | None = None
        self._thread = threading.Thread(target=self._ask, args=(run_dir, json.dumps(request).encode()))
        self._thread.start()

    def _ask(self, run_dir: Path, request: bytes) -> None:
        raw = ask(run_dir, request)
        assert raw is not None
        self.reply = json.loads(raw)

    def wait(self, at: Desk, until: Callable[[], bool] = lambda: False) -> dict[str, Any] | None:
        """Let the desk work as the daemon does, until there is an answer or `until`."""
        give_up = time.monotonic() + 10
        while self.reply is None and not until():
            assert time.monotonic() < give_up
            look(at)
        return self.reply

    def join(self) -> None:
        self._thread.join(10)


def look(at: Desk) -> None:
    import select

    if select.select(at.mail, [], [], 0.005)[0]:
        at.answer(None)
    at.step(None)


@pytest.fixture
def place(run_dir: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> Iterator[Desk]:
    monkeypatch.setenv("NEURORACK_MODELS", str(tiny_bundle.parent))
    Store(state_dir).save(settings(1))
    made = Desk(state_dir, "tiny", bundle="tiny", assignments=[], intonation=None)
    made.begin(run_dir, plays_on=False, gate_delay_s=0.0, listen=False)
    made.open(run_dir)
    yield made
    made.close()


def presets(state_dir: Path) -> dict[int, str]:
    return {number: preset.name for number, preset in Store(state_dir).load().presets.items()}


@pytest.mark.parametrize(
    ("request_", "after"),
    [
        ({"do": "save", "number": 2, "name": "two"}, {1: "one", 2: "two", 64: "größer"}),
        ({"do": "rename", "number": 1, "name": "uno"}, {1: "uno", 64: "größer"}),
        ({"do": "clear", "number": 64}, {1: "one"}),
    ],
    ids=["save", "rename", "clear"],
)
def test_the_answer_comes_when_it_is_on_the_disk(place, run_dir, state_dir, request_, after):
    asked = Asked(run_dir, **request_)
    reply = asked.wait(place)
    assert reply is not None and [row["number"] for row in reply["presets"]] == list(after)
    assert presets(state_dir) == after, "not a moment later"


def test_a_slow_disk_holds_up_the_answer_and_not_the_loop(place, run_dir, state_dir, monkeypatch):
    go = threading.Event()
    sync = statedir._sync_folder
    monkeypatch.setattr(statedir, "_sync_folder", lambda path: (go.wait(30), sync(path)))
    asked = Asked(run_dir, do="save", number=2, name="two")
    asked.wait(place, lambda: place.waits)
    began_s = time.monotonic()
    for _ in range(20):
        place.step(None)
    assert time.monotonic() - began_s < 0.5
    assert asked.reply is None and place.waits and place.mail == [], "who comes next waits, too"
    go.set()
    assert asked.wait(place) is not None
    assert presets(state_dir)[2] == "two"


def test_a_disk_that_does_not_come_back_is_told_in_time(place, run_dir, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(statedir, "_sync_folder", lambda path: go.wait(30))
    monkeypatch.setattr(desk, "ON_DISK_S", 0.1)
    reply = Asked(run_dir, do="save", number=2).wait(place)
    go.set()
    assert reply is not None and "the disk takes longer" in reply["refusal"][0]
    assert not place.waits


@pytest.mark.parametrize(("function", "number"), [("write", FULL), ("open", READ_ONLY)], ids=errno.errorcode.get)
def test_what_cannot_be_saved_is_refused_and_nothing_is_pretended(
    place, run_dir, state_dir, monkeypatch, function, number
):
    with monkeypatch.context() as patch:
        patch.setattr(statedir, "os", Refusing(function, number))
        for request in ({"do": "save", "number": 2}, {"do": "rename", "number": 1, "name": "x"}):
            reply = Asked(run_dir, **request).wait(place)
            assert reply is not None and reply["refusal"][0].startswith("cannot save: ")
        listed = Asked(run_dir, do="list").wait(place)
        assert listed is not None and [row["name"] for row in listed["presets"]] == ["one", "größer"]
    reply = Asked(run_dir, do="save", number=2, name="two").wait(place)
    assert reply is not None and "refusal" not in reply, "at once when the disk takes it again"
    assert presets(state_dir)[2] == "two"


def test_settings_that_another_process_keeps_are_not_changed(place, run_dir, state_dir):
    with Lock(state_dir / LOCK):
        for _ in range(2):
            reply = Asked(run_dir, do="clear", number=1).wait(place)
            assert reply is not None and "keeps them" in reply["refusal"][0]
    assert presets(state_dir) == {1: "one", 64: "größer"}


def test_a_module_that_ends_leaves_nobody_waiting(place, run_dir, state_dir):
    asked = Asked(run_dir, do="save", number=2, name="two")
    asked.wait(place, lambda: place.waits)
    place.close()
    asked.join()
    assert asked.reply is not None and presets(state_dir)[2] == "two"
