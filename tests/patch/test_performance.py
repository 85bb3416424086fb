"""Each performance knob does to the frames what its name says, and nothing where it rests."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from neurorack import bundle
from neurorack.patch.gestures import LATENT, Trajectory
from neurorack.patch.performance import (
    FAR,
    FIND1,
    FIND2,
    FREEZE,
    GLIDE,
    MACRO1,
    MACRO2,
    MORPH,
    ONSET,
    PLAYED,
    RELEASE,
    SCRUB,
    TRANSIENT,
    VARIATION,
    VARIES,
    at_rest,
    freeze_hops,
    principal_axes,
)
from neurorack.patch.voice import Voice
from neurorack.words import BLOCKS, C4_HZ, DESCRIPTORS, HOP, KNOBS, PERFORMANCE, SAMPLE_RATE_HZ

MIDDLE = np.full(5, 0.5)
HOLD, OTHER = 0, 1
RMS = 1 + DESCRIPTORS.index("rms")
Edge = tuple[int, str, int]


@pytest.fixture(scope="module")
def instrument(tiny_bundle: Path) -> bundle.Bundle:
    """Two gestures whose stages last differently."""
    loaded = bundle.load(tiny_bundle)
    hold = loaded.gestures[0]
    t = np.arange(300, dtype=np.float32)
    knobs = np.float32([0.0, 0.05, -0.1, 0.08, 0.03]) * np.sin(t / 20)[:, None] + np.float32(0.5)
    knobs[:, 0] = -30 + 10 * np.sin(t / 50)
    other = dataclasses.replace(
        hold,
        name="other",
        latent=np.random.default_rng(2).normal(size=(300, 8)).cumsum(axis=0).astype(np.float32) * 0.05,
        descriptors=knobs,
        median=np.median(knobs, axis=0),
        pitch=np.float32(0.1) * np.sin(t / 9),
        loop_start=60,
        loop_end=110,
    )
    return dataclasses.replace(loaded, gestures=(hold, other))


def voice(instrument: bundle.Bundle, block: int = 64, gesture: int = HOLD, seed: int = 0, **positions: float) -> Voice:
    made = Voice(instrument, block, seed=seed)
    made.choose(gesture)
    perform(made, **positions)
    return made


def perform(made: Voice, hz: float = C4_HZ, envelope: np.ndarray | None = None, **positions: float) -> None:
    row = at_rest()
    for name, position in positions.items():
        row[PERFORMANCE.index(name)] = position
    made.set_targets(hz, MIDDLE, row, np.zeros(PLAYED) if envelope is None else envelope)


def play(made: Voice, samples: int, *edges: Edge) -> tuple[np.ndarray, np.ndarray]:
    """Controls [hops, C] and gain [samples] of so many samples, with edges (sample, jack, level)."""
    block, controls, gain = len(made.gain), [], []
    for start in range(0, samples, block):
        for sample, jack, level in sorted(edges, key=lambda edge: edge[0]):
            if start <= sample < start + block:
                made.gate(sample - start, jack, level)
        made.render()
        controls.append(made.controls.copy())
        gain.append(made.gain.copy())
    return np.concatenate(controls), np.concatenate(gain)


NOTE = ((100, "gate1", 1), (20_000, "gate1", 0))
LONG = 40_000 // 512 * 512


def test_words_and_columns_are_in_one_order() -> None:
    columns = (MORPH, SCRUB, TRANSIENT, VARIATION, GLIDE, RELEASE, MACRO1, MACRO2, FIND1, FIND2, FREEZE)
    assert [PERFORMANCE[column].upper() for column in columns] == [
        "MORPH", "SCRUB", "TRANSIENT", "VARIATION", "GLIDE", "RELEASE", "MACRO1", "MACRO2", "FIND1", "FIND2", "FREEZE",
    ]  # fmt: skip


def test_at_rest_nothing_is_changed_by_a_bit(instrument: bundle.Bundle) -> None:
    untouched = Voice(instrument, 64)
    untouched.set_targets(C4_HZ, MIDDLE)
    for one, other in zip(play(untouched, LONG, *NOTE), play(voice(instrument), LONG, *NOTE), strict=True):
        assert np.array_equal(one, other)


ALL = {"morph": 0.3, "transient": 0.9, "variation": 0.4, "release": 0.2, "macro1": 0.8, "macro2": 0.1, "freeze": 0.3}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("positions", [ALL, {**ALL, "scrub": 0.4}], ids=["running", "scrubbed"])
@pytest.mark.parametrize("task", ["freeze", "retrigger", "tap"])
def test_every_block_size_plays_the_same(instrument: bundle.Bundle, block: int, positions: dict, task: str) -> None:
    edges = [*NOTE, *((at, "gate2", level) for at, level in ((3_001, 1), (9_999, 0), (13_003, 1), (22_222, 0)))]
    envelope = np.zeros(PLAYED)
    envelope[[0, 2, len(KNOBS) + MORPH]] = 0.5, 0.3, 0.2
    heard = []
    for size in (64, block):
        made = voice(instrument, size)
        made.set_task(task)
        perform(made, envelope=envelope, **positions, glide=0.3)
        first = play(made, 6_144, *edges)
        perform(made, hz=300.0, envelope=envelope, **{**positions, "morph": 0.9}, glide=0.3)
        rest = play(made, LONG - 6_144, *((at - 6_144, jack, level) for at, jack, level in edges if at >= 6_144))
        heard.append([np.concatenate(parts) for parts in zip(first, rest, strict=True)])
    for one, other in zip(*heard, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


# Morph


def test_the_ends_of_the_morph_are_the_two_gestures(instrument: bundle.Bundle) -> None:
    for morph, alone in ((0.0, HOLD), (1.0, OTHER)):
        between, _ = play(voice(instrument, morph=morph), LONG, *NOTE)
        expected, _ = play(voice(instrument, gesture=alone), LONG, *NOTE)
        assert np.abs(between - expected).max() < 1e-4


def test_the_morph_may_go_to_a_chosen_gesture(instrument: bundle.Bundle) -> None:
    made = voice(instrument, gesture=OTHER, morph=1.0)
    made.choose(OTHER, OTHER)
    assert np.abs(play(made, LONG, *NOTE)[0] - play(voice(instrument, gesture=OTHER), LONG, *NOTE)[0]).max() < 1e-4


def test_half_way_stages_last_half_way_and_latents_lie_between(instrument: bundle.Bundle) -> None:
    one, other = (play(voice(instrument, gesture=g), 640, (0, "gate1", 1))[0] for g in (HOLD, OTHER))
    half = play(voice(instrument, morph=0.5), 640, (0, "gate1", 1))[0]
    assert half[0, LATENT:] == pytest.approx((one[0, LATENT:] + other[0, LATENT:]) / 2, abs=0.05)
    short = ((0, "gate1", 1), (9_600, "gate1", 0))
    lasts = [np.flatnonzero(play(voice(instrument, morph=m), 64_000, *short)[1])[-1] for m in (0.0, 0.5, 1.0)]
    assert lasts[0] < lasts[1] < lasts[2]
    assert lasts[1] == pytest.approx((lasts[0] + lasts[2]) / 2, abs=HOP * 4)


def test_a_morph_that_moves_never_leaves_what_lies_between(instrument: bundle.Bundle) -> None:
    made, rows = voice(instrument), []
    made.gate(0, "gate1", 1)
    for step in range(400):
        perform(made, morph=0.5 + 0.5 * np.sin(step / 3))
        made.render()
        rows.append(made.controls[0].copy())
    both = np.concatenate([Trajectory(gesture).rows for gesture in instrument.gestures])
    latents = np.array(rows)[:, LATENT:]
    assert np.all(latents >= both[:, LATENT:].min(axis=0) - 1e-4)
    assert np.all(latents <= both[:, LATENT:].max(axis=0) + 1e-4)


def test_turned_while_a_note_is_held_it_is_released_as_the_other(instrument: bundle.Bundle) -> None:
    ends = []
    for gesture, before, after in ((OTHER, 0.0, 0.0), (HOLD, 0.0, 1.0)):
        made = voice(instrument, gesture=gesture, morph=before)
        play(made, 9_600, (0, "gate1", 1))
        perform(made, morph=after)
        play(made, 9_600)
        ends.append(np.flatnonzero(play(made, 64_000, (0, "gate1", 0))[1])[-1])
    assert ends[1] == pytest.approx(ends[0], abs=HOP)


def way_of_a_macro(instrument: bundle.Bundle, position: float) -> np.ndarray:
    """Shares of its way, hop by hop, after a jump from the middle."""
    made = voice(instrument, scrub=0.5)
    play(made, 6_400, (0, "gate1", 1))
    perform(made, scrub=0.5, macro1=position)
    way = play(made, 3_200)[0][:, LATENT]
    axis = principal_axes([gesture.latent for gesture in instrument.gestures])[0][0, 0]
    length = 2.0 * (2.0 * position - 1.0) * axis
    return (way - way[-1] + length) / length


def test_a_knob_that_moves_goes_with_4_ms(instrument: bundle.Bundle) -> None:
    assert way_of_a_macro(instrument, 0.5 + FAR)[2] == pytest.approx(1 - np.exp(-1), abs=0.02), (
        "after three hops of 1.33 ms"
    )


@pytest.mark.parametrize("position", [0.0, 1.0])
def test_a_macro_that_jumps_far_is_there_at_once(instrument: bundle.Bundle, position: float) -> None:
    np.testing.assert_allclose(way_of_a_macro(instrument, position), 1.0, atol=1e-5)


# Scrub


def test_the_scrub_is_the_place_in_the_gesture(instrument: bundle.Bundle) -> None:
    rows = Trajectory(instrument.gestures[HOLD]).rows
    for scrub in (0.0, 0.25, 0.5, 0.9, 1.0):
        made = voice(instrument, scrub=scrub)
        controls, _ = play(made, 6_400, (0, "gate1", 1))
        place = scrub * (len(rows) - 1)
        expected = np.array([np.interp(place, np.arange(len(rows)), column) for column in rows.T])
        assert controls[-1, LATENT:] == pytest.approx(expected[LATENT:], abs=1e-4)
        assert np.ptp(controls[-50:], axis=0).max() < 1e-4, "time stands still"


def test_a_scrub_that_rises_moves_on_without_a_step_back(instrument: bundle.Bundle) -> None:
    hold = instrument.gestures[HOLD]
    counting = dataclasses.replace(hold, latent=np.tile(np.arange(len(hold.latent), dtype=np.float32)[:, None], (1, 8)))
    made = voice(dataclasses.replace(instrument, gestures=(counting,)), scrub=0.0)
    # The loop's own drift is taken out of its rows, so that only attack and release count on.
    made.gate(0, "gate1", 1)
    places = []
    for scrub in np.concatenate([np.linspace(0.68, 1.0, 300), np.full(60, 1.0)]):
        perform(made, scrub=scrub)
        made.render()
        places.append(float(made.controls[0, LATENT]))
    settled = np.array(places[40:])
    assert np.all(np.diff(settled) >= -1e-4)
    assert settled[-1] == pytest.approx(len(hold.latent) - 1, abs=0.01)


@pytest.mark.parametrize("leap", [{"scrub": 0.1}, {"scrub": 0.5, "morph": 0.9}])
def test_a_leap_of_what_is_scrubbed_goes_at_once(instrument: bundle.Bundle, leap: dict) -> None:
    made = voice(instrument, scrub=0.5)
    before = play(made, 6_400, (0, "gate1", 1))[0][-1]
    perform(made, **leap)
    controls, _ = play(made, 1_280)
    assert np.abs(controls[0] - before).max() > 0.1
    assert np.ptp(controls, axis=0).max() < 1e-5, "what lies between is not passed through"


def test_a_scrub_that_moves_goes_no_faster_than_a_knob(instrument: bundle.Bundle) -> None:
    made = voice(instrument, scrub=0.5)
    before = play(made, 6_400, (0, "gate1", 1))[0][-1]
    perform(made, scrub=0.5 + 0.9 * FAR)
    controls, _ = play(made, 3_200)
    column = int(np.argmax(np.abs(controls[-1] - before)))
    way = (controls[:, column] - before[column]) / (controls[-1, column] - before[column])
    assert way[2] == pytest.approx(1 - np.exp(-1), abs=0.02), "after three hops of 1.33 ms"


def test_scrubbed_the_gate_opens_and_closes(instrument: bundle.Bundle) -> None:
    made = voice(instrument, scrub=0.5)
    _, gain = play(made, 12_800, (100, "gate1", 1), (9_000, "gate1", 0))
    assert np.flatnonzero(gain)[0] == 100 and np.all(gain[200:9_000] == 1.0)
    assert not gain[10_000:].any() and not made.sounding


def test_a_scrub_that_is_let_go_lets_time_run_from_there(instrument: bundle.Bundle) -> None:
    made = voice(instrument, scrub=0.1)
    scrubbed, _ = play(made, 6_400, (0, "gate1", 1))
    perform(made)
    running, _ = play(made, 6_400)
    assert np.abs(running[0] - scrubbed[-1])[LATENT:].max() < 0.3
    assert np.ptp(running[:, LATENT:], axis=0).max() > 0.3


# Transient


def test_the_onset_follows_the_transient_and_the_sustain_does_not(instrument: bundle.Bundle) -> None:
    plain, _ = play(voice(instrument), 12_800, (0, "gate1", 1))
    positions = (0.0, 0.25, 0.75, 1.0)
    levels = [play(voice(instrument, transient=t), 12_800, (0, "gate1", 1))[0] - plain for t in positions]
    onsets = [level[:10, RMS].mean() for level in levels]
    assert onsets == sorted(onsets) and onsets[0] < -8 and onsets[-1] > 8
    assert max(np.abs(level[75:, RMS]).max() for level in levels) < 1.0


# Variation


def hits(instrument: bundle.Bundle, variation: float, seed: int = 0, count: int = 12) -> np.ndarray:
    """[hits, hops, C] of `count` equal notes, each after the last has ended."""
    made, length = voice(instrument, seed=seed, variation=variation), 22_400
    return np.array([play(made, length, (0, "gate1", 1), (6_000, "gate1", 0))[0][:130] for _ in range(count)])


def test_without_variation_every_hit_is_the_same_bit_for_bit(instrument: bundle.Bundle) -> None:
    same = hits(instrument, 0.0)
    assert all(np.array_equal(hit, same[0]) for hit in same[1:])


def test_varied_hits_differ_and_stay_in_the_spread(instrument: bundle.Bundle) -> None:
    plain, varied = hits(instrument, 0.0, count=2)[0], hits(instrument, 0.2)
    apart = varied - plain
    assert np.abs(np.diff(apart[:, 50], axis=0)).max(axis=1).min() > 1e-3
    _, spread = principal_axes([gesture.latent for gesture in instrument.gestures])
    assert np.abs(apart[..., LATENT:]).max(axis=(0, 1)) == pytest.approx(0.4 * spread, rel=0.5)
    assert np.all(np.abs(apart[..., LATENT:]) <= 0.4 * spread + 1e-5)
    assert np.abs(apart[..., 0]).max() <= 0.2 * VARIES[0] + 1e-5
    assert np.abs(apart[..., RMS]).max() <= 0.2 * VARIES[1] + 1e-4


def test_one_seed_varies_in_one_way(instrument: bundle.Bundle) -> None:
    assert np.array_equal(hits(instrument, 0.5, seed=3), hits(instrument, 0.5, seed=3))
    assert not np.array_equal(hits(instrument, 0.5, seed=3), hits(instrument, 0.5, seed=4))


# Glide


@pytest.mark.parametrize("position", [0.2, 0.5, 1.0])
def test_a_glide_reaches_a_pitch_with_its_time_constant(instrument: bundle.Bundle, position: float) -> None:
    made = voice(instrument, gesture=OTHER)
    made.intonation = 0.0
    perform(made, glide=position)
    play(made, 6_400, (0, "gate1", 1))
    perform(made, hz=2 * C4_HZ, glide=position)
    constant_s = position**2
    controls, _ = play(made, round(constant_s * SAMPLE_RATE_HZ) // HOP * HOP)
    assert controls[-1, 0] == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert made.f0_hz[0] == pytest.approx(C4_HZ * 2.0 ** float(controls[-1, 0]), rel=1e-6)
    assert np.all(np.diff(controls[:, 0]) > 0)


def test_without_glide_the_pitch_jumps(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    play(made, 6_400, (0, "gate1", 1))
    perform(made, hz=2 * C4_HZ)
    assert play(made, 64)[0][0, 0] == pytest.approx(1.0, abs=1e-6)


# Release


def test_the_release_lasts_as_long_as_it_is_set(instrument: bundle.Bundle) -> None:
    def release_s(position: float) -> float:
        gain = play(voice(instrument, release=position), 96_000, (0, "gate1", 1), (9_600, "gate1", 0))[1]
        return float(np.flatnonzero(gain)[-1] - 9_600 - 720) / SAMPLE_RATE_HZ

    plain = release_s(0.5)
    assert plain == pytest.approx(59 * HOP / SAMPLE_RATE_HZ, abs=0.003)
    assert release_s(0.5 + 1 / 6) == pytest.approx(2 * plain, abs=0.003)
    assert release_s(0.0) == pytest.approx(plain / 8, abs=0.003)


# Macros


def test_a_macro_moves_the_latent_along_its_axis_and_nothing_else(instrument: bundle.Bundle) -> None:
    plain, _ = play(voice(instrument), 6_400, (0, "gate1", 1))
    axes, _ = principal_axes([gesture.latent for gesture in instrument.gestures])
    for name, axis in zip(("macro1", "macro2"), axes, strict=True):
        moved = play(voice(instrument, **{name: 1.0}), 6_400, (0, "gate1", 1))[0] - plain
        assert moved[:, LATENT:] == pytest.approx(np.tile(2.0 * axis, (100, 1)), abs=1e-5)
        assert not moved[:, :LATENT].any()


def test_axes_are_those_along_which_latents_differ_most() -> None:
    random = np.random.default_rng(0)
    latents = random.normal(size=(4_000, 6)) * [0.1, 3.0, 0.1, 0.1, 1.0, 0.1] + 7.0
    axes, spread = principal_axes([latents[:1_000], latents[1_000:]])
    assert np.abs(axes[0]) == pytest.approx([0, 3, 0, 0, 0, 0], abs=0.15) and axes[0, 1] > 0
    assert np.abs(axes[1]) == pytest.approx([0, 0, 0, 0, 1, 0], abs=0.15) and axes[1, 4] > 0
    assert spread[1] == pytest.approx(3.0, abs=0.1)


def test_latents_that_never_move_have_no_axes() -> None:
    axes, _ = principal_axes([np.ones((10, 8), np.float32)])
    assert np.isfinite(axes).all() and not axes.any()


# Gate 2


def test_a_freeze_holds_what_is_heard_and_its_period_is_as_set(instrument: bundle.Bundle) -> None:
    made = voice(instrument, gesture=OTHER, freeze=0.3)
    period = freeze_hops(0.3)
    frozen, gain = play(made, 480_000, (0, "gate1", 1), (9_600, "gate2", 1), (12_000, "gate1", 0))
    assert np.all(gain[100:] == 1.0), "a gate that falls is heard when gate 2 falls"
    looped = frozen[151:, LATENT].astype(np.float64)
    turns = int(6_000 / period)
    there, t = np.arange(2 * period, 3 * period), np.arange(len(looped))
    first, later = (np.interp(there + by, t, looped) for by in (0.0, turns * period))
    a_sample_off = np.interp(there + turns * (period + 1 / HOP), t, looped)
    assert np.abs(first - later).max() < 0.2 * np.abs(first - a_sample_off).max()
    _, gain = play(made, 48_000, (0, "gate2", 0))
    assert not gain[-1_000:].any()


@pytest.mark.parametrize(("position", "length_s"), [(0.0, 0.02), (0.5, 0.1), (1.0, 0.5)])
def test_a_loop_lasts_from_20_to_500_ms(position: float, length_s: float) -> None:
    assert freeze_hops(position) * HOP / SAMPLE_RATE_HZ == pytest.approx(length_s)


def starts(instrument: bundle.Bundle, task: str, *edges: Edge, samples: int = 96_000) -> list[int]:
    """Samples from which the gain makes way for a new beginning, or opens."""
    made = voice(instrument, gesture=OTHER)
    made.set_task(task)
    _, gain = play(made, samples, *edges)
    return [int(at) + 1 for at in np.flatnonzero((gain[:-1] == 0.0) & (gain[1:] > 0.0))]


def test_a_retrigger_starts_the_gesture_on_its_sample(instrument: bundle.Bundle) -> None:
    edges = ((100, "gate1", 1), (9_000, "gate2", 1), (9_500, "gate2", 0), (20_011, "gate2", 1))
    found = starts(instrument, "retrigger", *edges)
    delay = instrument.card.delay_samples
    assert found[0] == 100 and len(found) == 3
    assert found[1] - 9_000 == found[2] - 20_011 and 0 <= found[1] - 9_000 <= delay + 32


def test_without_gate_1_a_retrigger_is_a_trigger(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    made.set_task("retrigger")
    _, gain = play(made, 64_000, (300, "gate2", 1))
    assert np.flatnonzero(gain)[0] == 300 and not gain[-20_000:].any()


@pytest.mark.parametrize("apart", [-40, 0, 40])
def test_both_gates_at_once_are_one_start(instrument: bundle.Bundle, apart: int) -> None:
    edges = ((5_000, "gate1", 1), (5_000 + apart, "gate2", 1), (40_000, "gate1", 0))
    assert starts(instrument, "retrigger", *edges) == [5_000 + min(apart, 0)]
    made = voice(instrument)
    made.set_task("retrigger")
    _, gain = play(made, 38_400, *edges)
    assert np.all(gain[5_100:] == 1.0), "gate 1 holds it"


def test_a_tapped_clock_retriggers_while_gate_1_is_held(instrument: bundle.Bundle) -> None:
    taps = ((100, "gate1", 1), (10_000, "gate2", 1), (10_100, "gate2", 0), (17_000, "gate2", 1), (60_000, "gate1", 0))
    found = starts(instrument, "tap", *taps)
    expected = [10_000, 17_000, 24_000, 31_000, 38_000, 45_000, 52_000, 59_000]
    assert np.array(found[1:]) - found[1] + 10_000 == pytest.approx(np.array(expected))


def test_next_gesture_and_next_preset_are_not_for_the_voice(instrument: bundle.Bundle) -> None:
    for task in ("next gesture", "next preset"):
        assert starts(instrument, task, (300, "gate2", 1), (5_000, "gate2", 0)) == []


def test_another_task_lets_go_of_what_was_frozen(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    play(made, 9_600, (0, "gate1", 1), (4_800, "gate2", 1))
    made.set_task("tap")
    assert np.ptp(play(made, 9_600)[0][50:, LATENT:], axis=0).max() > 0.1


# Envelope


def test_an_envelope_moves_a_knob_as_the_gesture_gets_louder(instrument: bundle.Bundle) -> None:
    envelope = np.zeros(PLAYED)
    envelope[KNOBS.index("sharpness")] = 0.4
    made = voice(instrument)
    perform(made, envelope=envelope)
    plain, _ = play(voice(instrument), 6_400, (0, "gate1", 1))
    moved, _ = play(made, 6_400, (0, "gate1", 1))
    lift, level = (moved - plain)[:, KNOBS.index("sharpness")], plain[:, RMS]
    assert lift[:2].max() < 0.1 * lift.max() and lift[30:].min() > 0.5 * lift.max()
    assert np.corrcoef(lift, 10 ** (level / 20))[0, 1] > 0.99
    assert np.array_equal(moved[:, LATENT:], plain[:, LATENT:])


def test_an_envelope_is_that_of_the_row_it_moves(instrument: bundle.Bundle) -> None:
    """Where the place leaps, and the loudness with it, no frame has the one without the other."""
    made, envelope = voice(instrument, scrub=0.5), np.zeros(PLAYED)
    envelope[KNOBS.index("centroid")] = 0.4
    perform(made, envelope=envelope, scrub=0.5)
    play(made, 6_400, (0, "gate1", 1))
    perform(made, envelope=envelope, scrub=0.02)
    controls, _ = play(made, 640)
    assert np.ptp(controls, axis=0).max() < 1e-5


def test_an_envelope_bends_the_pitch_in_octaves(instrument: bundle.Bundle) -> None:
    envelope = np.zeros(PLAYED)
    envelope[0] = 1.0
    made = voice(instrument)
    perform(made, envelope=envelope)
    controls, _ = play(made, 6_400, (0, "gate1", 1))
    assert controls[0, 0] < 0.1 and controls[40:, 0].max() == pytest.approx(1.0, abs=0.1)
    perform(made)
    assert play(made, 640)[0][-1, 0] == pytest.approx(0.0, abs=1e-6)


def test_one_envelope_to_every_knob_is_played(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    perform(made, envelope=np.full(PLAYED, 2.5), scrub=0.5)
    controls, gain = play(made, LONG, *NOTE, (4_000, "gate2", 1), (8_000, "gate2", 0))
    assert np.isfinite(controls).all() and np.isfinite(gain).all()


def test_onset_columns_are_the_descriptors() -> None:
    assert len(ONSET) == len(DESCRIPTORS) == len(VARIES) - 1
