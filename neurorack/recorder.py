"""Records what the engine plays into a WAV file, from outside: it reads the tap and is never waited for."""

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from neurorack.errors import BadInput
from neurorack.shared import AudioTap
from neurorack.words import SAMPLE_RATE_HZ

BYTES = 3
"""24 bits: the noise of the file lies 50 dB below that of the best codec."""


class Recorder:
    """Call `step` at least every three seconds; the tap remembers four.

    >>> with Recorder(run_dir / "tap", Path("take.wav")) as recorder: ...
    """

    def __init__(self, tap: Path, wav: Path) -> None:
        self._tap = AudioTap(tap)
        self._sum = 0.0
        self.samples = 0
        self.peak = 0.0
        """Largest magnitude so far, 1.0 full scale."""
        self._wav = wav
        with self._writing():
            self._raw = open(wav, "wb")  # noqa: SIM115 (closed by close)
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(BYTES)
        self._file.setframerate(SAMPLE_RATE_HZ)

    @property
    def missed(self) -> int:
        """Samples that came and went between two steps."""
        return self._tap.missed

    @property
    def rms(self) -> float:
        """Of all recorded samples, 1.0 full scale."""
        return (self._sum / self.samples) ** 0.5 if self.samples else 0.0

    def step(self, limit: int | None = None) -> None:
        """Write out what was played since the last step, until `limit` samples are in the file."""
        samples = self._tap.read()
        if limit is not None:
            samples = samples[: max(0, limit - self.samples)]
        if len(samples):
            with self._writing():
                self._file.writeframes(pcm24(samples))
            self.samples += len(samples)
            self.peak = max(self.peak, float(np.max(np.abs(samples))))
            self._sum += float(np.dot(samples.astype(np.float64), samples))

    def close(self) -> None:
        with self._writing():
            try:
                self._file.close()
            finally:
                self._raw.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"cannot write the recording: {error.strerror}"
            raise BadInput(what, str(self._wav), "give another folder, with room") from error

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pcm24(samples: np.ndarray) -> bytes:
    """Samples [n], 1.0 full scale, as little-endian 24-bit integers; beyond full scale they are clipped."""
    scaled = np.clip(np.rint(samples.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype("<i4")
    return scaled.view(np.uint8).reshape(-1, 4)[:, :BYTES].tobytes()
