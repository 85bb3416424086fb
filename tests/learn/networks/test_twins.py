"""The differentiable descriptors equal the reference, and have gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.ears import descriptors  # noqa: E402
from neurorack.learn.networks.twins import Descriptors, Noisiness  # noqa: E402


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


def noisy_tone(f0_hz: float, noise: float) -> np.ndarray:
    n = np.arange(14_400)
    tone = sum(np.sin(2 * np.pi * k * f0_hz / 48_000 * n) / k for k in range(1, 1 + int(20_000 / f0_hz)))
    return 0.1 * tone + noise * np.random.default_rng(0).standard_normal(len(n))


@pytest.mark.parametrize("hop", [64, 256])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.03, 1.0])
@pytest.mark.parametrize("f0_hz", [70.0, 440.0, 3000.0])
def test_the_twin_of_noisiness_equals_the_reference(hop, noise, f0_hz):
    audio = noisy_tone(f0_hz, noise).astype(np.float32)
    twin = Noisiness(hop)(torch.from_numpy(audio[None]))[0].numpy()
    reference = descriptors.noisiness(audio, hop)
    assert np.median(np.abs(twin - reference)) < 2e-3
    np.testing.assert_allclose(twin, reference, atol=0.1)  # two periods equally good: rounding chooses


def test_following_the_gradient_makes_a_sound_less_noisy():
    x = torch.from_numpy(noisy_tone(200.0, 0.05)[None].astype(np.float32)).requires_grad_()
    before = Noisiness()(x).mean()
    before.backward()
    assert torch.isfinite(x.grad).all()
    with torch.no_grad():
        after = Noisiness()(x - 1e-2 * x.grad / x.grad.square().mean().sqrt()).mean()
    assert after < before - 0.05


def test_noisiness_of_silence_is_defined_and_so_is_its_gradient():
    x = torch.zeros(1, 4096, requires_grad=True)
    noisy = Noisiness()(x)
    noisy.sum().backward()
    np.testing.assert_allclose(noisy.detach().numpy(), descriptors.NOISIEST, atol=1e-5)
    assert torch.isfinite(x.grad).all()
