"""A person at a terminal of 80 × 24: a program of ours, what it shows, and what is typed."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence

from rig import REPOSITORY

PATIENCE_S = 30.0
PAUSE_S = 0.3
"""Between two keys, so that they come one by one."""
MODES = b"\x1b[?1006l"
"""With it Textual has left the screen for good, whichever way it ends; what is said follows."""


def typed(arguments: Sequence[str], shows: bytes, keys: Sequence[bytes]) -> tuple[int, str, bytes]:
    """(exit status, what is said once the screen is left, all that was shown) of Python with these arguments, to whom
    `keys` are typed one by one as soon as it `shows` something."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    seen, left, due_s, give_up = b"", list(keys), 0.0, time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if select.select([master], [], [], 0.05)[0]:
            try:
                seen += os.read(master, 65_536)
            except OSError:  # the other end is closed
                break
        if left and shows in seen and time.monotonic() >= due_s:
            os.write(master, left.pop(0))
            due_s = time.monotonic() + PAUSE_S
    process.kill()  # where it has not ended
    status = process.wait()
    os.close(master)
    said = seen.rpartition(b"\x1b[?1004l")[2].rpartition(MODES)[2]
    return status, said.decode(), seen
