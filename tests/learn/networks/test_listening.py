"""Training hears what the module hears: levels, and what an encoder is shown."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from recordings import hit, phrase  # noqa: E402

from neurorack.ears import features as reference  # noqa: E402
from neurorack.learn.networks.listening import Features, Level  # noqa: E402
from neurorack.words import HOP, SAMPLE_RATE_HZ  # noqa: E402


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


@pytest.mark.parametrize("size", [128, 512])
def test_level_is_a_hann_window_about_the_last_sample_of_every_hop(size):
    margin, hops = 512, 20
    audio = np.random.default_rng(0).standard_normal(2 * margin + hops * HOP) * np.linspace(
        0, 1, 2 * margin + hops * HOP
    )
    window = np.hanning(size + 2)[1:-1]
    expected = []
    for hop in range(hops):
        around = audio[margin + (hop + 1) * HOP - size // 2 :][:size]
        expected.append(10 * np.log10(np.sum(around**2 * window) / window.sum()))
    ours = Level(size)(torch.from_numpy(audio[None].astype(np.float32)), margin)[0]
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-3)


def test_level_is_in_dbfs_and_silence_the_floor():
    n = torch.arange(4096)
    sine = torch.sin(2 * np.pi * 3000 / SAMPLE_RATE_HZ * n)[None]
    np.testing.assert_allclose(Level(512)(sine, 512).numpy(), -3.01, atol=0.02)
    np.testing.assert_allclose(Level(512)(0 * sine, 512).numpy(), -100, atol=1e-3)
