"""Cuts gestures from sounds: where pitch, descriptors and latent of a real sound go, from its first sample to silence.

    pitched     attack, a loop where the rows meet best, release
    percussive  one shot, its first row on the very first sample of the hit
    speaking    the whole phrase; held, it goes round its last steady vowel, and released it goes on from there

Row k stands k hops after the first sample, wherever that lies in the recording.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.ears import descriptors
from neurorack.ears.features import FEATURE_HOP, features
from neurorack.learn.corpus import Sound
from neurorack.learn.heard import ripple_hops
from neurorack.learn.level import hit_level_db, level_db, levelled, onset
from neurorack.onnx_session import open_session
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ

BODY_DB = {"pitched": -6.0, "percussive": -6.0, "speaking": -12.0}
"""The medians are taken over what is this near to the loudest: a knob sets the level of the body, not of its tail."""
FAINT_DB = -50.0
"""Below this, relative to the loudest, descriptors are noise: the last good ones are held."""
TAIL_DB = -60.0
"""A tail is kept down to here."""
END_HOPS = 60
"""80 ms after its last row a gesture has faded out."""
LONGEST_HOPS = 6 * SAMPLE_RATE_HZ // HOP
"""6 s: a gesture takes some 50 kB a second."""

LEAST_LOOP_HOPS = 45
"""60 ms: the shortest vowel worth going round in."""
LEAST_HELD_HOPS = 75
"""0.1 s: a note that is held for less is played as one shot."""
VOICED = 0.5
"""Least correlation of a voiced frame with itself one period later."""
STEADY_PER_S = 30.0
"""A vowel is steady where pitch, level and knobs move less than this many audible steps a second, on average: in read
speech the median is 50, and two phrases in five have such a vowel."""

_LEAD = 8 * FEATURE_HOP  # silence ahead, as in training
_ALIKE = np.array([0.02, 3.0, 0.1, 0.1, 0.1, 0.1])
"""Differences of pitch, level and knobs that are about equally easy to hear."""
_LATENT_ALIKE = 0.3


@dataclass(frozen=True, eq=False)
class Cut:
    """One gesture, as it goes into the file."""

    name: str
    latent: np.ndarray  # [N, Z] float32
    descriptors: np.ndarray  # [N, 5] float32: rms in dB, the others as knob positions
    median: np.ndarray  # [5] float32
    marks: np.ndarray  # [2] int32: loop start, loop end; the same where nothing is looped
    pitch: np.ndarray  # [N] float32: octaves, about 0 for a pitched sound, else from C4
    partials: np.ndarray | None = None  # [H] float32: octaves of modes above the pitch

    def arrays(self) -> dict[str, np.ndarray]:
        """For the gestures file."""
        parts = {key: getattr(self, key) for key in ("latent", "descriptors", "median", "marks", "pitch", "partials")}
        return {f"{self.name}/{key}": value for key, value in parts.items() if value is not None}


class Encode:
    """The exported encoder: features [frames, FEATURES] → latent [frames, Z]."""

    def __init__(self, onnx_file: Path) -> None:
        self._session = open_session(onnx_file.read_bytes(), None)

    def __call__(self, heard: np.ndarray) -> np.ndarray:
        latent: np.ndarray = self._session.run(None, {"features": heard.astype(np.float32)})[0]
        return latent


def cut(name: str, sound: Sound, kind: str, scales: Scales, encode: Encode) -> Cut:
    """The gesture of one sound of a corpus of this kind."""
    audio = levelled(sound)
    first = onset(audio, kind)
    audio = audio[: first + LONGEST_HOPS * HOP]
    at = HOP * np.arange((len(audio) - first) // HOP)
    if kind == "percussive":
        loud_db = hit_level_db(audio[first:], sound, at)
    else:
        loud_db = level_db(audio, sound, kind, first + at)
    loud_db = loud_db[: int(np.nonzero(loud_db > loud_db.max() + TAIL_DB)[0][-1]) + 1]
    hops = len(loud_db)
    track = _track(sound, first, hops)
    if kind == "pitched":
        released = _released(loud_db, (sound.held - first) // HOP if sound.held < len(sound.audio) else None)
        middle = float(np.median(track[:released]))
        moving = _vibrato(track - middle, released)
        pitch_oct = middle + moving
    elif kind == "speaking":
        voiced = (clarity(audio, track, first + np.arange(hops) * HOP) > VOICED) & (loud_db > loud_db.max() - 30)
        moving = pitch_oct = _bridged(track, voiced)
    else:
        moving = pitch_oct = track
    knobs, latent = _heard(audio, first, loud_db, pitch_oct, scales, encode)
    rows = np.column_stack([moving, knobs, latent])

    marks = hops, hops
    if kind == "pitched" and released >= LEAST_HELD_HOPS:
        marks = _loop(rows, *_limits(released))
        rows = np.concatenate([rows[: marks[1]], rows[released:]])
    elif kind == "speaking":
        stretch = _last_steady(rows[:, : len(_ALIKE)], voiced)
        if stretch is None:  # round and round the whole phrase; released, it fades out from where it is
            rows, marks = np.concatenate([rows, rows[:1]]), (0, hops)
        else:
            begin, end = stretch
            marks = _loop(rows, begin, (end - begin) * 3 // 4, (end - begin) // 4, end)
    body = loud_db > loud_db.max() + BODY_DB[kind]
    if kind == "pitched":
        body[released:] = False
    rows = np.concatenate([rows, np.repeat(rows[-1:], END_HOPS, axis=0)])
    rows[-END_HOPS:, 1] += np.linspace(0, TAIL_DB, END_HOPS + 1)[1:]
    return Cut(
        name=name,
        latent=np.ascontiguousarray(rows[:, 6:], np.float32),
        descriptors=np.ascontiguousarray(rows[:, 1:6], np.float32),
        median=np.median(knobs[body], axis=0).astype(np.float32),
        marks=np.array(marks if marks[0] < marks[1] else (len(rows), len(rows)), np.int32),
        pitch=np.ascontiguousarray(rows[:, 0], np.float32),
        partials=sound.partials.astype(np.float32) if kind == "percussive" else None,
    )


def clarity(audio: np.ndarray, pitch_oct: np.ndarray, at: np.ndarray) -> np.ndarray:
    """How much [rows] a sound repeats itself after one period of its own pitch, −1…1, over some 21 ms.

    `pitch_oct` [rows] in octaves from C4, `at` [rows] the samples it is asked at.
    """
    window = 1024
    periods = np.round(SAMPLE_RATE_HZ / (C4_HZ * np.exp2(pitch_oct))).astype(np.intp).clip(2, window)
    padded = np.pad(audio, window)
    said = np.empty(len(periods))
    for k, (period, sample) in enumerate(zip(periods, at, strict=True)):
        begin = window + sample - (window + period) // 2
        one, other = padded[begin : begin + window], padded[begin + period : begin + period + window]
        said[k] = one @ other / np.sqrt(max((one @ one) * (other @ other), 1e-12))
    return said


def _track(sound: Sound, first: int, hops: int) -> np.ndarray:
    """Pitch [hops] in octaves from C4."""
    ends = (np.arange(len(sound.f0_hz)) + 1) * HOP
    track: np.ndarray = np.interp(first + np.arange(hops) * HOP, ends, np.log2(sound.f0_hz / C4_HZ))
    return track


def _heard(
    audio: np.ndarray, first: int, level_db: np.ndarray, pitch_oct: np.ndarray, scales: Scales, encode: Encode
) -> tuple[np.ndarray, np.ndarray]:
    """Knobs [rows, 5], rms in dB, and latent [rows, Z], in straight lines between the encoder's frames."""
    hops = len(level_db)
    lead = _LEAD + -first % FEATURE_HOP  # the first row lies on both grids
    end = lead + first + hops * HOP
    padded = np.pad(audio, (lead, FEATURE_HOP))[: end + FEATURE_HOP]
    begin = (lead + first) // HOP
    described = descriptors.describe(padded)[begin - 1 : begin - 1 + hops]
    knobs = scales.position_frames(pitch_oct, np.column_stack([level_db, described[:, 1:]]))
    frames = encode(features(padded))
    ends = (np.arange(len(frames)) + 1) * FEATURE_HOP
    at = (begin + np.arange(hops)) * HOP
    latent = np.column_stack([np.interp(at, ends, column) for column in frames.T])
    latest = np.maximum.accumulate(np.where(level_db > level_db.max() + FAINT_DB, np.arange(hops), 0))
    knobs = _smooth(knobs[latest], ripple_hops(C4_HZ * 2 ** float(np.median(pitch_oct))) | 1)
    knobs[:, 0] = level_db
    return knobs, latent[latest]


def _smooth(rows: np.ndarray, hops: int = 9) -> np.ndarray:
    window = np.hanning(hops + 2)[1:-1]
    padded = np.pad(rows, ((hops // 2, hops // 2), (0, 0)), mode="edge")
    return np.column_stack([np.convolve(column, window / window.sum(), "valid") for column in padded.T])


def _released(level_db: np.ndarray, held: int | None) -> int:
    """The row from which on a note is released; where that is not known, it is where the note falls for good below
    3 dB under the middle of its levels."""
    if held is not None:
        return int(np.clip(held, 1, len(level_db)))
    sounding = level_db[level_db > level_db.max() - 30]
    return int(np.nonzero(level_db >= np.median(sounding) - 3)[0][-1]) + 1


def _vibrato(octaves: np.ndarray, released: int) -> np.ndarray:
    """A note's pitch about its middle where it sways 3.5 to 9 times a second, at least ±5 cents and clearly so;
    elsewhere none. It begins and ends gently."""
    still = np.zeros_like(octaves)
    least = round(0.4 * SAMPLE_RATE_HZ / HOP)
    begin = min(round(0.1 * SAMPLE_RATE_HZ / HOP), released)
    body = octaves[begin:released]
    if len(body) < least:
        return still
    t = np.linspace(-1, 1, len(body))
    swing = body - np.polyval(np.polyfit(t, body, 1), t)
    window = np.hanning(len(body))
    power = np.abs(np.fft.rfft(swing * window)) ** 2
    rate_hz = np.fft.rfftfreq(len(body), HOP / SAMPLE_RATE_HZ)
    swaying = power[(rate_hz >= 3.5) & (rate_hz <= 9.0)].sum()
    extent = np.sqrt(4 * swaying / (len(body) * np.sum(window**2)))  # of the sine that has this power
    if swaying < 0.5 * power[1:].sum() or extent < 5 / 1200:
        return still
    soft = _smooth(octaves[:, None], 25)[:, 0].clip(-0.1, 0.1)
    ramp = np.clip(np.arange(len(octaves)) / begin, 0, 1) * np.clip((released - np.arange(len(octaves))) / 60 + 1, 0, 1)
    return soft * ramp


def _bridged(track: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Pitch [hops] through the unvoiced parts in straight lines, smooth over 33 ms."""
    known = np.nonzero(voiced)[0]
    if len(known):
        track = np.interp(np.arange(len(track)), known, track[known])
    return _smooth(track[:, None], 25)[:, 0]


def _limits(released: int) -> tuple[int, int, int, int]:
    """(first, shortest, room for the end, last) of a note's loop: from 0.3 s on, 0.25 s long, where there is room."""
    least, length = round(0.3 * SAMPLE_RATE_HZ / HOP), round(0.25 * SAMPLE_RATE_HZ / HOP)
    return min(least, released * 2 // 5), min(length, released // 3), min(120, released // 5), released


def _loop(rows: np.ndarray, first: int, shortest: int, room: int, last: int) -> tuple[int, int]:
    """Loop marks where the rows meet best, in value and in slope, among those from `first` on, at least `shortest`
    hops apart, that end in the last `room` hops before `last`."""
    alike = np.concatenate([_ALIKE, np.full(rows.shape[1] - len(_ALIKE), _LATENT_ALIKE)])
    soft = _smooth(rows / alike, 15)
    both = np.hstack([soft, 10 * np.gradient(soft, axis=0)])
    best = (np.inf, first, last - 1)
    for end in range(last - max(room, 1), last, 4):
        starts = np.arange(first, end - shortest + 1, 4)
        if len(starts):
            apart = np.abs(both[starts] - both[end]).mean(axis=1)
            at = int(apart.argmin())
            best = min(best, (float(apart[at]), int(starts[at]), end))
    return best[1], best[2]


def _last_steady(rows: np.ndarray, voiced: np.ndarray) -> tuple[int, int] | None:
    """The last stretch [begin, end) of a phrase that is voiced and moves little, at least LEAST_LOOP_HOPS long.

    `rows` [hops, 6]: pitch, level and knobs.
    """
    speed = np.abs(np.gradient(_smooth(rows / _ALIKE, 15), HOP / SAMPLE_RATE_HZ, axis=0)).mean(axis=1)
    steady = voiced & (_smooth(speed[:, None], 15)[:, 0] < STEADY_PER_S)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], steady.astype(np.int8), [0]])))
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= LEAST_LOOP_HOPS]
    return runs[-1] if runs else None
