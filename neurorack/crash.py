"""The last crash: what a process said before it ended as it should not, kept in the state directory for whoever asks.

One small file, replaced whole: a plug that is pulled leaves the crash before, or this one. The daemon writes it, since
it alone hears of every end and may write there; panel, `neurorack ctl log crash`, console and diagnostics read it.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import neurorack
from neurorack.statedir import read_plain, replace_file

FILE = "crash.json"

LINES_MAX, CHARACTERS_MAX = 60, 200
"""Of what it said last: the stacks of three threads."""

BYTES_MAX = 6 * LINES_MAX * CHARACTERS_MAX + 4096
"""A character takes six bytes of JSON at most."""


@dataclass(frozen=True)
class Crash:
    """`part` is the process, `how` it ended ("SIGSEGV", "status 1"), `said` its last lines; `up_s` is seconds since the
    machine was started."""

    part: str
    how: str
    said: list[str]
    up_s: float
    version: str

    @property
    def why(self) -> str:
        """In one line: the signal, else what was said last, as the error of a traceback is."""
        return self.how if self.how.startswith("SIG") or not self.said else self.said[-1]


@dataclass(frozen=True)
class Kept(Crash):
    """`when` is the file's own date, by a clock that may stand at 1970 without a network."""

    when: str

    def lines(self) -> list[str]:
        """For people."""
        when = f"{self.when}, {self.up_s:.0f} s after power-on"
        return [f"{self.part} ended: {self.how} ({when}, neurorack {self.version})", *self.said]


def crashed(part: str, how: str, said: bytes) -> Crash:
    """What is kept of an end now; `said` is the end of what it wrote."""
    lines = [line.rstrip().removeprefix(f"{part}: ") for line in said.decode("utf-8", "replace").splitlines()]
    kept = [line[:CHARACTERS_MAX] for line in lines[-LINES_MAX:]]
    return Crash(part, how, kept, round(time.monotonic(), 1), neurorack.__version__)


def keep(crash: Crash, folder: Path) -> None:
    """When this returns it outlives the power. Raises OSError, and the one before is there still."""
    replace_file(folder / FILE, json.dumps(asdict(crash), indent=1).encode() + b"\n")


def last(folder: Path) -> Kept | None:
    """The one that is kept; None where there is none, or it cannot be read."""
    from email.utils import formatdate  # imports much, for the one who reads

    try:
        found = json.loads(read_plain(folder / FILE, BYTES_MAX))
        texts, said = [found[name] for name in ("part", "how", "version")], found["said"]
        if not all(isinstance(text, str) for text in (*texts, *said)):
            return None
        when = formatdate((folder / FILE).stat().st_mtime, usegmt=True)
        return Kept(texts[0], texts[1], list(said), float(found["up_s"]), texts[2], when)
    except (OSError, ValueError, LookupError, TypeError):
        return None
