"""One knob from 0 to 1, everything else at rest: does its descriptor follow, how far, and what else moves?

The latent is frozen in the body of a held-out sound. A pitched instrument is played at every C from C2 to C8, others at
the sound's own pitch and an octave to either side. What is heard is told as a knob's position on its scale as the other
knobs set it. Between the 5th and the 95th percentile of the ramp

*slope*        of the position heard on the position asked, by least squares
*error*        mean distance of the two
*movement*     of another descriptor: between the lowest and the highest of twelve means along the ramp
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import Clip
from neurorack.learn.evaluate.instrument import Playable
from neurorack.words import DESCRIPTORS

OCTAVES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""C2 … C8."""
TRANSPOSED = (-1.0, 0.0, 1.0)
RAMP_POINTS = 64
"""1.4 s."""
_REST_POINTS = 3
_INNER = (0.05, 0.95)
_PARTS = 12


@dataclass(frozen=True, eq=False)
class Sweep:
    """One ramp: positions asked [points], positions heard [points, 5], the same in the card's unit."""

    knob: int
    pitch_oct: float
    source: str
    asked: np.ndarray
    heard: np.ndarray
    asked_physical: np.ndarray  # [points], of the knob alone
    heard_physical: np.ndarray

    @property
    def spearman(self) -> float:
        return score.spearman(self.asked, self.heard[:, self.knob])

    @property
    def slope(self) -> float:
        asked, heard = self._inner()
        off = asked - asked.mean()
        return float(off @ heard[:, self.knob] / (off @ off))

    @property
    def error(self) -> float:
        asked, heard = self._inner()
        return float(np.abs(heard[:, self.knob] - asked).mean())

    @property
    def movement(self) -> np.ndarray:
        """[5] positions; the knob's own is 0.82 where all is well."""
        means = np.array([part.mean(axis=0) for part in np.array_split(self._inner()[1], _PARTS)])
        span: np.ndarray = means.max(axis=0) - means.min(axis=0)
        return span

    def _inner(self) -> tuple[np.ndarray, np.ndarray]:
        inside = (self.asked >= _INNER[0]) & (self.asked <= _INNER[1])
        return self.asked[inside], self.heard[inside]


def ramp(knob: int) -> tuple[np.ndarray, slice]:
    """Knobs [hops, 5], all at ½ but one that goes from 0 to 1 with a rest at both ends; and the ramp's points."""
    rest = _REST_POINTS * score.POINT_HOPS
    way = np.linspace(0.0, 1.0, RAMP_POINTS * score.POINT_HOPS)
    knobs = np.full((len(way) + 2 * rest, len(DESCRIPTORS)), 0.5)
    knobs[:, knob] = np.concatenate([np.zeros(rest), way, np.ones(rest)])
    return knobs, slice(_REST_POINTS, _REST_POINTS + RAMP_POINTS)


def sweep(
    instrument: Playable,
    knob: int,
    pitch_oct: float,
    latent: np.ndarray,
    partials: np.ndarray | None = None,
    source: str = "",
) -> Sweep:
    """Ramp one knob at a pitch with a latent [Z] that is held, or [hops of the ramp, Z]."""
    knobs, inner = ramp(knob)
    pitches_oct = np.full(len(knobs), pitch_oct)
    physical = instrument.scales.physical_frames(pitches_oct, knobs)
    audio = instrument.play(pitches_oct, physical, np.broadcast_to(latent, (len(knobs), latent.shape[-1])), partials)
    described = score.points(audio)[inner]
    wanted = score.pooled(physical)[inner]
    heard = instrument.positions.of(np.full(len(described), pitch_oct), described, wanted)
    asked = score.pooled(knobs[:, knob])[inner]
    return Sweep(knob, pitch_oct, source, asked, heard, wanted[:, knob], described[:, knob])


def pitches(kind: str, clip: Clip, octaves: tuple[float, ...] = OCTAVES) -> list[float]:
    """At which octaves from C4 a clip's latent is played."""
    if kind == "pitched":
        return list(octaves)
    return [float(np.clip(clip.pitch_oct[clip.body] + by, -4.0, 4.9)) for by in TRANSPOSED]


def sweep_all(instrument: Playable, kind: str, clips: list[Clip], octaves: tuple[float, ...]) -> Iterator[Sweep]:
    """Every knob with every clip's latent at every pitch."""
    for clip in clips:
        for pitch_oct in pitches(kind, clip, octaves):
            for knob in range(len(DESCRIPTORS)):
                latent = clip.latent[clip.body]
                yield sweep(instrument, knob, pitch_oct, latent, clip.partials, clip.sound.source)


def matrix(sweeps: list[Sweep]) -> np.ndarray:
    """[knob moved, descriptor] how far each moves, median over clips."""
    return np.array([np.median([s.movement for s in sweeps if s.knob == k], axis=0) for k in range(len(DESCRIPTORS))])


def figures(sweeps: list[Sweep]) -> dict[str, float]:
    """Per knob: spearman, slope, error and crosstalk, the median movement of the descriptor that moves most along."""
    moved = matrix(sweeps)
    found: dict[str, float] = {}
    for k, name in enumerate(DESCRIPTORS):
        own = [s for s in sweeps if s.knob == k]
        found |= score.spread(f"{name}_spearman", [s.spearman for s in own])
        found |= score.spread(f"{name}_slope", [s.slope for s in own])
        found |= score.spread(f"{name}_error", [s.error for s in own])
        found[f"{name}_crosstalk"] = float(np.delete(moved[k], k).max())
        for other, heard in enumerate(DESCRIPTORS):
            if other != k:
                found |= {f"{name}_moves_{heard}": float(moved[k, other])}
    return found


def table(sweeps: list[Sweep]) -> str:
    """Spearman / slope of every knob (rows) per octave about C4 (columns), medians over clips."""
    columns = sorted({round(s.pitch_oct) for s in sweeps})
    lines = [f"{'spearman/slope':15s}" + "".join(f"{f'C{4 + octave}':>13s}" for octave in columns)]
    for k, name in enumerate(DESCRIPTORS):
        cells = []
        for octave in columns:
            own = [s for s in sweeps if s.knob == k and round(s.pitch_oct) == octave]
            cells.append(f"{np.median([s.spearman for s in own]):.3f}/{np.median([s.slope for s in own]):.2f}")
        lines.append(f"{name:15s}" + "".join(f"{cell:>13s}" for cell in cells))
    return "\n".join(lines)
