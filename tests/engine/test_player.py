"""The player turns gates and targets into sound: on its sample, in tune, without clicks, the same every time."""

import dataclasses
import time
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


def test_gestures_offered_while_it_plays_change_nothing_until_one_is_chosen(instrument: bundle.Bundle) -> None:
    hold, own = instrument.gestures[0], len(instrument.gestures)
    loud = dataclasses.replace(hold, name="take", descriptors=hold.descriptors + np.float32([6, 0, 0, 0, 0]))
    one, other = player(instrument), player(instrument)
    before = [play(made, 40, gates={0: 1}) for made in (one, other)]
    other.offer([loud])
    np.testing.assert_array_equal(before[0], before[1])
    np.testing.assert_array_equal(play(one, 40), play(other, 40))
    one.set_gesture(0, 1.0)
    other.set_gesture(own, 1.0)
    levels = [np.std(play(made, 80, gates={0: 0, 2560: 1})[6_000:]) for made in (one, other)]
    assert 20 * np.log10(levels[1] / levels[0]) == pytest.approx(6.0, abs=0.2)
    other.offer([])
    other.set_gesture(own, 1.0)
    np.testing.assert_array_equal(other._voice._walk._next.rows, one._voice._walk._next.rows)


def test_a_number_chosen_before_a_take_was_removed_never_means_its_neighbour(instrument: bundle.Bundle) -> None:
    hold, own = instrument.gestures[0], len(instrument.gestures)
    first, second = (
        dataclasses.replace(hold, name=name, descriptors=hold.descriptors + np.float32([db, 0, 0, 0, 0]))
        for name, db in (("first", 1), ("second", 2))
    )
    made = player(instrument)

    def chosen() -> float:
        return float(made._voice._walk._next.rows[0, 1] - made._voice.trajectories[0].rows[0, 1])

    made.offer([first, second], 7)
    made.set_gesture(own, 1.0, takes=6)
    assert chosen() == 0.0, "the offer has another number: it is not there yet"
    made.set_gesture(own, 1.0, takes=7)
    assert chosen() == pytest.approx(1.0)
    made.offer([second], 8)  # the first was removed, and the callback has not heard which number is meant now
    made.set_gesture(own, 0.5, takes=7)
    assert chosen() == pytest.approx(1.0)
    made.set_gesture(own, 0.5, takes=8)
    assert chosen() == pytest.approx(2.0)
    made.offer([], 9)
    made.find(own)
    made.set_gesture(0, 0.5, takes=9)
    assert len(made._voice.trajectories) == own


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
    made._sound._decoder._states[0]["state_gain"][:] = np.nan
    made._sound._decoder._states[1]["state_gain"][:] = np.nan
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


@pytest.fixture(scope="module")
def struck(struck_bundle: Path) -> bundle.Bundle:
    return bundle.load(struck_bundle)


def striker(struck: bundle.Bundle, block: int = 128, gesture: int = 0, *, noisy: bool = False) -> Player:
    made = Player(struck, block, noisy=noisy)
    made.set_gesture(gesture, 1.0)
    made.set_targets(C4_HZ, MIDDLE)
    return made


@pytest.mark.parametrize("block", BLOCKS)
def test_a_strike_inside_a_hop_sounds_on_its_own_sample(struck: bundle.Bundle, block: int) -> None:
    for sample in (640, 1_001, 1_535):
        audio = play(striker(struck, block, noisy=True), 2_048 // block, block, {sample: 1})
        assert np.flatnonzero(audio)[0] == sample
        tone = play(striker(struck, block), 2_048 // block, block, {sample: 1})
        assert np.flatnonzero(tone)[0] == sample + 1  # every mode begins at nothing
        assert np.abs(tone[sample : sample + 32]).max() > 0.3 * np.abs(tone).max()


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_any_size_strike_the_same(struck: bundle.Bundle, block: int) -> None:
    gates = {200: 1, 900: 0, 3_001: 1, 9_000: 1, 9_020: 1}
    one = play(striker(struck, 64, noisy=True), 256, 64, gates)
    other = play(striker(struck, block, noisy=True), 256 * 64 // block, block, gates)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_modes_ring_where_the_gesture_puts_them(struck: bundle.Bundle) -> None:
    bell = struck.gestures[1]
    audio = play(striker(struck, gesture=1), 140, gates={0: 1})[512:].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(audio[:16_384] * np.hanning(16_384)))
    hz = np.fft.rfftfreq(16_384, 1 / SAMPLE_RATE_HZ)
    for octaves in bell.partials[:6]:
        mode_hz = 2 * C4_HZ * 2.0**octaves  # an octave above voct, as the gesture's pitch says
        near = np.abs(hz - mode_hz) < 25
        assert abs(hz[near][spectrum[near].argmax()] - mode_hz) < 3


def test_voct_transposes_a_strike_and_intonation_0_tunes_it(struck: bundle.Bundle) -> None:
    def lowest_hz(volts: float, intonation: float) -> float:
        made = striker(struck, gesture=1)
        made.set_gesture(1, 1.0, intonation)
        made.set_targets(C4_HZ * 2.0**volts, MIDDLE)
        audio = play(made, 140, gates={0: 1})[512:].astype(np.float64)
        spectrum = np.abs(np.fft.rfft(audio[:16_384] * np.hanning(16_384)))
        hz = np.fft.rfftfreq(16_384, 1 / SAMPLE_RATE_HZ)
        low = hz < 1.1 * C4_HZ * 2.0 ** (volts + intonation)
        return float(hz[low][spectrum[low].argmax()])

    for volts, intonation in ((0.0, 1.0), (-1.0, 1.0), (0.5, 1.0), (0.0, 0.0), (1.0, 0.0)):
        assert lowest_hz(volts, intonation) == pytest.approx(C4_HZ * 2.0 ** (volts + intonation), abs=3.0)


def test_a_roll_has_no_click_beyond_its_strikes(struck: bundle.Bundle) -> None:
    once = play(striker(struck, gesture=1), 80, gates={64: 1})
    roll = play(striker(struck, gesture=1), 80, gates={64 + 1_237 * n: 1 for n in range(7)})
    assert np.abs(np.diff(roll)).max() < 1.2 * np.abs(np.diff(once)).max()


def test_a_strike_after_a_reset_is_the_same_strike(struck: bundle.Bundle) -> None:
    made = striker(struck)
    play(made, 20, gates={5: 1})
    made.reset()
    assert play(made, 5).any() and made.finite


def test_a_vibrato_in_the_gesture_is_heard(instrument: bundle.Bundle) -> None:
    cents, rate_hz, hops = 40.0, 6.0, 1_000
    gesture = instrument.gestures[STILL]
    vibrato = cents / 1200 * np.sin(2 * np.pi * rate_hz * np.arange(hops) * 64 / SAMPLE_RATE_HZ)
    long = dataclasses.replace(
        gesture,
        latent=np.zeros((hops, 8), np.float32),
        descriptors=np.tile(gesture.descriptors[:1], (hops, 1)),
        pitch=vibrato.astype(np.float32),
        loop_start=250,
        loop_end=750,  # four cycles
    )
    whole = dataclasses.replace(instrument, gestures=(long,))
    for intonation in (0.0, 1.0, 2.0):
        made = player(whole)
        made.set_gesture(0, 1.0, intonation)
        audio = play(made, 1_000, gates={0: 1})[6_400:].astype(np.float64)
        spectrum = np.fft.rfft(audio)
        hz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE_HZ)
        first = np.fft.ifft(spectrum * np.exp(-(((hz - C4_HZ) / 80) ** 2)), len(audio))  # analytic
        moved = 1200 * np.log2(np.diff(np.unwrap(np.angle(first))) * SAMPLE_RATE_HZ / (2 * np.pi) / C4_HZ)
        moved = moved[9_600:-9_600]
        assert np.abs(moved).max() == pytest.approx(intonation * cents, abs=1.5)


def test_a_strike_costs_no_more_than_a_note(struck: bundle.Bundle, instrument: bundle.Bundle) -> None:
    """Both of decoders that do next to nothing."""

    def fastest_s(made: Player) -> float:
        made.gate(3, "gate1", 1)
        out, times = np.zeros(128, np.float32), []
        for _ in range(300):
            begun = time.perf_counter()
            made.render(out)
            times.append(time.perf_counter() - begun)
        return float(np.percentile(times, 10))

    assert fastest_s(striker(struck)) < 1.2 * fastest_s(player(instrument))
