"""Two generations of the settings in a folder, of which a loss of power leaves the old or the new.

    settings-1.a  settings-1.b       generations of schema 1, written in turns
    settings.lock                    who keeps them

A file is one line, then JSON, readable by a person:

    neurorack settings SCHEMA GENERATION SHA256-OF-THE-REST
    {…}

A save replaces the *older* generation whole (`statedir.replace_file`), so the newer one is never touched. Generations
are counted: no clock says which is newer. Every schema has files of its own names: what a newer neurorack has written
stays as it is when an older one runs, and the other way round.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

from neurorack.settings.model import Settings, decode, encode, schema
from neurorack.statedir import replace_file

BYTES_MAX = 1 << 20
"""64 presets take about 100 kB, half a megabyte with the longest paths."""

SLOTS = ("a", "b")
LOCK = "settings.lock"

_NAME = re.compile(r"settings-([1-9][0-9]{0,5})\.[ab]")
_HEAD = re.compile(rb"neurorack settings ([1-9][0-9]{0,5}) ([0-9]{1,18}) ([0-9a-f]{64})\n")


class Store:
    """`load` once, then `save` as often as there is something new; by one process at a time (`LOCK`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices: list[str] = []
        """What `load` found wrong, one line each."""
        self._generation, self._slot = 0, SLOTS[1]  # of the newest that is there, or as good as there

    def load(self) -> Settings:
        """The newest whole generation, of this schema or else of an older one; else the defaults. Never an error."""
        newest = schema()
        try:
            there = {int(found[1]) for name in os.listdir(self.folder) if (found := _NAME.fullmatch(name))}
        except FileNotFoundError:
            there = set()
        except OSError as error:
            self.notices.append(f"settings cannot be read, {error.strerror} ({self.folder}): plays as out of the box")
            there = set()
        if any(schema_there > newest for schema_there in there):
            self.notices.append(f"settings of a newer neurorack are left as they are ({self.folder})")
        for of_schema in sorted((number for number in there if number <= newest), reverse=True):
            if (settings := self._newest(of_schema)) is not None:
                return settings
        return Settings()

    def _newest(self, of_schema: int) -> Settings | None:
        whole: list[tuple[int, str, Settings]] = []
        faults = []
        for slot in SLOTS:
            try:
                whole.append(self._read(of_schema, slot))
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                faults.append(f"settings-{of_schema}.{slot}: {getattr(error, 'strerror', None) or error}")
        if faults:
            instead = "the other generation plays" if whole else "plays without them"
            self.notices.append(f"damaged settings, {instead} ({self.folder}, {'; '.join(faults)})")
        if not whole:
            return None
        generation, slot, settings = max(whole, key=lambda found: found[0])
        if of_schema == schema():
            self._generation, self._slot = generation, slot
        return settings

    def _read(self, of_schema: int, slot: str) -> tuple[int, str, Settings]:
        """(generation, slot, settings). ValueError where the file is not whole."""
        raw = _read_plain(self.folder / f"settings-{of_schema}.{slot}")
        head = _HEAD.match(raw)
        if head is None:
            raise ValueError("not a file of settings")
        body = raw[head.end() :]
        if _line(int(head[1]), int(head[2]), body) != head[0] or int(head[1]) != of_schema:
            raise ValueError("the checksum does not agree")
        return int(head[2]), slot, decode(body, of_schema)

    def save(self, settings: Settings) -> None:
        """Make `settings` the newest generation; when this returns they outlive the power.

        OSError where the disk refuses, ValueError where they are out of bounds: what was there then stays.
        """
        body = encode(settings)
        if len(body) > BYTES_MAX - 256:
            raise ValueError(f"{len(body) >> 10} KiB are too much")
        generation, slot = self._generation + 1, SLOTS[1 - SLOTS.index(self._slot)]
        replace_file(self.folder / f"settings-{schema()}.{slot}", _line(schema(), generation, body) + body)
        self._generation, self._slot = generation, slot


def _line(of_schema: int, generation: int, body: bytes) -> bytes:
    start = b"neurorack settings %d %d " % (of_schema, generation)
    return start + hashlib.sha256(start + body).hexdigest().encode() + b"\n"


def _read_plain(path: Path) -> bytes:
    """A plain file of bounded size; what else may stand there, a pipe say, holds up nobody."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > BYTES_MAX:
            raise ValueError("not a file of settings")
        return os.read(fd, BYTES_MAX)
    finally:
        os.close(fd)
