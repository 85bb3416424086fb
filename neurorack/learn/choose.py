"""Chooses which sounds become gestures: good ones, far apart from each other, of many sources.

Every candidate is a point: where its latent starts, lies and how far it wanders, its envelope, its pitch. From the
point in the middle on, the next is always the one farthest from all that were chosen; what lies too near to one of
them is the same sound again.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurorack.ears.features import FEATURE_HOP, features
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus, Sound
from neurorack.learn.gestures import Encode, clarity
from neurorack.learn.level import levelled
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ

COUNT, LEAST = 16, 12
"""Gestures of a bundle, and how many it should have at least."""
SOURCES_LEAST, PER_SOURCE = 4, 2
"""The first gestures are of different sources; a source gives at most this many, or more where there are few."""
CANDIDATES, CANDIDATES_PER_SOURCE = 400, 8
"""Looked at: 25 ms each."""

NEAR = 0.25
"""Sounds nearer to each other than this share of the median distance are alike."""

FAINT_DB = -50.0
"""Recorded with its loudest 50 ms below this level in dBFS, a sound is mostly the recording's noise."""
CLIPPED = 32_700
"""A sound is clipped where four samples in a row lie beyond it, four times."""
SHORTEST_S = {"pitched": 0.3, "percussive": 0.03, "speaking": 0.25}
"""Least time within 30 dB of the loudest."""
CLEAREST = {"pitched": 0.7, "percussive": -1.0, "speaking": 0.3}
"""Least correlation of a sound with itself one period later, in the median of what is within 12 dB of its loudest."""

NAME_CHARACTERS = 16
"""What a line of the display holds."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Sounds to cut gestures from, each with a short name of its own."""

    sounds: list[Sound]
    names: list[str]
    reason: str
    """Why there are fewer than were wanted; '' where there are not."""


def choose(corpus: Corpus, encode: Encode, count: int = COUNT) -> Choice:
    """Up to `count` sounds of a corpus, the same ones every time. At least one, whatever they are like."""
    candidates = _candidates(corpus)
    looks = [_look(sound, corpus.kind, encode) for sound in candidates]
    good = [i for i, look in enumerate(looks) if look.fault == ""] or list(range(len(looks)))
    sounds = [candidates[i] for i in good]
    points = _points([looks[i] for i in good])
    chosen = _farthest_first(points, [sound.source for sound in sounds], count)
    reason = ""
    if len(chosen) < count:
        faults = sorted({look.fault for look in looks} - {""})
        poor, alike = len(candidates) - len(good), len(good) - len(chosen)
        why = [f"{poor} are {' or '.join(faults)}"] * (poor > 0) + [f"{alike} are like another"] * (alike > 0)
        reason = f"{len(chosen)} gestures, not {count}: of {len(corpus)} sounds {', '.join(why) or 'all are used'}"
    picked = [sounds[i] for i in chosen]
    return Choice(picked, short_names([sound.name for sound in picked]), reason)


def named(corpus: Corpus, names: Sequence[str]) -> Choice:
    """The sounds of these names. BadInput where there is none of one."""
    by_name = {sound.name: sound for sound in corpus.sounds}
    for name in names:
        if name not in by_name:
            raise BadInput(
                f"no sound {name!r} to cut a gesture from", corpus.kind, "give names of sounds it learns from"
            )
    return Choice([by_name[name] for name in names], short_names(list(names)), "")


def _candidates(corpus: Corpus) -> list[Sound]:
    """At most CANDIDATES, evenly from all sources; of notes those nearest to the middle pitch, which transpose best."""
    by_source: dict[str, list[Sound]] = {source: [] for source in corpus.sources}
    for sound in corpus.sounds:
        by_source[sound.source].append(sound)
    each = max(1, CANDIDATES // len(by_source))
    if corpus.kind == "pitched":
        middle = float(np.median([_pitch_oct(sound) for sound in corpus.sounds]))
        for sounds in by_source.values():
            sounds.sort(key=lambda sound: abs(_pitch_oct(sound) - middle))
            del sounds[each:]
    return _spread([sound for sounds in by_source.values() for sound in _spread(sounds, each)], CANDIDATES)


def _spread(sounds: list[Sound], count: int) -> list[Sound]:
    """At most `count` of them, evenly."""
    return [sounds[i * len(sounds) // min(count, len(sounds))] for i in range(min(count, len(sounds)))]


def _pitch_oct(sound: Sound) -> float:
    return float(np.median(np.log2(sound.f0_hz / C4_HZ)))


@dataclass(frozen=True, eq=False)
class _Look:
    features: list[np.ndarray]
    """Latent at the start, its mean, its spread; envelope; pitch: each [dimensions]."""
    fault: str


_FLOORS = (0.05, 0.05, 0.05, 0.3, 0.005)
"""Least standard deviation of each part: of latent, octaves of time, octaves of pitch (6 cents). Less is not heard."""


def _look(sound: Sound, kind: str, encode: Encode) -> _Look:
    audio = np.pad(levelled(sound), (0, 2 * FEATURE_HOP))
    frames = len(audio) // FEATURE_HOP
    latent = encode(features(audio))
    power = (audio[: frames * FEATURE_HOP].reshape(frames, FEATURE_HOP) ** 2).mean(axis=1)
    level_db = 10 * np.log10(power / power.max() + 1e-9)
    near, loud = np.nonzero(level_db > -30)[0], level_db > -12
    begin, top, end = near[0], int(np.argmax(level_db > -3)), near[-1] + 1
    fallen = np.append(level_db[top:] < -20, True)
    times_s = np.array([top - begin, np.argmax(fallen), end - begin]) * FEATURE_HOP / SAMPLE_RATE_HZ
    centres = (np.arange(frames) * FEATURE_HOP + FEATURE_HOP // 2)[loud]
    track = np.interp(centres, (np.arange(len(sound.f0_hz)) + 1) * HOP, np.log2(sound.f0_hz / C4_HZ))
    low, middle, high = np.quantile(track, [0.1, 0.5, 0.9])
    parts = [
        latent[begin : begin + 6].mean(axis=0),
        latent[loud].mean(axis=0),
        latent[begin:end].std(axis=0),
        np.log2(times_s + 0.005),
        np.array([high - low, high - middle] + [middle] * (kind != "pitched")),  # a note is played at any pitch
    ]
    if times_s[2] < SHORTEST_S[kind]:
        fault = "too short"
    elif 20 * np.log10(np.sqrt(_loudest(sound.audio)) / 32768.0) < FAINT_DB:
        fault = "too faint"
    elif _clipped(sound.audio):
        fault = "clipped"
    elif np.median(clarity(audio, track, centres)) < CLEAREST[kind]:
        fault = "of no clear pitch"
    else:
        fault = ""
    return _Look(parts, fault)


def _loudest(audio: np.ndarray) -> float:
    """Power of the loudest 50 ms."""
    sums = np.cumsum(np.append(0.0, np.square(audio, dtype=np.float64)))
    window = min(SAMPLE_RATE_HZ // 20, len(audio))
    return float((sums[window:] - sums[:-window]).max() / window) + 1e-9


def _clipped(audio: np.ndarray) -> bool:
    beyond = np.abs(audio.astype(np.int32)) > CLIPPED
    in_a_row = beyond[3:] & beyond[2:-1] & beyond[1:-2] & beyond[:-3]
    return int(np.count_nonzero(np.diff(in_a_row.astype(np.int8), prepend=0) == 1)) >= 4


def _points(looks: list[_Look]) -> np.ndarray:
    """[sounds, dimensions]: every feature in standard deviations, every part as heavy as any other."""
    columns = []
    for part, floor in enumerate(_FLOORS):
        values = np.array([look.features[part] for look in looks])
        columns.append(
            (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), floor) / np.sqrt(values.shape[1])
        )
    return np.hstack(columns)


def _farthest_first(points: np.ndarray, sources: list[str], count: int) -> list[int]:
    """Indices of the chosen, in their order. The first few are of sources that are not there yet."""
    apart = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    least = NEAR * float(np.median(apart[np.triu_indices(len(points), 1)])) if len(points) > 1 else 0.0
    of = np.unique(sources, return_inverse=True)[1]
    most = max(PER_SOURCE, -(-count // (of.max() + 1)))
    chosen: list[int] = []
    distance = -apart.sum(axis=1)  # the first is the one in the middle
    while len(chosen) < count:
        taken = np.bincount(of[chosen], minlength=of.max() + 1)[of]
        limits = [0] if 0 < len(chosen) < SOURCES_LEAST else []
        limits += [most - 1] + [len(points)] * (len(chosen) < LEAST)
        for limit in limits:
            free = (taken <= limit) & ((distance > least) if chosen else True)
            if free.any():
                break
        else:
            break
        best = int(np.argmax(np.where(free, distance, -np.inf)))
        distance = apart[best] if not chosen else np.minimum(distance, apart[best])
        chosen.append(best)
    return chosen


def short_names(names: list[str]) -> list[str]:
    """Short, different names that the display has letters for. Numbers at the end give way to a count of their own.

    >>> short_names(["Bass Drum 01", "Snare 7b-112", "Snare 9", "Snare 3", "снег"])
    ['bass-drum', 'snare-7b', 'snare', 'snare-2', 'sound']
    """
    short: list[str] = []
    for name in names:
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        plain = re.sub(r"[^a-z0-9]+", "-", letters).strip("-") or "sound"
        stem = re.sub(r"(-[0-9]+)+$", "", plain)
        found, number = _fit(stem, ""), 2
        while found in short:
            found, number = _fit(stem, f"-{number}"), number + 1
        short.append(found)
    return short


def _fit(stem: str, tail: str) -> str:
    """Both within NAME_CHARACTERS: the first words go where they must, since the last say more, and then letters."""
    room = NAME_CHARACTERS - len(tail)
    while len(stem) > room and "-" in stem:
        stem = stem.partition("-")[2]
    return stem[:room] + tail
