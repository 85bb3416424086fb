"""Memory that is freed is not given back, so that it need not be asked for again."""

import resource

import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.memory import keep_freed  # noqa: E402

MANY = 16 * 2**20


def faults(turns: int) -> int:
    """Pages the system had to hand out while large tensors came and went."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for turn in range(turns):
        torch.ones(MANY - 4096 * turn)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_large_tensors_take_the_memory_of_those_before_them():
    keep_freed()
    assert faults(8) < 2 * MANY * 4 // 4096
