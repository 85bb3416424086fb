"""Nothing here is collected but by `make test-boot` and `make test-kill`: they boot machines."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import OUT, Machine, module

collect_ignore_glob = [] if "NEURORACK_BOOT_TESTS" in os.environ else ["test_*.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how many processes are killed")
    parser.addoption("--seed", type=int, default=0, help="of the choice of victims and moments")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One that plays a held note."""
    with module(Path(OUT / f"machine-{os.getpid()}")) as made:
        made.boot()
        made.sounds(patience_s=120.0)
        yield made
