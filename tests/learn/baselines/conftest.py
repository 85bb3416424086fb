"""A small corpus."""

import pytest

pytest.importorskip("torch")

from notes import make_notes

from neurorack.learn.corpus import Corpus


@pytest.fixture(scope="session")
def notes() -> Corpus:
    return make_notes()
