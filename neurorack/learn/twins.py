"""The differentiable twin of `descriptors`: the same five numbers, in torch, for training."""

import numpy as np
import torch

from neurorack.ears import descriptors as reference


class Descriptors(torch.nn.Module):
    """Audio [batch, samples] → [batch, samples // hop, 5]; equals `descriptors.describe` row by row."""

    def __init__(self, hop: int = 256) -> None:
        super().__init__()
        self.hop = hop
        arrays = {"window": reference.WINDOW_SHAPE, "f_hz": reference.BIN_HZ, **reference.tables()}
        for name, values in arrays.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        half = reference.WINDOW // 2
        hops = audio.shape[1] // self.hop
        padded = torch.nn.functional.pad(audio, (half, half))[:, self.hop :]
        frames = padded.unfold(1, reference.WINDOW, self.hop)[:, :hops]
        spectrum = torch.fft.rfft(frames * self.window)
        return self.of_power(spectrum.real**2 + spectrum.imag**2)

    def of_power(self, power: torch.Tensor) -> torch.Tensor:
        """|X|² [..., BINS] → [..., 5]."""
        share = power * reference.POWER_SCALE
        rms = 10.0 * torch.log10(share.sum(-1) + 10 ** (reference.RMS_FLOOR_DB / 10))
        magnitude = torch.sqrt(power + 1e-12)
        total = magnitude.sum(-1) + 1e-7
        centroid = magnitude @ self.f_hz / total
        away = self.f_hz - centroid[..., None]  # the moment about the mean: no cancellation in float32
        variance = (magnitude * away * away).sum(-1) / total
        bandwidth = 0.5 * torch.log2(variance.clamp(min=reference.FREQUENCY_FLOOR_HZ**2))
        excitation = 1.0 - reference.THRESHOLD_SHARE + reference.THRESHOLD_SHARE * (share @ self.spread)
        loudness = torch.relu(excitation**reference.EXPONENT - 1.0) * self.scale
        total_sone = loudness.sum(-1) + reference.QUIET_SONE
        sharpness = loudness @ self.sharp / total_sone
        boominess = 10.0 * torch.log10(1.0 + loudness @ self.boom) * (loudness @ self.low) / total_sone
        boominess = torch.log2(reference.BOOM_NONE + boominess)
        centroid = torch.log2(centroid.clamp(min=reference.FREQUENCY_FLOOR_HZ))
        return torch.stack([rms, centroid, bandwidth, sharpness, boominess], -1)
