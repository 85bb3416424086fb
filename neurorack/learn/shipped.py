"""The instruments that ship, from nothing to a bundle: sounds, training, export, evaluation, report.

    python -m neurorack.learn.shipped fluid --out models/fluid

Stopped and started again it goes on where it was. The same seed gives the same weights on the same machine, with as
many threads.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from neurorack.errors import BadInput
from neurorack.learn import loop
from neurorack.learn.commands.finish import make_bundle, write_figures, write_preview
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate import evaluate
from neurorack.learn.evaluate.report import write_report
from neurorack.learn.log import read_table
from neurorack.learn.sources import fluid, percussion, speech
from neurorack.learn.train import LATENT, Recipe, Training
from neurorack.terminal import complain
from neurorack.words import SAMPLE_RATE_HZ


class Instrument(NamedTuple):
    """Of which sounds one is made."""

    title: str
    kind: str
    corpus: Callable[[str, Path], Corpus]


INSTRUMENTS = {
    "fluid": Instrument("Fluid: the notes of a General MIDI orchestra", "pitched", fluid.corpus),
    "skins": Instrument("Skins: tabla, drums and things that ring", "percussive", percussion.corpus),
    "tongues": Instrument("Tongues: Russian phrases, Mandarin syllables", "speaking", speech.corpus),
}


STEPS = 3000
"""Some nine minutes of two cores."""


def make(name: str, out: Path, cache: Path, seed: int = 0, steps: int = STEPS) -> None:
    """Train an instrument and write its bundle; checkpoints, preview and report go into `cache`."""
    instrument = INSTRUMENTS[name]
    recipe = Recipe(instrument.kind, steps, seed, latent=LATENT[instrument.kind])
    corpus = instrument.corpus("train", cache)
    folder = cache / f"{name}-{recipe.steps}-{seed}"
    training = Training(recipe, corpus, progress=True)
    seconds = loop.run(training, folder)
    remarks: list[str] = []
    bundle = make_bundle(training, corpus, out, instrument.title, "Apache-2.0", remarks.append)
    write_preview(bundle, folder / "preview.wav")
    results = evaluate(bundle, instrument.corpus("test", cache))
    sound_s = sum(len(sound.audio) for sound in corpus.sounds) / SAMPLE_RATE_HZ
    write_figures(bundle, results.figures | {"training_steps": recipe.steps, "training_seconds": round(sound_s, 1)})
    told = {"sounds": len(corpus), "seed": seed, "steps": recipe.steps, "curves": read_table(folder)}
    told |= {"minutes": seconds / 60, "remarks": remarks}
    write_report(folder / "report.html", bundle, results, told)
    print(results.table(), f"report in {folder / 'report.html'}", sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.learn.shipped",
        description="Fetch the sounds of a shipped instrument, train it, export it and measure it.",
        epilog="example: python -m neurorack.learn.shipped fluid --out models/fluid",
    )
    parser.add_argument("instrument", choices=sorted(INSTRUMENTS))
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle; its name is the instrument's")
    parser.add_argument("--cache", type=Path, default=Path("out/learn"), help="sounds, checkpoints and report")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N", help=f"fewer for a try ({STEPS})")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        make(options.instrument, options.out, options.cache, options.seed, options.steps)
    except loop.Stopped as stopped:
        complain(f"neurorack: stopped at step {stopped.step}, saved; give the same command again and it goes on")
        return stopped.status
    except BadInput as error:
        complain(f"neurorack: {error}")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
