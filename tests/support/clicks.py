"""Any performance control jumps anywhere: does it click? `python tests/support/clicks.py BUNDLE COUNT` tries many.

One gesture is held without noise while a control jumps at random. Levels of 5 ms and the steps from sample to sample
around the jump should stay within what the sounds before it and after it show; what they leave that by is the excess,
in dB.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from neurorack.bundle import Bundle, load
from neurorack.engine.player import Player
from neurorack.patch.performance import PLAYED, SCRUB, at_rest
from neurorack.words import C4_HZ, PERFORMANCE, SAMPLE_RATE_HZ

BLOCK = 64
LEVEL, STEP = 240, 60
"""Samples: 5 ms, one every 1.25 ms."""
STEADY, JUMP = (round(seconds * SAMPLE_RATE_HZ / BLOCK) for seconds in (0.1, 0.06))
"""Blocks that are steady before a jump and after it; blocks in which it is over."""
LOOP_MAX = 0.4
"""Position of `freeze`: a loop of 73 ms, which passes whole while a sound is steady."""
FLOOR_DB = -60.0

CONTROLS = (*PERFORMANCE, "gate2", "envelope")


@dataclass(frozen=True)
class Jump:
    control: str
    level_db: float
    step_db: float


def _levels_db(audio: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), LEVEL)[::STEP]
    found: np.ndarray = 10 * np.log10((windows**2).mean(axis=1) + 10 ** (FLOOR_DB / 10))
    return found


def _step_db(audio: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(np.diff(audio.astype(np.float64))).max() + 10 ** (FLOOR_DB / 20)))


def excesses_db(before: np.ndarray, across: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """By how much levels, and steps, around a jump leave those of the sounds before and after."""
    steady = np.concatenate([_levels_db(before), _levels_db(after)])
    levels = _levels_db(np.concatenate([before[-LEVEL:], across, after[:LEVEL]]))
    step = _step_db(np.concatenate([before[-1:], across])) - max(_step_db(before), _step_db(after))
    return float(max(levels.max() - steady.max(), steady.min() - levels.min(), 0.0)), max(step, 0.0)


def jumps(bundle: Bundle, count: int, seed: int = 0) -> list[Jump]:
    """`count` random jumps of random controls, on the bundle's gestures in turn.

    The gesture is scrubbed, so that the sounds between jumps stand still: what a gesture does by itself in the time of
    a jump is no click.
    """
    random = np.random.default_rng(seed)
    player = Player(bundle, BLOCK, seed, noisy=False)
    row, envelope, frozen, found = at_rest(), np.zeros(PLAYED), 0, []
    row[SCRUB] = 0.3

    def play(blocks: int) -> np.ndarray:
        out = np.zeros((blocks, BLOCK), np.float32)
        for block in out:
            player.set_targets(C4_HZ, np.full(5, 0.5), row, envelope)
            player.render(block)
        return out.reshape(-1)

    before = np.zeros(0, np.float32)
    for turn in range(count):
        if turn % 50 == 0:
            player.gate(0, "gate1", 0)
            gesture = int(random.integers(len(bundle.gestures)))
            player.find(gesture)
            player.set_gesture(gesture, 1.0)
            play(4)
            player.gate(0, "gate1", 1)
            play(JUMP)
            before = play(STEADY)
        control = CONTROLS[random.integers(len(CONTROLS))]
        if control == "gate2":
            frozen = 1 - frozen
            player.gate(int(random.integers(BLOCK)), "gate2", frozen)
        elif control == "envelope":
            envelope[1:6] = random.uniform(-0.3, 0.3, 5)
        else:
            row[PERFORMANCE.index(control)] = random.random() * (LOOP_MAX if control == "freeze" else 1.0)
        across, after = play(JUMP), play(STEADY)
        found.append(Jump(control, *excesses_db(before, across, after)))
        before = after
    return found


def main(bundle: str, count: str) -> None:
    by_control = defaultdict(list)
    for jump in jumps(load(bundle), int(count)):
        by_control[jump.control].append((jump.level_db, jump.step_db))
    for control, excess in by_control.items():
        level, step = np.max(excess, axis=0)
        beyond = np.mean(np.max(excess, axis=1) > 3.0)
        print(f"{control:10} {len(excess):5} jumps: level {level:.1f} dB, step {step:.1f} dB, {beyond:.2%} beyond 3 dB")


if __name__ == "__main__":
    main(*sys.argv[1:])
