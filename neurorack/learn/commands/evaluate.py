"""`neurorack evaluate`: figures of a bundle or a checkpoint, on sounds it has not learned from."""

import argparse
import json
import tempfile
from pathlib import Path

import torch

from neurorack import bundle
from neurorack.errors import BadInput
from neurorack.learn.commands import work
from neurorack.learn.commands.export import export_checkpoint
from neurorack.learn.commands.finish import write_figures
from neurorack.learn.corpus import Corpus
from neurorack.learn.evaluate import evaluate
from neurorack.learn.evaluate.__main__ import held_out
from neurorack.learn.evaluate.report import write_report
from neurorack.learn.prepare import prepare
from neurorack.terminal import plain, tell

SOUNDS = Path("out/learn")
"""Where the sounds of the shipped instruments are kept, or rendered into."""


def run(options: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    path = Path(options.bundle)
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        if path.is_file():
            if options.write:
                raise BadInput("a checkpoint has no card to write into", str(path), "export it first")
            made = export_checkpoint(path, Path(folder) / "checkpoint", path.stem, "not stated")
        else:
            made = bundle.load(options.bundle)
        if options.sounds is not None:
            corpus, spared = _recordings(options.sounds, Path(folder) / "sounds", made.card.kind), True
        elif path.is_file():
            corpus, spared = work.held_out(path.parent)
        else:
            kept = work.Work(made.folder).held_out()
            corpus, spared = kept or (held_out(made, "test", SOUNDS), True)
        results = evaluate(made, corpus, options.quick, spared)
        try:
            if options.report is not None:
                options.report.parent.mkdir(parents=True, exist_ok=True)
                write_report(options.report, made, results, {})
            if options.write:
                trained = {k: v for k, v in made.card.quality.items() if k.startswith("training_")}
                write_figures(made, results.figures | trained)
        except OSError as error:
            where, mend = str(error.filename or options.report), "give another place, with room"
            raise BadInput(f"cannot write: {error.strerror or error}", where, mend) from error
    if options.json:
        tell(json.dumps(results.figures, indent=1, allow_nan=False))
    else:
        for line in results.table().splitlines():
            tell(plain(line))
    return 0


def _recordings(folder: Path, cache: Path, kind: str) -> Corpus:
    prepared = prepare(folder, cache, kind=kind)
    return Corpus(kind, prepared.train.sounds + prepared.validation.sounds, prepared.train.origins)
