"""Runs in the machine: what arrives at the card against what the engine says it has played.

`python capture.py SECONDS` prints JSON: `seconds` captured, `exact` whether every sample of them is the tap's and what
keeps the output open (`callback.REST`), in its order; `peak` of both.
"""

import json
import sys
import time
from pathlib import Path

import jack
import numpy as np

from neurorack.engine.callback import REST
from neurorack.shared import AudioTap

RATE_HZ, LEAD = 48_000, 4096


def main(seconds: float) -> None:
    client = jack.Client("listener", no_start_server=True)
    port = client.inports.register("in")
    blocks = np.zeros((int(seconds * RATE_HZ) // client.blocksize, client.blocksize), np.float32)
    count = 0

    @client.set_process_callback
    def process(frames: int) -> None:
        nonlocal count
        if count < len(blocks) and port.number_of_connections:
            blocks[count] = port.get_array()
            count += 1

    tap, played = AudioTap(Path("/run/neurorack/tap")), []
    with client:
        source = client.get_ports(is_audio=True, is_output=True, name_pattern="^neurorack:")[0]
        client.connect(source, port)
        while count < len(blocks):
            played.append(tap.read())
            time.sleep(0.05)
        played.append(tap.read())
    heard, said = blocks.reshape(-1), np.concatenate(played) + REST
    heard = heard[client.blocksize :]  # the graph may have changed within the first
    starts = [s for s in np.flatnonzero(said == heard[0]) if np.array_equal(said[s : s + LEAD], heard[:LEAD])]
    rest = said[starts[0] : starts[0] + len(heard)] if starts else said[:0]
    exact = len(rest) > len(heard) - RATE_HZ // 2 and np.array_equal(rest, heard[: len(rest)])
    report = {"seconds": len(rest) / RATE_HZ, "exact": bool(exact), "missed": tap.missed, "starts": len(starts)}
    print(json.dumps({**report, "peak": float(np.abs(heard).max())}))


main(float(sys.argv[1]))
