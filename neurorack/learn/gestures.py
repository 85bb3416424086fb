"""Cuts gestures from notes: where a real sound's descriptors and latent go between attack and silence."""

from dataclasses import dataclass

import numpy as np

from neurorack.ears import descriptors
from neurorack.learn import levels
from neurorack.patch.knobs import Scales
from neurorack.words import HOP, SAMPLE_RATE_HZ

ATTACK_WINDOW = 512
"""The level is read through a shorter window than the rest, 11 ms, so that an attack stays one."""
ONSET_DB = -25.0
"""A gesture begins where its note first comes this near to its loudest."""
BODY_DB = -6.0
"""The medians are taken over what is this near to the loudest: a knob sets the level of the body, not of its tail."""
FAINT_DB = -50.0
"""Below this, relative to the loudest, descriptors are noise: the last good ones are held."""
END_HOPS = 60
"""The last 80 ms fade out."""
_LATENT_LEAD = 8  # mel frames of silence ahead of the note, as in training


@dataclass(frozen=True)
class Cut:
    """One gesture, as it goes into the file."""

    name: str
    latent: np.ndarray  # [N, LATENT] float32
    descriptors: np.ndarray  # [N, 5] float32: rms in dB, the others as knob positions
    median: np.ndarray  # [5] float32
    marks: np.ndarray  # [2] int32: loop start, loop end

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"{self.name}/{key}": getattr(self, key) for key in ("latent", "descriptors", "median", "marks")}


def latent_by_hop(encode: "Encode", note: np.ndarray) -> np.ndarray:
    """[hops, LATENT] of a note [samples] that begins with its sound, in straight lines between the encoder's frames."""
    lead = _LATENT_LEAD * levels.MEL_HOP
    frames = encode(levels.log_mel(np.concatenate([np.zeros(lead), note, np.zeros(levels.MEL_HOP)])))
    ends = (np.arange(len(frames)) + 1) * levels.MEL_HOP - lead
    at = (np.arange(len(note) // HOP) + 1) * HOP
    return np.column_stack([np.interp(at, ends, column) for column in frames.T]).astype(np.float32)


def cut(name: str, note: np.ndarray, pitch_oct: float, scales: Scales, encode: "Encode", held_s: float) -> Cut:
    """The gesture of one note [samples], held for `held_s` and then released."""
    hops = len(note) // HOP
    described = descriptors.describe(note)
    level_db = _level_db(note)
    loudest = level_db.max()
    positions = scales.position_frames(np.full(hops, pitch_oct), np.column_stack([level_db, described[:, 1:]]))
    positions[:, 0] = level_db
    heard = level_db > loudest + FAINT_DB
    latest = np.maximum.accumulate(np.where(heard, np.arange(hops), 0))
    positions[:, 1:] = _smooth(positions[latest, 1:])
    latent = latent_by_hop(encode, note)[latest]

    onset = max(int(np.argmax(level_db > loudest + ONSET_DB)) - 1, 0)
    released = round(held_s * SAMPLE_RATE_HZ / HOP)
    rows = np.column_stack([positions, latent])
    start, end = _loop(rows, onset, released)
    body = slice(onset, released)
    median = np.median(positions[body][level_db[body] > loudest + BODY_DB], axis=0)
    kept = np.concatenate([rows[onset:end], rows[released:]]).astype(np.float32)
    kept[-END_HOPS:, 0] -= np.linspace(0, 60, END_HOPS, dtype=np.float32)
    return Cut(
        name,
        np.ascontiguousarray(kept[:, 5:]),
        np.ascontiguousarray(kept[:, :5]),
        median.astype(np.float32),
        np.array([start - onset, end - onset], np.int32),
    )


def _level_db(note: np.ndarray) -> np.ndarray:
    half = ATTACK_WINDOW // 2
    window = np.hanning(ATTACK_WINDOW)
    power = np.convolve(np.pad(note.astype(np.float64) ** 2, half), window / window.sum(), "same")[half:-half]
    return 10 * np.log10(power[HOP - 1 :: HOP][: len(note) // HOP] + 1e-10)


def _smooth(rows: np.ndarray, hops: int = 9) -> np.ndarray:
    window = np.hanning(hops + 2)[1:-1]
    padded = np.pad(rows, ((hops // 2, hops // 2), (0, 0)), mode="edge")
    return np.column_stack([np.convolve(column, window / window.sum(), "valid") for column in padded.T])


def _loop(rows: np.ndarray, onset: int, released: int) -> tuple[int, int]:
    """Loop marks where the rows meet best, in value and in slope: from 0.3 s on, at least 0.25 s long."""
    scale = np.concatenate([[3.0], np.full(4, 0.1), np.full(rows.shape[1] - 5, 0.2)])
    soft = _smooth(rows / scale, 15)
    both = np.hstack([soft, 10 * np.gradient(soft, axis=0)])
    least = onset + round(0.3 * SAMPLE_RATE_HZ / HOP)
    length = round(0.25 * SAMPLE_RATE_HZ / HOP)
    best = (np.inf, least, released - 1)
    for end in range(released - 120, released, 4):
        starts = np.arange(least, end - length, 4)
        apart = np.abs(both[starts] - both[end]).mean(axis=1)
        at = int(apart.argmin())
        best = min(best, (float(apart[at]), int(starts[at]), end))
    return best[1], best[2]


class Encode:
    """The exported encoder: log-mel [frames, bands] → latent [frames, LATENT]."""

    def __init__(self, onnx_file: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])

    def __call__(self, log_mel: np.ndarray) -> np.ndarray:
        latent: np.ndarray = self._session.run(None, {"log_mel": log_mel.astype(np.float32)})[0]
        return latent
