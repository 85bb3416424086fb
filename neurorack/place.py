"""Folders that are there whole or not at all, whatever happens while they are put in their place."""

import os
from pathlib import Path


def put_in_place(aside: Path, place: Path) -> Path | None:
    """Move the folder `aside`, its files written through to the disk, to `place`, and what was there to beside `aside`:
    that folder is returned, None where there was none. OSError, and all as it was, where that cannot be."""
    for file in aside.iterdir():
        with open(file, "rb") as written:
            os.fsync(written.fileno())
    if not os.path.lexists(place):
        aside.rename(place)
        return None
    former = aside.with_name(f"{aside.name}.former")
    place.rename(former)
    try:
        aside.rename(place)
    except OSError:
        former.rename(place)
        raise
    return former
