"""Training hears what an encoder is shown on the module."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import hit, phrase  # noqa: E402

from neurorack.ears import features as reference  # noqa: E402
from neurorack.learn.networks.listening import Features  # noqa: E402


def heard(audio: np.ndarray) -> np.ndarray:
    return Features()(torch.from_numpy(audio[None].astype(np.float32)))[0].numpy()


@pytest.mark.parametrize("level", [1e-3, 0.1, 1.0])
def test_features_are_the_ears_row_by_row(level):
    audio = level * np.concatenate([phrase()[0].audio[:30_000], hit(noise=0.1).audio[:20_000]]) / 32768
    ours, theirs = heard(audio), reference.features(audio)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours[:, :-1], theirs[:, :-1], atol=5e-3)
    assert np.median(np.abs(ours[:, -1] - theirs[:, -1])) < 2e-3


def test_features_of_silence_are_defined_and_so_are_their_gradients():
    x = torch.zeros(1, 4096, requires_grad=True)
    shown = Features()(x)
    np.testing.assert_allclose(shown.detach()[0].numpy(), reference.features(np.zeros(4096)), atol=1e-5)
    shown.sum().backward()
    assert torch.isfinite(x.grad).all()
