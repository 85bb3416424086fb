"""A sound file as the module's input: any format, rate, depth and number of channels → mono blocks at 48 kHz.

It is read and converted as it is played, so that an hour needs no more memory than a second.
"""

import os
import stat
from pathlib import Path

import numpy as np

from neurorack.errors import BadInput
from neurorack.words import SAMPLE_RATE_HZ

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 768_000

_CHUNK = 4096
_MEND = "give a sound file, e.g. WAV, FLAC, Ogg or MP3"


class SoundIn:
    """`read` gives block after block; `duration_s` is how long the file is. Raises BadInput."""

    def __init__(self, path: Path) -> None:
        try:
            import soundfile
            import soxr
        except (ImportError, OSError) as error:  # OSError: libsndfile itself is missing
            raise BadInput(f"no sound file can be read: {error}", str(path), "`pip install soundfile soxr`") from error
        self._path = path
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise BadInput("that is no sound file", str(path), _MEND)
            self._file = soundfile.SoundFile(os.fsencode(path))
        except OSError as error:
            raise BadInput(f"cannot read the sound: {error.strerror or error}", str(path), _MEND) from error
        except (soundfile.SoundFileError, TypeError, ValueError) as error:  # a name with NUL; raw samples
            raise BadInput("that is no sound file", str(path), _MEND) from error
        rate_hz = self._file.samplerate
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise BadInput(f"a sound at {rate_hz} Hz", str(path), f"give {LOWEST_RATE_HZ}…{HIGHEST_RATE_HZ} Hz")
        if self._file.frames <= 0:
            raise BadInput("there is no sound in the file", str(path), _MEND)
        self.duration_s = self._file.frames / rate_hz
        self._converter = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._converter = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        self._frames = 0
        self._ended = False
        self._ready = np.zeros(0, np.float32)

    def read(self, samples: int) -> np.ndarray:
        """The next [samples] float32, the mean of all channels; silence after the end."""
        while len(self._ready) < samples:
            following = np.zeros(samples, np.float32) if self._ended else self._chunk()
            self._ready = np.concatenate([self._ready, following])
        block, self._ready = self._ready[:samples], self._ready[samples:]
        return block

    def _chunk(self) -> np.ndarray:
        import soundfile

        try:
            frames = self._file.read(_CHUNK, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise BadInput(f"the sound is damaged: {error}", self._where(0), "export it again") from error
        wrong = np.flatnonzero(~np.isfinite(frames).all(axis=1))
        if len(wrong):
            raise BadInput("a sample is not a number", self._where(int(wrong[0])), "export the sound again")
        self._frames += len(frames)
        self._ended = len(frames) < _CHUNK
        mono: np.ndarray = frames.mean(axis=1)
        return mono if self._converter is None else self._converter.resample_chunk(mono, last=self._ended)

    def _where(self, further: int) -> str:
        return f"{self._path}, at {(self._frames + further) / self._file.samplerate:.3f} s"

    def close(self) -> None:
        self._file.close()
