"""The voice plays a gate on its sample, turns knobs without a click, and adds gesture to knob."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack import bundle
from neurorack.patch.gestures import Trajectory
from neurorack.patch.knobs import Scales
from neurorack.patch.voice import CLOSE_SAMPLES, OPEN_SAMPLES, RMS_MAX_DB, Voice
from neurorack.words import BLOCKS, C4_HZ, HOP

MIDDLE = np.full(5, 0.5)
HOLD, STILL = 0, 1


@pytest.fixture
def instrument(tiny_bundle: Path) -> bundle.Bundle:
    return bundle.load(tiny_bundle)


def voice(instrument: bundle.Bundle, block: int = 64, gesture: int = STILL) -> Voice:
    made = Voice(instrument, block)
    made.choose(gesture)
    made.set_targets(C4_HZ, MIDDLE)
    return made


def play(made: Voice, samples: int, gates: dict[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Controls [hops, C] and gain [samples] of so many samples, with edges {sample: level}."""
    block, controls, gain = len(made.gain), [], []
    for start in range(0, samples, block):
        for sample, level in sorted((gates or {}).items()):
            if start <= sample < start + block:
                made.gate(sample - start, "gate1", level)
        made.render()
        controls.append(made.controls.copy())
        gain.append(made.gain.copy())
    return np.concatenate(controls), np.concatenate(gain)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("sample", [0, 1, 63, 64, 500, 777])
def test_the_gain_opens_on_the_gates_sample(instrument: bundle.Bundle, block: int, sample: int) -> None:
    _, gain = play(voice(instrument, block), 1536, {sample: 1})
    assert np.flatnonzero(gain)[0] == sample
    assert np.all(gain[sample + OPEN_SAMPLES :] == 1.0)


def test_without_a_gate_it_is_silent(instrument: bundle.Bundle) -> None:
    _, gain = play(voice(instrument), 6400)
    assert not gain.any()


def test_gate2_does_not_play(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    made.gate(0, "gate2", 1)
    assert not play(made, 640)[1].any()


@pytest.mark.parametrize("block", [128, 256, 512])
def test_blocks_of_every_size_give_the_same(instrument: bundle.Bundle, block: int) -> None:
    gates = {100: 1, 5000: 0, 5300: 1, 5310: 0, 5400: 1, 20_011: 0}
    small, large = voice(instrument, 64, HOLD), voice(instrument, block, HOLD)
    for one, other in zip(play(small, 30_720, gates), play(large, 30_720, gates), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_the_end_of_the_release_closes_the_gain_and_rests(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 64, HOLD)
    gesture = instrument.gestures[HOLD]
    release = (len(gesture.latent) - 1 - gesture.loop_end) * HOP
    at_rest, _ = play(made, 64)
    controls, gain = play(made, 32_000, {0: 1, 9_000: 0})
    end = np.flatnonzero(gain)[-1] + 1
    assert end == pytest.approx(9_000 + release + instrument.card.delay_samples + CLOSE_SAMPLES, abs=1)
    assert np.all(np.diff(gain[9_000:]) <= 0)
    assert not made.sounding
    np.testing.assert_allclose(controls[-1], at_rest[-1], atol=1e-6)


def test_a_retrigger_dips_for_less_than_two_milliseconds(instrument: bundle.Bundle) -> None:
    _, gain = play(voice(instrument, 64, HOLD), 20_000, {0: 1, 9_000: 0, 9_700: 1})
    dip = np.flatnonzero(gain[100:15_000] < 1.0)
    assert 0 < len(dip) <= 96
    assert 9_700 <= dip[0] + 100 <= 9_700 + instrument.card.delay_samples
    assert gain[dip + 100].min() == 0.0
    assert np.abs(np.diff(gain)).max() < 0.05


def test_a_gate_in_the_last_fade_plays_at_once(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 64, HOLD)
    _, gain = play(made, 32_000, {0: 1, 9_000: 0})
    fading = int(np.flatnonzero(gain)[-1]) - CLOSE_SAMPLES // 2
    made = voice(instrument, 64, HOLD)
    _, gain = play(made, 32_000, {0: 1, 9_000: 0, fading: 1})
    assert np.all(gain[fading + OPEN_SAMPLES :] == 1.0)
    assert np.diff(gain)[fading - 1 : fading + 20].min() > 0


def test_a_gate_between_the_gestures_end_and_its_fade_takes_the_fade_back(instrument: bundle.Bundle) -> None:
    late = dataclasses.replace(instrument, card=msgspec.structs.replace(instrument.card, delay_samples=140))
    gates = {0: 1, 9_000: 0}
    _, gain = play(voice(late, 64, HOLD), 32_000, gates)
    fade = int(np.flatnonzero(gain)[-1]) + 1 - CLOSE_SAMPLES
    _, gain = play(voice(late, 64, HOLD), 32_000, {**gates, fade - 70: 1})
    assert np.all(gain[OPEN_SAMPLES:] == 1.0)


def test_pitch_jumps_at_once(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    play(made, 64)
    made.set_targets(2 * C4_HZ, MIDDLE)
    controls, _ = play(made, 64)
    assert controls[0, 0] == pytest.approx(1.0)
    assert made.f0_hz[0] == pytest.approx(2 * C4_HZ)


def test_a_knob_reaches_its_place_without_a_jump(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    play(made, 64)
    made.set_targets(C4_HZ, np.ones(5))
    rms_db = play(made, 48 * 30)[0][:, 1]
    top, bottom = instrument.card.knobs[0].location[0] + instrument.card.knobs[0].spread[0], -27.0
    assert np.all(np.diff(rms_db) >= 0)
    assert np.abs(np.diff(rms_db, prepend=bottom)).max() < 0.3 * (top - bottom)
    assert rms_db[3] > (top + bottom) / 2  # half way within four frames, 5.3 ms
    assert rms_db[-1] == pytest.approx(top, abs=0.1)


def test_the_first_knobs_heard_are_where_they_stand(instrument: bundle.Bundle) -> None:
    made = Voice(instrument, 64)
    made.choose(STILL)
    made.set_targets(C4_HZ, np.full(5, 0.2))
    controls, _ = play(made, 128)
    np.testing.assert_allclose(controls[0], controls[1], atol=1e-5)


@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_a_target_is_knob_plus_depth_times_gesture(instrument: bundle.Bundle, depth: float) -> None:
    made = voice(instrument, 64, HOLD)
    made.depth = depth
    controls, _ = play(made, 40 * HOP, {0: 1})
    rows = Trajectory(instrument.gestures[HOLD]).rows
    scales = Scales.from_card(instrument.card)
    for hop in (0, 10, 30):
        row = rows[hop + 1]
        rms_db = scales.physical(0.0, MIDDLE.tolist())[0] + depth * row[1]
        expected = scales.physical(0.0, (MIDDLE + depth * row[1:6]).tolist(), float(min(rms_db, RMS_MAX_DB)))
        np.testing.assert_allclose(controls[hop, 1:6], expected, rtol=1e-4)
        np.testing.assert_allclose(controls[hop, 6:], row[6:], rtol=1e-5)


def test_the_level_never_asks_for_more_than_the_limit(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 64, HOLD)
    made.depth = 10.0
    made.set_targets(C4_HZ, np.ones(5))
    controls, _ = play(made, 200 * HOP, {0: 1})
    assert controls[:, 1].max() == pytest.approx(RMS_MAX_DB)
    assert controls[:, 1].min() >= -120.0


def test_a_trigger_is_heard_whole(instrument: bundle.Bundle) -> None:
    controls, gain = play(voice(instrument, 64, HOLD), 12_800, {10: 1, 250: 0})  # 5 ms
    held, _ = play(voice(instrument, 64, HOLD), 12_800, {10: 1})
    assert controls[:, 1].max() >= held[:20, 1].max() - 0.5
    assert gain[-1] == 0.0
