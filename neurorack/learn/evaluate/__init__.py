"""Measures a bundle on held-out sounds, through nothing but its exported graphs.

    python -m neurorack.learn.evaluate models/fluid

    sweeps        one knob at a time: rank correlation, slope, error, crosstalk
    following     all knobs along another sound's curves
    probe         what a latent gives away
    resynthesis   how near a sound said again comes
    purity        in tune while knobs move, clean while they rest
    clicks        knobs that jump
    cost          time, parameters, multiplications
    transfer      how soon a sound that comes in is followed

Everything is chosen and drawn deterministically: the same bundle and corpus give the same figures, times aside. Figures
are medians over clips, NAME_p10 and NAME_p90 their 10th and 90th percentiles. `report` makes them a page to look at.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from neurorack.bundle import Bundle
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate import clicks, cost, following, probe, purity, resynthesis, sweeps, transfer
from neurorack.learn.evaluate.clicks import Jump
from neurorack.learn.evaluate.clips import Clip, choose, first, make_clip, scorer_off
from neurorack.learn.evaluate.instrument import Instrument, streaming_difference
from neurorack.learn.evaluate.resynthesis import Pair
from neurorack.learn.evaluate.sweeps import OCTAVES, Sweep


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    clips: int
    """Sounds whose knobs are swept at every octave; of sounds with a pitch of their own twice as many."""
    octaves: tuple[float, ...]
    follows: int
    pairs: int
    """Sounds said again."""
    probed: int
    seeds: tuple[int, ...]
    jumps: int
    """Per gesture, of up to four."""
    cost_s: float
    transfer_s: float
    cdpam: bool


FULL = Amount(12, OCTAVES, 40, 40, 360, probe.SEEDS, 48, 12.0, 12.0, True)
"""2 to 3 minutes on two cores."""
QUICK = Amount(2, (-1.0, 1.0, 3.0), 6, 6, 24, (0,), 8, 1.0, 4.0, False)
"""For a preview: some 10 s."""


@dataclass(frozen=True, eq=False)
class Results:
    """Figures for the card, and what pictures are drawn from."""

    figures: dict[str, float]
    """All finite."""
    sweeps: list[Sweep]
    matrix: np.ndarray
    """[knob moved, descriptor]: movements in positions."""
    jumps: list[Jump]
    pairs: list[Pair]
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""

    def table(self) -> str:
        """The figures that matter first, for a terminal."""
        lines = [sweeps.table(self.sweeps), ""]
        lines += [f"{name:32s}{value:12.4g}" for name, value in self.figures.items()]
        return "\n".join([*lines, *self.notes])


def evaluate(bundle: Bundle, corpus: Corpus, quick: bool = False, held_out: bool = True) -> Results:
    """Measure a bundle on a corpus of its kind, of sounds it has not learned from, or has where not `held_out`: then
    figures and notes say so. BadInput where it has no encoder, or no sound of use."""
    from tqdm import tqdm

    amount = QUICK if quick else FULL
    instrument = Instrument(bundle)
    if instrument.modal and not all(len(sound.partials) for sound in corpus.sounds):
        raise BadInput("an instrument that is struck, and sounds without partials", corpus.kind, "give struck ones")
    with tqdm(total=7, desc="evaluating", unit="part", mininterval=1.0) as bar:

        def begin(part: str) -> None:
            bar.set_postfix_str(part, refresh=True)
            bar.update(1 if part != "sounds" else 0)

        begin("sounds")
        clips = _clips(instrument, corpus, amount.probed)
        begin("knobs")
        swept = first(clips, amount.clips * (1 if corpus.kind == "pitched" else 2))
        ramps = list(sweeps.sweep_all(instrument, corpus.kind, swept, amount.octaves))
        figures = {"held_out_sources": float(len({clip.sound.source for clip in clips}))}
        figures |= {"held_out_sounds": float(len(clips))}
        figures |= sweeps.figures(ramps) | scorer_off(instrument, swept)
        begin("all knobs")
        some = first(clips, amount.follows)
        follows = [following.follow(instrument, clip, following.partner(clip, clips)) for clip in some]
        figures |= following.figures(follows)
        begin("latent")
        figures |= probe.figures(probe.gather(clips), amount.seeds)
        begin("reconstruction")
        pairs = [resynthesis.resynthesise(instrument, clip) for clip in first(clips, amount.pairs)]
        cdpam = resynthesis.load_cdpam() if amount.cdpam else None
        figures |= resynthesis.figures(pairs, cdpam)
        begin("pitch and clicks")
        if not instrument.modal:
            figures |= purity.figures(instrument, first(clips, max(1, amount.clips // 3)), amount.octaves)
        gestures = range(0, len(bundle.gestures), max(1, -(-len(bundle.gestures) // 4)))
        jumps = [jump for gesture in gestures for jump in clicks.jumps(bundle, gesture, amount.jumps)]
        figures |= clicks.figures(jumps)
        figures["streaming_difference"] = streaming_difference(instrument, clips[0].partials)
        begin("cost and transfer")
        figures |= cost.figures(bundle, amount.cost_s) | transfer.figures(bundle, amount.transfer_s)
        bar.update()
    notes = []
    if not held_out:
        figures |= {"held_out_sources": 0.0, "held_out_sounds": 0.0}
        notes.append("measured on sounds it has learned from, since none were held out: new ones may come out worse")
    if amount.cdpam and cdpam is None:
        notes.append("without cdpam: the package is not installed")
    return Results(_rounded(figures), ramps, sweeps.matrix(ramps), jumps, pairs, notes)


def _clips(instrument: Instrument, corpus: Corpus, count: int) -> list[Clip]:
    clips = [make_clip(instrument, sound) for sound in choose(corpus, count)]
    clips = [clip for clip in clips if len(clip.audio) and clip.sounding.any()]
    if not clips:
        raise BadInput("none of the held-out sounds is to be heard", corpus.kind, "give other sounds")
    return clips


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    """To four decimals, small ones to eight; what is not finite is left out, since a card refuses it."""
    return {
        name: round(value, 8 if abs(value) < 1e-3 else 4) for name, value in figures.items() if math.isfinite(value)
    }
