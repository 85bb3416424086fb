"""The same measures for all: those of `learn.evaluate` that need nothing but something that plays.

Two things are done differently from there. Knobs are swept at the clip's own pitch, since a backbone can be given no
other: its pitch is in its latent. And the latent is not frozen but goes on as it does in the clip, over and over where
the clip is shorter than the ramp: a backbone knows of time only from its latent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate import following, probe, resynthesis, sweeps
from neurorack.learn.evaluate.clips import Clip, choose, first, make_clip
from neurorack.learn.evaluate.instrument import Playable
from neurorack.learn.evaluate.sweeps import Sweep
from neurorack.words import DESCRIPTORS


@dataclass(frozen=True)
class Amount:
    """Sounds that are swept, that follow another's curves, that are said again, and that the probe reads; and whether
    CDPAM, which takes 2 s a pair, hears them where it is installed."""

    swept: int = 32
    follows: int = 48
    pairs: int = 40
    probed: int = 480
    cdpam: bool = True


def measure(model: Playable, corpus: Corpus, amount: Amount, *, learned: bool = True) -> dict[str, float]:
    """Figures as `learn.evaluate` names them. What learned nothing has no latent to read, and says nothing again.
    BadInput where none of the sounds is to be heard."""
    clips = [make_clip(model, sound) for sound in choose(corpus, amount.probed)]
    clips = [clip for clip in clips if clip.sounding.any()]
    if not clips:
        raise BadInput("none of the held-out sounds is to be heard", corpus.kind, "give other sounds")
    figures = sweeps.figures(list(sweep_clips(model, first(clips, amount.swept))))
    follows = [following.follow(model, clip, following.partner(clip, clips)) for clip in first(clips, amount.follows)]
    figures |= following.figures(follows)
    if learned:
        figures |= probe.figures(probe.gather(clips))
        pairs = [resynthesis.resynthesise(model, clip) for clip in first(clips, amount.pairs)]
        figures |= resynthesis.figures(pairs, resynthesis.load_cdpam() if amount.cdpam else None)
    return figures


def sweep_clips(model: Playable, clips: list[Clip]) -> Iterator[Sweep]:
    """Every knob on every clip, at the clip's pitch and along its latent."""
    hops = len(sweeps.ramp(0)[0])
    for clip in clips:
        latent = clip.latent[np.resize(np.nonzero(clip.sounding)[0], hops)]
        for knob in range(len(DESCRIPTORS)):
            pitch_oct = float(clip.pitch_oct[clip.body])
            yield sweeps.sweep(model, knob, pitch_oct, latent, clip.partials, clip.sound.source)
