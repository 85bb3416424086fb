"""The shipped instruments obey: alive under every knob, in tune, without clicks. Their gestures stand in for held-out
sounds, so these are floors, well below what `learn.evaluate` measures."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack import bundle
from neurorack.learn.choose import short_names
from neurorack.learn.evaluate.clicks import jumps
from neurorack.learn.evaluate.instrument import Instrument, streaming_difference
from neurorack.learn.evaluate.purity import off_harmonic_db
from neurorack.learn.evaluate.sweeps import sweep
from neurorack.learn.shipped import INSTRUMENTS
from neurorack.learn.tuning import measure_f0
from neurorack.words import C4_HZ, DESCRIPTORS

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module", params=sorted(INSTRUMENTS))
def shipped(request) -> Instrument:
    return Instrument(bundle.load(MODELS / request.param))


@pytest.fixture(scope="module")
def fluid() -> Instrument:
    return Instrument(bundle.load(MODELS / "fluid"))


def body(instrument: Instrument, index: int) -> tuple[np.ndarray, float, np.ndarray | None]:
    """(latent, pitch in octaves from C4 or from the pitch played, partials) in the middle of a gesture's loop, or where
    a hit rings."""
    gestures = instrument.bundle.gestures
    gesture = gestures[index % len(gestures)]
    row = (gesture.loop_start + gesture.loop_end) // 2 if gesture.loop_end > gesture.loop_start else 40
    row = min(row, len(gesture.latent) - 1)
    return gesture.latent[row], float(gesture.pitch[row]), gesture.partials


@pytest.mark.parametrize("knob", range(5), ids=DESCRIPTORS)
def test_every_knob_does_what_it_says_over_octaves(shipped, knob):
    octaves = (-2, 0, 1, 2, 4) if shipped.bundle.card.kind == "pitched" else (-1, 0, 0, 1)
    sweeps = []
    for i, octave in enumerate(octaves):
        latent, pitch_oct, partials = body(shipped, 3 * i)
        sweeps.append(sweep(shipped, knob, float(np.clip(octave + pitch_oct, -3.5, 4.2)), latent, partials))
    assert np.median([s.spearman for s in sweeps]) >= 0.9
    assert 0.75 <= np.median([s.slope for s in sweeps]) <= 1.25


def test_it_is_small_and_says_where_it_comes_from(shipped):
    card = shipped.bundle.card
    assert card.kind == INSTRUMENTS[card.name].kind
    assert card.decoder.bytes + card.encoder.bytes < 2_000_000
    assert card.cost.parameters <= 300_000
    assert card.sources and not any("test only" in source.what.lower() for source in card.sources)
    assert card.quality


def test_gestures_are_many_and_different(shipped):
    gestures = shipped.bundle.gestures
    assert len(gestures) >= 12
    means = np.array([gesture.latent.mean(axis=0) for gesture in gestures])
    apart = np.abs(means[:, None] - means).max(axis=2) + np.eye(len(gestures))
    assert apart.min() > 0.05


def test_its_gestures_are_those_that_presets_name(shipped):
    wanted = short_names(INSTRUMENTS[shipped.bundle.card.name].gestures.split())
    assert [gesture.name for gesture in shipped.bundle.gestures] == wanted


def test_any_block_gives_the_same_sound(shipped):
    assert streaming_difference(shipped, shipped.bundle.gestures[0].partials, hops=96) < 1e-5


def test_no_knob_clicks_when_it_jumps(shipped):
    assert max(jump.excess_db for jump in jumps(shipped.bundle, 0, 24)) < 3


def test_strange_controls_give_bounded_sound(shipped):
    random = np.random.default_rng(0)
    latent = random.normal(0, 50, (200, shipped.bundle.card.latent))
    partials = shipped.bundle.gestures[0].partials
    audio = shipped.play(random.uniform(-6, 6, 200), random.normal(0, 50, (200, 5)), latent, partials)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() < 60  # fifty deviations off, leaping octaves: every partial full on and in phase


@pytest.mark.parametrize("octave", [-2, -1, 0, 1, 2, 3, 4])
def test_with_noise_off_and_knobs_at_rest_all_is_harmonic_and_in_tune(fluid, octave):
    f0_hz = C4_HZ * 2.0**octave
    audio = fluid.play_knobs(octave, np.full((1400, 5), 0.5), body(fluid, 0)[0], noisy=False)
    assert off_harmonic_db(audio, f0_hz) < -40
    assert abs(measure_f0(audio, f0_hz, held_s=1.8)[1]) < 0.5


def test_the_middle_of_the_level_knob_leaves_headroom_and_its_bottom_is_quiet(fluid):
    levels = []
    for u in (0.0, 0.5, 1.0):
        knobs = np.full((400, 5), 0.5)
        knobs[:, 0] = u
        audio = fluid.play_knobs(0, knobs, body(fluid, 1)[0])
        assert np.abs(audio).max() < 2.0
        levels.append(10 * np.log10(np.mean(audio[2000:] ** 2)))
    assert levels == pytest.approx([-60, -20, -10], abs=1.5)
