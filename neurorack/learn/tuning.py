"""The real pitch of a note whose nominal pitch is known: a harmonic comb laid over one long spectrum."""

import numpy as np

from neurorack.words import SAMPLE_RATE_HZ

SEARCH_CENTS = 90
_FFT = 1 << 18  # 0.18 Hz a bin: the comb is read by linear interpolation
_BIN_HZ = np.arange(_FFT // 2 + 1) * (SAMPLE_RATE_HZ / _FFT)
_TOP_HZ = 8_000.0
_TEETH = 16


def measure_f0(note: np.ndarray, nominal_hz: float, *, held_s: float) -> tuple[float, float, float]:
    """(f0 in Hz, its distance from `nominal_hz` in cents, share of energy at its harmonics) of a note [samples].

    The note is held for `held_s`; what is measured, at most 5 s, lies between its attack and its release.

    The comb's teeth add the square root of magnitude, so that one loud partial does not decide alone; the
    best of the candidates, a cent apart, is refined by a parabola. Good to about 0.3 cents on a steady tone.
    """
    begin = round(min(0.06, 0.2 * held_s) * SAMPLE_RATE_HZ)
    body = note[begin : min(round(held_s * SAMPLE_RATE_HZ), begin + _FFT)]
    spectrum = np.abs(np.fft.rfft(body * np.hanning(len(body)), _FFT)) ** 0.5
    cents = np.arange(-SEARCH_CENTS, SEARCH_CENTS + 1.0)
    teeth = np.arange(1, max(2, min(_TEETH, int(_TOP_HZ / nominal_hz)) + 1))
    f_hz = nominal_hz * 2 ** (cents / 1200)
    bins = f_hz[:, None] * teeth * (_FFT / SAMPLE_RATE_HZ)
    low = bins.astype(np.int64)
    part = bins - low
    score = ((1 - part) * spectrum[low] + part * spectrum[low + 1]).sum(axis=1)
    best = int(score.argmax())
    shift = 0.0
    if 0 < best < len(score) - 1:
        before, peak, after = score[best - 1 : best + 2]
        bend = before - 2 * peak + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    found = float(cents[best] + shift)
    f0_hz = nominal_hz * 2 ** (found / 1200)
    away = np.abs(_BIN_HZ - f0_hz * np.maximum(np.rint(_BIN_HZ / f0_hz), 1))
    power = spectrum**4
    clear = power[away < max(0.03 * f0_hz, 4.0)].sum() / (power.sum() + 1e-30)
    return f0_hz, found, float(clear)
