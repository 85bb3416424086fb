"""Nothing here is collected but by `make test-arm`: it emulates another processor."""

import os
from collections.abc import Iterator

import pytest
from arm import Arm

collect_ignore_glob = [] if "NEURORACK_ARM_TESTS" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    """An arm64 computer with the package installed."""
    yield Arm(tmp_path_factory.mktemp("shared"))
