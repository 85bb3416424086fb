"""The recipes by name: how each is trained, and how what came of it plays."""

from pathlib import Path

import torch

from neurorack.learn.baselines.backbone import LEAN, SMALL
from neurorack.learn.baselines.rival import RivalInstrument, RivalRecipe, RivalTraining
from neurorack.learn.commands.finish import make_bundle
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate.instrument import Instrument, Playable
from neurorack.learn.networks.objective import Weights
from neurorack.learn.train import LATENT, Recipe, Training

RIVALS = {"conditioned": (False, SMALL), "fader": (True, SMALL), "lean": (False, LEAN)}
"""Whether there is an adversary, and the size."""

TILT = "tilt"

OURS = {
    "ours": Weights(),
    "no-swap": Weights(swap=0.0),
    "no-still": Weights(still=0.0),
    "no-cycle": Weights(cycle=0.0),
    "no-adversary": Weights(adversary=0.0),
    "mild": Weights(adversary=Weights.adversary / 4),
    "strict": Weights(adversary=4 * Weights.adversary),
    "no-keep": Weights(keep=0.0),
    "no-spread": Weights(spread=0.0),
    "no-kl": Weights(kl=0.0),
    "critic": Weights(critic=0.1),
    "bare": Weights(swap=0.0, cycle=0.0, adversary=0.0),
}
"""What ships, and what one ingredient less, or more, makes of it; `bare` has neither swap, cycle nor adversary; from
`mild` to `strict` the latent tells less of the knobs, and keeps less of the source."""

STRICTER = ("no-adversary", "mild", "ours", "strict")
"""Along these the latent is asked ever more strictly to tell nothing of the knobs."""

NAMES = ("ours", *RIVALS, TILT, *(name for name in OURS if name != "ours"))


def make(name: str, steps: int, seed: int, corpus: Corpus) -> Training | RivalTraining:
    """A run of this recipe (any but the tilt, which learns nothing), at its beginning."""
    if name in RIVALS:
        fader, size = RIVALS[name]
        return RivalTraining(RivalRecipe(steps, seed, fader, corpus.kind, size=size), corpus)
    return Training(Recipe(corpus.kind, steps, seed, latent=LATENT[corpus.kind], weights=OURS[name]), corpus)


def playable(training: Training | RivalTraining, corpus: Corpus, folder: Path) -> Playable:
    """What a run has come to. Ours is packed into `folder` and played from its graphs, as it ships; its gestures, which
    are not measured, are cut from `corpus`."""
    if isinstance(training, RivalTraining):
        return RivalInstrument(training.average, training.knobs)
    return Instrument(make_bundle(training, corpus, folder, "a comparison", "not stated"))


def parameters(training: Training | RivalTraining) -> int:
    """Of decoder and encoder."""
    networks: torch.nn.Module = training.average
    return sum(p.numel() for p in networks.parameters())
