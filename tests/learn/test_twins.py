"""The differentiable descriptors equal the reference, and have gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.ears import descriptors  # noqa: E402
from neurorack.learn.twins import Descriptors  # noqa: E402


@pytest.mark.parametrize("hop", [64, 256])
@pytest.mark.parametrize("level", [1e-3, 0.1, 0.5])
def test_the_twin_equals_the_reference(hop, level):
    random = np.random.default_rng(0)
    n = np.arange(9600)
    audio = level * (np.sin(0.02 * n) + 0.1 * random.standard_normal(len(n)))
    twin = Descriptors(hop)(torch.from_numpy(audio[None].astype(np.float32)))[0].numpy()
    np.testing.assert_allclose(twin, descriptors.describe(audio, hop), atol=2e-3)


def test_every_descriptor_moves_the_sound():
    audio = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32) * 0.1)
    for column in range(5):
        x = audio.clone().requires_grad_()
        Descriptors()(x)[..., column].mean().backward()
        assert torch.isfinite(x.grad).all()
        assert x.grad.abs().max() > 0


def test_gradients_of_silence_are_finite():
    x = torch.zeros(1, 4096, requires_grad=True)
    Descriptors()(x).sum().backward()
    assert torch.isfinite(x.grad).all()
