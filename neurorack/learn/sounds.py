"""Notes to learn from: FluidR3 (MIT) rendered by fluidsynth, one fresh synth per note, split by program.

Nothing of it is committed. The soundfont comes from Debian's package `fluid-soundfont-gm`, unpacked without being
installed, or from where it is installed. Programs of different splits share no sample of the soundfont (its preset,
instrument and sample tables were compared), so a held-out program is a sound the network has never heard.
"""

import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorack.errors import BadInput
from neurorack.learn.tuning import measure_f0
from neurorack.words import SAMPLE_RATE_HZ

TRAIN = (
    *(0, 2, 5, 7, 8, 10, 12, 13, 15, 17, 18, 21, 22, 24, 25, 27, 29, 30, 31, 32, 34, 36, 38, 39, 40, 42, 46, 48, 50),
    *(54, 56, 59, 60, 61, 62, 64, 65, 67, 69, 70, 72, 75, 79, 80, 81, 82, 89, 104, 106, 108, 109, 111),
)
VALIDATION = (6, 20, 35, 43, 58, 71, 74, 105)
TEST = (4, 11, 19, 26, 33, 41, 53, 57, 66, 68, 73, 107)
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""General MIDI programs, counted from 0. Left out everywhere: drums, effects, and 9, 16, 47, 52, 55 (off pitch)."""

VELOCITIES = (48, 112)
LOWEST, HIGHEST, STEP = 24, 108, 4  # MIDI notes; programs start at different offsets, so all semitones occur

HELD_S, RELEASE_S = 1.3, 0.4
"""Every note is held, then released, for these times."""

SILENT = 10 ** (-60 / 20)
OFF_CENTS = 50.0
CLEAR = 0.5
"""Notes are left out that are silent, clip, are off pitch, or have less than this share of their energy at harmonics:
at the ends of the keyboard many samples are mostly thump or hiss."""

SOUNDFONT = "usr/share/sounds/sf2/FluidR3_GM.sf2"


@dataclass(frozen=True)
class Notes:
    """Rendered notes of one split."""

    audio: np.ndarray
    """[notes, samples] int16, mono."""
    f0_hz: np.ndarray
    """[notes] measured, not nominal."""
    program: np.ndarray
    """[notes] General MIDI program."""
    midi: np.ndarray
    velocity: np.ndarray

    def __len__(self) -> int:
        return len(self.f0_hz)


def soundfont(cache: Path) -> Path:
    """Path of FluidR3: where Debian installs it, else fetched into `cache` and unpacked there."""
    for root in (Path("/"), cache):
        if (root / SOUNDFONT).is_file():
            return root / SOUNDFONT
    cache.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "fluid-soundfont-gm"], cwd=cache, check=True, capture_output=True)
        package = next(iter(sorted(cache.glob("fluid-soundfont-gm_*.deb"))))
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=cache, check=True, capture_output=True)
        package.unlink()
    except (OSError, StopIteration, subprocess.CalledProcessError) as error:
        raise BadInput("cannot fetch FluidR3", str(cache), "sudo apt-get install fluid-soundfont-gm") from error
    return cache / SOUNDFONT


def render_note(font: Path, program: int, midi: int, velocity: int) -> np.ndarray:
    """[samples] int16: one note by a synth of its own, which makes it bit-identical on every run."""
    import fluidsynth

    synth = fluidsynth.Synth(gain=0.6, samplerate=float(SAMPLE_RATE_HZ))
    try:
        for name, value in (("reverb.active", 0), ("chorus.active", 0), ("dynamic-sample-loading", 1)):
            synth.setting(f"synth.{name}", value)
        bank = synth.sfload(str(font))
        synth.program_select(0, bank, 0, program)
        synth.noteon(0, midi, velocity)
        held = synth.get_samples(round(HELD_S * SAMPLE_RATE_HZ))
        synth.noteoff(0, midi)
        release = synth.get_samples(round(RELEASE_S * SAMPLE_RATE_HZ))
    finally:
        synth.delete()
    stereo = np.concatenate([held, release]).reshape(-1, 2).astype(np.int32)
    return (stereo.sum(axis=1) // 2).astype(np.int16)


def render_split(split: str, cache: Path, programs: tuple[int, ...] | None = None) -> Notes:
    """Notes of a split (or of some of its programs), kept in `cache` for the next time."""
    chosen = SPLITS[split] if programs is None else programs
    made_of = (chosen, VELOCITIES, LOWEST, HIGHEST, STEP, HELD_S, RELEASE_S, SILENT, OFF_CENTS, CLEAR)
    kept = cache / f"{split}-{zlib.crc32(repr(made_of).encode()):08x}.npz"
    if kept.is_file():
        with np.load(kept) as arrays:
            return Notes(**{name: arrays[name] for name in ("audio", "f0_hz", "program", "midi", "velocity")})
    from tqdm import tqdm

    font = soundfont(cache)
    wanted = [
        (program, midi, velocity)
        for program in chosen
        for midi in range(LOWEST + program % STEP, HIGHEST + 1, STEP)
        for velocity in VELOCITIES
    ]
    rows, audio, pitches = [], [], []
    for program, midi, velocity in tqdm(wanted, desc=f"notes ({split})", unit="note"):
        note = render_note(font, program, midi, velocity)
        peak = np.abs(note.astype(np.int32)).max() / 32768
        if peak < SILENT or peak > 0.99:
            continue
        nominal_hz = 440.0 * 2 ** ((midi - 69) / 12)
        f0_hz, cents, clear = measure_f0(note / 32768.0, nominal_hz, held_s=HELD_S)
        if abs(cents) <= OFF_CENTS and clear >= CLEAR:
            rows.append((program, midi, velocity))
            audio.append(note)
            pitches.append(f0_hz)
    table = np.array(rows, np.int16)
    notes = Notes(np.stack(audio), np.array(pitches), table[:, 0], table[:, 1], table[:, 2])
    cache.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npz")
    np.savez(
        part, audio=notes.audio, f0_hz=notes.f0_hz, program=notes.program, midi=notes.midi, velocity=notes.velocity
    )
    part.replace(kept)
    return notes
