"""The published backbone, a variational autoencoder of waveforms (Caillon and Esling 2021), from its description.

A filter bank cuts the sound into 8 bands of 6 kHz. Strided convolutions turn 128 samples of them (1024 of the sound)
into one frame of the latent. The decoder goes back: each stage upsamples and halves the channels, three dilated
residual blocks after it. Three heads make the bands: a waveform, its loudness, and noise through a short filter that
changes every 64 band samples. Descriptors are concatenated to the latent at the decoder's input (Devis et al. 2023).

Left out, for want of time in a run of minutes: weight normalisation, and the second stage with a discriminator.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch

from neurorack.learn.baselines.pqmf import BANDS
from neurorack.words import DESCRIPTORS

RATIOS = (4, 4, 4, 2)
FRAME = BANDS * math.prod(RATIOS)
"""Samples a latent frame stands for: 1024."""
NOISE_TAPS, NOISE_POINTS = 8, 5
"""Taps of a noise filter, and points of its spectrum; band samples between filters are 64."""

_DILATIONS = (1, 3, 5)
_NOISE_RATIOS = (4, 4, 4)
_SLOPE = 0.2
_USUAL = 20.0
"""Brings bands to about unit power."""
_MEEK = 0.1
_SOFT, _FAINT = -3.0, 3.5
"""Loudness begins 26 dB down, noise 64 dB: begun at full level, all flees into silence and hardly comes back."""


@dataclass(frozen=True)
class Size:
    """Channels of the last stage (each one before has twice as many), and of the latent."""

    capacity: int
    latent: int


SMALL = Size(16, 16)
"""0.8 M parameters in the decoder, 0.3 M in the encoder: what learns in minutes on two cores."""
LEAN = Size(6, 16)
"""0.12 M parameters in the decoder, which multiplies as often as ours does: 39.5 million times a second."""
PUBLISHED = Size(64, 128)
"""12.8 M parameters in the decoder."""


class Encoder(torch.nn.Module):
    """Bands [n, BANDS, T] → mean and log variance [n, latent, T / 128]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        widths = [size.capacity << i for i in range(len(RATIOS) + 1)]
        self.first = torch.nn.Conv1d(BANDS, widths[0], 7, padding=3)
        self.stages = torch.nn.ModuleList(
            torch.nn.Conv1d(a, b, 2 * ratio + 1, ratio, padding=ratio)
            for (a, b), ratio in zip(itertools.pairwise(widths), RATIOS, strict=True)
        )
        self.last = torch.nn.Conv1d(widths[-1], 2 * size.latent, 3, padding=1)
        _even(self)
        with torch.no_grad():
            self.last.bias[size.latent :] = -3.0

    def forward(self, bands: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.first(bands * _USUAL)
        for stage in self.stages:
            x = stage(_leaky(x))
        mean, log_variance = self.last(_leaky(x)).chunk(2, 1)
        return mean, log_variance.clamp(-8.0, 2.0)


class Residual(torch.nn.Module):
    """x + what a dilated convolution and a plain one make of it."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilated = torch.nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.plain = torch.nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.plain(_leaky(self.dilated(_leaky(x))))


class Decoder(torch.nn.Module):
    """Latent and descriptors [n, latent + 5, frames] → bands [n, BANDS, frames · 128]."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        widths = [size.capacity << i for i in range(len(RATIOS) + 1)][::-1]
        self.first = torch.nn.Conv1d(size.latent + len(DESCRIPTORS), widths[0], 7, padding=3)
        self.stages = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.ConvTranspose1d(a, b, 2 * ratio, ratio, padding=ratio // 2),
                *(Residual(b, dilation) for dilation in _DILATIONS),
            )
            for (a, b), ratio in zip(itertools.pairwise(widths), RATIOS, strict=True)
        )
        self.wave = torch.nn.Conv1d(widths[-1], BANDS, 7, padding=3)
        self.loudness = torch.nn.Conv1d(widths[-1], 1, 3, padding=1)
        self.noise = torch.nn.ModuleList(
            torch.nn.Conv1d(widths[-1], widths[-1] if i else BANDS * NOISE_POINTS, ratio, ratio)
            for i, ratio in reversed(list(enumerate(_NOISE_RATIOS)))
        )
        _even(self)
        with torch.no_grad():
            for head in (self.wave, self.loudness, self.noise[-1]):
                head.weight *= _MEEK
            self.loudness.bias.fill_(_SOFT)
        points = np.arange(NOISE_POINTS)[:, None] * (np.arange(NOISE_TAPS) - NOISE_TAPS // 2) * 2 * np.pi / NOISE_TAPS
        weights = np.array([1.0, *[2.0] * (NOISE_POINTS - 2), 1.0])[:, None] / NOISE_TAPS
        taps = weights * np.cos(points) * np.hanning(NOISE_TAPS + 1)[:-1]
        self.register_buffer("taps", torch.from_numpy(taps.astype(np.float32)), persistent=False)

    def forward(self, frames: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """`noise` [n, BANDS, frames · 128 + NOISE_TAPS − 1], white within −1…1."""
        x = self.first(frames)
        for stage in self.stages:
            x = stage(_leaky(x))
        x = _leaky(x)
        tone = torch.tanh(self.wave(x)) * torch.sigmoid(self.loudness(x))
        points = x
        for i, layer in enumerate(self.noise):
            points = layer(_leaky(points) if i else points)
        amplitudes = 2.0 * torch.sigmoid(points - _FAINT) ** 2.3
        filters = amplitudes.unflatten(1, (BANDS, NOISE_POINTS)).transpose(2, 3) @ self.taps
        filters = filters.repeat_interleave(math.prod(_NOISE_RATIOS), 2)
        samples = tone.shape[2]
        hiss = sum(noise[..., tap : tap + samples] * filters[..., tap] for tap in range(NOISE_TAPS))
        return tone + hiss


def _even(network: torch.nn.Module) -> None:
    """Begin with layers that keep the power of what goes through (He et al. 2015), and residual blocks that hardly add
    to it: published backbones normalise, which takes longer than there is."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
                shared = layer.stride[0] if isinstance(layer, torch.nn.ConvTranspose1d) else 1
                seen = layer.in_channels * layer.kernel_size[0] / shared
                layer.weight.normal_(0.0, math.sqrt(2.0 / ((1.0 + _SLOPE**2) * seen)))
                layer.bias.zero_()
        for layer in network.modules():
            if isinstance(layer, Residual):
                layer.plain.weight *= _MEEK


def _leaky(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.leaky_relu(x, _SLOPE)


def draw_noise(rows: int, frames: int, generator: torch.Generator) -> torch.Tensor:
    """For the decoder's second argument."""
    samples = frames * FRAME // BANDS + NOISE_TAPS - 1
    return 2.0 * torch.rand(rows, BANDS, samples, generator=generator) - 1.0


def macs_per_frame(decoder: Decoder) -> float:
    """Multiply-accumulates of the decoder's convolutions for one latent frame; bank and noise's filters come on top."""
    counted = 0.0

    def count(layer: torch.nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        nonlocal counted
        steps = given[0].shape[2] if isinstance(layer, torch.nn.ConvTranspose1d) else made.shape[2]
        counted += layer.weight.numel() * steps

    layers = [layer for layer in decoder.modules() if isinstance(layer, torch.nn.Conv1d | torch.nn.ConvTranspose1d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        with torch.no_grad():
            frames = torch.zeros(1, decoder.first.in_channels, 1)
            decoder(frames, draw_noise(1, 1, torch.Generator()))
    finally:
        for hook in hooks:
            hook.remove()
    return counted
