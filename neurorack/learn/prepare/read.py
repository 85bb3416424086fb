"""Any recording → mono at 48 kHz. What cannot be learnt from is refused with the reason.

A file is read through once to judge it (`examine`) and again, block by block, to convert it (`pieces`), so that hours
at 192 kHz need no more memory than a minute. libsndfile reads most formats; ffmpeg, where installed, the others.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.errors import BadInput
from neurorack.words import SAMPLE_RATE_HZ

# fmt: off
SUFFIXES = frozenset({
    "3gp", "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "au", "caf", "dsf", "flac",
    "htk", "iff", "m4a", "m4b", "mka", "mp2", "mp3", "mp4", "mpc", "oga", "ogg", "opus", "paf",
    "rf64", "sd2", "snd", "sph", "spx", "tta", "voc", "w64", "wav", "wave", "webm", "wma", "wv",
    "wve",
})
# fmt: on
_MAGIC = (b"fLaC", b"OggS", b"ID3", b"caff", b".snd")
"""What looks like audio: by its name's end, else by its first bytes."""

SILENT_DB = -60.0
"""A file whose loudest 50 ms stay below this, in dBFS, is silent."""
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 4_000, 768_000
_WINDOW_S = 0.05

_NEAR_FULL = 0.89
_FLAT = 5e-4
_CLIPPED_SHARE = 0.02
_HEAVY_SHARE = 0.5
"""Clipped: peaks near full scale are flat; a window where this share of samples is; a file of which half is."""

PIECE_S = 60.0
"""Longer recordings come in pieces of at most this length, parted where it is quietest."""

_STREAM_BYTES = 0x7FFF_0000  # what writers to a pipe put where they do not know the length is above it


@dataclass(frozen=True, eq=False)
class Recording:
    """A file that can be learnt from."""

    path: Path
    rate_hz: int
    seconds: float
    channel: int | None
    """The one to take; None: the mean of all."""
    scale: float
    """Brings a file that goes beyond full scale, as those of floats may, back to it."""
    loudest_db: float
    """Of its loudest 50 ms, after that."""
    clipped: np.ndarray
    """[windows of 50 ms] bool."""

    def clips(self, begin: int, end: int) -> bool:
        """Whether the recording clips between these samples at 48 kHz."""
        window = _WINDOW_S * SAMPLE_RATE_HZ
        return bool(self.clipped[int(begin / window) : int(end / window) + 1].any())


def looks_like_audio(path: Path) -> bool:
    """By name, else by its first bytes. OSError where it cannot be opened."""
    if path.suffix[1:].lower() in SUFFIXES:
        return True
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    with open(path, "rb") as stream:
        head = stream.read(12)
    chunks = (b"RIFF", b"WAVE"), (b"FORM", b"AIFF"), (b"FORM", b"AIFC")
    return head.startswith(_MAGIC) or any(head[:4] == a and head[8:] == b for a, b in chunks)


def examine(path: Path) -> Recording:
    """What the file holds, read through once. BadInput where it is broken, truncated, empty, silent or clipped."""
    with _open(path) as file:
        rate_hz, promised, channels = file.samplerate, file.frames, file.channels
        if not _LOWEST_RATE_HZ <= rate_hz <= _HIGHEST_RATE_HZ:
            raise BadInput(f"a sample rate of {rate_hz} Hz", str(path), "convert it to 48000 Hz")
        window = round(rate_hz * _WINDOW_S)
        flat = {"PCM_U8": 1 / 128, "PCM_S8": 1 / 128, "ULAW": 1 / 32, "ALAW": 1 / 32}.get(file.subtype, _FLAT)
        own, mixed, loudest, peak, frames = np.zeros(channels), 0.0, 0.0, 0.0, 0
        clipped, sounding = [], 0
        for block in _blocks(file, 20 * window):
            frames += len(block)
            if not np.isfinite(block).all():
                raise BadInput("holds numbers that are no sound (NaN)", str(path), "export it again")
            mono = block.mean(axis=1)
            own += np.square(block, dtype=np.float64).sum(axis=0)
            mixed += float(np.square(mono, dtype=np.float64).sum())
            peak = max(peak, float(np.abs(block).max()))
            starts = np.arange(0, len(block), window)
            power = np.add.reduceat(np.square(block, dtype=np.float64).max(axis=1), starts) / window
            loudest = max(loudest, float(power.max()))
            sounding += int((power > 1e-4).sum())
            marks = np.stack([clip_marks(channel, rate_hz, flat) for channel in block.T]).any(axis=0)
            clipped.append(np.add.reduceat(marks, starts, dtype=np.int64) > _CLIPPED_SHARE * window)
    if frames == 0:
        raise BadInput("holds no sound", str(path), "delete it")
    if frames < 0.99 * promised - rate_hz * _WINDOW_S:
        raise BadInput(f"truncated: {frames} samples of {promised}", str(path), "copy it again")
    if 10 * np.log10(loudest + 1e-20) < SILENT_DB:
        raise BadInput(f"silent: nothing in it is above {SILENT_DB:.0f} dBFS", str(path), "record it louder")
    windows = np.concatenate(clipped)
    if windows.sum() > _HEAVY_SHARE * max(sounding, 1):
        share = round(100 * windows.sum() / max(sounding, 1))
        raise BadInput(f"clipped in {min(share, 100)} % of its sound", str(path), "record it lower")
    cancelled = mixed * channels < 0.5 * own.mean()  # channels without relation would leave 1 / channels of the power
    channel = int(own.argmax()) if cancelled else None
    scale = 1 / max(1.0, peak)
    loudest_db = float(10 * np.log10(loudest * scale**2))
    return Recording(path, rate_hz, frames / rate_hz, channel, scale, loudest_db, windows)


def clip_marks(signal: np.ndarray, rate_hz: int, flat: float = _FLAT) -> np.ndarray:
    """[samples] bool: where `signal` stands at its own peak, near full scale, with edges.

    A rounded peak that lies within `flat` of its top for n samples has fallen by no more than 4 · `flat` after n / 2
    more to each side (a parabola); where it falls by more than twice that, the top was cut off.
    """
    marks = np.zeros(len(signal), bool)
    peak = float(np.abs(signal).max(initial=0.0))
    if peak < _NEAR_FULL:
        return marks
    shortest = max(3, round(60e-6 * rate_hz))
    for way in (signal, -signal):
        edges = np.flatnonzero(np.diff(way >= peak * (1 - flat), prepend=False, append=False))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            half = (end - begin + 1) // 2
            before, after = way[max(begin - half - 1, 0)], way[min(end + half, len(way) - 1)]
            if end - begin >= shortest and max(before, after) < peak * (1 - 8 * flat):
                marks[begin:end] = True
    return marks


def pieces(recording: Recording) -> Iterator[tuple[int, np.ndarray]]:
    """(first sample, [samples] float32 at 48 kHz, mono, without DC) of the whole recording, in order."""
    import soxr

    longest, at, held = round(PIECE_S * SAMPLE_RATE_HZ), 0, np.zeros(0, np.float32)
    with _open(recording.path) as file:
        rate_hz = file.samplerate
        converter = None if rate_hz == SAMPLE_RATE_HZ else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, "float32")
        for block in _blocks(file, rate_hz):
            mono = block.mean(axis=1) if recording.channel is None else block[:, recording.channel]
            mono = (mono * recording.scale).astype(np.float32)
            held = np.concatenate([held, mono if converter is None else converter.resample_chunk(mono)])
            if len(held) > longest:
                part = _quietest(held, longest // 2, longest)
                yield at, _without_dc(held[:part])
                at, held = at + part, held[part:]
        if converter is not None:
            held = np.concatenate([held, converter.resample_chunk(np.zeros(0, np.float32), last=True)])
    if len(held):
        yield at, _without_dc(held)


def read_audio(path: Path) -> tuple[np.ndarray, int]:
    """(audio [samples] float32 at 48 kHz, mono, without DC; sample rate of the file). BadInput says why not."""
    recording = examine(path)
    return np.concatenate([audio for _, audio in pieces(recording)]), recording.rate_hz


def _quietest(audio: np.ndarray, begin: int, end: int, window: int = SAMPLE_RATE_HZ // 20) -> int:
    """The middle of the quietest 50 ms between two samples."""
    starts = np.arange(begin, end - window + 1, window)
    power = np.add.reduceat(np.square(audio[begin : starts[-1] + window], dtype=np.float64), starts - begin)
    return int(starts[power.argmin()]) + window // 2


def _without_dc(audio: np.ndarray) -> np.ndarray:
    return audio - np.float32(audio.mean(dtype=np.float64))


def _blocks(file: Any, frames: int) -> Iterator[np.ndarray]:
    """[frames, channels] float32 up to the end. BadInput where a block cannot be decoded."""
    import soundfile

    while True:
        try:
            block = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            what = error.error_string.removeprefix("Error : ").rstrip(".")
            raise BadInput(f"broken: {what}", os.fsdecode(file.name), "copy or export it again") from error
        if not len(block):
            return
        yield block


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The file as a soundfile.SoundFile. BadInput where it cannot be opened, is no sound or lacks its end."""
    import soundfile

    where = str(path)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BadInput("not a plain file", where, "put the recording itself there")
        if status.st_size == 0:
            raise BadInput("empty", where, "delete it or copy it again")
        with open(path, "rb") as stream:
            stream.seek(max(0, status.st_size - (1 << 17)))
            tail = stream.read()
    except OSError as error:
        mend = "make it readable" if isinstance(error, PermissionError) else "remove it or copy it again"
        raise BadInput(f"cannot be opened: {error.strerror}", where, mend) from error
    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        with _converted(path, error.error_string) as file:
            yield file
        return
    with file:
        if _cut_short(file, tail):
            raise BadInput("truncated: the file ends before its sound does", where, "copy it again")
        yield file


def _cut_short(file: Any, tail: bytes) -> bool:
    """Whether libsndfile's log has a chunk of samples reach beyond the file, or an Ogg's last page does."""
    for claimed, there in re.findall(r"(?:data|SSND) : (\d+) \(should be (\d+)\)", file.extra_info):
        if int(there) < int(claimed) < _STREAM_BYTES:
            return True
    if file.format != "OGG":
        return False
    page = tail[max(tail.rfind(b"OggS"), 0) :]  # at byte 26 the number of its segments, then their lengths
    return len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


@contextmanager
def _converted(path: Path, refused: str) -> Iterator[Any]:
    """The file by way of ffmpeg. BadInput where that is not installed or cannot read it either."""
    import soundfile

    if shutil.which("ffmpeg") is None:
        what = f"broken, or of a format that needs ffmpeg: {refused.rstrip('.')}"
        raise BadInput(what, str(path), "copy it again, install ffmpeg or convert it to WAV")
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        made = Path(folder) / "sound.w64"
        command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", os.path.abspath(path), "-map", "a:0"]
        result = subprocess.run([*command, "-c:a", "pcm_f32le", "-f", "w64", str(made)], capture_output=True)
        if result.returncode or not made.is_file():
            said = result.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise BadInput(f"broken: {said[-1][:120]}", str(path), "copy or export it again")
        with soundfile.SoundFile(str(made)) as file:
            yield file
