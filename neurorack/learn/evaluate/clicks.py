"""Any knob jumps anywhere: does it click?

A player holds a gesture that stands still and every knob (pitch is one of them) jumps at random. Levels of 5 ms are
taken on the whole way. Around a jump they should stay within the span of the two steady states, before it and after it;
what they leave it by, above or below, is the *excess* in dB.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from neurorack.bundle import Bundle
from neurorack.engine.player import Player
from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import BODY_DB
from neurorack.words import C4_HZ, DESCRIPTORS, KNOBS, SAMPLE_RATE_HZ

ALLOWED_DB = 3.0
LEVEL_SAMPLES, STEP_SAMPLES = 240, 60
"""5 ms, one every 1.25 ms."""
STEADY_S, JUMP_S = 0.15, 0.05
"""A state is steady for so long before its jump, and again this long after it."""
FLOOR_DB = -80.0
_BLOCK = 128
_ROWS = 64


@dataclass(frozen=True)
class Jump:
    """One jump: which knob (0 is pitch), and by how much the levels left the span, in dB."""

    knob: int
    excess_db: float


def levels_db(audio: np.ndarray) -> np.ndarray:
    """[n] of 5 ms each, a step apart."""
    windows = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), LEVEL_SAMPLES)[::STEP_SAMPLES]
    found: np.ndarray = 10 * np.log10((windows**2).mean(axis=1) + 10 ** (FLOOR_DB / 10))
    return found


def excess_db(audio: np.ndarray, jump: int) -> float:
    """By how much the levels around sample `jump` leave the span of those before and after."""
    after = jump + round(JUMP_S * SAMPLE_RATE_HZ)
    steady = np.concatenate([levels_db(audio[:jump]), levels_db(audio[after:])])
    across = levels_db(audio[jump - LEVEL_SAMPLES : after])
    low, high = steady.min(), steady.max()
    return float(max(across.max() - high, low - across.min(), 0.0))


def standing_still(bundle: Bundle, index: int) -> Bundle:
    """The bundle with one gesture, which holds a moment of its `index`-th body for as long as the gate is up."""
    gesture = bundle.gestures[index % len(bundle.gestures)]
    level_db = gesture.descriptors[:, 0]
    row = int(np.median(np.nonzero(level_db > level_db.max() + BODY_DB)[0]))
    still = dataclasses.replace(
        gesture,
        latent=np.tile(gesture.latent[row], (_ROWS, 1)),
        descriptors=np.tile(gesture.median, (_ROWS, 1)),
        pitch=np.zeros(_ROWS, np.float32),
        loop_start=8,
        loop_end=_ROWS - 8,
    )
    return dataclasses.replace(bundle, gestures=(still,))


def jumps(bundle: Bundle, gesture: int, count: int, seed: int = 0) -> list[Jump]:
    """`count` random jumps of random knobs on one gesture, played by the module's own player."""
    random = np.random.default_rng((seed, gesture))
    player = Player(standing_still(bundle, gesture), _BLOCK, seed)
    player.await_gesture(0)
    pitch_oct, knobs = 0.0, np.full(len(DESCRIPTORS), 0.5)
    knobs[0] = 0.7
    steady = round(STEADY_S * SAMPLE_RATE_HZ / _BLOCK)
    settle = round(JUMP_S * SAMPLE_RATE_HZ / _BLOCK) + steady

    def play(blocks: int) -> np.ndarray:
        out = np.zeros((blocks, _BLOCK), np.float32)
        for block in out:
            player.set_targets(C4_HZ * 2.0**pitch_oct, knobs)
            player.render(block)
        return out.reshape(-1)

    player.set_targets(C4_HZ, knobs)
    player.gate(0, "gate1", 1)
    play(settle)
    before, found = play(steady), []
    for turn in range(count):
        knob = (turn + gesture) % len(KNOBS)
        if knob:
            knobs[knob - 1] = random.random() if knob > 1 else random.uniform(0.25, 1.0)
        else:
            pitch_oct = random.uniform(-2.0, 4.0)
        after = play(settle)
        found.append(Jump(knob, excess_db(np.concatenate([before, after]), len(before))))
        before = after[-steady * _BLOCK :]
    return found


def figures(found: list[Jump]) -> dict[str, float]:
    """Over jumps: `click_excess_db`, its worst, and the share of jumps that leave the span by more than 3 dB."""
    excess = [jump.excess_db for jump in found]
    share = float(np.mean([db > ALLOWED_DB for db in excess]))
    return score.spread("click_excess_db", excess) | {"click_excess_db_worst": max(excess), "clicks_share": share}
