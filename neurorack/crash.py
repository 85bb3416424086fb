"""The last crash: what a process said before it ended as it should not, kept in the state directory for whoever asks.

One small file, replaced whole: a plug that is pulled leaves the crash before, or this one. The daemon writes it, since
it alone hears of every end and may write there; panel, `neurorack ctl log crash`, console and diagnostics read it.
"""

import time
from pathlib import Path

import msgspec

import neurorack
from neurorack.statedir import read_plain, replace_file

FILE = "crash.json"

LINES_MAX, CHARACTERS_MAX = 60, 200
"""Of what it said last: the stacks of three threads."""

BYTES_MAX = 6 * LINES_MAX * CHARACTERS_MAX + 4096
"""A character takes six bytes of JSON at most."""


class Crash(msgspec.Struct, frozen=True):
    """`part` is the process, `how` it ended ("SIGSEGV", "status 1"), `said` its last lines. `when` is what the clock
    said, which may stand at 1970; `up_s` is seconds since the machine was started."""

    part: str
    how: str
    said: list[str]
    when: str
    up_s: float
    version: str

    @property
    def why(self) -> str:
        """In one line: the signal, else what was said last, as the error of a traceback is."""
        return self.how if self.how.startswith("SIG") or not self.said else self.said[-1]

    def lines(self) -> list[str]:
        """For people."""
        when = f"{self.when}, {self.up_s:.0f} s after power-on"
        return [f"{self.part} ended: {self.how} ({when}, neurorack {self.version})", *self.said]


def crashed(part: str, how: str, said: bytes) -> Crash:
    """What is kept of an end now; `said` is the end of what it wrote."""
    lines = [
        line.rstrip().removeprefix(f"{part}: ")[:CHARACTERS_MAX]
        for line in said.decode("utf-8", "replace").splitlines()
    ]
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Crash(part, how, lines[-LINES_MAX:], when, round(time.monotonic(), 1), neurorack.__version__)


def keep(crash: Crash, folder: Path) -> None:
    """When this returns it outlives the power. Raises OSError, and the one before is there still."""
    replace_file(folder / FILE, msgspec.json.format(msgspec.json.encode(crash), indent=1) + b"\n")


def last(folder: Path) -> Crash | None:
    """The one that is kept; None where there is none, or it cannot be read."""
    try:
        return msgspec.json.decode(read_plain(folder / FILE, BYTES_MAX), type=Crash)
    except (OSError, ValueError):
        return None
