"""What an instrument learns from: sounds made ready, and the file they are kept in."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from neurorack.bundle import Source
from neurorack.errors import BadInput
from neurorack.words import HOP

LOUD_DB, SOFT_DB = -14.0, -6.0
"""rms that the loudest 50 ms of a sound is brought to, and how much less a soft one gets."""

MODES = 24
"""Partials of a struck sound."""


@dataclass(frozen=True, eq=False)
class Sound:
    """One note, hit or phrase. It begins with its first sound, at most a few milliseconds of silence ahead of it."""

    name: str
    source: str
    """What splits go by: program, kit, speaker, file."""
    audio: np.ndarray
    """[samples] int16, 48 kHz, mono."""
    gain: float
    """Times `audio` / 32768 it has the level all sounds are brought to: its loudest 50 ms at LOUD_DB, a soft note's
    less."""
    f0_hz: np.ndarray
    """[samples // HOP] float32, above 0: pitch at the end of each hop, bridged where there is none."""
    bandwidth_hz: float
    """Nothing above it was recorded."""
    held: int
    """Sample from which on it is released; its length where that is not known."""
    partials: np.ndarray
    """[MODES] float32: octaves of a struck sound's modes above f0, rising; of no length where partials are harmonic."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """All sounds of one split."""

    kind: str
    sounds: list[Sound]
    origins: list[Source]
    """For the card: where the sounds come from, with licences."""

    def __len__(self) -> int:
        return len(self.sounds)

    @property
    def sources(self) -> list[str]:
        return sorted({sound.source for sound in self.sounds})

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        table = [(s.name, s.source, s.gain, s.bandwidth_hz, s.held, len(s.audio), len(s.partials)) for s in self.sounds]
        about = msgspec.json.encode(_About(self.kind, self.origins, table))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(
            part,
            about=np.frombuffer(about, np.uint8),
            audio=np.concatenate([s.audio for s in self.sounds]),
            f0_hz=np.concatenate([s.f0_hz for s in self.sounds]),
            partials=np.concatenate([s.partials for s in self.sounds]),
        )
        part.replace(path)


class _About(msgspec.Struct):
    """What the file says of its arrays; a row a sound: name, source, gain, bandwidth, held, samples, modes."""

    kind: str
    origins: list[Source]
    table: list[tuple[str, str, float, float, int, int, int]]


def load_corpus(path: Path) -> Corpus:
    """A saved corpus. BadInput where there is none, or a damaged one."""
    try:
        with np.load(path) as arrays:
            about = msgspec.json.decode(arrays["about"].tobytes(), type=_About)
            audio, f0_hz, partials = arrays["audio"], arrays["f0_hz"], arrays["partials"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, msgspec.MsgspecError) as error:
        mend = "delete the file and prepare again"
        raise BadInput(f"cannot read prepared sounds: {error}", str(path), mend) from error
    sounds, at, hop, mode = [], 0, 0, 0
    for name, source, gain, bandwidth_hz, held, samples, modes in about.table:
        hops = samples // HOP
        sounds.append(
            Sound(
                name,
                source,
                audio[at : at + samples],
                gain,
                f0_hz[hop : hop + hops],
                bandwidth_hz,
                held,
                partials[mode : mode + modes],
            )
        )
        at, hop, mode = at + samples, hop + hops, mode + modes
    return Corpus(about.kind, sounds, about.origins)
