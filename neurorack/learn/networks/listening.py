"""What training hears in a batch of sounds, with gradients: power spectra, and from them what an encoder is shown."""

import numpy as np
import torch

from neurorack.ears import descriptors as reference
from neurorack.ears import features
from neurorack.learn.networks.twins import Noisiness
from neurorack.words import HOP


class Level(torch.nn.Module):
    """Level in dBFS through a short Hann window of `size` samples, centred on the last sample of every hop."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        window = np.hanning(size + 2)[1:-1]
        self.register_buffer("window", torch.from_numpy((window / window.sum()).astype(np.float32)), persistent=False)

    def forward(self, audio: torch.Tensor, margin: int) -> torch.Tensor:
        """[batch, margin + hops·HOP + margin] → [batch, hops]."""
        half = self.size // 2
        inner = audio[:, margin + HOP - half : audio.shape[1] - margin + half]
        power = (inner.unfold(1, self.size, HOP) ** 2) @ self.window
        return 10.0 * torch.log10(power + 10 ** (reference.RMS_FLOOR_DB / 10))


class Features(torch.nn.Module):
    """[batch, samples] → [batch, samples // FEATURE_HOP, FEATURES], as `ears.features` gives them."""

    def __init__(self) -> None:
        super().__init__()
        bank = (features.mel_bank() * reference.POWER_SCALE).astype(np.float32)
        self.register_buffer("bank", torch.from_numpy(bank), persistent=False)
        self.register_buffer("window", torch.from_numpy(reference.WINDOW_SHAPE.astype(np.float32)), persistent=False)
        self.noisiness = Noisiness(features.FEATURE_HOP)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        hop, half = features.FEATURE_HOP, reference.WINDOW // 2
        hops = audio.shape[1] // hop
        padded = torch.nn.functional.pad(audio, (half, half))[:, hop:]
        spectrum = torch.fft.rfft(padded.unfold(1, reference.WINDOW, hop)[:, :hops] * self.window)
        bels = torch.log10((spectrum.real**2 + spectrum.imag**2) @ self.bank + 10**features.SILENT_BEL)
        bels = torch.maximum(bels, bels.amax(-1, keepdim=True) - features.DEEPEST_BEL)
        return torch.cat([bels - bels.mean(-1, keepdim=True), self.noisiness(audio)[..., None]], -1)
