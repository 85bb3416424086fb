"""What training hears in a batch of sounds, with gradients: power spectra, and from them what an encoder is shown."""

import numpy as np
import torch

from neurorack.ears import descriptors as reference
from neurorack.ears import features
from neurorack.learn.networks.twins import Noisiness


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
