"""How far one sound is from another: magnitudes over several window lengths."""

import torch

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

    def forward(self, audio: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Both [batch, samples] → a number: about 1 per window where the two have nothing in common."""
        loss = audio.new_zeros(())
        for size in WINDOWS:
            window = getattr(self, f"window_{size}")
            a, b = (
                torch.stft(x, size, size // 4, window=window, center=False, return_complex=True).abs()
                for x in (audio + 1e-7, target)
            )
            loss = loss + (a - b).abs().sum() / (b.sum() + _QUIET)
            loss = loss + 0.25 * (torch.log(a + _QUIET) - torch.log(b + _QUIET)).abs().mean()
        return loss / len(WINDOWS)
