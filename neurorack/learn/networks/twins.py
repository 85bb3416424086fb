"""The differentiable twins of `descriptors`: the same five numbers, and how noisy, in torch, for training."""

import numpy as np
import torch

from neurorack.ears import descriptors as reference
from neurorack.ears import loudness


def _frames(audio: torch.Tensor, hop: int) -> torch.Tensor:
    """Audio [batch, samples] → [batch, samples // hop, WINDOW]; frame t is centred on sample (t + 1)·hop."""
    half = reference.WINDOW // 2
    padded = torch.nn.functional.pad(audio, (half, half))[:, hop:]
    return padded.unfold(1, reference.WINDOW, hop)[:, : audio.shape[1] // hop]


class Descriptors(torch.nn.Module):
    """Audio [batch, samples] → [batch, samples // hop, 5]; equals `descriptors.describe` row by row."""

    def __init__(self, hop: int = 256) -> None:
        super().__init__()
        self.hop = hop
        arrays = {"window": reference.WINDOW_SHAPE, "f_hz": reference.BIN_HZ, **reference.weights()}
        for name, values in arrays.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.specific_loudness = SpecificLoudness(reference.BINS)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(_frames(audio, self.hop) * self.window)
        return self.of_power(spectrum.real**2 + spectrum.imag**2)

    def of_power(self, power: torch.Tensor, squared: torch.Tensor | None = None) -> torch.Tensor:
        """|X|² [..., BINS] → [..., 5]; of means over frames, `squared` is the square of the mean |X|."""
        share = power * reference.POWER_SCALE
        rms = 10.0 * torch.log10(share.sum(-1) + 10 ** (reference.RMS_FLOOR_DB / 10))
        magnitude = torch.sqrt((power if squared is None else squared) + 1e-12)
        total = magnitude.sum(-1) + 1e-7
        centroid = magnitude @ self.f_hz / total
        away = self.f_hz - centroid[..., None]  # the moment about the mean: no cancellation in float32
        variance = (magnitude * away * away).sum(-1) / total
        bandwidth = 0.5 * torch.log2(variance.clamp(min=reference.FREQUENCY_FLOOR_HZ**2))
        sone = self.specific_loudness(share)
        total_sone = sone.sum(-1) + reference.QUIET_SONE
        sharpness = sone @ self.sharp / total_sone
        boominess = 10.0 * torch.log10(1.0 + sone @ self.boom) * (sone @ self.low) / total_sone
        boominess = torch.log2(reference.BOOM_NONE + boominess)
        centroid = torch.log2(centroid.clamp(min=reference.FREQUENCY_FLOOR_HZ))
        return torch.stack([rms, centroid, bandwidth, sharpness, boominess], -1)


class SpecificLoudness(torch.nn.Module):
    """Mean squares per bin [..., bins] → [..., 120]; equals `loudness.specific_loudness` row by row."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        tables = loudness.tables(bins)
        arrays = {name: tables[name] for name in ("bank", "main", "top")}
        arrays |= {"bark": loudness.BARK, "sone": loudness.SONE, "tail_bark": loudness.TAIL_BARK}
        for name, values in arrays.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)
        self.register_buffer("band", torch.from_numpy(tables["band"]), persistent=False)

    def forward(self, share: torch.Tensor) -> torch.Tensor:
        excitation = 1.0 - loudness.THRESHOLD_SHARE + loudness.THRESHOLD_SHARE * (share @ self.bank)
        main = self.main * torch.relu(excitation**loudness.EXPONENT - 1.0)
        tail = _interpolate(main, self.sone, self.tail_bark)
        end = torch.cummax(tail + self.top, -1).values
        within = torch.nn.functional.pad(tail, (0, 1))[..., self.band]
        beyond = torch.nn.functional.pad(end, (1, 0))[..., self.band] - self.bark
        heard = torch.maximum(within, beyond).clamp(min=0.0)
        return _interpolate(heard, self.tail_bark, self.sone) * loudness.BARK_STEP


def _interpolate(x: torch.Tensor, at: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`numpy.interp(x, at, values)` for x within the ascending `at`."""
    piece = torch.bucketize(x.detach(), at[1:-1])
    slope = (values[1:] - values[:-1]) / (at[1:] - at[:-1])
    return values[piece] + slope[piece] * (x - at[piece])


class Noisiness(torch.nn.Module):
    """Audio [batch, samples] → [batch, samples // hop]; equals `descriptors.noisiness` row by row.

    The gradient is that of the period found; beyond the limits of the scale there is none.
    """

    def __init__(self, hop: int = 256) -> None:
        super().__init__()
        self.hop = hop

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        share = self.period_share(_frames(audio, self.hop)).clamp(reference.LEAST_SHARE, reference.MOST_SHARE)
        return torch.log10((1 - share) / share)

    def period_share(self, frames: torch.Tensor) -> torch.Tensor:
        """[..., WINDOW] → [...], as `descriptors.period_share`."""
        window, shortest, longest = reference.WINDOW, reference.SHORTEST, reference.LONGEST
        frames = frames - frames.mean(-1, keepdim=True)
        spectrum = torch.fft.rfft(frames, 2 * window)
        products = torch.fft.irfft(spectrum.real**2 + spectrum.imag**2)[..., : longest + 2]
        sums = (frames**2).cumsum(-1)
        energy = sums[..., -1:]
        first = sums[..., window - longest - 2 :].flip(-1)
        last = energy - torch.nn.functional.pad(sums[..., : longest + 1], (1, 0))
        floor = reference.UNEVEN * energy**2 + reference.FAINT**2
        r = products / torch.sqrt((first * last).clamp(min=0.0) + floor)
        beyond = ((r < 0).cumsum(-1) > 0)[..., shortest : longest + 1]
        r = r.abs()
        best = torch.where(beyond, r[..., shortest : longest + 1], 0.0).argmax(-1, keepdim=True)
        before, peak, after = (torch.gather(r, -1, best + shortest + step) for step in (-1, 0, 1))
        bend = 2 * peak - before - after
        is_peak = (peak >= before) & (peak >= after) & (bend > 0)
        between = torch.where(is_peak, (after - before) ** 2 / (8 * torch.where(is_peak, bend, 1.0)), 0.0)
        found = torch.gather(beyond, -1, best)
        return torch.where(found, (peak + between).clamp(max=1.0), 0.0)[..., 0]
