"""Arguments that name a file, a folder or an instrument. None may be '', the value of a variable that nobody has set:
Path takes it for the current folder."""

import argparse
from pathlib import Path

from neurorack.statedir import possible


def folder(text: str) -> Path:
    """There or not. Raises BadInput where nothing can be called so."""
    return possible(_some(text, "folder"), "command line")


def file(text: str) -> Path:
    """There or not. Raises BadInput where nothing can be called so."""
    return possible(_some(text, "file"), "command line")


def instrument(text: str) -> str:
    """A name, a folder or a checkpoint: it depends on what is there."""
    return _some(text, "instrument")


def _some(text: str, what: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError(f"an empty name is no {what}")
    return text
