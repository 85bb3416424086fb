"""Which sounds a trimming learns from, chooses by, and is tested on: three splits that share no source."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from neurorack.learn.commands.work import TRAIN, VALIDATION
from neurorack.learn.corpus import Corpus, Sound, load_corpus
from neurorack.learn.sources import fluid, percussion, speech

SHIPPED: dict[str, ModuleType] = {"pitched": fluid, "percussive": percussion, "speaking": speech}
"""Kind → where the sounds of the shipped instrument of this kind come from."""


@dataclass(frozen=True, eq=False)
class Sounds:
    train: Corpus
    validation: Corpus
    test: Corpus
    remark: str = ""
    """What weakens the test, or ''."""

    def thinned(self, train: int, held_out: int) -> "Sounds":
        """At most so many sounds, drawn from all, to learn from and in each of the others."""
        validation, test = _thin(self.validation, held_out), _thin(self.test, held_out)
        return replace(self, train=_thin(self.train, train), validation=validation, test=test)


def shipped(kind: str, cache: Path) -> Sounds:
    """Those of the shipped instrument of this kind, kept in `cache`. OSError where that cannot be a folder."""
    cache.mkdir(parents=True, exist_ok=True)
    return Sounds(*(SHIPPED[kind].corpus(split, cache) for split in ("train", "validation", "test")))


def beside(run: Path) -> Sounds:
    """Those of a run of `neurorack train`, kept beside its checkpoints; what it left out is parted in two. BadInput
    where there are none."""
    train = load_corpus(run / TRAIN)
    if not (run / VALIDATION).exists():
        return Sounds(train, train, train, "nothing was held out: losses are of sounds it has learned from")
    validation, test = parted(load_corpus(run / VALIDATION), 2)
    if not len(validation):
        return Sounds(train, test, test, "only one sound was held out: it is chosen by and tested on the same one")
    shared = set(validation.sources) & set(test.sources)
    return Sounds(train, validation, test, "validation and test share a source" if shared else "")


def parted(corpus: Corpus, every: int) -> tuple[Corpus, Corpus]:
    """(the rest, each so manieth source) of a corpus; of its sounds where they are all of one source."""
    sources = corpus.sources
    if len(sources) < 2:
        taken = {id(sound) for sound in corpus.sounds[::every]}
        return _where(corpus, lambda sound: id(sound) not in taken), _where(corpus, lambda sound: id(sound) in taken)
    names = set(sources[::every])
    return _where(corpus, lambda sound: sound.source not in names), _where(corpus, lambda sound: sound.source in names)


def _where(corpus: Corpus, kept: Callable[[Sound], bool]) -> Corpus:
    return replace(corpus, sounds=[sound for sound in corpus.sounds if kept(sound)])


def _thin(corpus: Corpus, count: int) -> Corpus:
    """Drawn, not every so manieth: in that order lie pitches and velocities."""
    if len(corpus) <= count:
        return corpus
    drawn = np.sort(np.random.default_rng(0).choice(len(corpus), count, replace=False))
    return replace(corpus, sounds=[corpus.sounds[i] for i in drawn])
