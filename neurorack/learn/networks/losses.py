"""How far one sound is from another: magnitudes over several window lengths."""

import torch

from neurorack.words import SAMPLE_RATE_HZ

WINDOWS = (2048, 1024, 512, 256, 128)
_QUIET = 1e-3


class MultiScaleSpectrum(torch.nn.Module):
    """L1 of magnitude and of its logarithm, summed over window lengths (hop a quarter, nothing padded).

    Magnitudes are scaled so that a sine of amplitude 1 reads 1 in every window: what is 60 dB below is silence.
    """

    def __init__(self) -> None:
        super().__init__()
        for size in WINDOWS:
            self.register_buffer(f"window_{size}", torch.hann_window(size) * (4.0 / size), persistent=False)

    def forward(
        self, audio: torch.Tensor, target: torch.Tensor, bandwidth_hz: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Both [batch, samples] → [batch]: about 1 where the two have nothing in common. What lies above
        `bandwidth_hz` [batch] was never recorded, and is not compared."""
        loss = audio.new_zeros(len(audio))
        for size in WINDOWS:
            window = getattr(self, f"window_{size}")
            a, b = (
                torch.stft(x, size, size // 4, window=window, center=False, return_complex=True).abs()
                for x in (audio + 1e-7, target)
            )
            bins = size // 2 + 1
            if bandwidth_hz is not None:
                f_hz = torch.arange(bins, device=audio.device) * (SAMPLE_RATE_HZ / size)
                heard = (f_hz < bandwidth_hz[:, None]).to(a.dtype)[..., None]
                a, b = a * heard, b * heard
                bins = heard.sum((1, 2))
            loss = loss + (a - b).abs().sum((1, 2)) / (b.sum((1, 2)) + _QUIET * b.shape[2])
            logs = (torch.log(a + _QUIET) - torch.log(b + _QUIET)).abs()
            loss = loss + 0.25 * logs.sum((1, 2)) / (bins * b.shape[2])
        return loss / len(WINDOWS)
