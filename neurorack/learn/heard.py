"""What a window hears of descriptors that move: what was asked and what sounds are compared through the same glass."""

import numpy as np

from neurorack.words import HOP, SAMPLE_RATE_HZ

PERIODS, LEAST_HOPS, MOST_HOPS = 2, 10, 64


def ripple_hops(f0_hz: float) -> int:
    """Hops, an even number, over which descriptors of a pitch are averaged before they mean a movement: two of its
    periods, 13 ms at least. A window of 21 ms holds less than a period of a low note, and ripples with it."""
    return int(np.clip(2 * np.ceil(PERIODS / 2 * SAMPLE_RATE_HZ / HOP / f0_hz), LEAST_HOPS, MOST_HOPS))


def as_heard(values: np.ndarray, window_hops: int) -> np.ndarray:
    """Descriptors [..., hops, 5] as a Hann window of so many hops, an even number, shows them, centred on the end of
    each hop: power averaged, the others weighted by power."""
    shape = np.hanning(window_hops + 1)[1:] ** 2
    margins = [(0, 0)] * (values.ndim - 2) + [((window_hops - 1) // 2, window_hops // 2), (0, 0)]
    padded = np.pad(values, margins, mode="edge")
    power = 10 ** (padded[..., :1] / 10)
    weighed = np.concatenate([power, power * padded[..., 1:]], axis=-1)
    seen = np.lib.stride_tricks.sliding_window_view(weighed, window_hops, axis=-2) @ (shape / shape.sum())
    return np.concatenate([10 * np.log10(seen[..., :1]), seen[..., 1:] / seen[..., :1]], axis=-1)
