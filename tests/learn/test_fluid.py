"""The shipped instrument obeys: in tune, clean, alive under every knob. Its gestures stand in for held-out sounds."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack import bundle
from neurorack.learn.evaluate.clicks import jumps
from neurorack.learn.evaluate.instrument import Instrument, streaming_difference
from neurorack.learn.evaluate.purity import off_harmonic_db
from neurorack.learn.evaluate.sweeps import sweep
from neurorack.learn.tuning import measure_f0
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

FLUID = Path(__file__).resolve().parents[2] / "models" / "fluid"


@pytest.fixture(scope="module")
def fluid() -> Instrument:
    return Instrument(bundle.load(FLUID))


def body(fluid: Instrument, index: int) -> np.ndarray:
    gesture = fluid.bundle.gestures[index % len(fluid.bundle.gestures)]
    return gesture.latent[(gesture.loop_start + gesture.loop_end) // 2]


@pytest.mark.parametrize("knob", range(5), ids=DESCRIPTORS)
def test_every_knob_does_what_it_says_from_c2_to_c8(fluid, knob):
    sweeps = [sweep(fluid, knob, octave, body(fluid, 3 * i)) for i, octave in enumerate((-2, 0, 1, 2, 4))]
    assert np.median([s.spearman for s in sweeps]) >= 0.9
    assert np.median([s.slope for s in sweeps]) >= 0.7


@pytest.mark.parametrize("octave", [-2, -1, 0, 1, 2, 3, 4])
def test_with_noise_off_and_knobs_at_rest_all_is_harmonic_and_in_tune(fluid, octave):
    f0_hz = C4_HZ * 2.0**octave
    audio = fluid.play_knobs(octave, np.full((1400, 5), 0.5), body(fluid, 0), noisy=False)
    assert off_harmonic_db(audio, f0_hz) < -40
    assert abs(measure_f0(audio, f0_hz, held_s=1.8)[1]) < 0.5


def test_the_middle_of_the_level_knob_leaves_headroom_and_its_bottom_is_quiet(fluid):
    levels = []
    for u in (0.0, 0.5, 1.0):
        knobs = np.full((400, 5), 0.5)
        knobs[:, 0] = u
        audio = fluid.play_knobs(0, knobs, body(fluid, 1))
        assert np.abs(audio).max() < 2.0
        levels.append(10 * np.log10(np.mean(audio[2000:] ** 2)))
    assert levels == pytest.approx([-60, -20, -10], abs=1.5)


def test_any_block_gives_the_same_sound(fluid):
    assert streaming_difference(fluid, hops=96) < 1e-5


def test_no_knob_clicks_when_it_jumps(fluid):
    assert max(jump.excess_db for jump in jumps(fluid.bundle, 0, 24)) < 3


def test_gestures_are_many_and_different(fluid):
    gestures = fluid.bundle.gestures
    assert len(gestures) >= 12
    bodies = np.array([body(fluid, i) for i in range(len(gestures))])
    apart = np.abs(bodies[:, None] - bodies).max(axis=2) + np.eye(len(gestures))
    assert apart.min() > 0.05
    for gesture in gestures:
        assert gesture.loop_start * HOP / 48_000 > 0.2
        assert gesture.descriptors[:, 0].max() - gesture.median[0] < 12


def test_strange_controls_give_bounded_sound(fluid):
    random = np.random.default_rng(0)
    controls = random.normal(0, 50, (200, 5))
    latent = random.normal(0, 50, (200, fluid.bundle.card.latent))
    audio = fluid.play(random.uniform(-6, 6, 200), controls, latent)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() < 12
