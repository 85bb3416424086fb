"""The scorer of evaluation hears what the descriptors promise, by other means."""

import numpy as np
import pytest
from hearing import rank_correlation, sounds, tone

pytest.importorskip("librosa")
pytest.importorskip("mosqito")

from neurorack.ears import descriptors
from neurorack.learn.evaluate.judge import judge

HOP = 256
INNER = slice(6, -6)


@pytest.fixture(scope="module")
def heard() -> tuple[np.ndarray, np.ndarray]:
    """What the descriptors and what the judge say of every sound: twice [sounds, 6]."""
    ours = [np.column_stack([descriptors.describe(x, HOP), descriptors.noisiness(x, HOP)]) for x in sounds()]
    return tuple(
        np.array([frames[INNER].mean(axis=0) for frames in said]) for said in (ours, [judge(x, HOP) for x in sounds()])
    )


@pytest.mark.parametrize(
    ("column", "least", "most_off"),
    [(0, None, 0.1), (1, 0.98, 0.1), (2, 0.97, 0.15), (3, 0.98, 0.08), (4, 0.95, 0.3), (5, 0.7, 0.4)],
    ids=["rms", "centroid", "bandwidth", "sharpness", "boominess", "noisiness"],
)
def test_the_judge_agrees_with_the_descriptors_in_their_units(heard, column, least, most_off):
    ours, judged = heard[0][:, column], heard[1][:, column]
    assert np.median(np.abs(ours - judged)) < most_off
    if least is not None:  # all sounds have the same rms
        assert rank_correlation(ours, judged) > least


@pytest.mark.parametrize("hop", [64, 256])
@pytest.mark.parametrize("samples", [0, 1000, 9600, 9601])
@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
def test_there_is_a_row_for_every_whole_hop(hop, samples):
    rows = judge(np.random.default_rng(0).standard_normal(samples) * 0.1, hop)
    assert rows.shape == (samples // hop, 6)
    assert np.isfinite(rows).all()


def test_a_row_is_centred_on_the_end_of_its_hop():
    hop = 1024
    one, other = (tone(200, slope_db)[: 12 * hop] for slope_db in (18, 0))
    sound = np.concatenate([one, 0.1 * other])  # dull, then bright and weak, from the middle of row 11's frame on
    judged = judge(sound, hop)
    ours = np.column_stack([descriptors.describe(sound, hop), descriptors.noisiness(sound, hop)])
    for column in (0, 1, 3):
        for said in (judged, ours):
            before, within, after = said[[9, 11, 13], column]
            assert abs(within - before) > 0.1 * abs(after - before)
            assert abs(said[10, column] - before) < 0.1 * abs(after - before)
            assert abs(said[12, column] - after) < 0.1 * abs(after - before)


def test_the_judge_hears_as_loud_as_the_descriptors_do():
    boominess = [judge(level * tone(70, 9), HOP)[INNER, 4].mean() for level in (0.05, 0.1, 0.3)]
    ours = [descriptors.describe(level * tone(70, 9), HOP)[INNER, 4].mean() for level in (0.05, 0.1, 0.3)]
    np.testing.assert_allclose(boominess, ours, atol=0.12)  # 6 dB would be 0.2 and more


def test_silence_and_excess_are_scored_too():
    np.testing.assert_allclose(judge(np.zeros(9600), HOP)[:, :5], descriptors.describe(np.zeros(9600), HOP), atol=0.01)
    assert np.isfinite(judge(np.full(9600, 100.0) * np.sign(np.sin(0.003 * np.arange(9600))), HOP)).all()


def test_a_level_is_the_same_sharpness_in_pieces_as_in_one():
    audio = np.tile(tone(220, 9), 4)  # more frames than mosqito is given at once
    at = 300
    alone = judge(audio[(at - 10) * HOP : (at + 10) * HOP], HOP)[9]
    np.testing.assert_allclose(judge(audio, HOP)[at - 1], alone, atol=0.02)
