"""Two generations of the settings in a folder, of which a loss of power leaves the old or the new.

    settings-4.a  settings-4.b       generations of schema 4, written in turns
    settings-4.a.damaged             what stood in a's place and could not be used
    settings.lock                    who keeps them

A file is one line, then JSON, readable by a person:

    neurorack settings SCHEMA GENERATION SHA256-OF-THE-REST
    {…}

A save replaces the *older* generation whole (`statedir.replace_file`), so the newer one is never touched. Generations
are counted, round and round: no clock says which is newer. Every schema has files of its own names: what a newer
neurorack has written stays as it is when an older one runs, and the other way round.

Nothing is lost that might still be of use. A damaged file is set aside before its place is written; where one cannot be
read at all, and may be the newest, nothing is saved. Who edits a file removes the checksum from its first line.
"""

import hashlib
import os
import re
from pathlib import Path

from neurorack.settings.model import Settings, decode, encode, schema
from neurorack.statedir import read_plain, replace_file, set_aside

BYTES_MAX = 4 << 20
"""64 presets take 200 kB, 1 MB where each keeps a gesture that was found, 2.5 MB with the longest paths and numbers:
whatever `encode` takes can be read again."""

SLOTS = ("a", "b")
LOCK = "settings.lock"

_NAME = re.compile(r"settings-([1-9][0-9]{0,5})\.[ab]")
_HEAD = re.compile(rb"neurorack settings ([1-9][0-9]{0,5}) ([0-9]{1,18})( [0-9a-f]{64})?[ \t\r]*\n")

GENERATIONS = 10**18
"""After the last comes 0, and of two the newer is the one that fewer steps forward reach (as RFC 1982, 3.2)."""


class Store:
    """`load` once, then `save` as often as there is something new; by one process at a time (`LOCK`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices: list[str] = []
        """What `load` found wrong, one line each."""
        self.barred = ""
        """What forbids every save, or ""."""
        self._damaged: set[str] = set()  # slots
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
            self.barred = f"their folder cannot be read, {error.strerror}"
            there = set()
        if any(schema_there > newest for schema_there in there):
            self.notices.append(f"settings of a newer neurorack are left as they are ({self.folder})")
        for of_schema in sorted((number for number in there if number <= newest), reverse=True):
            if (settings := self._newest(of_schema)) is not None:
                return settings
        return Settings()

    def _newest(self, of_schema: int) -> Settings | None:
        whole: list[tuple[int, str, Settings]] = []
        damaged, unreadable = [], []
        for slot in SLOTS:
            try:
                whole.append(self._read(of_schema, slot))
            except FileNotFoundError:
                pass
            except OSError as error:
                unreadable.append(f"settings-{of_schema}.{slot}: {error.strerror}")
            except ValueError as error:
                damaged.append(f"settings-{of_schema}.{slot}: {error}")
                if of_schema == schema():
                    self._damaged.add(slot)
        instead = "the other generation plays" if whole else "plays without them"
        if damaged:
            what = f"damaged settings, {instead} ({self.folder}, {'; '.join(damaged)})"
            self.notices.append(f"{what}: a save keeps them as *.damaged")
        if unreadable:
            self.notices.append(f"settings cannot be read, {instead} ({self.folder}, {'; '.join(unreadable)})")
            if of_schema == schema():
                self.barred = f"what cannot be read may be the newest, {'; '.join(unreadable)}"
        if not whole:
            return None
        generation, slot, settings = whole[0]
        if len(whole) == 2 and (whole[1][0] - generation) % GENERATIONS < GENERATIONS // 2:
            generation, slot, settings = whole[1]
        if of_schema == schema():
            self._generation, self._slot = generation, slot
        return settings

    def _read(self, of_schema: int, slot: str) -> tuple[int, str, Settings]:
        """(generation, slot, settings). OSError where the file cannot be read, ValueError where it is not whole."""
        raw = read_plain(self.folder / f"settings-{of_schema}.{slot}", BYTES_MAX)
        head = _HEAD.match(raw)
        if head is None or int(head[1]) != of_schema:
            raise ValueError("not a file of settings")
        body = raw[head.end() :]
        if head[3] and _line(of_schema, int(head[2]), body) != head[0]:
            raise ValueError("its checksum does not agree (remove it from the first line if you changed the file)")
        return int(head[2]), slot, decode(body, of_schema)

    def save(self, settings: Settings) -> None:
        """Make `settings` the newest generation; when this returns they outlive the power.

        OSError where the disk refuses, ValueError where they are out of bounds or saves are `barred`: what was there
        then stays.
        """
        if self.barred:
            raise ValueError(self.barred)
        body = encode(settings)
        generation, slot = (self._generation + 1) % GENERATIONS, SLOTS[1 - SLOTS.index(self._slot)]
        path = self.folder / f"settings-{schema()}.{slot}"
        if slot in self._damaged:
            set_aside(path)
            self._damaged.remove(slot)
        replace_file(path, _line(schema(), generation, body) + body)
        self._generation, self._slot = generation, slot


def _line(of_schema: int, generation: int, body: bytes) -> bytes:
    start = b"neurorack settings %d %d " % (of_schema, generation)
    return start + hashlib.sha256(start + body).hexdigest().encode() + b"\n"
