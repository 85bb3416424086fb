"""How far two sounds are apart: nothing for the same, and only where both were recorded."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurorack.learn.networks.losses import WINDOWS, MultiScaleSpectrum  # noqa: E402
from neurorack.words import SAMPLE_RATE_HZ  # noqa: E402

LENGTH = 8192


def sine(f_hz: float, amplitude: float = 0.1) -> torch.Tensor:
    return amplitude * torch.sin(2 * np.pi * f_hz / SAMPLE_RATE_HZ * torch.arange(LENGTH, dtype=torch.float64)).float()


def far(audio: torch.Tensor, target: torch.Tensor, bandwidth_hz: float | None = None) -> float:
    up_to = None if bandwidth_hz is None else torch.tensor([bandwidth_hz])
    return MultiScaleSpectrum()(audio[None], target[None], up_to).item()


def test_the_same_sound_is_no_distance_away_whatever_its_phase():
    assert far(sine(1000), sine(1000)) < 0.01
    assert far(-sine(1000), sine(1000)) < 0.01


def test_it_grows_with_the_distance():
    steps = [far(sine(1000, 0.1 * 2**-k), sine(1000)) for k in range(5)]
    assert steps == sorted(steps) and steps[1] > 0.3


def test_silence_for_a_sound_is_one_and_more():
    assert 0.9 < far(torch.zeros(LENGTH), sine(1000)) < 1.5


def test_what_is_below_sixty_decibels_is_silence():
    assert far(sine(1000, 1e-5), torch.zeros(LENGTH)) < 0.1 < 1 < far(sine(1000, 1e-2), torch.zeros(LENGTH))


def test_what_lies_above_a_clips_bandwidth_is_not_compared():
    hissing = sine(1000) + sine(15_000)
    assert far(hissing, sine(1000), 10_000.0) < 0.02
    assert far(sine(1000), hissing, 10_000.0) < 0.02
    assert far(hissing, sine(1000)) > 0.3
    assert far(hissing, sine(1000), 20_000.0) > 0.3
    assert far(sine(1000) + sine(5000), sine(1000), 10_000.0) > 0.3


def test_every_clip_has_its_own_bandwidth():
    apart = MultiScaleSpectrum()(
        (sine(1000) + sine(15_000)).expand(2, -1), sine(1000).expand(2, -1), torch.tensor([10_000.0, 20_000.0])
    )
    assert apart[0] < 0.02 and apart[1] > 0.3
    assert apart[1].item() == pytest.approx(far(sine(1000) + sine(15_000), sine(1000), 20_000.0), rel=1e-4)


def test_a_sine_reads_its_amplitude_in_every_window():
    spectrum = MultiScaleSpectrum()
    for size in WINDOWS:
        window = getattr(spectrum, f"window_{size}")
        audio = sine(SAMPLE_RATE_HZ / 8, 0.5)[:size]
        assert torch.fft.rfft(audio * window).abs().max().item() == pytest.approx(0.5, rel=1e-3)


def test_gradients_of_silence_are_finite():
    x = torch.zeros(1, LENGTH, requires_grad=True)
    MultiScaleSpectrum()(x, sine(1000)[None]).sum().backward()
    assert torch.isfinite(x.grad).all()
