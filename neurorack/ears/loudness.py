"""How loud a spectrum is at each place of the ear: specific loudness of a steady sound after ISO 532-1 (Zwicker).

From the powers of a spectrum's bins, with the standard's tables:

bands   third-octave filters, 25 Hz to 12.5 kHz (Butterworth, third order), the lowest eleven put together into three,
        make 20 critical bands; the ear's transmission, how much weaker we hear below 300 Hz, and the threshold in
        quiet make of each a number: its power in units of the threshold, E
main    N' = c · ((¾ + ¼·E)^¼ − 1) within the band
slopes  beyond a band's upper edge N' falls, the steeper the larger it is, until it meets the main loudness of a higher
        band. Steepness depends on N' alone here, so a curve is all that is needed: how many Bark N' takes to fall to
        nothing. Bands add nothing to one another; the loudest is heard.

Simpler than the standard in three things, for the sake of smoothness; the descriptors come out no farther from it for
that: the slopes are those of its bands above 900 Hz at every frequency (lower ones are up to twice as steep); the
weight below 300 Hz is that of levels up to 65 dB at every level; no correction of the lowest band. This is the
reference in numpy; its twin in `learn.networks.twins` has gradients.
"""

from functools import cache

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ

FULL_SCALE_SPL_DB = 100.0
"""What 0 dBFS rms is taken for, always."""
THRESHOLD_SHARE = 0.25
EXPONENT = 0.25
BARK_STEP = 0.2
BARK = (np.arange(120) + 0.5) * BARK_STEP
"""Places of the ear, in critical-band rate, where N' is told."""

_BAND_TOP_BARK = np.array(
    [0.9, 1.8, 2.8, 3.5, 4.4, 5.4, 6.6, 7.9, 9.2, 10.6, 12.3, 13.8, 15.2, 16.7, 18.1, 19.3, 20.6, 21.8, 22.7, 23.6]
)
_BANDS = len(_BAND_TOP_BARK)
_THIRDS_HZ = 10.0 ** (np.arange(14, 42) / 10)
_BAND_OF_THIRD = np.array([0] * 6 + [1] * 3 + [2] * 2 + list(range(3, _BANDS)))
_LOW_DB = np.array([-27.0, -19.0, -14.0, -9.0, -4.0, 0.0, -6.0, -2.0, 0.0, -2.0, 0.0] + [0.0] * 17)
"""How much weaker each third octave is heard."""
_TRANSMISSION_DB = np.array([0.0] * 10 + [-0.5, -1.6, -3.2, -5.4, -5.6, -4.0, -1.5, 2.0, 5.0, 12.0])
_WIDTH_DB = np.array(
    [-0.25, -0.6, -0.8, -0.8, -0.5, 0, 0.5, 1.1, 1.5, 1.7, 1.8, 1.8, 1.7, 1.6, 1.4, 1.2, 0.8, 0.5, 0, -0.5]
)
"""A band of third octaves against a critical band."""
_THRESHOLD_DB = np.array([30.0, 18.0, 12.0, 8.0, 7.0, 6.0, 5.0, 4.0] + [3.0] * 12)
_LOUDNESS = 0.0635  # 1 kHz at 40 dB is 1 sone

_STEPS_SONE = np.array(
    [0.0, 0.035, 0.10, 0.15, 0.22, 0.30, 0.42, 0.82, 1.36, 2.13, 3.1, 4.4, 6.1, 9.0, 11.5, 15.1, 18.0, 21.5]
)
_FALL_SONE = np.array(
    [0.02, 0.05, 0.08, 0.11, 0.17, 0.22, 0.42, 0.62, 0.82, 1.1, 1.3, 1.7, 2.2, 2.7, 3.2, 3.9, 4.5, 5.5]
)
"""By how many sone N' falls over one Bark, above each of the steps."""
_LOUDEST_SONE = 1e4

SONE = np.append(_STEPS_SONE, _LOUDEST_SONE)
TAIL_BARK = np.append(0.0, np.cumsum(np.diff(SONE) / _FALL_SONE))
"""How many Bark N' = SONE takes to fall to nothing; straight lines between."""


def bark(f_hz: np.ndarray) -> np.ndarray:
    """Critical-band rate z (Zwicker & Terhardt 1980)."""
    return 13.0 * np.arctan(0.00076 * f_hz) + 3.5 * np.arctan((f_hz / 7500.0) ** 2)


def bark_hz(z: np.ndarray) -> np.ndarray:
    """Its inverse, in Hz."""
    fine_hz = np.linspace(1.0, SAMPLE_RATE_HZ / 2, 48_000)
    return np.interp(z, bark(fine_hz), fine_hz)


@cache
def tables(bins: int) -> dict[str, np.ndarray]:
    """Constants, shared with the twin (float64).

    `bank` [bins, 20] mean square per bin, DC to half the sample rate → E; `main` [20] N' of a bracket of 1; `top` [20]
    upper edges of the bands in Bark; `band` [120] which band each place of BARK lies in, 20 beyond the last.
    """
    f_hz = np.maximum(np.linspace(0.0, SAMPLE_RATE_HZ / 2, bins), 1.0)[:, None]
    sharpness = np.pi / 3 / (10**0.05 - 10**-0.05)  # of a Butterworth filter as wide as a third octave (IEC 61260)
    filters = 1.0 / (1.0 + (sharpness * (f_hz / _THIRDS_HZ - _THIRDS_HZ / f_hz)) ** 6)
    filters[0] = 0.0  # DC is not heard
    of_band_db = FULL_SCALE_SPL_DB - _TRANSMISSION_DB - _WIDTH_DB - _THRESHOLD_DB
    filters *= 10 ** ((of_band_db[_BAND_OF_THIRD] + _LOW_DB) / 10)
    return {
        "bank": filters @ np.eye(_BANDS)[_BAND_OF_THIRD],
        "main": _LOUDNESS * 10 ** (_THRESHOLD_DB * (EXPONENT / 10)),
        "top": _BAND_TOP_BARK,
        "band": np.searchsorted(_BAND_TOP_BARK, BARK),
    }


def specific_loudness(share: np.ndarray) -> np.ndarray:
    """Loudness in sone at each place of BARK [frames, 120], whose sum is the total, of mean squares per bin
    [frames, bins] (DC to half the sample rate)."""
    t = tables(share.shape[1])
    bracket = (1.0 - THRESHOLD_SHARE + THRESHOLD_SHARE * (share @ t["bank"])) ** EXPONENT - 1.0
    main = t["main"] * np.maximum(bracket, 0.0)
    tail = np.interp(main, SONE, TAIL_BARK)
    end = np.maximum.accumulate(tail + t["top"], axis=1)  # where the tails of the bands so far reach down to nothing
    within = np.pad(tail, ((0, 0), (0, 1)))[:, t["band"]]
    beyond = np.pad(end, ((0, 0), (1, 0)))[:, t["band"]] - BARK
    loudness: np.ndarray = np.interp(np.maximum(within, beyond), TAIL_BARK, SONE) * BARK_STEP
    return loudness
