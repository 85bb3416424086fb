"""What makes a Python process fit for a deadline: priority, pinned memory, no collector, exact sleep.

Nothing here fails: where the system refuses, the reason comes back as a line for the log and the sound goes on
without it.
"""

import ctypes
import gc
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 70
"""SCHED_FIFO priority of the audio callback; the jacks stay below it."""

WATCH_PRIORITY = 5
"""Of the engine's main thread, so that no ordinary process can hold it up while it has Python's global lock."""

UNDIVIDED_S, SHARED_S = 1.0, 0.0002
"""How long a thread keeps Python's global lock while another asks for it. A thread that is made to hand it over sleeps
until the other has been given a CPU, on a busy machine for milliseconds: the callback must never be asked. Only while
the main thread computes is it the other way round, and the callback must not wait for it."""

LARGE_BYTES = 1 << 17
"""Where glibc draws the line to begin with."""

_M_MMAP_THRESHOLD = -3
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_TIMERSLACK = 29
_CLOCK_MONOTONIC, _TIMER_ABSTIME = 1, 1

_libc = ctypes.CDLL(None, use_errno=True)
_libm = ctypes.CDLL("libm.so.6")


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def make_fifo(priority: int = PRIORITY) -> str | None:
    """Give the calling thread, and none that it starts, SCHED_FIFO; None, or why not."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # ordinary threads wake up to 50 µs late otherwise
        return f"no real-time priority ({error.strerror}): raise rtprio in limits.conf or use the systemd unit"
    return None


def pin(cpu: int) -> str | None:
    """Keep the calling thread on one CPU; None, or why not."""
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        return f"cannot stay on CPU {cpu} ({error.strerror})"
    return None


def flush_denormals() -> None:
    """Let the calling thread take numbers below 1e-38 as 0: they cost a hundred times an ordinary one.

    ONNX Runtime does so for the thread that makes the first session, and on x86-64 alone. glibc's fenv_t ends in mxcsr
    on x86-64 (flush to zero bit 15, denormals are zero bit 6) and begins with fpcr on aarch64 (bit 24).
    """
    place, bits = {"x86_64": (7, 0x8040), "aarch64": (0, 1 << 24)}.get(platform.machine(), (0, 0))
    if bits:
        environment = (ctypes.c_uint32 * 8)()
        _libm.fegetenv(environment)
        environment[place] |= bits
        _libm.fesetenv(environment)


def give_back_large() -> None:
    """From now on every array of LARGE_BYTES or more is mapped by itself, and given back whole when it is dropped.

    Left alone, glibc moves that line up to the largest that was ever dropped, and an instrument's megabyte of gestures
    tears holes into the heap: of 700 deeds, half of them another instrument or preset, the engine grew to 114 MB; so it
    went to and fro between 98 and 101. No other C library has the call.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def lock_memory() -> str | None:
    """Keep every page that was touched once; None, or why not.

    ONFAULT, because without it each thread's whole stack and every reserved arena becomes resident at once.
    """
    if _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"memory is not locked ({os.strerror(ctypes.get_errno())}): raise memlock in limits.conf"
    return None


def settle() -> None:
    """Before the first block: all that exists is permanent, and nothing is collected any more."""
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(UNDIVIDED_S)


@contextmanager
def computing() -> Iterator[None]:
    """Around long work of the main thread while sound plays."""
    sys.setswitchinterval(SHARED_S)
    try:
        yield
    finally:
        sys.setswitchinterval(UNDIVIDED_S)


def sleep_until_ns(t_ns: int) -> None:
    """Sleep until CLOCK_MONOTONIC says `t_ns`, which no delay between two statements can shift."""
    wake = _Timespec(*divmod(t_ns, 1_000_000_000))
    _libc.clock_nanosleep(_CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(wake), None)
