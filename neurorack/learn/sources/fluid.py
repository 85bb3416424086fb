"""Pitched notes: FluidR3 (MIT) rendered by fluidsynth, one fresh synth per note, split by program.

Programs of different splits share no sample of the soundfont (its preset, instrument and sample tables were compared),
so a held-out program is a sound the network has never heard.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from neurorack.bundle import Source
from neurorack.learn.corpus import SOFT_DB, Corpus, Sound
from neurorack.learn.sources.fetch import from_debian, verify
from neurorack.learn.sources.ready import gain, kept
from neurorack.learn.sources.vibrato import track_vibrato
from neurorack.learn.tuning import measure_f0
from neurorack.words import SAMPLE_RATE_HZ

ORIGINS = [Source("FluidR3 GM", "MIT", "General MIDI soundfont by Frank Wen; Debian's fluid-soundfont-gm")]

TRAIN = {
    **{0: "piano", 2: "electric-grand", 5: "electric-piano-2", 7: "clavinet", 8: "celesta", 10: "music-box"},
    **{12: "marimba", 13: "xylophone", 15: "dulcimer", 17: "percussive-organ", 18: "rock-organ", 21: "accordion"},
    **{22: "harmonica", 24: "nylon-guitar", 25: "steel-guitar", 27: "clean-guitar", 29: "overdriven-guitar"},
    **{30: "distorted-guitar", 31: "guitar-harmonics", 32: "acoustic-bass", 34: "picked-bass", 36: "slap-bass"},
    **{38: "synth-bass-1", 39: "synth-bass-2", 40: "violin", 42: "cello", 46: "harp", 48: "strings"},
    **{50: "synth-strings", 54: "synth-voice", 56: "trumpet", 59: "muted-trumpet", 60: "french-horn"},
    **{61: "brass-section", 62: "synth-brass", 64: "soprano-sax", 65: "alto-sax", 67: "baritone-sax"},
    **{69: "english-horn", 70: "bassoon", 72: "piccolo", 75: "pan-flute", 79: "ocarina", 80: "square-lead"},
    **{81: "saw-lead", 82: "calliope", 89: "warm-pad", 104: "sitar", 106: "shamisen", 108: "kalimba"},
    **{109: "bagpipe", 111: "shanai"},
}
VALIDATION = {
    **{6: "harpsichord", 20: "reed-organ", 35: "fretless-bass", 43: "contrabass", 58: "tuba", 71: "clarinet"},
    **{74: "recorder", 105: "banjo"},
}
TEST = {
    **{4: "electric-piano-1", 11: "vibraphone", 19: "church-organ", 26: "jazz-guitar", 33: "fingered-bass"},
    **{41: "viola", 53: "voice-oohs", 57: "trombone", 66: "tenor-sax", 68: "oboe", 73: "flute", 107: "koto"},
}
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""General MIDI programs, counted from 0. Left out everywhere: drums, effects, and 9, 16, 47, 52, 55 (off pitch)."""

VELOCITIES = (48, 112)
SOFT_BELOW = 80
LOWEST, HIGHEST, STEP = 24, 108, 4  # MIDI notes; programs start at different offsets, so all semitones occur

HELD_S, RELEASE_S = 1.3, 0.4
"""Every note is held, then released, for these times."""

BANDWIDTH_HZ = 20_000.0
"""Of nearly all samples of the soundfont, which were recorded at 44.1 kHz."""

SILENT = 10 ** (-60 / 20)
OFF_CENTS = 50.0
CLEAR = 0.5
"""Notes are left out that are silent, clip, are off pitch, or have less than this share of their energy at harmonics:
at the ends of the keyboard many samples are mostly thump or hiss."""

SOUNDFONT = "usr/share/sounds/sf2/FluidR3_GM.sf2"
SHA256 = "b53a3d0a0d87b2c3f994f87e4faa55f263d2614356816ca445fa1b1efbba00d9"


def soundfont(cache: Path) -> Path:
    """Path of FluidR3: where Debian installs it, else fetched into `cache` and unpacked there."""
    path = from_debian("fluid-soundfont-gm", SOUNDFONT, cache)
    verify([path], path.parent, SHA256)
    return path


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


def corpus(split: str, cache: Path, programs: Iterable[int] | None = None) -> Corpus:
    """Notes of a split (or of some of its programs), kept in `cache` for the next time."""
    chosen = sorted(SPLITS[split] if programs is None else programs)
    made_of = (3, chosen, VELOCITIES, LOWEST, HIGHEST, STEP, HELD_S, RELEASE_S, SILENT, OFF_CENTS, CLEAR)
    return kept(cache, f"fluid-{split}", made_of, lambda: _render(split, chosen, cache))


def _render(split: str, programs: list[int], cache: Path) -> Corpus:
    from tqdm import tqdm

    font = soundfont(cache)
    wanted = [
        (program, midi, velocity)
        for program in programs
        for midi in range(LOWEST + program % STEP, HIGHEST + 1, STEP)
        for velocity in VELOCITIES
    ]
    sounds = []
    for program, midi, velocity in tqdm(wanted, desc=f"notes ({split})", unit="note", mininterval=1.0):
        audio = render_note(font, program, midi, velocity)
        sound = describe_note(audio, SPLITS[split][program], midi, velocity)
        if sound is not None:
            sounds.append(sound)
    return Corpus("pitched", sounds, ORIGINS)


def describe_note(audio: np.ndarray, program: str, midi: int, velocity: int) -> Sound | None:
    """A rendered note as a sound of the corpus; none where it is not fit to learn from."""
    peak = np.abs(audio.astype(np.int32)).max() / 32768
    if peak < SILENT or peak > 0.99:
        return None
    f0_hz, cents, clear = measure_f0(audio / 32768.0, 440.0 * 2 ** ((midi - 69) / 12), held_s=HELD_S)
    if abs(cents) > OFF_CENTS or clear < CLEAR:
        return None
    return Sound(
        name=f"{program}-{midi}-{velocity}",
        source=program,
        audio=audio,
        gain=gain(audio, SOFT_DB if velocity < SOFT_BELOW else 0.0),
        f0_hz=(f0_hz * 2.0 ** track_vibrato(audio / 32768.0, f0_hz)).astype(np.float32),
        bandwidth_hz=BANDWIDTH_HZ,
        held=round(HELD_S * SAMPLE_RATE_HZ),
        partials=np.empty(0, np.float32),
    )
