"""The five descriptors, defined once: what the knobs mean and what training steers by; and how noisy a sound is.

Frames are 1024 samples (21 ms) under a Hann window; frame t is centred on the last sample of hop t, where the
decoder's gains of frame t are in force. Below about 50 Hz a frame holds less than one period, so single frames
ripple there: average some before reading them. 0 dBFS rms is taken as 100 dB SPL, always.

`rms`        dBFS, of the windowed frame (floor −100)
`centroid`   log2 of Hz: mean frequency weighted by magnitude (as librosa)
`bandwidth`  log2 of Hz: spread around it, p = 2, weighted by magnitude (as librosa)
`sharpness`  acum: first moment of specific loudness over Bark, weighted by g(z) (Fastl & Zwicker, DIN 45692)
`boominess`  log2(0.1 + b), b = 10·log10(1 + loudness weighted towards low third octaves) × share of loudness below
             280 Hz (after Hatano & Hashimoto 2000; the 1 + keeps b ≥ 0). b is some 3 in the bass and some 0.1 at C7,
             so ratios say more than differences; the 0.1 sets where it counts as none
`noisiness`  log10(noise / periodic), no knob but shown to the encoder: what repeats after no period

Loudness is that of `loudness`, after ISO 532-1. On recordings (120 notes, 120 hits, 40 phrases) sharpness differs from
DIN 45692 on ISO 532-1, as mosqito computes them behind another window, by 0.01 acum (median; nine in ten by less than
0.03), boominess by a twentieth; where one knob of an instrument is turned through, the two stay within 0.02 acum and
0.1 octaves of one another.
This is the reference in numpy; `twins` is the same in torch, with gradients.
"""

from functools import cache

import numpy as np

from neurorack.ears.loudness import BARK, bark_hz, specific_loudness
from neurorack.words import HOP, SAMPLE_RATE_HZ

WINDOW = 1024
BINS = WINDOW // 2 + 1
RMS_FLOOR_DB = -100.0
FREQUENCY_FLOOR_HZ = 20.0

_SHARPNESS = 0.11  # narrow-band noise at 1 kHz and 60 dB is 1 acum
QUIET_SONE = 0.02  # below this much loudness, sharpness and the low share fade to 0
_BOOM_TOP_BARK = 2.8
"""280 Hz, where the third critical band of ISO 532-1 ends."""
BOOM_NONE = 0.1

WINDOW_SHAPE = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
POWER_SCALE = 2.0 / (WINDOW * np.sum(WINDOW_SHAPE**2))
"""Times |X|², summed over bins, this is the mean square of the frame."""
BIN_HZ = np.arange(BINS) * (SAMPLE_RATE_HZ / WINDOW)


@cache
def weights() -> dict[str, np.ndarray]:
    """Over BARK [120], shared with the twin (float64): `sharp` and `boom` of the moments; `low` is 1 below 280 Hz."""
    third = 3.0 * np.log2(np.maximum(bark_hz(BARK), 20.0) / 25.0) + 1.0
    return {
        "sharp": _SHARPNESS * BARK * np.where(BARK > 15.8, 0.15 * np.exp(0.42 * (BARK - 15.8)) + 0.85, 1.0),
        "boom": np.where(
            third < 4, np.interp(third, [1, 2, 3, 4], [0.8, 1.05, 1.10, 1.18]), 2.13 * np.exp(-0.151 * third)
        ),
        "low": (BARK < _BOOM_TOP_BARK).astype(np.float64),
    }


def spectra(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """|X|² [hops, BINS] of `audio` [samples]; frame t is centred on sample (t + 1)·hop."""
    hops = len(audio) // hop
    padded = np.concatenate([np.zeros(WINDOW // 2), audio, np.zeros(WINDOW // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[hop : (hops + 1) * hop : hop]
    return np.abs(np.fft.rfft(frames * WINDOW_SHAPE, axis=1)) ** 2


def loudness_sone(audio: np.ndarray) -> np.ndarray:
    """Total loudness [hops] of `audio` [samples] at 48 kHz."""
    return specific_loudness(spectra(audio) * POWER_SCALE).sum(axis=1)


def describe_spectra(power: np.ndarray) -> np.ndarray:
    """Descriptors [hops, 5] of |X|² [hops, BINS], in the order of `words.DESCRIPTORS`."""
    share = power * POWER_SCALE
    rms = 10.0 * np.log10(share.sum(axis=1) + 10 ** (RMS_FLOOR_DB / 10))
    magnitude = np.sqrt(power)
    total = magnitude.sum(axis=1) + 1e-7
    centroid = magnitude @ BIN_HZ / total
    variance = magnitude @ BIN_HZ**2 / total - centroid**2
    bandwidth = np.sqrt(np.maximum(variance, FREQUENCY_FLOOR_HZ**2))
    w = weights()
    loudness = specific_loudness(share)
    total_sone = loudness.sum(axis=1) + QUIET_SONE
    sharpness = loudness @ w["sharp"] / total_sone
    boominess = 10.0 * np.log10(1.0 + loudness @ w["boom"]) * (loudness @ w["low"]) / total_sone
    boominess = np.log2(BOOM_NONE + boominess)
    centroid = np.log2(np.maximum(centroid, FREQUENCY_FLOOR_HZ))
    return np.stack([rms, centroid, np.log2(bandwidth), sharpness, boominess], axis=1)


def describe(audio: np.ndarray, hop: int = HOP, sample_rate_hz: float = SAMPLE_RATE_HZ) -> np.ndarray:
    """Descriptors [samples // hop, 5] of `audio` [samples]; at another rate than 48 kHz it is resampled, so that hops
    and numbers mean the same for every file."""
    if sample_rate_hz != SAMPLE_RATE_HZ:
        import soxr  # heavy, and needed by few

        audio = soxr.resample(audio, sample_rate_hz, SAMPLE_RATE_HZ)
    step = 4096
    power = spectra(audio, hop) if len(audio) // hop <= step else None
    if power is not None:
        return describe_spectra(power)
    parts = []
    for begin in range(0, len(audio) // hop, step):  # long sounds in pieces: a frame of float64 power is 4 kB
        lead = min(begin, WINDOW // (2 * hop) + 1)
        stop = (begin + step) * hop + WINDOW // 2
        parts.append(describe_spectra(spectra(audio[(begin - lead) * hop : stop], hop))[lead : lead + step])
    return np.concatenate(parts)[: len(audio) // hop]


SHORTEST, LONGEST = 12, 768
"""Periods looked for, in samples: 4 kHz (above it, multiples) down to 62.5 Hz."""
FAINT = 1e-9 * WINDOW
"""−90 dBFS: a frame well below it holds no period, whatever it is."""
UNEVEN = 1e-6
"""Keeps a frame that is all but empty at one end from being divided by nothing."""
CLEAREST, NOISIEST = -4.0, 1.0
LEAST_SHARE, MOST_SHARE = 1 / (1 + 10**NOISIEST), 1 / (1 + 10**CLEAREST)
_CHUNK = 1024


def noisiness(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """How much of each frame repeats in no period, as log10(noise / periodic), CLEAREST…NOISIEST: [samples // hop].

    The periodic share is the highest correlation of a frame's beginning with its end, one period on (`period_share`).
    Steady tones from 62.5 Hz up give −4, white noise about 0.7, silence 1. Lower tones, of which a frame holds less
    than two periods, are told from noise by half a period only: real notes at 30–60 Hz give −2…0.
    """
    hops = len(audio) // hop
    padded = np.concatenate([np.zeros(WINDOW // 2), audio, np.zeros(WINDOW // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[hop : (hops + 1) * hop : hop]
    chunks = [period_share(frames[at : at + _CHUNK]) for at in range(0, hops, _CHUNK)]
    share = np.clip(np.concatenate([*chunks, np.zeros(0)]), LEAST_SHARE, MOST_SHARE)
    noisy: np.ndarray = np.log10((1 - share) / share)
    return noisy


def period_share(frames: np.ndarray) -> np.ndarray:
    """Share of each frame [frames, WINDOW] that comes again, or upside down, a period or half of one later: [frames],
    at most 1.

    r(τ) = |Σ x[n]·x[n + τ]| / √(Σ x[n]² · Σ x[n + τ]²) over the part that overlaps (as Praat's cross-correlation), of
    the frame without its mean; its highest peak beyond its first zero, so that what is merely low is not periodic.
    """
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(frames, 2 * WINDOW, axis=1)) ** 2
    products = np.fft.irfft(power, axis=1)[:, : LONGEST + 2]
    sums = np.cumsum(frames**2, axis=1)
    energy = sums[:, -1:]
    first = sums[:, WINDOW - LONGEST - 2 :][:, ::-1]  # of all but the last τ samples
    last = energy - np.pad(sums[:, : LONGEST + 1], ((0, 0), (1, 0)))  # of all but the first τ
    r = products / np.sqrt(np.maximum(first * last, 0.0) + UNEVEN * energy**2 + FAINT**2)
    beyond = np.logical_or.accumulate(r < 0, axis=1)[:, SHORTEST : LONGEST + 1]
    r = np.abs(r)
    best = np.where(beyond, r[:, SHORTEST : LONGEST + 1], 0.0).argmax(axis=1) + SHORTEST
    row = np.arange(len(r))
    before, peak, after = r[row, best - 1], r[row, best], r[row, best + 1]
    bend = 2 * peak - before - after
    is_peak = (peak >= before) & (peak >= after) & (bend > 0)
    between = np.where(is_peak, (after - before) ** 2 / (8 * np.where(is_peak, bend, 1.0)), 0.0)
    found = beyond[row, best - SHORTEST]
    return np.where(found, np.minimum(peak + between, 1.0), 0.0)
