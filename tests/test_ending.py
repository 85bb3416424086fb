"""A signal wakes a process that sleeps, and one that has come before it slept does so too."""

import os
import select
import signal
from collections.abc import Iterator

import pytest

from neurorack.ending import Ending


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_though_it_came_before_the_sleep(number):
    ending = Ending()
    assert not ending.asked and not select.select([ending], [], [], 0)[0]
    os.kill(os.getpid(), number)
    for _ in range(2):
        assert select.select([ending], [], [], 5)[0], "and it stays so"
    assert ending.asked


def test_only_what_was_named_is_heard_besides():
    before = signal.getsignal(signal.SIGHUP)
    Ending()
    assert signal.getsignal(signal.SIGHUP) is before
    ending = Ending(signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    assert select.select([ending], [], [], 5)[0] and ending.asked
