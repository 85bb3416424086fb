"""A callback that does nothing, as urgent as the engine's, on a device that keeps time: how many blocks this machine
takes from it. `python tests/support/empty.py BLOCK`, until its standard input ends; then it prints JSON.
"""

import json
import sys
from time import monotonic_ns
from typing import Any

from neurorack.engine.device import NullDevice
from neurorack.engine.timeline import LockedTimeline
from neurorack.realtime import lock_memory, make_fifo, settle


class Empty:
    def __init__(self, block: int) -> None:
        self.blocks, self.timeline = 0, LockedTimeline(block)

    def __call__(self, buffer: Any, frames: int, times: Any, flags: Any) -> None:
        if not self.blocks:
            make_fifo()
        self.timeline.tick(monotonic_ns())
        self.blocks += 1


def main(block: int) -> None:
    empty, device = Empty(block), NullDevice(block)
    lock_memory()
    settle()
    device.start(empty)
    print("runs", flush=True)
    sys.stdin.read()
    device.stop()
    print(json.dumps({"blocks": empty.blocks, "lost": empty.timeline.lost}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
