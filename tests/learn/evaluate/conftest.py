"""A small corpus and the tiny bundle as an instrument."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from notes import make_notes

from neurorack.bundle import load
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate.instrument import Instrument


@pytest.fixture(scope="session")
def notes() -> Corpus:
    return make_notes()


@pytest.fixture(scope="session")
def tiny(hearing_bundle: Path) -> Instrument:
    return Instrument(load(hearing_bundle))
