"""The five descriptors, defined once: what the knobs mean and what every figure is measured with.

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

Specific loudness follows Zwicker: N'(z) = c · (E_TQ/E_0)^0.23 · ((½ + ½·E/E_TQ)^0.23 − 1), E the power in a one-Bark
window spread by 27 dB/Bark downwards and 12 dB/Bark upwards, E_TQ Terhardt's threshold in quiet.
This is the reference in numpy; `twins` is the same in torch, with gradients.
"""

from functools import cache

import numpy as np

from neurorack.words import HOP, SAMPLE_RATE_HZ

WINDOW = 1024
BINS = WINDOW // 2 + 1
FULL_SCALE_SPL_DB = 100.0
RMS_FLOOR_DB = -100.0
FREQUENCY_FLOOR_HZ = 20.0

BARK_STEP = 0.25
EXPONENT = 0.23
_LOUDNESS = 0.0656  # 1 kHz at 40 dB is 1 sone
_SHARPNESS = 0.11  # narrow-band noise at 1 kHz and 60 dB is 1 acum
QUIET_SONE = 0.02  # below this much loudness, sharpness and the low share fade to 0
_BOOM_TOP_HZ = 280.0
BOOM_NONE = 0.1

WINDOW_SHAPE = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
POWER_SCALE = 2.0 / (WINDOW * np.sum(WINDOW_SHAPE**2))
"""Times |X|², summed over bins, this is the mean square of the frame."""
BIN_HZ = np.arange(BINS) * (SAMPLE_RATE_HZ / WINDOW)


def bark(f_hz: np.ndarray) -> np.ndarray:
    """Critical-band rate z (Zwicker & Terhardt 1980)."""
    return 13.0 * np.arctan(0.00076 * f_hz) + 3.5 * np.arctan((f_hz / 7500.0) ** 2)


def threshold_in_quiet_db(f_hz: np.ndarray) -> np.ndarray:
    """dB SPL (Terhardt 1979)."""
    k = np.maximum(f_hz, 20.0) / 1000.0
    return 3.64 * k**-0.8 - 6.5 * np.exp(-0.6 * (k - 3.3) ** 2) + 1e-3 * k**4


@cache
def tables() -> dict[str, np.ndarray]:
    """Constants over bins and over the Bark grid [96], shared with the twin (float64).

    `spread` [BINS, 96] power per bin → excitation, in units of the threshold; `scale` [96] N' per bracket, already
    times the grid's step; `sharp` and `boom` [96] weights of the two moments; `low` [96] share of a point below 280 Hz.
    """
    z = (np.arange(96) + 0.5) * BARK_STEP
    fine_hz = np.linspace(1.0, 24_000.0, 48_000)
    centre_hz = np.interp(z, bark(fine_hz), fine_hz)
    away = z[None, :] - bark(BIN_HZ)[:, None]
    slope_db = np.where(away > 0, 12.0, 27.0) * np.maximum(np.abs(away) - 0.5, 0.0)
    quiet_db = threshold_in_quiet_db(centre_hz)
    spread = 10 ** (-slope_db / 10) * 10 ** ((FULL_SCALE_SPL_DB - quiet_db) / 10)[None, :]
    spread[0] = 0.0  # DC is not heard
    third = 3.0 * np.log2(np.maximum(centre_hz, 20.0) / 25.0) + 1.0
    roll_off = np.interp(third, [1, 2, 3, 4, 5], [0.8, 1.05, 1.10, 1.18, 1.0])
    return {
        "spread": spread,
        "scale": _LOUDNESS * 10 ** (quiet_db * (EXPONENT / 10)) * BARK_STEP,
        "sharp": _SHARPNESS * z * np.where(z > 15.8, 0.15 * np.exp(0.42 * (z - 15.8)) + 0.85, 1.0),
        "boom": 2.13 * np.exp(-0.151 * third) * roll_off,
        "low": np.clip((bark(np.array(_BOOM_TOP_HZ)) - (z - BARK_STEP / 2)) / BARK_STEP, 0.0, 1.0),
    }


def spectra(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """|X|² [hops, BINS] of `audio` [samples]; frame t is centred on sample (t + 1)·hop."""
    hops = len(audio) // hop
    padded = np.concatenate([np.zeros(WINDOW // 2), audio, np.zeros(WINDOW // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[hop : (hops + 1) * hop : hop]
    return np.abs(np.fft.rfft(frames * WINDOW_SHAPE, axis=1)) ** 2


def describe_spectra(power: np.ndarray) -> np.ndarray:
    """Descriptors [hops, 5] of |X|² [hops, BINS], in the order of `words.DESCRIPTORS`."""
    share = power * POWER_SCALE
    rms = 10.0 * np.log10(share.sum(axis=1) + 10 ** (RMS_FLOOR_DB / 10))
    magnitude = np.sqrt(power)
    total = magnitude.sum(axis=1) + 1e-7
    centroid = magnitude @ BIN_HZ / total
    variance = magnitude @ BIN_HZ**2 / total - centroid**2
    bandwidth = np.sqrt(np.maximum(variance, FREQUENCY_FLOOR_HZ**2))
    t = tables()
    bracket = (0.5 + 0.5 * (share @ t["spread"])) ** EXPONENT - 1.0
    loudness = np.maximum(bracket, 0.0) * t["scale"]
    total_sone = loudness.sum(axis=1) + QUIET_SONE
    sharpness = loudness @ t["sharp"] / total_sone
    boominess = 10.0 * np.log10(1.0 + loudness @ t["boom"]) * (loudness @ t["low"]) / total_sone
    boominess = np.log2(BOOM_NONE + boominess)
    centroid = np.log2(np.maximum(centroid, FREQUENCY_FLOOR_HZ))
    return np.stack([rms, centroid, np.log2(bandwidth), sharpness, boominess], axis=1)


def describe(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """Descriptors [samples // hop, 5] of `audio` [samples] at 48 kHz."""
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


def loudness_sone(audio: np.ndarray) -> np.ndarray:
    """Total loudness [hops] in sone, for checks against known sounds."""
    t = tables()
    bracket = (0.5 + 0.5 * (spectra(audio) * POWER_SCALE @ t["spread"])) ** EXPONENT - 1.0
    return (np.maximum(bracket, 0.0) * t["scale"]).sum(axis=1)


_LAGS = np.arange(WINDOW)
_SHORTEST, _LONGEST = 12, 512
"""Lags in samples: 4 kHz down to 94 Hz, the lowest pitch of which a window holds two periods."""


def noisiness(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """How much of each frame is not periodic, as log10(noise / periodic) in [samples // hop], −4…+1.

    The periodic share is the highest peak of the frame's autocorrelation divided by its window's (Boersma 1993).
    """
    hops = len(audio) // hop
    padded = np.concatenate([np.zeros(WINDOW // 2), audio, np.zeros(WINDOW // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[hop : (hops + 1) * hop : hop]
    power = np.abs(np.fft.rfft(frames * WINDOW_SHAPE, 2 * WINDOW, axis=1)) ** 2
    own = np.fft.irfft(np.abs(np.fft.rfft(WINDOW_SHAPE, 2 * WINDOW)) ** 2)
    correlation = np.fft.irfft(power, axis=1)[:, _SHORTEST:_LONGEST]
    energy = power.mean(axis=1)[:, None] + 1e-9
    periodic = (correlation / own[_SHORTEST:_LONGEST] * own[0] / energy).max(axis=1)
    share = np.clip(periodic, 1e-4, 1 - 1e-4)
    return np.clip(np.log10((1 - share) / share), -4.0, 1.0)
