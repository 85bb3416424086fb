"""What has the whole terminal: no byte that is typed ends it, and every end that nobody asked for is one line."""

import re

import pytest
from terminal import typed

APP = """
import os, signal, sys
from neurorack import cli
from neurorack.fullscreen import Fullscreen, Keyboard
from textual.widgets import Static

class App(Fullscreen):
    def compose(self):
        yield Static("ready", id="keys")
    def on_key(self, event):
        if event.key == "q":
            self.exit()
        if event.key == "t":
            os.kill(os.getpid(), signal.SIGTERM)
        if event.key == "d":
            raise ZeroDivisionError("no such key")
        self.query_one(Static).update(f"heard-{event.key}")

class Deaf(Keyboard):
    def process_message(self, message):
        raise OSError(5, "the terminal is gone")

def run(options):
    app = App()
    if sys.argv[1:] == ["deaf"]:
        app.driver_class = Deaf
    app.show()
    return 0

cli._doctor = run
sys.exit(cli.main(["doctor"]))
"""
BAD_BYTES = [b"\xff", b"\xe9", b"\xc3(", b"\xed\xa0\x80", bytes(range(128, 256))]


@pytest.mark.parametrize("typing", BAD_BYTES)
def test_bytes_that_are_no_utf_8_end_nothing_and_the_keys_after_them_are_heard(typing):
    # A byte that could begin a letter waits for the next one, and takes it along.
    status, said, seen = typed(["-c", APP], b"ready", [typing, b"x", b"y", b"q"])
    assert (status, said) == (0, "") and b"heard-y" in seen


@pytest.mark.parametrize(
    ("arguments", "why"),
    [([], "ZeroDivisionError: no such key"), (["deaf"], "OSError: [Errno 5] the terminal is gone")],
)
def test_an_end_that_nobody_asked_for_is_one_line_and_status_2(arguments, why):
    status, said, _ = typed(["-c", APP, *arguments], b"ready", [b"d"])
    assert (status, said) == (2, f"neurorack: the screen has ended of itself: {why} (terminal): start it again\r\n")


def test_sigterm_leaves_the_terminal_as_a_person_does_who_quits():
    def modes(seen: bytes) -> dict[bytes, bytes]:
        """Of the terminal, by number: b"h" where it was set last, b"l" where it was reset."""
        return dict(re.findall(rb"\x1b\[\?(\d+)([hl])", seen))

    (status, said, ended), (_, _, quitted) = (typed(["-c", APP], b"ready", [key]) for key in (b"t", b"q"))
    assert (status, said) == (143, "")
    assert modes(ended) == modes(quitted) and modes(ended)[b"1049"] == b"l" and modes(ended)[b"25"] == b"h"
