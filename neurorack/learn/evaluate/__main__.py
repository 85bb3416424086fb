"""`python -m neurorack.learn.evaluate`: figures of a bundle, and where asked its card's and a report."""

import argparse
import importlib
import json
from pathlib import Path

import msgspec

from neurorack.bundle import Bundle, load, write_card
from neurorack.command import Parser, answered
from neurorack.errors import BadInput
from neurorack.learn.corpus import Corpus, load_corpus
from neurorack.learn.evaluate import evaluate
from neurorack.terminal import tell

SOURCES = {"pitched": "fluid", "percussive": "percussion", "speaking": "speech"}
"""Kind of instrument → module of `learn.sources`."""


def held_out(bundle: Bundle, split: str, cache: Path) -> Corpus:
    """The split of the shipped instruments' sounds that is of this bundle's kind."""
    source = importlib.import_module(f"neurorack.learn.sources.{SOURCES[bundle.card.kind]}")
    if split not in source.SPLITS:
        raise BadInput(f"there is no split {split!r}", "--split", f"give one of {', '.join(source.SPLITS)}")
    found: Corpus = source.corpus(split, cache)
    return found


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.evaluate",
        description="Measure a bundle on sounds it has not learned from.",
        epilog="example: python -m neurorack.learn.evaluate models/fluid --report out/fluid.html",
    )
    parser.add_argument("bundle", help="name or folder")
    parser.add_argument("--corpus", type=Path, metavar="FILE.npz", help="prepared sounds to measure on")
    parser.add_argument("--split", default="test", metavar="NAME", help="of the shipped instruments' sounds (test)")
    parser.add_argument("--cache", type=Path, default=Path("out/learn"), help="where they are kept (default out/learn)")
    parser.add_argument("--quick", action="store_true", help="fewer of everything: some 10 s")
    parser.add_argument("--write", action="store_true", help="write the figures into the card")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with pictures")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return _run(parser.parse_args())


def _run(options: argparse.Namespace) -> int:
    import torch

    torch.set_num_threads(1)
    bundle = load(options.bundle)
    corpus = load_corpus(options.corpus) if options.corpus else held_out(bundle, options.split, options.cache)
    results = evaluate(bundle, corpus, options.quick)
    if options.write:
        quality = bundle.card.quality | results.figures  # what training and trimming said stays
        write_card(bundle.folder, msgspec.structs.replace(bundle.card, quality=quality))
    if options.report:
        from neurorack.learn.evaluate.report import write_report

        write_report(options.report, bundle, results, {})
    tell(json.dumps(results.figures, indent=1) if options.json else results.table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
