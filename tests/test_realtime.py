"""What makes a thread fit for a deadline."""

import threading

import numpy as np

from neurorack.realtime import flush_denormals


def test_denormals_count_as_zero_in_the_thread_that_asks_and_in_no_other():
    def tiny() -> bool:
        return bool((np.full(4, 1e-39, np.float32) * np.float32(1.0)).any())

    seen = []

    def flushed() -> None:
        seen.append(tiny())
        flush_denormals()
        seen.append(tiny())

    before = tiny()
    thread = threading.Thread(target=flushed)
    thread.start()
    thread.join()
    assert seen == [before, False]
    assert tiny() == before
