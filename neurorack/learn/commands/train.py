"""`neurorack train`: from a folder of recordings to an instrument that plays.

    recordings → prepared sounds → training → verified bundle → figures, report, preview

Everything but the bundle stays in the work folder beside it (`work`), so the same command given again goes on where it
was, and says so at once where there is nothing left to do.
"""

import argparse
import os
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from tqdm import tqdm

from neurorack.errors import BadInput
from neurorack.learn import checkpoint, loop
from neurorack.learn.commands.ending import resumable
from neurorack.learn.commands.finish import make_bundle, write_figures, write_preview
from neurorack.learn.commands.work import TRAIN, Work, fingerprint, held_out, keep_sounds
from neurorack.learn.corpus import load_corpus
from neurorack.learn.evaluate import evaluate, sweeps
from neurorack.learn.evaluate.report import write_report
from neurorack.learn.log import read_table
from neurorack.learn.prepare import Prepared, prepare
from neurorack.learn.scale import Team, team
from neurorack.learn.train import LATENT, STEPS_PER_MINUTE, Recipe, Training
from neurorack.terminal import plain, tell
from neurorack.words import SAMPLE_RATE_HZ

THREADS = 2
"""The same wherever it runs: sums in another order are other weights."""
PREVIEW_S = 210.0
"""From the command on: then there is something to hear, with time to make it within five minutes…"""
LEARNT_S = 60.0
"""…if it has trained for so long, however long preparing took."""
THOROUGH_STEPS = 10 * STEPS_PER_MINUTE
"""Shorter runs are tries, and are measured quickly."""


def run(options: argparse.Namespace) -> int:
    begun_s = time.monotonic()
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    torch.set_flush_denormal(True)  # as ONNX Runtime will where a preview is made: else weights would depend on it
    work = Work(options.out)

    def work_through() -> int:
        with team(options.device) as crew:
            return _train(options, work, crew, begun_s)

    return resumable(work_through, work.folder)


def _train(options: argparse.Namespace, work: Work, crew: Team, begun_s: float) -> int:
    steps = options.steps or max(1, round(options.minutes * STEPS_PER_MINUTE))
    if not options.sounds.is_dir():
        raise BadInput("there is no such folder of recordings", str(options.sounds), "give a folder with sounds in it")
    if os.path.realpath(work.out).startswith(os.path.realpath(options.sounds) + os.sep):
        raise BadInput("the instrument would lie among its own sounds", str(work.out), "give an --out somewhere else")
    asked = fingerprint(
        options.sounds, options.kind, steps, options.batch, options.seed, options.title, options.licence
    )
    work.check(options.force)
    if work.is_finished(asked):
        if crew.leads:
            _say(f"{work.out} is finished; {_how_to_play(work)}")
        return 0
    with checkpoint.held(work.folder) if crew.leads else nullcontext():
        return _make(options, work, crew, steps, asked, begun_s)


def _make(options: argparse.Namespace, work: Work, crew: Team, steps: int, asked: str, begun_s: float) -> int:
    """All that is to be done, once nothing is in its way."""
    crew.wait()
    remarks: list[str] = []
    prepared = _prepare(options, work) if crew.leads else None
    folder = Path(crew.share(str(_settle(options, work, steps, prepared)) if prepared else ""))
    corpus = load_corpus(folder / TRAIN)
    training = Training(_recipe(options, steps, corpus.kind), corpus, crew.device, crew.world, crew.rank)
    title, heard = options.title or work.out.name, folder / "heard"
    preview = folder / "preview" / work.out.name

    def watch() -> None:
        now_s = time.monotonic()
        if now_s - begun_s > PREVIEW_S and now_s - trained_s > LEARNT_S and not heard.exists():
            try:
                heard.touch()
                write_preview(make_bundle(training, corpus, preview, title, options.licence), work.preview)
                _say(f"a first preview, after {training.step} steps: {work.preview}")
            except (BadInput, OSError) as error:
                _say(f"no preview yet: {error}")

    trained_s = time.monotonic()
    minutes = loop.run(training, folder, crew, say=_say, watch=watch) / 60
    if prepared is None:
        return 0
    bundle = make_bundle(training, corpus, work.out, title, options.licence, say=remarks.append)
    work.note(folder)
    write_preview(bundle, work.preview)
    measured, spared = held_out(folder)
    results = evaluate(bundle, measured, quick=steps < THOROUGH_STEPS, held_out=spared)
    seconds = sum(len(sound.audio) for sound in corpus.sounds) / SAMPLE_RATE_HZ
    trained = {"training_steps": float(steps), "training_seconds": round(seconds, 1)}
    write_figures(bundle, results.figures | trained)
    told = {
        "sounds": len(corpus),
        "minutes": minutes,
        "seed": options.seed,
        "steps": steps,
        "skipped": [str(each) for each in prepared.skipped],
        "remarks": remarks,
        "curves": read_table(folder),
    }
    write_report(work.report, bundle, results, told)
    work.note(folder, asked)
    for line in [sweeps.table(results.sweeps), *remarks, *results.notes]:
        _say(line)
    _say(f"{work.out} is finished, report in {work.report}; {_how_to_play(work)}")
    return 0


def _prepare(options: argparse.Namespace, work: Work) -> Prepared:
    prepared = prepare(options.sounds, work.sounds, kind=options.kind, workers=options.workers, ray=options.ray)
    _say(prepared.report)
    return prepared


def _settle(options: argparse.Namespace, work: Work, steps: int, prepared: Prepared) -> Path:
    """The folder of the run, with its sounds in it."""
    folder = work.run_folder(_recipe(options, steps, prepared.train.kind), prepared.train)
    folder.mkdir(parents=True, exist_ok=True)
    keep_sounds(folder, prepared.train, prepared.validation)
    minutes = steps / STEPS_PER_MINUTE
    _say(f"{steps} steps, about {minutes:.0f} minutes on two cores; previews, report and checkpoints in {work.folder}")
    return folder


def _recipe(options: argparse.Namespace, steps: int, kind: str) -> Recipe:
    batch = {} if options.batch is None else {"batch": options.batch}
    return Recipe(kind, steps, options.seed, latent=LATENT[kind], **batch)


def _how_to_play(work: Work) -> str:
    return f"hear it in {work.preview}, play it with `neurorack run --rack --bundle {work.out}`"


def _say(text: str) -> None:
    with tqdm.external_write_mode():  # the bar makes room
        for line in text.splitlines():
            tell(plain(line))
