"""The voice plays a gate on its sample, turns knobs without a click, and adds gesture to knob."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurorack import bundle
from neurorack.patch.gestures import Trajectory
from neurorack.patch.knobs import Scales
from neurorack.patch.voice import CLOSE_SAMPLES, OPEN_SAMPLES, RMS_MAX_DB, STRIKE_SAMPLES, Voice
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


@pytest.fixture
def struck(struck_bundle: Path) -> bundle.Bundle:
    return bundle.load(struck_bundle)


DRUM, BELL, BRUSH = 0, 1, 2


def moving(instrument: bundle.Bundle, cents: float) -> bundle.Bundle:
    """The same with a vibrato of six cycles a second in every gesture."""
    gestures = [
        dataclasses.replace(g, pitch=np.float32(cents / 1200 * np.sin(2 * np.pi * 6 * np.arange(len(g.latent)) / 750)))
        for g in instrument.gestures
    ]
    return dataclasses.replace(instrument, gestures=tuple(gestures))


def pitches(made: Voice, hops: int, gates: dict[int, int]) -> np.ndarray:
    """f0 in Hz of every hop of a voice of one hop a block."""
    out = []
    for hop in range(hops):
        if hop * HOP in gates:
            made.gate(0, "gate1", gates[hop * HOP])
        made.render()
        assert made.controls[0, 0] == pytest.approx(np.log2(made.f0_hz[0] / C4_HZ), abs=1e-6)
        out.append(made.f0_hz[0])
    return np.array(out)


def test_intonation_0_is_exactly_the_pitch_of_voct(instrument: bundle.Bundle) -> None:
    made = voice(moving(instrument, 50.0), 64, HOLD)
    made.intonation = 0.0
    made.set_targets(333.3, MIDDLE)
    assert np.all(pitches(made, 200, {0: 1}) == 333.3)


@pytest.mark.parametrize("intonation", [0.5, 1.0, 2.0])
def test_pitch_is_voct_times_the_gestures_own(struck: bundle.Bundle, intonation: float) -> None:
    made = voice(struck, 64, DRUM)
    made.intonation = intonation
    made.set_targets(2 * C4_HZ, MIDDLE)
    heard = pitches(made, 100, {0: 1})
    own = np.interp(np.arange(1, 101), np.arange(160), struck.gestures[DRUM].pitch)
    np.testing.assert_allclose(heard, 2 * C4_HZ * 2 ** (intonation * own), rtol=1e-6)


def test_a_pitch_that_cannot_be_played_is_held_at_the_edge(struck: bundle.Bundle) -> None:
    low, high = (dataclasses.replace(struck.gestures[DRUM], pitch=np.full(160, oct, np.float32)) for oct in (-8, 8))
    for gesture, edge_hz in ((low, 8.0), (high, 8_000.0)):
        made = voice(dataclasses.replace(struck, gestures=(gesture,)), 64, 0)
        assert np.all(pitches(made, 10, {0: 1}) == edge_hz)


def test_scales_are_read_at_the_pitch_that_sounds(struck: bundle.Bundle) -> None:
    made = voice(struck, 64, BELL)
    controls, _ = play(made, 20 * HOP, {0: 1})
    expected = Scales.from_card(struck.card).physical(1.0, [0.5] * 5, float(controls[-1, 1]))
    np.testing.assert_allclose(controls[-1, :6], [1.0, *expected], rtol=1e-5)


@pytest.mark.parametrize("fall", [10, 500, 5_000])
def test_a_one_shot_outlives_its_gate(struck: bundle.Bundle, fall: int) -> None:
    controls, gain = play(voice(struck, 64, DRUM), 14_080, {0: 1, fall: 0})
    held, open_ = play(voice(struck, 64, DRUM), 14_080, {0: 1})
    np.testing.assert_array_equal(controls, held)
    np.testing.assert_array_equal(gain, open_)
    end = np.flatnonzero(gain)[-1] + 1
    assert end == pytest.approx(159 * HOP + CLOSE_SAMPLES, abs=1)


@pytest.mark.parametrize("sample", [0, 1, 63, 64, 777])
def test_a_percussive_voice_opens_within_eight_samples(struck: bundle.Bundle, sample: int) -> None:
    _, gain = play(voice(struck, 64, DRUM), 1536, {sample: 1})
    assert np.flatnonzero(gain)[0] == sample
    assert np.all(gain[sample + STRIKE_SAMPLES - 1 :] == 1.0)


@pytest.mark.parametrize("place", [0, 1, 5, 8, 30, 63])
def test_a_percussive_retrigger_costs_less_than_half_a_millisecond(struck: bundle.Bundle, place: int) -> None:
    """After its sample; before it, the old strike goes with the hop, and nothing of the new one is heard coming."""
    made, second = voice(struck, 64, DRUM), 50 * HOP + place
    _, gain = play(made, 80 * HOP, {0: 1, 1_000: 0, second: 1})
    assert np.all(gain[100 : 50 * HOP] == 1.0)
    struck_at = max(second, 50 * HOP + STRIKE_SAMPLES)
    assert gain[struck_at - 1] == 0.0
    assert np.all(gain[second + 24 : 80 * HOP] == 1.0)
    assert np.abs(np.diff(gain[10:])).max() <= 1 / STRIKE_SAMPLES + 1e-6


def test_a_strike_has_its_level_at_once_however_low_it_is(struck: bundle.Bundle) -> None:
    made = Voice(struck, 64)
    made.choose(DRUM)
    made.set_targets(20.0, MIDDLE)
    controls, _ = play(made, 160 * HOP, {0: 1, 100 * HOP: 1})
    assert controls[99, 1] < controls[0, 1] - 20.0
    np.testing.assert_array_equal(controls[100:150], controls[:50])


@pytest.mark.parametrize("block", BLOCKS)
def test_every_strike_is_told_with_its_sample_and_partials(struck: bundle.Bundle, block: int) -> None:
    made, told = voice(struck, block, DRUM), []
    drum, bell = (struck.gestures[n].partials for n in (DRUM, BELL))
    for start in range(0, 8_192, block):
        for sample in (700, 5_000):
            if start <= sample < start + block:
                made.gate(sample - start, "gate1", 1)
        if start == 1_024:
            made.choose(BELL)
        made.render()
        told += [(start + offset, partials) for offset, partials in made.strikes]
    assert [sample for sample, _ in told] == [0, 700, 5_000]  # the first is silent: partials stand ready
    for (_, partials), expected in zip(told, (drum, drum, bell), strict=True):
        np.testing.assert_array_equal(partials, expected)


def test_a_choice_in_silence_makes_its_partials_ready(struck: bundle.Bundle) -> None:
    made = voice(struck, 64, DRUM)
    play(made, 640)
    assert not made.strikes
    made.choose(BELL)
    made.render()
    assert [offset for offset, _ in made.strikes] == [0]
    np.testing.assert_array_equal(made.strikes[0][1], struck.gestures[BELL].partials)


def test_a_pitched_voice_tells_no_strikes(instrument: bundle.Bundle) -> None:
    made = voice(instrument)
    made.gate(3, "gate1", 1)
    made.render()
    assert not made.strikes


def heard_rows(made: Voice, level_db: float = 3.0) -> np.ndarray:
    rows = np.zeros((len(made.gain) // HOP, made.controls.shape[1]), np.float32)
    rows[:, 0], rows[:, 1], rows[:, 6:] = 0.25, level_db, 0.7
    return rows


def test_what_is_heard_plays_in_place_of_the_gesture_without_a_gate(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 128, HOLD)
    rows = heard_rows(made)
    gains = []
    for _ in range(10):
        made.render(rows)
        gains.append(made.gain.copy())
    assert np.all(np.diff(np.concatenate(gains)) >= 0) and gains[0][0] < 0.05 and np.all(gains[1] == 1.0)
    assert made.f0_hz == pytest.approx(C4_HZ * 2**0.25)
    scales = Scales.from_card(instrument.card)
    level = scales.physical(0.25, MIDDLE.tolist())[0] + 3.0
    expected = scales.physical(0.25, [0.5, *MIDDLE[1:]], level)
    np.testing.assert_allclose(made.controls[-1, 1:6], expected, rtol=1e-4)
    assert np.all(made.controls[:, 6:] == np.float32(0.7))


def test_what_was_heard_fades_out_as_it_was(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 64, HOLD)
    for _ in range(10):
        made.render(heard_rows(made))
    level = made.controls[0, 1]
    gains = []
    for _ in range(30):
        made.render()
        gains.append(made.gain.copy())
        if made.gain[-1] > 0:
            assert made.controls[0, 1] == level
    gain = np.concatenate(gains)
    assert np.all(np.diff(gain) <= 0) and np.abs(np.diff(gain)).max() < 0.01 and gain[-1] == 0.0
    assert not made.sounding


def test_gates_while_another_sound_is_heard_are_not(instrument: bundle.Bundle) -> None:
    made, gates = voice(instrument, 64, HOLD), {10: 1, 14: 0, 50: 1, 80: 0}
    for block in range(200):  # a retrigger at 50, and the release ends at 140
        if block in gates:
            made.gate(5, "gate1", gates[block])
        made.render(heard_rows(made))
        assert block == 0 or np.all(made.gain == 1.0)
        assert np.all(made.controls[:, 6:] == np.float32(0.7))


def test_a_note_that_is_held_sounds_again_after_another_sound(instrument: bundle.Bundle) -> None:
    made = voice(instrument, 64, STILL)
    made.gate(0, "gate1", 1)
    for block in range(60):
        made.render(heard_rows(made) if 20 <= block < 40 else None)
    assert np.all(made.gain == 1.0)
    assert not made.controls[:, 6:].any()


@pytest.mark.parametrize("block", [128, 512])
def test_blocks_of_every_size_strike_the_same(struck: bundle.Bundle, block: int) -> None:
    gates = {100: 1, 900: 0, 3_000: 1, 3_500: 1, 3_510: 1, 20_011: 1}
    small, large = voice(struck, 64, DRUM), voice(struck, block, DRUM)
    for one, other in zip(play(small, 30_720, gates), play(large, 30_720, gates), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
