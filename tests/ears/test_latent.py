from pathlib import Path

import numpy as np
import pytest

from neurorack.bundle import load
from neurorack.ears.features import FEATURES
from neurorack.ears.latent import LatentStream, encode
from neurorack.errors import BadInput


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, FEATURES)).astype(np.float32)


def test_a_stream_gives_the_rows_of_the_whole_one_frame_late(hearing_bundle: Path, features: np.ndarray):
    bundle = load(hearing_bundle)
    whole, stream = encode(bundle, features), LatentStream(bundle)
    streamed = np.array([stream.step(row).copy() for row in features])
    np.testing.assert_allclose(streamed[1:], whole[:-1], atol=1e-5)


def test_a_reset_stream_begins_as_a_new_one(hearing_bundle: Path, features: np.ndarray):
    stream = LatentStream(load(hearing_bundle))
    first = stream.step(features[0]).copy()
    for row in features[1:]:
        stream.step(row)
    stream.reset()
    np.testing.assert_array_equal(stream.step(features[0]), first)


def test_a_bundle_without_an_encoder_says_that_it_cannot_listen(tiny_bundle: Path):
    with pytest.raises(BadInput, match="tiny cannot listen, it has no encoder"):
        LatentStream(load(tiny_bundle))
