"""Pitch at every hop. A small network finds it (SwiftF0, 47 to 2094 Hz), a harmonic comb makes it exact.

Beyond the network's range, and where it hears none in what is clearly periodic, the autocorrelation of one long window
finds it.
"""

from functools import cache
from typing import Any

import numpy as np

from neurorack.learn.prepare.modes import find_modes
from neurorack.learn.tuning import measure_f0
from neurorack.words import HOP, SAMPLE_RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 20.0, 5_000.0

_TRACKER_HZ, _TRACKER_HOP = 16_000, 256
FRAME_S = _TRACKER_HOP / _TRACKER_HZ
VOICED = 0.5
"""The tracker's confidence from which on a frame has a pitch."""
_AUDIBLE_DB = 40.0
"""What is further below the loudest of its sound says nothing of its pitch."""
_ENOUGH = 0.25
"""Share of voiced frames from which on the tracker is believed."""
_PERIODIC = 0.8
"""Peak of the normalised autocorrelation from which on a sound is periodic."""
_ATTACK_S = 0.03
"""After the peak, what strikes the note has died."""
_SAFE_HZ = (52.0, 1_950.0)
"""Well inside the tracker's range."""
_STEADY_CENTS = 5.0
"""A note that strays less than this has one pitch."""
_REACH_CENTS = 80.0
"""Around the note's pitch, vibrato is followed this far by the comb."""


def track_f0(audio: np.ndarray, kind: str) -> tuple[np.ndarray, float]:
    """(f0 in Hz [samples // HOP] float32 at the end of each hop, share of the audible part that has a pitch, 0…1).

    Gaps without pitch are bridged on straight lines (of octaves). A percussive sound has the pitch of its main mode,
    throughout. A sound of no pitch at all gets the rate at which it crosses zero, and share 0.
    """
    hops = len(audio) // HOP
    if kind == "percussive":
        return np.full(hops, find_modes(audio)[0], np.float32), 1.0
    octaves, voiced, audible = _heard(audio)
    share = float(voiced[audible].mean()) if audible.any() else 0.0
    voiced &= audible
    if kind == "speaking":
        if not voiced.any():
            return np.full(hops, _search(audio)[0], np.float32), 0.0
        line = _smooth(_without_jumps(octaves, voiced))
        return _at_hops(line, hops), share
    if share >= _ENOUGH and voiced.sum() >= 2:
        line = _smooth(_folded(octaves, voiced))
        nominal_hz = float(2 ** np.median(line[voiced]))
        other_hz = _rather(audio, nominal_hz, line.std())
        if other_hz == nominal_hz:
            return _exact(audio, line, nominal_hz, hops), share
        nominal_hz = other_hz
    else:
        nominal_hz, share = _search(audio)
    return _exact(audio, np.full(len(octaves), np.log2(nominal_hz)), nominal_hz, hops), share


def tracked(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(f0 in Hz, confidence 0…1, level in dB) per 16 ms of `audio` at 48 kHz, straight from the network."""
    import soxr

    low = soxr.resample(audio.astype(np.float32), SAMPLE_RATE_HZ, _TRACKER_HZ)
    low = np.pad(low, (0, max(0, 2 * _TRACKER_HOP - len(low))))
    peak = float(np.abs(low).max())
    found = _tracker().detect(low * np.float32(0.5 / max(peak, 1e-6)), _TRACKER_HZ)
    return found.pitch_hz, found.confidence, found.loudness_db


@cache
def _tracker() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


def _heard(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(log2 of Hz, voiced, audible) per frame of the tracker."""
    f0_hz, confidence, level_db = tracked(audio)
    return np.log2(f0_hz), confidence >= VOICED, level_db > level_db.max() - _AUDIBLE_DB


def _folded(octaves: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """`octaves` with frames an octave or more off brought near the median, and bridged."""
    middle = np.median(octaves[voiced])
    return _bridged(octaves - np.rint(octaves - middle), voiced)


def _without_jumps(octaves: np.ndarray, voiced: np.ndarray, reach: int = 12) -> np.ndarray:
    """`octaves` with frames brought to the octave of the median around them (0.4 s), and bridged."""
    at = np.flatnonzero(voiced)
    values = octaves[at]
    near = [np.median(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]
    folded = octaves.copy()
    folded[at] = values - np.rint(values - np.array(near))
    return _bridged(folded, voiced)


def _bridged(octaves: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    at = np.flatnonzero(voiced)
    return np.interp(np.arange(len(octaves)), at, octaves[at])


def _smooth(line: np.ndarray) -> np.ndarray:
    """Median of three: single frames that stray are gone."""
    padded = np.pad(line, 1, "edge")
    smooth: np.ndarray = np.median(np.stack([padded[:-2], line, padded[2:]]), axis=0)
    return smooth


def _at_hops(line: np.ndarray, hops: int) -> np.ndarray:
    """A line of octaves per frame of the tracker → Hz [hops] float32."""
    times_s = np.arange(1, hops + 1) * (HOP / SAMPLE_RATE_HZ)
    frames_s = np.arange(len(line)) * (_TRACKER_HOP / _TRACKER_HZ)
    return np.exp2(np.interp(times_s, frames_s, line)).astype(np.float32)


def _rather(audio: np.ndarray, tracked_hz: float, spread_oct: float) -> float:
    """The pitch of a steady note in Hz: what the tracker found, unless the note does not repeat at that period or
    its own lies beyond the tracker's range."""
    found_hz, periodic = _search(audio)
    if not periodic or spread_oct > 0.05 or abs(np.log2(found_hz / tracked_hz)) < 0.1:
        return tracked_hz
    if not _SAFE_HZ[0] < found_hz < _SAFE_HZ[1]:
        return found_hz
    correlation = _autocorrelation(audio)
    lag = round(SAMPLE_RATE_HZ / tracked_hz)
    near = correlation[max(lag - lag // 50 - 1, 1) : lag + lag // 50 + 2]
    best = correlation[round(SAMPLE_RATE_HZ / found_hz)]
    return found_hz if near.max(initial=0.0) < 0.7 * best else tracked_hz


def _autocorrelation(audio: np.ndarray) -> np.ndarray:
    """[lags] of the loud part, divided by its window's own and by that of lag 0 (Boersma 1993)."""
    size = min(len(audio), 1 << 15)
    first = min(int(np.abs(audio).argmax()) + round(_ATTACK_S * SAMPLE_RATE_HZ), len(audio) - size)
    body = audio[first : first + size] - audio[first : first + size].mean()
    shape = np.hanning(size)
    longest = min(size // 3, round(SAMPLE_RATE_HZ / LOWEST_HZ))
    own = np.fft.irfft(np.abs(np.fft.rfft(shape, 2 * size)) ** 2)[:longest]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(body * shape, 2 * size)) ** 2)[:longest] / own
    scaled: np.ndarray = correlation / (correlation[0] + 1e-20)
    return scaled


def _search(audio: np.ndarray) -> tuple[float, float]:
    """(f0 in Hz, 1 if the sound is periodic, else 0): the shortest lag at which it repeats."""
    correlation = _autocorrelation(audio)
    shortest = int(SAMPLE_RATE_HZ / HIGHEST_HZ)
    inner = correlation[shortest:-1]
    peaks = shortest + np.flatnonzero((inner > correlation[shortest - 1 : -2]) & (inner >= correlation[shortest + 1 :]))
    if not len(peaks) or correlation[peaks].max() < _PERIODIC:
        crossings = np.count_nonzero(np.diff(np.signbit(audio)))
        return float(np.clip(crossings * SAMPLE_RATE_HZ / (2 * len(audio)), LOWEST_HZ, HIGHEST_HZ)), 0.0
    lag = int(peaks[correlation[peaks] > 0.95 * correlation[peaks].max()][0])
    before, peak, after = correlation[lag - 1 : lag + 2]
    shift = 0.5 * (before - after) / min(before - 2 * peak + after, -1e-12)
    return SAMPLE_RATE_HZ / (lag + shift), 1.0


def _exact(audio: np.ndarray, line: np.ndarray, nominal_hz: float, hops: int) -> np.ndarray:
    """Hz [hops] float32: the comb's pitch of the whole note, with the vibrato the comb finds around `line`."""
    seconds = len(audio) / SAMPLE_RATE_HZ
    f0_hz, _, _ = measure_f0(audio, nominal_hz, held_s=seconds)
    coarse = _at_hops(line, hops)
    away = 1200 * np.log2(coarse / f0_hz)
    if np.abs(away).max() < 2 * _REACH_CENTS:
        coarse = np.full(hops, f0_hz, np.float32)
    fine = _followed(audio, coarse)
    stray = 1200 * np.log2(fine / f0_hz)
    if stray.std() < _STEADY_CENTS and abs(np.median(stray)) < 2 * _STEADY_CENTS:
        return np.full(hops, f0_hz, np.float32)
    return fine


def _followed(audio: np.ndarray, coarse_hz: np.ndarray) -> np.ndarray:
    """Hz [hops] float32: the comb's best within _REACH_CENTS of `coarse_hz` [hops], in short windows every 10.7 ms."""
    step = 8
    lowest_hz = float(coarse_hz.min())
    size = int(np.clip(2 ** np.ceil(np.log2(8 * SAMPLE_RATE_HZ / lowest_hz)), 2048, 16384))
    if len(audio) < size + step * HOP:
        return coarse_hz
    ends = np.arange(step, len(coarse_hz) + 1, step) * HOP
    inside = ends[(ends - size // 2 >= 0) & (ends + size // 2 <= len(audio))]
    shape = np.hanning(size)
    cents = np.arange(-_REACH_CENTS, _REACH_CENTS + 1, 4.0)
    found, level = np.empty(len(inside)), np.empty(len(inside))
    for i, end in enumerate(inside):
        window = audio[end - size // 2 : end + size // 2]
        spectrum = np.abs(np.fft.rfft(window * shape, 4 * size)) ** 0.5
        nominal_hz = float(coarse_hz[end // HOP - 1])
        teeth = np.arange(1, max(2, min(10, int(8_000 / nominal_hz)) + 1))
        bins = nominal_hz * 2 ** (cents / 1200)[:, None] * teeth * (4 * size / SAMPLE_RATE_HZ)
        low = np.minimum(bins.astype(np.int64), len(spectrum) - 2)
        part = bins - low
        score = ((1 - part) * spectrum[low] + part * spectrum[low + 1]).sum(axis=1)
        best = int(np.clip(score.argmax(), 1, len(score) - 2))
        before, peak, after = score[best - 1 : best + 2]
        shift = np.clip(0.5 * (before - after) / min(before - 2 * peak + after, -1e-9), -1, 1)
        found[i] = np.log2(nominal_hz) + (cents[best] + 4 * shift) / 1200
        level[i] = np.square(window, dtype=np.float64).mean()
    heard = level > level.max() * 10 ** (-_AUDIBLE_DB / 10)
    line = _smooth(found[heard])
    return np.exp2(np.interp(np.arange(1, len(coarse_hz) + 1) * HOP, inside[heard], line)).astype(np.float32)
