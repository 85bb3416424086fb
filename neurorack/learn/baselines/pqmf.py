"""Eight bands of 6 kHz sampling rate and back: a cosine-modulated filter bank (Nguyen 1994).

    h_k(n) = 2 p(n) cos((2k + 1)(n − 32) π/16 + (−1)^k π/4),   n = 0…64

Splitting correlates with h_k, joining convolves with it. Prototype p: Kaiser β 8, cutoff 1.25/16 of half the rate, the
best of a search for what makes the bank whole.
"""

import numpy as np
import torch

BANDS = 8
TAPS = 65
_BETA, _CUTOFF = 8.0, 1.25 / (2 * BANDS)


def filters() -> np.ndarray:
    """[BANDS, TAPS], which keep a sine's amplitude; joined, bands take BANDS times as much."""
    n = np.arange(TAPS) - TAPS // 2
    prototype = np.sinc(_CUTOFF * n) * np.kaiser(TAPS, _BETA)
    k = np.arange(BANDS)[:, None]
    taps = prototype * np.cos((2 * k + 1) * np.pi / (2 * BANDS) * n + (-1.0) ** k * np.pi / 4)
    scaled: np.ndarray = taps / np.sqrt(BANDS * (taps**2).sum(axis=1).mean())
    return scaled


class Bank(torch.nn.Module):
    """Sound [n, samples] ↔ bands [n, BANDS, samples // BANDS]; without delay, silence around."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("taps", torch.from_numpy(filters().astype(np.float32))[:, None], persistent=False)

    def split(self, audio: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv1d(audio[:, None], self.taps, stride=BANDS, padding=TAPS // 2)

    def join(self, bands: torch.Tensor) -> torch.Tensor:
        joined = torch.nn.functional.conv_transpose1d(
            bands, BANDS * self.taps, stride=BANDS, padding=TAPS // 2, output_padding=BANDS - 1
        )
        return joined[:, 0]
