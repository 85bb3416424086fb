"""Fits the knobs' conditional scales (`patch.knobs`) to descriptors of real frames, and of what they would be
at pitches nobody played."""

import numpy as np

from neurorack.bundle import Condition, Knob
from neurorack.ears import descriptors
from neurorack.learn.corpus import Corpus
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, KNOBS, SAMPLE_RATE_HZ

UNITS = ("dBFS", "log2 Hz", "log2 Hz", "acum", "log2(0.1 + boominess)")

RMS_DB = (-60.0, -20.0, -10.0)
"""What the rms knob gives at 0, ½ and 1: the upper half is for colouring, the lower half goes to silence."""

GIVEN: tuple[tuple[int, ...], ...] = ((), (0,), (0, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4))
"""Conditions of each knob: 0 is pitch, 1 rms, 2 centroid, 3 bandwidth, 4 sharpness."""
PITCH_RANGE = (-3.0, 4.0)

LEAST_BOOMINESS = -3.2
"""At high pitch most frames have no boominess at all, which is −3.32: frames below this are left out, and the knob ends
here. So it is with a centroid below the pitch itself."""
ABOVE_PITCH = 0.1
"""Octaves from the pitch to the lowest centroid."""

SPREAD_FLOOR = 0.4
"""Least spread as a share of its median: no knob is dead at any pitch."""

_TAIL = 0.05
"""A knob's ends are these quantiles: what lies beyond is one frame in twenty, and seldom a sound."""
_POINTS = 33
_EVEN = 0.35
"""Share of an even scale mixed into the quantiles: no stretch of a knob stands still."""


_FRAMES = 60_000
"""Frames the scales are fitted to."""
_FAINT = 1e-3
"""Frames 30 dB below their sound's loudest say little of it."""
_HOP = 512
_DARK, _DARK_HZ = 1e-4, 1_000.0
"""Least envelope, relative to its highest, falling by 12 dB an octave above 1 kHz: a dark sound moved far above what
was recorded of it is a dark tone there, and nothing else."""
_TRANSPOSED, _NOISY = 0.5, 0.5
"""Share of the frames that is moved to another pitch, and of those that get noise laid under them."""


def sample(corpus: Corpus, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(pitch in octaves [rows], descriptors [rows, 5]) of sounding frames, each at a level of its own.

    Half of them are moved to a pitch anywhere in the range, their spectral envelope kept: a folder of a few notes still
    gets knobs for all pitches. Half get noise laid under them, of random colour and 25 to 60 dB down: a voice with
    breath reaches more than a recorded note does, above all in boominess at high pitch.
    """
    random = np.random.default_rng(seed)
    per_sound = int(np.clip(_FRAMES // len(corpus), 6, 2_000))
    f_hz = np.maximum(descriptors.BIN_HZ, 20.0)
    pitches, rows = [], []
    for sound in corpus.sounds:
        power = descriptors.spectra(sound.audio[: 6 * SAMPLE_RATE_HZ] / 32768.0, _HOP)
        share = power.sum(axis=1)
        sounding = np.nonzero(share > share.max() * _FAINT)[0]
        if share.max() == 0.0:
            continue
        count = min(per_sound, 8 * len(sounding))
        at = random.choice(sounding, count)
        chosen = power[at] / (share[at, None] * descriptors.POWER_SCALE)
        f0_hz = sound.f0_hz[np.minimum(at * (_HOP // HOP), len(sound.f0_hz) - 1)].astype(np.float64)
        moved = random.random(count) < _TRANSPOSED
        anywhere = C4_HZ * np.exp2(random.uniform(*PITCH_RANGE, count))
        if corpus.kind == "percussive":
            anywhere = f0_hz * np.exp2(random.uniform(-2.0, 2.0, count))
        for i in np.nonzero(moved)[0]:
            if corpus.kind == "percussive":
                there = np.interp(f_hz * f0_hz[i] / anywhere[i], f_hz, chosen[i])
            else:
                there = _lines(anywhere[i]) * _envelope(chosen[i], f0_hz[i])
            chosen[i], f0_hz[i] = there, anywhere[i]
        chosen /= chosen.sum(axis=1, keepdims=True) * descriptors.POWER_SCALE + 1e-12
        tilt = random.uniform(-2.5, 0.5, (count, 1))
        knee_hz = 2 ** random.uniform(6, 14, (count, 1))
        noise = (f_hz / 1000.0) ** tilt / (1 + (f_hz / knee_hz) ** 4) * random.exponential(size=(count, len(f_hz)))
        noise /= noise.sum(axis=1, keepdims=True) * descriptors.POWER_SCALE
        amount = 10 ** random.uniform(-6.0, -2.5, (count, 1)) * (random.random((count, 1)) < _NOISY)
        level = 10 ** (random.uniform(-50, -6, (count, 1)) / 10)
        rows.append(descriptors.describe_spectra((chosen + amount * noise) * level))
        pitches.append(np.log2(f0_hz / C4_HZ))
    return np.concatenate(pitches), np.concatenate(rows)


def _envelope(power: np.ndarray, f0_hz: float) -> np.ndarray:
    """Spectral envelope [BINS] of a frame: its peaks within a period of its pitch, joined in dB."""
    width = max(1, round(f0_hz / (2 * descriptors.BIN_HZ[1])))
    padded = np.pad(power, width, mode="edge")
    peaks = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).max(axis=1)
    logs = np.log(np.pad(peaks, width, mode="edge") + 1e-12)
    smooth = np.exp(np.convolve(logs, np.full(2 * width + 1, 1 / (2 * width + 1)), "valid"))
    dark: np.ndarray = smooth.max() * _DARK * (1.0 + descriptors.BIN_HZ / _DARK_HZ) ** -4
    return np.maximum(smooth, dark)


def _lines(f0_hz: float) -> np.ndarray:
    """Power [BINS] of equal harmonics of a pitch, as the Hann window shows them."""
    numbers = np.maximum(np.rint(descriptors.BIN_HZ / f0_hz), 1.0)
    away = np.abs(descriptors.BIN_HZ - numbers * f0_hz) / descriptors.BIN_HZ[1]
    return np.where(away < 2.0, np.cos(np.pi * np.minimum(away, 2.0) / 4) ** 4, 0.0)


def fit(pitch_oct: np.ndarray, descriptors: np.ndarray) -> list[Knob]:
    """The card's knobs, from frames: pitch [rows] in octaves from C4, descriptors [rows, 5]."""
    values = np.column_stack([pitch_oct, descriptors])
    low, high = np.quantile(values, [0.005, 0.995], axis=0)
    low[0], high[0] = PITCH_RANGE
    x = (np.clip(values, low, high) - (low + high) / 2) * 2 / (high - low)
    limits = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    knobs = [_rms_knob()]
    least = np.full_like(descriptors, -np.inf)
    least[:, DESCRIPTORS.index("centroid")] = np.log2(C4_HZ) + pitch_oct + ABOVE_PITCH
    least[:, DESCRIPTORS.index("boominess")] = LEAST_BOOMINESS
    for i in range(1, len(DESCRIPTORS)):
        rows = descriptors[:, i] > least[:, i]
        knobs.append(_fit_knob(i, x[rows], descriptors[rows, i], limits, least[rows, i]))
    return knobs


def _rms_knob() -> Knob:
    """Level needs no data: two straight pieces."""
    curve = np.interp(np.linspace(0, 1, _POINTS), [0.0, 0.5, 1.0], RMS_DB)
    return Knob(DESCRIPTORS[0], UNITS[0], RMS_DB[0], RMS_DB[2], [], [[]], [0.0], [1.0], 1.0, curve.tolist())


def _fit_knob(
    index: int, x: np.ndarray, values: np.ndarray, limits: list[tuple[float, float]], least: np.ndarray
) -> Knob:
    given = GIVEN[index]
    n = len(given)
    place = np.column_stack([np.ones(len(x)), x[:, list(given)]])
    rows, columns = np.tril_indices(n + 1)
    features = place[:, rows] * place[:, columns]
    location = _ridge(features, values)
    rest = values - features @ location
    spread = np.where(columns == 0, _ridge(place, np.abs(rest))[rows], 0.0)  # linear
    fitted = features @ spread
    floor = SPREAD_FLOOR * float(np.median(fitted))
    standard = rest / np.maximum(fitted, floor)
    room = (features @ location - least) / -np.quantile(standard, _TAIL)
    if (room < fitted).any():  # the knob's bottom would ask for less than there is
        spread = _ridge(features, np.clip(room, 0.0, fitted))
    u = np.linspace(0, 1, _POINTS)
    quantiles = np.quantile(standard, _TAIL + (1 - 2 * _TAIL) * u)
    quantiles = (1 - _EVEN) * quantiles + _EVEN * (quantiles[0] + (quantiles[-1] - quantiles[0]) * u)
    terms = np.zeros((len(rows), n + 1), np.int64)
    np.add.at(terms, (np.arange(len(rows)), rows), 1)
    np.add.at(terms, (np.arange(len(rows)), columns), 1)
    return Knob(
        name=DESCRIPTORS[index],
        unit=UNITS[index],
        low=limits[1 + index][0],
        high=limits[1 + index][1],
        conditions=[Condition(KNOBS[i], *limits[i]) for i in given],
        terms=terms[:, 1:].tolist(),
        location=location.tolist(),
        spread=spread.tolist(),
        spread_floor=floor,
        quantiles=quantiles.tolist(),
    )


def _ridge(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    gram = features.T @ features / len(features)
    solved: np.ndarray = np.linalg.solve(gram + 1e-4 * np.eye(len(gram)), features.T @ values / len(features))
    return solved
