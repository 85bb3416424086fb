"""All five knobs at once, along the descriptor curves of another sound.

A held-out clip keeps its own pitch and latent and takes the curves of one clip of another source, the nearest in pitch.
The curves are the other's knob positions (level: its dB), asked at this clip's pitch, so that all of it can be played;
of a low note without what ripples with its periods.
Asked and heard are compared in points of 21 ms where what was asked sounds and moves: by LOCAL or more, in positions,
within 64 ms to each side. A descriptor counts in a clip where its curve travels at least TRAVEL between its 5th and
95th percentile. (Where a curve rests, ranks would be of noise.)

*Rescaled correlation*, as published for descriptor-controlled decoders: (cos + 1) / 2 of asked and heard, each less its
mean, flattened over the whole batch. 0.5 means none, and differences between clips flatter it: for comparison only.
"""

from dataclasses import dataclass

import numpy as np

from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import FAINT_DB, LOWEST_DB, Clip
from neurorack.learn.evaluate.instrument import Playable
from neurorack.learn.heard import as_heard, ripple_hops
from neurorack.words import DESCRIPTORS, HOP

TRAVEL = 0.2
"""Below a fifth of a knob what moves in a steady note is mostly the ripple of short windows at low pitch."""
LEAST_POINTS = 10
LOCAL, _REACH = 0.05, 3


@dataclass(frozen=True, eq=False)
class Follow:
    """One clip on another's curves: [points, 5] in the card's units, of the points that sound, and their positions."""

    asked: np.ndarray
    heard: np.ndarray
    asked_position: np.ndarray

    def spearman(self, knob: int) -> float:
        """nan where the curve stands still or moves too briefly."""
        places = self.asked_position[:, knob]
        if len(places) < LEAST_POINTS:
            return float("nan")
        low, high = np.quantile(places, [0.05, 0.95])
        around = np.lib.stride_tricks.sliding_window_view(np.pad(places, _REACH, mode="edge"), 2 * _REACH + 1)
        moves = np.ptp(around, axis=1) >= LOCAL
        if high - low < TRAVEL or moves.sum() < LEAST_POINTS:
            return float("nan")
        return score.spearman(self.asked[moves, knob], self.heard[moves, knob])


def partner(clip: Clip, clips: list[Clip]) -> Clip:
    """The clip of another source nearest in pitch; of any other clip where there is one source only."""
    others = [c for c in clips if c.sound.source != clip.sound.source] or [c for c in clips if c is not clip] or clips
    return min(others, key=lambda other: abs(other.pitch_oct[other.body] - clip.pitch_oct[clip.body]))


def follow(instrument: Playable, clip: Clip, other: Clip) -> Follow:
    """`clip` on the curves of `other`, for as long as both last."""
    hops = min(len(clip.pitch_oct), len(other.pitch_oct))
    scales, pitch_oct = instrument.scales, clip.pitch_oct[:hops]
    window = ripple_hops(float(np.median(other.sound.f0_hz)))
    curves = as_heard(other.targets[:hops], window)
    positions = scales.position_frames(other.pitch_oct[:hops], curves)
    asked = scales.physical_frames(pitch_oct, positions, curves[:, 0])
    audio = instrument.play(pitch_oct, asked, clip.latent[:hops], clip.partials)
    heard = score.points(audio[: hops * HOP])
    wanted = score.pooled(as_heard(asked, score.WINDOW_HOPS))[: len(heard)]
    sounds = wanted[:, 0] > max(LOWEST_DB, wanted[:, 0].max() + FAINT_DB)
    at = score.pooled(pitch_oct)[: len(heard)]
    return Follow(wanted[sounds], heard[sounds], instrument.positions.of(at, wanted)[sounds])


def figures(follows: list[Follow]) -> dict[str, float]:
    """Per knob: follow_spearman over clips, how many clips counted, and the rescaled correlation of them all."""
    found: dict[str, float] = {}
    asked, heard = (np.concatenate([getattr(f, which) for f in follows]) for which in ("asked", "heard"))
    for k, name in enumerate(DESCRIPTORS):
        per_clip = np.array([f.spearman(k) for f in follows])
        found |= score.spread(f"{name}_follow_spearman", per_clip)
        found[f"{name}_follow_clips"] = float(np.isfinite(per_clip).sum())
        if len(asked):
            found[f"{name}_rescaled_correlation"] = 0.5 * (score.pearson(asked[:, k], heard[:, k]) + 1.0)
    return found
