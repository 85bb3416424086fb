"""Gestures rendered ahead: the decoder's own sound at the pitch they were rendered at, in tune and in time at any."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack import bundle
from neurorack.engine.ahead import LEAD_HOPS, PIECE_HOPS, TAIL_HOPS, WINDOW, Taker
from neurorack.engine.player import Player
from neurorack.errors import BadInput
from neurorack.words import BLOCKS, C4_HZ, GATE2_TASKS, HOP, SAMPLE_RATE_HZ

HOLD, STILL = 0, 1
MIDDLE = np.full(5, 0.5)
LOOP_START, LOOP_END, LAST = 20, 120, 179
"""Hops of `hold`."""


@pytest.fixture(scope="module")
def live(hearing_bundle: Path) -> bundle.Bundle:
    return bundle.load(hearing_bundle)


@pytest.fixture(scope="module")
def slow(live, tmp_path_factory) -> bundle.Bundle:
    """The same instrument, too slow to play live."""
    folder = tmp_path_factory.mktemp("ahead") / "slow"
    shutil.copytree(live.folder, folder)
    bundle.write_card(folder, msgspec.structs.replace(live.card, name="slow", ahead=True))
    return bundle.load(folder)


def player(made: bundle.Bundle, block: int = 128, gesture: int = HOLD, semitones: float = 0.0) -> Player:
    one = Player(made, block, noisy=False)
    while not (one.prepare(gesture) and one.complete):
        pass
    one.set_gesture(gesture, 1.0)
    one.set_targets(C4_HZ * 2 ** (semitones / 12), MIDDLE)
    return one


def play(made: Player, hops: int, gates: dict[int, int] | None = None, block: int = 128) -> np.ndarray:
    """Gates by the hop at whose beginning they act."""
    out = np.zeros((hops * HOP // block, block), np.float32)
    for number, part in enumerate(out):
        for hop, level in (gates or {}).items():
            if number * block <= hop * HOP < (number + 1) * block:
                made.gate(hop * HOP - number * block, "gate1", level)
        made.render(part)
    return out.ravel()


def pitch_hz(audio: np.ndarray) -> float:
    """Of the strongest partial below 1.5 times C5, to a tenth of a bin."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 8 * len(audio)))
    return float(np.argmax(spectrum[: int(8 * len(audio) * 780 / SAMPLE_RATE_HZ)]) * SAMPLE_RATE_HZ / (8 * len(audio)))


def test_at_its_own_pitch_it_is_what_the_decoder_plays_live(live, slow):
    """From the hop after the gate's up to the loop's end; both have rested for as long when the gate comes."""
    hops = LEAD_HOPS + LOOP_END
    heard, wanted = (play(player(made), hops, {LEAD_HOPS: 1}) for made in (slow, live))
    compared = slice((LEAD_HOPS + 1) * HOP, (hops - 1) * HOP)
    assert np.abs(wanted).max() > 0.05
    np.testing.assert_allclose(heard[compared], wanted[compared], atol=2e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_every_size_play_the_same(slow, block):
    gates = {9: 1, 200: 0, 260: 1}
    hop_by_hop, other = (play(player(slow, size, semitones=5), 512, gates, size) for size in (HOP, block))
    np.testing.assert_allclose(other, hop_by_hop, atol=1e-4)


@pytest.mark.parametrize("semitones", [-12, -5, 0, 7, 12])
def test_it_is_in_tune_at_any_pitch_and_without_clicks(slow, semitones):
    audio = play(player(slow, gesture=STILL, semitones=semitones), 600, {0: 1})[4_800:]
    wanted_hz = C4_HZ * 2 ** (semitones / 12)
    assert 1200 * abs(np.log2(pitch_hz(audio[-24_000:]) / wanted_hz)) < 3
    level = np.sqrt(np.convolve(audio**2, np.full(1_024, 1 / 1_024), "valid"))
    assert level.min() > 0.7 * level.max()  # no hole where a head jumps
    own = play(player(slow, gesture=STILL), 600, {0: 1})[4_800:]
    assert np.abs(np.diff(audio)).max() < 1.6 * max(1, 2 ** (semitones / 12)) * np.abs(np.diff(own)).max()


@pytest.mark.parametrize("semitones", [-9, 0, 9])
def test_a_gesture_lasts_as_long_at_any_pitch(slow, semitones):
    """Its release falls by 56 dB in 60 hops; half of that is gone after half the time."""
    audio = play(player(slow, semitones=semitones), 400, {0: 1, 150: 0})
    db = 10 * np.log10(np.convolve(audio**2, np.full(512, 1 / 512), "same") + 1e-12)
    held, half = db[140 * HOP], db[(150 + 30) * HOP]
    assert held - half == pytest.approx(28, abs=8)
    assert db[(150 + 62 + 16) * HOP] < -90


def test_a_held_gate_holds_the_loop(slow):
    audio = play(player(slow), 900, {0: 1})
    level = np.sqrt(np.convolve(audio[30 * HOP :] ** 2, np.full(1_024, 1 / 1_024), "valid"))
    assert level.min() > 0.6 * level.max()


def test_the_level_knob_acts(slow):
    one = player(slow, gesture=STILL)
    soft = play(one, 200, {0: 1})[-4_800:]
    one.set_targets(C4_HZ, np.array([0.75, 0.5, 0.5, 0.5, 0.5]))
    loud = play(one, 200)[-4_800:]
    rms = slow.card.knobs[0]
    wanted_db = rms.spread[0] * (np.interp(0.75, np.linspace(0, 1, 17), rms.quantiles) - 0.0)
    assert 20 * np.log10(loud.std() / soft.std()) == pytest.approx(wanted_db, abs=0.5)


def test_frozen_it_sounds_on(slow):
    one = player(slow)
    one.set_task(GATE2_TASKS[0])
    play(one, 110, {0: 1})  # longer than the 75 hops that go round
    one.gate(0, "gate2", 1)
    audio = play(one, 600, {10: 0})
    level = np.sqrt(np.convolve(audio**2, np.full(1_024, 1 / 1_024), "valid"))
    assert level.min() > 0.5 * level.max() > 0.01


def test_what_is_not_rendered_yet_is_silent_and_the_chosen_one_comes_first(slow):
    one = Player(slow, 128)
    one.set_gesture(STILL, 1.0)
    one.set_targets(C4_HZ, MIDDLE)
    assert not play(one, 40, {0: 1}).any() and not one.complete
    pieces = 1
    while not one.prepare(STILL):
        pieces += 1
    assert pieces == -(-(LEAD_HOPS + 8 + TAIL_HOPS) // PIECE_HOPS)
    assert play(one, 40).any() and not one.complete
    while not one.complete:
        one.prepare(STILL)


def test_takes_are_the_same_in_whatever_order(slow):
    forward, backward = Taker(slow, 3), Taker(slow, 3)
    for taker, order in ((forward, (HOLD, STILL)), (backward, (STILL, HOLD))):
        for index in order:
            while not taker.work(index):
                pass
    for one, other in zip(forward.takes, backward.takes, strict=True):
        np.testing.assert_array_equal(one.audio, other.audio)


def test_after_a_reset_it_plays_on(slow):
    one = player(slow, gesture=STILL)
    play(one, 100, {0: 1})
    one.reset()
    assert play(one, 2 * WINDOW // HOP)[-HOP:].any() and one.finite


def test_it_does_not_listen(slow):
    with pytest.raises(BadInput, match="rendered ahead plays no other sound"):
        Player(slow, 128).listen()
