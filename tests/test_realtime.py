"""What makes a thread fit for a deadline."""

import subprocess
import sys
import threading

import numpy as np

from neurorack.realtime import flush_denormals

AFTER_A_LARGE_ONE = """
import ctypes
import numpy as np
from neurorack.realtime import give_back_large
give_back_large()
sbrk = ctypes.CDLL(None).sbrk
sbrk.argtypes, sbrk.restype = [ctypes.c_ssize_t], ctypes.c_size_t
np.ones(1 << 22, np.uint8)
before = sbrk(0)
kept = [np.ones(1 << 20, np.uint8) for _ in range(8)]
print((sbrk(0) - before) >> 20)
"""
"""MB by which eight arrays of one make the heap longer, after one of four has been dropped."""


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


def test_large_arrays_stay_out_of_the_heap_when_larger_ones_have_been_dropped():
    done = subprocess.run([sys.executable, "-c", AFTER_A_LARGE_ONE], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
