"""What a second of sound costs: the module's player against a callback that does nothing, one thread.

Times are those of a tight loop on this machine; `neurorack bench` measures a real callback.
"""

import gc
import time
from collections.abc import Callable, Sequence

import numpy as np

from neurorack.bundle import Bundle
from neurorack.engine.player import Player
from neurorack.words import C4_HZ, DESCRIPTORS, SAMPLE_RATE_HZ

BLOCKS = (64, 128)
TURNS = 6
"""Measured so many times; the turn least disturbed by whatever else the machine does counts."""


def durations_s(call: Callable[[int], None], count: int) -> np.ndarray:
    """Of `count` calls [count], each given its number."""
    out = np.empty(count)
    was = gc.isenabled()
    gc.disable()
    try:
        for number in range(count):
            begun = time.perf_counter_ns()
            call(number)
            out[number] = time.perf_counter_ns() - begun
    finally:
        if was:
            gc.enable()
    return out * 1e-9


def figures(bundle: Bundle, seconds: float, blocks: Sequence[int] = BLOCKS) -> dict[str, float]:
    """`parameters`, `macs_per_s`, and per block `realtime_BLOCK` with its p999: render's time, less the empty call's,
    as a share of the block's length."""
    found = {"parameters": float(bundle.card.cost.parameters), "macs_per_s": float(bundle.card.cost.macs_per_s)}
    for block in blocks:
        player, out = Player(bundle, block), np.zeros(block, np.float32)
        knobs = np.full(len(DESCRIPTORS), 0.5)
        period_s = block / SAMPLE_RATE_HZ
        count = max(200, round(seconds / period_s))
        player.set_targets(C4_HZ, knobs)
        player.await_gesture(0)

        def play(number: int, player: Player = player, knobs: np.ndarray = knobs, out: np.ndarray = out) -> None:
            if number % 200 == 0:
                player.gate(0, "gate1", 1)
            knobs[1 + number % 4] = 0.5 + 0.4 * (-1) ** (number // 4)
            player.set_targets(C4_HZ, knobs)
            player.render(out)

        empty = durations_s(lambda number: None, count)
        durations_s(play, 100)
        taken = durations_s(play, count)
        for name, rank in (("", 0.5), ("_p999", 0.999)):
            beyond = np.quantile(taken, rank) - np.quantile(empty, rank)
            found[f"realtime_{block}{name}"] = float(max(beyond, 0.0) / period_s)
    return found
