"""Speaking voices: phrases of a Russian reader and syllables of a Mandarin one; other speakers only test.

Held out are utterances (every tenth, and every tenth syllable with all its tones), for `transfer` whole speakers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.bundle import Source
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus, Sound
from neurorack.learn.prepare.bandwidth import find_bandwidth_hz
from neurorack.learn.prepare.cut import cut_sounds
from neurorack.learn.prepare.pitch import track_f0
from neurorack.learn.prepare.read import read_audio
from neurorack.learn.sources.fetch import from_debian, verify
from neurorack.learn.sources.pinyin import pinyin
from neurorack.learn.sources.ready import evenly, gain, kept, trimmed
from neurorack.words import SAMPLE_RATE_HZ

RUSSIAN, MANDARIN, MANDARIN_MAN, ENGLISH = "russian", "mandarin", "mandarin-man", "english"


@dataclass(frozen=True)
class Speaker:
    """Where a voice's recordings lie."""

    package: str
    folder: str
    pattern: str
    sha256: str
    origin: Source


SPEAKERS = {
    RUSSIAN: Speaker(
        "festvox-ru",
        "usr/share/festival/voices/russian/msu_ru_nsh_clunits",
        "wav/*.wav",
        "8b5202c0388a7a154088e3e49455e40dda39db6a26c429e568cb46cbf257a33c",
        Source("msu_ru_nsh", "BSD-like (festvox-ru)", "read Russian by Nickolay V. Shmyrev; Debian's festvox-ru"),
    ),
    MANDARIN: Speaker(
        "gcin-voice",
        "usr/share/gcin-voice/ogg",
        "*/5.ogg",
        "e97183528747c46dddf27bc1e164d9d34ed39168cfa828d9258d75f9c50d7002",
        Source("gcin-voice 5", "CC-BY-3.0", "Mandarin syllables by Chu Lo and ChionMeilin; Debian's gcin-voice"),
    ),
    MANDARIN_MAN: Speaker(
        "gcin-voice",
        "usr/share/gcin-voice/ogg",
        "*/3.ogg",
        "5839d9dd1a6e9b690d4d61e36eef5549c3f0ec8f26084c2f816f68c9567dd981",
        Source("gcin-voice 3", "LGPL-3", "Mandarin syllables by Edward Der-Hua Liu; test only"),
    ),
    ENGLISH: Speaker(
        "asterisk-core-sounds-en-wav",
        "usr/share/asterisk/sounds/en_US_f_Allison",
        "**/*.wav",
        "26b526de585a9dff52fd97c0a2f57b9a22aa3baa8d228df1c75b3e131552b1ea",
        Source("Asterisk prompts", "CC-BY-SA-3.0", "telephone English by Allison Smith; test only"),
    ),
}

GROUPS = 10
SPLITS = {
    "train": {RUSSIAN: range(8), MANDARIN: range(8)},
    "validation": {RUSSIAN: range(8, 9), MANDARIN: range(8, 9)},
    "test": {RUSSIAN: range(9, 10), MANDARIN: range(9, 10)},
    "transfer": {MANDARIN_MAN: range(GROUPS), ENGLISH: range(GROUPS)},
}
"""Groups of utterances, by their number modulo GROUPS: each group is a source."""

MINUTES = {"train": 20.0, "validation": 2.0, "test": 2.0, "transfer": 2.0}
"""Of each speaker at most; utterances are taken evenly."""

LONGEST_S, FADE_S = 4.0, 0.02
SHORTEST_S = 0.15
VOICED = 0.1
"""Phrases are left out of which less than this share is voiced: a breath, a click."""


def corpus(split: str, cache: Path) -> Corpus:
    """Phrases of a split, kept in `cache` for the next time."""
    made_of = (1, SPLITS[split], GROUPS, MINUTES[split], LONGEST_S, FADE_S, SHORTEST_S, VOICED)
    return kept(cache, f"speech-{split}", made_of, lambda: _collect(split, cache))


def utterances(speaker: str, cache: Path) -> list[tuple[int, Path]]:
    """(group, file) of all that a speaker says, fetched and verified; in order.

    A syllable's tones, folders that differ in a last digit, stay in one group.
    """
    about = SPEAKERS[speaker]
    folder = from_debian(about.package, about.folder, cache)
    files = sorted(folder.glob(about.pattern))
    verify(files, folder, about.sha256)
    spoken = [path.parent.name.rstrip("0123456789") if "gcin" in about.package else path.stem for path in files]
    number = {text: i for i, text in enumerate(dict.fromkeys(spoken))}
    return [(number[text] % GROUPS, path) for text, path in zip(spoken, files, strict=True)]


def _collect(split: str, cache: Path) -> Corpus:
    from tqdm import tqdm

    sounds: list[Sound] = []
    for speaker, groups in SPLITS[split].items():
        wanted = [(group, path) for group, path in utterances(speaker, cache) if group in groups]
        for group, path in tqdm(
            _within(wanted, MINUTES[split]), desc=f"{speaker} ({split})", unit="file", mininterval=1.0
        ):
            name = pinyin(path.parent.name) if speaker.startswith(MANDARIN) else f"phrase-{path.stem.lstrip('ru_')}"
            sounds += phrases(path, name, f"{speaker}-{group}")
    return Corpus("speaking", sounds, [SPEAKERS[speaker].origin for speaker in SPLITS[split]])


def _within(files: list[tuple[int, Path]], minutes: float) -> list[tuple[int, Path]]:
    """As many of the files as last that long together, spread evenly."""
    import soundfile

    total_s = sum(soundfile.info(str(path)).duration for _, path in files)
    return evenly(files, int(len(files) * min(1.0, minutes * 60 / total_s)))


def phrases(path: Path, name: str, source: str) -> Iterator[Sound]:
    """What a file says, parted at its pauses."""
    try:
        audio, rate_hz = read_audio(path)
    except BadInput:  # some prompts are silence
        return
    bandwidth_hz = find_bandwidth_hz(audio, rate_hz)
    for at, part in enumerate(_parted(audio)):
        phrase = trimmed(audio[part], LONGEST_S, FADE_S)
        f0_hz, voiced = track_f0(phrase / np.float32(32768), "speaking")
        if len(phrase) >= SHORTEST_S * SAMPLE_RATE_HZ and voiced >= VOICED:
            yield Sound(
                name=f"{name}-{at}",
                source=source,
                audio=phrase,
                gain=gain(phrase),
                f0_hz=f0_hz,
                bandwidth_hz=bandwidth_hz,
                held=len(phrase),
                partials=np.empty(0, np.float32),
            )


def _parted(audio: np.ndarray) -> list[slice]:
    """Phrases of at most LONGEST_S: a longer one is parted where its later half is quietest for 20 ms."""
    longest, step = round(LONGEST_S * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ // 50
    parts = []
    for phrase in cut_sounds(audio, "speaking"):
        begin = phrase.start
        while phrase.stop - begin > longest:
            later = audio[begin + longest // 2 : begin + longest]
            power = np.square(later[: len(later) // step * step].reshape(-1, step)).sum(axis=1)
            at = begin + longest // 2 + int(power.argmin()) * step + step // 2
            parts.append(slice(begin, at))
            begin = at
        parts.append(slice(begin, phrase.stop))
    return parts
