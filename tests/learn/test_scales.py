"""Scales fitted to frames put those frames evenly along the knobs."""

import numpy as np
import pytest

from neurorack.bundle import Knob
from neurorack.learn import scales
from neurorack.patch.knobs import Scales


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    """Correlated as real ones are: brighter with pitch, wider when brighter, sharper with both."""
    random = np.random.default_rng(0)
    n = 8000
    pitch = random.uniform(-3, 4, n)
    rms = random.uniform(-50, -6, n)
    centroid = 10.4 + 0.6 * pitch + random.normal(0, 0.5, n).clip(-0.9, 0.9)
    bandwidth = 10.8 + 0.3 * (centroid - 10) + random.normal(0, 0.3, n)
    sharpness = 1.2 + 0.7 * (centroid - 10) + 0.2 * (bandwidth - 10.8) + 0.01 * rms + random.normal(0, 0.1, n)
    boominess = np.maximum(0.2 - 0.8 * pitch + random.normal(0, 0.6, n), -3.32)
    return pitch, np.column_stack([rms, centroid, bandwidth, sharpness, boominess])


@pytest.fixture(scope="module")
def knobs(frames) -> list[Knob]:
    return scales.fit(*frames)


def test_frames_lie_evenly_along_every_knob_but_level(frames, knobs):
    positions = Scales(knobs).position_frames(*frames)
    for column in positions.T[1:4]:
        assert np.quantile(column, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.06)


def test_knobs_do_not_hang_together(frames, knobs):
    correlation = np.corrcoef(Scales(knobs).position_frames(*frames)[:, 1:4].T)
    assert np.abs(correlation - np.eye(3)).max() < 0.1


def test_no_knob_asks_for_less_than_there_is(knobs):
    """Boominess ends at −3.32; an edge of the scale may lie beyond, a fifth of it may not."""
    fitted = Scales(knobs)
    for pitch in np.linspace(-2, 4, 7):
        assert fitted.physical(pitch, [0.5, 0.5, 0.5, 0.5, 0.2])[4] > -3.32


def test_level_goes_from_silence_through_the_middle_to_the_top(knobs):
    fitted = Scales(knobs)
    assert [fitted.physical(0, [u] * 5)[0] for u in (0, 0.5, 1)] == pytest.approx(list(scales.RMS_DB))


def test_the_same_frames_give_the_same_scales(frames, knobs):
    assert scales.fit(*frames) == knobs
