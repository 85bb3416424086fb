"""The player turns gates and targets into sound: on its sample, in tune, without clicks, the same every time."""

from pathlib import Path

import numpy as np
import pytest

from neurorack import bundle
from neurorack.engine.player import Player
from neurorack.words import BLOCKS, C4_HZ, SAMPLE_RATE_HZ

MIDDLE = np.full(5, 0.5)
STILL = 1


@pytest.fixture(scope="module")
def instrument(tiny_bundle: Path) -> bundle.Bundle:
    return bundle.load(tiny_bundle)


def player(instrument: bundle.Bundle, block: int = 128, seed: int = 0, *, noisy: bool = False) -> Player:
    made = Player(instrument, block, seed, noisy=noisy)
    made.set_gesture(STILL, 1.0)
    made.set_targets(C4_HZ, MIDDLE)
    return made


def play(made: Player, blocks: int, block: int = 128, gates: dict[int, int] | None = None) -> np.ndarray:
    out = np.zeros((blocks, block), np.float32)
    for number, part in enumerate(out):
        for sample, level in sorted((gates or {}).items()):
            if number * block <= sample < (number + 1) * block:
                made.gate(sample - number * block, "gate1", level)
        made.render(part)
    return out.ravel()


@pytest.mark.parametrize("block", BLOCKS)
def test_the_first_sound_is_on_the_gates_sample(instrument: bundle.Bundle, block: int) -> None:
    for sample in (640, 1001, 1535):
        audio = play(player(instrument, block, noisy=True), 2048 // block, block, {sample: 1})
        assert np.flatnonzero(audio)[0] == sample


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_size_plays_the_same(instrument: bundle.Bundle, block: int) -> None:
    gates = {200: 1, 9_000: 0}
    one = play(player(instrument, 64, noisy=True), 256, 64, gates)
    other = play(player(instrument, block, noisy=True), 256 * 64 // block, block, gates)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_one_seed_gives_one_sound_bit_for_bit(instrument: bundle.Bundle) -> None:
    first, second, other = (play(player(instrument, seed=seed, noisy=True), 60, gates={0: 1}) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("octave", [-2, 0, 2, 4])
def test_a_still_note_is_purely_harmonic(instrument: bundle.Bundle, octave: int) -> None:
    made = player(instrument)
    f_hz = C4_HZ * 2.0**octave
    made.set_targets(f_hz, MIDDLE)
    audio = play(made, 200, gates={0: 1})[-8192:].astype(np.float64)
    n, k = np.arange(8192), np.arange(1, int(SAMPLE_RATE_HZ / 2 / f_hz) + 1)
    angles = 2 * np.pi * np.outer(n, k) * (f_hz / SAMPLE_RATE_HZ)
    basis = np.hstack([np.cos(angles), np.sin(angles)])
    left = audio - basis @ np.linalg.lstsq(basis, audio, rcond=None)[0]
    assert 10 * np.log10(np.sum(left**2) / np.sum(audio**2)) < -90


def test_a_block_that_is_no_number_is_told_and_healed(instrument: bundle.Bundle) -> None:
    made = player(instrument)
    play(made, 10, gates={0: 1})
    made._decoder._states[0]["state_gain"][:] = np.nan
    made._decoder._states[1]["state_gain"][:] = np.nan
    play(made, 1)
    assert not made.finite
    made.reset()
    audio = play(made, 5)
    assert made.finite
    assert audio.any()  # what is held goes on


def test_gates_and_gestures_make_no_click(instrument: bundle.Bundle) -> None:
    made = player(instrument)
    made.set_gesture(0, 1.0)
    audio = play(made, 500, gates={100: 1, 20_000: 0, 21_000: 1, 30_000: 0})
    steady = np.abs(np.diff(audio[12_000:19_000])).max()
    assert np.abs(np.diff(audio)).max() < 1.5 * steady
    assert not made.sounding


def test_two_players_share_nothing(instrument: bundle.Bundle) -> None:
    alone = play(player(instrument, noisy=True), 20, gates={0: 1})
    one, other = player(instrument, noisy=True), player(instrument, noisy=True)
    mixed = np.zeros((20, 128), np.float32)
    one.gate(0, "gate1", 1)
    for part in mixed:
        one.render(part)
        other.set_targets(3_000.0, np.zeros(5))
        other.render(np.zeros(128, np.float32))
    np.testing.assert_array_equal(mixed.ravel(), alone)
