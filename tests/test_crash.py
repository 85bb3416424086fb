"""What a process said before it crashed is kept, small and whole, and can be read."""

import json

import pytest
from disk import Disk, PowerCut

from neurorack import statedir
from neurorack.crash import BYTES_MAX, CHARACTERS_MAX, FILE, LINES_MAX, crashed, keep, last

TRACEBACK = b"""engine: plays to null
Traceback (most recent call last):
  File "x.py", line 3, in render
ValueError: no such knob
"""


def test_what_is_kept_is_what_was_said_with_how_when_and_which_version(tmp_path):
    keep(crashed("engine", "status 1", TRACEBACK), tmp_path / "state")
    kept = last(tmp_path / "state")
    assert (kept.part, kept.how, kept.why) == ("engine", "status 1", "ValueError: no such knob")
    assert kept.said == TRACEBACK.decode().removeprefix("engine: ").splitlines() and kept.version and kept.up_s > 0
    assert kept.when.endswith(" GMT") and kept.lines()[0].startswith("engine ended: status 1 (")


def test_a_signal_says_more_than_what_was_said_long_before_it():
    assert crashed("engine", "SIGKILL, watchdog", b"engine: plays to null\n").why == "SIGKILL, watchdog"
    assert crashed("engine", "status 1", b"").why == "status 1"


def test_however_much_was_said_the_file_stays_small_and_holds_the_end(tmp_path):
    keep(crashed("jacks", "SIGSEGV", b"\x1b\xff\n" * 10_000 + "é".encode() * 10_000 + b"\nthe end\n"), tmp_path)
    kept = last(tmp_path)
    assert len(kept.said) == LINES_MAX and max(map(len, kept.said)) <= CHARACTERS_MAX and kept.said[-1] == "the end"
    keep(crashed("jacks", "SIGSEGV", (b"\x01" * CHARACTERS_MAX + b"\n") * LINES_MAX), tmp_path)
    assert (tmp_path / FILE).stat().st_size < BYTES_MAX and last(tmp_path) is not None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"part": 3}',
        b"[]",
        b'{"part":"x","how":"y","version":"z","said":[3],"up_s":1}',
        b"\xff",
        b"x" * (BYTES_MAX + 1),
    ],
)
def test_one_that_cannot_be_read_is_none(tmp_path, damage):
    (tmp_path / FILE).write_bytes(damage)
    assert last(tmp_path) is None
    assert last(tmp_path / "nowhere") is None


def test_a_plug_that_is_pulled_leaves_the_crash_before_or_this_one(run_dir, tmp_path):
    old, new = crashed("jacks", "SIGKILL", b""), crashed("engine", "SIGSEGV", b"Fatal Python error\n")
    keep(old, run_dir)
    calls, seen, done = 0, 0, False
    while not done:
        disk = Disk(run_dir, calls)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(statedir, "os", disk)
            try:
                keep(new, run_dir)
                done = True
            except PowerCut:
                pass
        for state in disk.states():
            seen += 1
            (tmp_path / "after").mkdir(exist_ok=True)
            (tmp_path / "after" / FILE).write_bytes(state[FILE])
            found = last(tmp_path / "after")
            assert found is not None and (found.part == new.part or (found.part == old.part and not done)), calls
        keep(old, run_dir)
        calls += 1
    assert seen > 20


def test_what_is_kept_is_json_for_people(tmp_path):
    keep(crashed("engine", "status 6", b"engine: bad gives no numbers, ends\n"), tmp_path)
    text = (tmp_path / FILE).read_text()
    assert json.loads(text)["said"] == ["bad gives no numbers, ends"] and text.count("\n") > 5
