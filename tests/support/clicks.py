"""Any control jumps anywhere: does it click? `python tests/support/clicks.py BUNDLE COUNT [FIRST_SEED]` tries many.

One gesture is held without noise while a control jumps at random, wherever all others stand. Levels of 5 ms and the
steps from sample to sample around the jump should stay within what the steady sounds before it and after it show; what
they leave that by is the excess, in dB.

Partials that lie close beat slower than the tenth of a second for which a sound is steady, so a suspect is heard out:
the jump is taken back and made again, and each sound plays on, twice as long every time, until it has gone as far by
itself or has had 16 s for it. The excess is that over the longer ones: a click stays one, however long its neighbours.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurorack.bundle import Bundle, load
from neurorack.engine.player import Player
from neurorack.patch.performance import GLIDE, PLAYED, SCRUB, at_rest
from neurorack.patch.voice import DEEPEST, FARTHEST
from neurorack.words import C4_HZ, DESCRIPTORS, KNOBS, PERFORMANCE, SAMPLE_RATE_HZ

BLOCK = 128
LEVEL, STEP = 240, 60
"""Samples: 5 ms, one every 1.25 ms."""
STEADY, JUMP = (round(seconds * SAMPLE_RATE_HZ / BLOCK) for seconds in (0.1, 0.06))
"""Blocks: steady before a jump and after it; in which it is over."""
LONG = [round(seconds * SAMPLE_RATE_HZ / BLOCK) for seconds in (1.0, 1.0, 2.0, 4.0, 8.0)]
"""For which a suspect is heard, time after time."""
LOOP_MAX = 0.4
"""Position of `freeze`: a loop of 73 ms, which passes whole while a sound is steady."""
FLOOR_DB = -60.0
SUSPECT_DB, ALLOWED_DB = 1.0, 3.0
PER_SEED = 500
PER_GESTURE = 50

CONTROLS = (*KNOBS, *PERFORMANCE, "gate2", "envelope", "depth", "intonation")


@dataclass(frozen=True)
class State:
    """Where everything stands."""

    pitch_oct: float
    knobs: tuple[float, ...]
    row: tuple[float, ...]
    envelope: tuple[float, ...]
    depth: float
    intonation: float
    frozen: int


@dataclass(frozen=True)
class Jump:
    control: str
    level_db: float
    step_db: float
    state: State
    """After it."""


def _levels_db(audio: np.ndarray) -> np.ndarray:
    energy = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    found: np.ndarray = 10 * np.log10((energy[LEVEL:] - energy[:-LEVEL])[::STEP] / LEVEL + 10 ** (FLOOR_DB / 10))
    return found


def _step_db(audio: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(np.diff(audio.astype(np.float64))).max() + 10 ** (FLOOR_DB / 20)))


def excesses_db(
    steady: tuple[np.ndarray, np.ndarray], across: np.ndarray, more: Sequence[np.ndarray] = ()
) -> tuple[float, float]:
    """By how much levels, and steps, around a jump leave those of the sounds before it and after it: the two that are
    `steady`, and `more` of them that was heard at other times."""
    before, after = steady
    alone = np.concatenate([_levels_db(sound) for sound in (*steady, *more)])
    levels = _levels_db(np.concatenate([before[-LEVEL:], across, after[:LEVEL]]))
    step = _step_db(np.concatenate([before[-1:], across])) - max(_step_db(sound) for sound in (*steady, *more))
    return float(max(levels.max() - alone.max(), alone.min() - levels.min(), 0.0)), max(step, 0.0)


class _Held:
    """A gesture that is held, scrubbed, so that the sounds between jumps stand still: what a gesture does by itself in
    the time of a jump is no click."""

    def __init__(self, bundle: Bundle, seed: int) -> None:
        self._player = Player(bundle, BLOCK, seed, noisy=False)
        self._random = np.random.default_rng(seed)
        self._gestures, self._gesture = len(bundle.gestures), 0
        row = at_rest()
        row[SCRUB] = 0.3
        self.state = State(0.0, (0.5,) * len(DESCRIPTORS), tuple(row), (0.0,) * PLAYED, 1.0, 1.0, 0)

    def begin(self) -> None:
        """Another gesture."""
        self._player.gate(0, "gate1", 0)
        self._gesture = int(self._random.integers(self._gestures))
        self._player.find(self._gesture)
        self.play(4)
        self._player.gate(0, "gate1", 1)
        self.play(JUMP)

    def go(self, state: State) -> None:
        if state.frozen != self.state.frozen:
            self._player.gate(int(self._random.integers(BLOCK)), "gate2", state.frozen)
        self.state = state

    def again(self, state: State, blocks: int) -> np.ndarray:
        """How it sounds there, once the jump is over."""
        self.go(state)
        self.play(JUMP)
        return self.play(blocks)

    def play(self, blocks: int) -> np.ndarray:
        out, state, player = np.zeros((blocks, BLOCK), np.float32), self.state, self._player
        player.set_gesture(self._gesture, state.depth, state.intonation)
        for block in out:
            player.set_targets(
                C4_HZ * 2.0**state.pitch_oct, np.array(state.knobs), np.array(state.row), np.array(state.envelope)
            )
            player.render(block)
        return out.reshape(-1)

    def somewhere(self, control: str) -> State:
        """The state with this control anywhere else."""
        random, state = self._random, self.state
        if control == "gate2":
            return replace(state, frozen=1 - state.frozen)
        if control == "pitch":
            row = _with(state.row, GLIDE, 0.0)  # a pitch that glides does not jump, and passes others on its way
            return replace(state, pitch_oct=random.uniform(-2.0, 4.0), row=row)
        if control == "depth":
            return replace(state, depth=random.uniform(0.0, DEEPEST))
        if control == "intonation":
            return replace(state, intonation=random.uniform(0.0, FARTHEST))
        if control == "envelope":
            envelope = (0.0, *random.uniform(-0.3, 0.3, len(DESCRIPTORS)).tolist(), *(0.0,) * len(PERFORMANCE))
            return replace(state, envelope=envelope)
        if control in DESCRIPTORS:
            low = 0.25 if control == "rms" else 0.0  # nothing clicks in silence
            return replace(state, knobs=_with(state.knobs, DESCRIPTORS.index(control), random.uniform(low, 1.0)))
        most = LOOP_MAX if control == "freeze" else 1.0
        return replace(state, row=_with(state.row, PERFORMANCE.index(control), random.uniform(0.0, most)))


def _with(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])


def jumps(bundle: Bundle, count: int, seed: int = 0) -> Iterator[Jump]:
    """`count` random jumps of random controls, on the bundle's gestures."""
    random, held = np.random.default_rng((seed, 1)), _Held(bundle, seed)
    before = np.zeros(0, np.float32)
    for turn in range(count):
        if turn % PER_GESTURE == 0:
            held.begin()
            before = held.play(STEADY)
        control = CONTROLS[random.integers(len(CONTROLS))]
        old, new = held.state, held.somewhere(control)
        held.go(new)
        across, after = held.play(JUMP), held.play(STEADY)
        excess, more = excesses_db((before, after), across), []
        for longer in LONG:
            if max(excess) <= SUSPECT_DB:
                break
            more += [held.again(old, longer), held.again(new, longer)]
            excess = excesses_db((before, after), across, more)
        yield Jump(control, *excess, new)
        before = more[-1][-STEADY * BLOCK :] if more else after


def table(found: list[Jump]) -> str:
    by_control = defaultdict(list)
    for jump in found:
        by_control[jump.control].append((jump.level_db, jump.step_db))
        by_control["all"].append((jump.level_db, jump.step_db))
    lines = []
    for control, excess in by_control.items():
        level, step = np.max(excess, axis=0)
        beyond = int(np.sum(np.max(excess, axis=1) > 3.0))
        lines.append(
            f"{control:10} {len(excess):5} jumps: level {level:.1f} dB, step {step:.1f} dB, {beyond} beyond 3 dB"
        )
    return "\n".join(lines)


def main(bundle: str, count: str, first_seed: str = "0") -> None:
    found: list[Jump] = []
    for seed in range(int(first_seed), int(first_seed) + -(-int(count) // PER_SEED)):
        for jump in jumps(load(bundle), min(PER_SEED, int(count) - len(found)), seed):
            found.append(jump)
            if max(jump.level_db, jump.step_db) > 3.0:
                print(f"seed {seed}, jump {len(found)}: {jump}", flush=True)
            if len(found) % 100 == 0:
                worst = max(max(jump.level_db, jump.step_db) for jump in found)
                print(f"{len(found)} jumps, {worst:.1f} dB at most", file=sys.stderr, flush=True)
        print(
            f"{len(found)} jumps: {max(j.level_db for j in found):.1f} {max(j.step_db for j in found):.1f}", flush=True
        )
    print(table(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
