"""`python -m neurorack.learn.baselines`: trains recipes one after the other, scores them, reports."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from neurorack.command import Parser, answered
from neurorack.learn import loop
from neurorack.learn.baselines import budget, report
from neurorack.learn.baselines.measure import Amount, measure
from neurorack.learn.baselines.recipes import NAMES, TILT, make, parameters, playable
from neurorack.learn.baselines.tilt import Tilt
from neurorack.learn.commands.ending import resumable
from neurorack.learn.corpus import Corpus
from neurorack.terminal import tell

QUICK = Amount(4, 6, 6, 24, cdpam=False)
_SECONDS = "seconds.txt"


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.baselines",
        description="Train rivals and parts of our recipe on the same sounds in the same time, and score them.",
        epilog="example: python -m neurorack.learn.baselines --out out/baselines --minutes 5 --only ours fader",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of the series; runs done are kept")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, metavar="M", help="of each run: steps as measured on this machine")
    length.add_argument("--steps", type=int, metavar="N", help="of each run, whatever they take")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--split", default="validation", choices=("validation", "test"), help="to score on (validation)"
    )
    parser.add_argument("--cache", type=Path, default=Path("out/learn"), help="where sounds are kept")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--quick", action="store_true", help="score on few sounds")
    options = parser.parse_args()
    return resumable(lambda: run_series(options), options.out)


def run_series(options: argparse.Namespace) -> int:
    """Train and score what is not there yet, recipe by recipe, seed by seed; the report after each."""
    import torch

    from neurorack.learn.sources import fluid

    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    amount = QUICK if options.quick else Amount()
    pending = [
        (name, seed)
        for seed in options.seeds
        for name in options.only
        if not _result(options.out, name, seed, options.split).exists() and (name != TILT or seed == options.seeds[0])
    ]
    if pending:
        corpus, held_out = (fluid.corpus(split, options.cache) for split in ("train", options.split))
        trained = sorted({name for name, _ in pending if name != TILT}, key=NAMES.index)
        if options.steps:
            steps = dict.fromkeys(trained, options.steps)
        else:
            steps = budget.steps(trained, options.minutes, options.out, make, corpus)
    for name, seed in pending:
        tell(f"{name}, seed {seed}")
        path = _result(options.out, name, seed, options.split)
        path.parent.mkdir(exist_ok=True)
        if name == TILT:
            found = _score_tilt(seed, corpus, held_out, amount)
        else:
            found = _run(name, steps[name], seed, corpus, held_out, path.parent, amount)
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"name": name, "seed": seed} | found, indent=1))
        part.replace(path)
        report.write(options.out, options.split)
    tell(report.write(options.out, options.split))
    return 0


def _result(out: Path, name: str, seed: int, split: str) -> Path:
    return out / f"{name}-{seed}" / f"result-{split}.json"


def _run(
    name: str, steps: int, seed: int, corpus: Corpus, held_out: Corpus, folder: Path, amount: Amount
) -> dict[str, Any]:
    training = make(name, steps, seed, corpus)
    spent = folder / _SECONDS
    spent_s, last = float(spent.read_text()) if spent.exists() else 0.0, time.perf_counter()

    def watch() -> None:
        nonlocal spent_s, last
        now = time.perf_counter()
        spent_s, last = spent_s + now - last, now

    try:
        loop.run(training, folder, say=tell, watch=watch)
    finally:
        spent.write_text(f"{spent_s:.1f}")
    figures = measure(playable(training, held_out, folder / "bundle"), held_out, amount)
    return {"steps": steps, "minutes": spent_s / 60, "parameters": parameters(training), "figures": figures}


def _score_tilt(seed: int, corpus: Corpus, held_out: Corpus, amount: Amount) -> dict[str, Any]:
    from neurorack.learn import scales

    knobs = scales.fit(*scales.sample(corpus, seed))
    return {"figures": measure(Tilt(knobs), held_out, amount, learned=False)}


if __name__ == "__main__":
    raise SystemExit(main())
