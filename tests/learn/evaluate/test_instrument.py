"""A bundle plays any frames, the same in every block, and knobs are read back from what is heard."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from neurorack.errors import BadInput
from neurorack.learn.evaluate.instrument import Instrument, streaming_difference


def test_any_block_gives_the_same_sound(tiny):
    assert streaming_difference(tiny, hops=100) < 1e-6


def test_what_a_knob_asks_for_is_read_as_its_position(tiny):
    knobs = np.random.default_rng(0).random((50, 5))
    pitch_oct = np.linspace(-2, 3, 50)
    asked = tiny.scales.physical_frames(pitch_oct, knobs)
    assert tiny.positions.of(pitch_oct, asked) == pytest.approx(knobs, abs=1e-6)


def test_what_goes_too_far_is_read_beyond_the_knobs_ends(tiny):
    low, high = (tiny.scales.physical_frames(np.zeros(1), np.full((1, 5), u)) for u in (0.0, 1.0))
    too_loud = high.copy()
    too_loud[0, 0] += 0.25 * (high - low)[0, 0]
    assert tiny.positions.of(np.zeros(1), too_loud)[0, 0] == pytest.approx(1.25)


def test_a_sound_of_no_whole_block_is_played_to_its_end(tiny):
    audio = tiny.play(np.zeros(45), np.tile([-12.0, 10.0, 9.0, 2.0, 20.0], (45, 1)), np.zeros((45, 8)))
    assert len(audio) == 45 * 64
    assert np.abs(audio[-32:]).max() > 0.01


def test_the_latent_has_a_row_for_every_hop(tiny):
    noise, tone = np.random.default_rng(0).standard_normal(12_800) * 0.1, np.sin(np.arange(12_800) * 0.05)
    assert tiny.latent(noise).shape == (200, 8)
    assert tiny.latent(noise)[100, 0] > tiny.latent(tone)[100, 0] + 0.3  # a quarter of the noisiness


def test_a_bundle_without_an_encoder_plays_but_is_not_evaluated(tiny):
    mute = Instrument(dataclasses.replace(tiny.bundle, encoder_onnx=None))
    mute.play_knobs(0.0, np.full((4, 5), 0.5), np.zeros(8))
    with pytest.raises(BadInput, match="no encoder"):
        mute.latent(np.zeros(1000))


def test_what_was_played_before_leaves_no_trace(tiny):
    quiet, loud = (np.tile([db, 10.0, 9.0, 2.0, 20.0], (40, 1)) for db in (-40.0, -6.0))
    first = tiny.play(np.zeros(40), quiet, np.zeros((40, 8)))
    tiny.play(np.zeros(40), loud, np.zeros((40, 8)))
    assert np.array_equal(tiny.play(np.zeros(40), quiet, np.zeros((40, 8))), first)
