"""`neurorack trim`: from an instrument's recipe and sounds to a smaller one that plays.

    recipe and sounds → dense training → score, cut, train, again and again → verified bundle, report

What is trimmed is trained anew: a finished instrument has neither its optimiser's state nor the weights of an early
step. So it takes a run that knows its sounds: of `neurorack train`, or of a shipped instrument. Everything but the
bundle stays in the work folder beside it (`work`), so the same command given again goes on where it was, in any round.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from tqdm import tqdm

from neurorack import bundle
from neurorack.bundle import Bundle
from neurorack.engine.footprint import footprint
from neurorack.errors import BadInput
from neurorack.learn import checkpoint, loop, shipped
from neurorack.learn.choose import COUNT
from neurorack.learn.commands.ending import resumable
from neurorack.learn.commands.train import THREADS
from neurorack.learn.commands.work import TRAIN, VALIDATION, Work
from neurorack.learn.families.kits import About, FamilyKit, InstrumentKit, Kit, dense_recipe
from neurorack.learn.pack import revoice
from neurorack.learn.scale import choose_device
from neurorack.learn.train import Recipe
from neurorack.learn.trim import course, int8, sounds
from neurorack.learn.trim.course import INSTRUMENT
from neurorack.learn.trim.feeds import feeds
from neurorack.learn.trim.int8 import Outcome
from neurorack.learn.trim.report import write_report
from neurorack.learn.trim.rounds import Lottery, Plan, Result, smallest
from neurorack.learn.trim.ships import Shipped, fitting
from neurorack.learn.trim.ships import shipped as as_shipped
from neurorack.learn.trim.sounds import Sounds
from neurorack.terminal import complain, plain, tell
from neurorack.words import KINDS

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Source:
    """What is trimmed: a recipe, its sounds, and the bundle that came of it, where there is one."""

    recipe: Recipe
    sounds: Sounds
    made: Bundle | None
    gestures: int | Sequence[str] = COUNT
    """As `pack` takes them: a shipped instrument keeps its own."""


def run(options: argparse.Namespace) -> int:
    torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
    torch.set_flush_denormal(True)
    work = Work(options.out)
    return resumable(lambda: _trim(options, work), work.folder)


def _trim(options: argparse.Namespace, work: Work) -> int:
    say = complain if options.json else _say
    work.check(options.force)
    device = choose_device(options.device)
    source = find(options.source, options.cache)
    if _is_inside(options.source, work.folder) or (source.made and work.out.resolve() == source.made.folder.resolve()):
        raise BadInput("a bundle cannot be trimmed into itself", str(work.out), "give another --out")
    if options.width is not None:
        source = replace(source, recipe=_as_wide(source.recipe, options.width, options.family))
    plan = _plan(options, source.recipe)
    of: Any = source.recipe if source.made is None else (source.recipe, source.made.card.decoder.sha256)
    folder = work.run_folder((replace(plan, version=0), of), source.sounds.train)
    asked = repr((folder.name, options.title, options.licence, options.worse, options.int8, bundle.SCHEMA))
    result = folder / "result.json"
    told = _read(result) if work.is_finished(asked) else None
    if told is None:
        with checkpoint.held(work.folder):
            told = _make(options, work, _kit(options.family, source, device), source, plan, folder, say)
            work.note(folder, asked)
    _conclude(options, work, told, say)
    return 0


def _is_inside(source: str, folder: Path) -> bool:
    """Whether a checkpoint lies there."""
    return Path(source).is_file() and Path(source).resolve().is_relative_to(folder.resolve())


def find(source: str, cache: Path) -> Source:
    """What to trim. BadInput where it is neither a run's checkpoint nor an instrument whose run is known."""
    if Path(source).is_file():
        return Source(_recipe(Path(source)), sounds.beside(Path(source).parent), None)
    made = bundle.load(source)
    run = Work(made.folder).run()
    if run is not None and (run / checkpoint.NEWEST).exists():
        return Source(_recipe(run / checkpoint.NEWEST), sounds.beside(run), made)
    known = shipped.INSTRUMENTS.get(made.name)
    if known is not None and known.kind == made.card.kind:
        return Source(dense_recipe(known.kind), sounds.shipped(known.kind, cache), made, known.gestures.split())
    mend = "give the checkpoint of its run, NAME.work/run-…/checkpoint.pt, which has its sounds beside it"
    raise BadInput("a bundle alone cannot be trained again", str(made.folder), mend)


def _recipe(path: Path) -> Recipe:
    """Of an instrument's checkpoint."""
    try:
        found = checkpoint.read(path)
        if found["kind"] not in KINDS:
            mend = "give one of `neurorack train`, or what this was trimmed from, with a smaller --keep"
            raise BadInput(f"a checkpoint of {found['kind']!r}", str(path), mend)
        return msgspec.json.decode(found["recipe"], type=Recipe)
    except (checkpoint.Damaged, msgspec.DecodeError) as error:
        what = f"not a whole checkpoint, or of another version: {error}"
        raise BadInput(what, str(path), f"try {checkpoint.BEFORE} beside it, or train again") from error


def _as_wide(recipe: Recipe, width: int, family: str) -> Recipe:
    """With hidden layers of `width`."""
    if family != INSTRUMENT:
        raise BadInput(f"a width of {family}", "--width", f"only {INSTRUMENT} takes one")
    try:
        return replace(recipe, width=(width,) * 3)
    except ValueError as error:
        raise BadInput(f"a width of {width}", "--width", "give one from 1 to 4096") from error


def _plan(options: argparse.Namespace, recipe: Recipe) -> Plan:
    """An instrument is trained for as long as its own recipe says."""
    return course.plan(
        options.family,
        steps=options.steps or (recipe.steps if options.family == INSTRUMENT else None),
        rewind=options.rewind,
        keep=options.keep,
        rounds=options.rounds,
        criterion=options.criterion,
        by=options.by,
        local=options.local,
        beginning=options.begin,
        last=options.last,
        floor=options.floor,
        seed=options.seed,
    )


def _kit(family: str, source: Source, device: str) -> Kit:
    if family == INSTRUMENT:
        return InstrumentKit(source.recipe, source.sounds, device, progress=True)
    if source.made is None:
        mend = "give the bundle that was made of it"
        raise BadInput(f"{family} plays an instrument's gestures, and a checkpoint has none", "--family", mend)
    return FamilyKit(family, source.made, source.sounds, device=device, progress=True)


def _read(result: Path) -> dict[str, Any] | None:
    """What was told before; None where that is lost or spoilt: it is made again of the checkpoint."""
    try:
        told: dict[str, Any] = json.loads(result.read_bytes())
        return told if told.keys() >= {"rounds", "shipped_round", "remarks"} else None
    except (OSError, ValueError, AttributeError):
        return None


def _make(
    options: argparse.Namespace, work: Work, kit: Kit, source: Source, plan: Plan, folder: Path, say: Say
) -> dict[str, Any]:
    """All rounds, the test, the bundle and the report; what is told of them."""
    remarks = [source.sounds.remark] if source.sounds.remark else []
    say(f"{plan.rounds + 1} rounds, {plan.steps} steps in all; report and checkpoints in {work.folder}")
    lottery = Lottery(kit.task, plan, timer=kit.timer, say=say)
    loop.run(lottery, folder, say=say)
    timed = zip(lottery.results, kit.timer(lottery.models), strict=True)
    results = [replace(result, time_s=time_s) for result, time_s in timed]  # in the same hour
    kept = results[-1] if options.worse is None else smallest(results, options.worse)
    tested = lottery.test()
    quality = {
        "trimmed_loss": tested[kept.round],
        "dense_loss": tested[0],
        "trimmed_time_s": kept.time_s,
        "dense_time_s": results[0].time_s,
        "training_steps": float(plan.steps),
    }
    licence = options.licence or (source.made.card.license if source.made is not None else "not stated")
    about = About(options.title or work.out.name, licence, quality, source.gestures)
    kit.pack(lottery.model(kept.round), results[0].widths, work.out, about, remarks.append)
    work.note(folder)
    graphs = [kit.graph(model) for model in lottery.models]
    ships = [as_shipped(graph) for graph in graphs]
    fits = fitting(kit, lottery.model, graphs, ships, folder)
    in_int8 = None
    if options.int8:
        in_int8 = _try_int8(kit, lottery.model(kept.round), work.out, remarks.append)
        work.note(folder)  # its card is another one now
    heard = TRAIN if source.sounds.test is source.sounds.train else VALIDATION
    if not (folder / heard).exists():
        source.sounds.test.save(folder / heard)  # for `neurorack evaluate`: nothing was chosen by them
    write_report(work.report, about.title, plan, results, tested, kept.round, remarks, ships, fits, in_int8)
    part = folder / "result.part"
    told = _told(work, plan, results, tested, kept.round, remarks, ships)
    trials = msgspec.json.decode(msgspec.json.encode(in_int8.trials)) if in_int8 else None  # null what is no number
    told |= {"fits": msgspec.to_builtins(fits), "int8": trials}
    part.write_text(json.dumps(told, indent=1, allow_nan=False))
    part.replace(folder / "result.json")
    return told


def _try_int8(kit: Kit, model: Any, out: Path, say: Say) -> Outcome | None:
    """Operator by operator; what is faster and as good replaces the bundle's decoder."""
    judge, made = kit.judge(model), bundle.load(out)
    if judge is None or made.card.ahead:
        why = (
            "is rendered ahead" if judge is not None else "draws its samples, so that no loss can be told of its graph"
        )
        say(f"int8 was not tried: this decoder {why}")
        return None
    outcome = int8.tried(made.decoder_onnx, feeds(made), judge, 1)
    chosen = outcome.graph
    if chosen is None:
        say("int8 is faster and as good in none of the operators: the decoder stays float32")
    else:

        def write(path: Path) -> None:
            path.write_bytes(chosen)

        card, tested = made.card, kit.examine(model, chosen)
        quality = {name: value for name, value in card.quality.items() if name != "trimmed_time_s"}  # float32's
        cost = msgspec.structs.replace(card.cost, measured=footprint(chosen))
        revoice(made, write, out, {"cost": cost, "quality": quality | {"trimmed_loss": tested}})
        was = card.quality["trimmed_loss"]
        which = "in float32, of which all else here tells,"
        say(f"in int8: {outcome.ships}; its test loss is {tested:.4g}, {which} {was:.4g}")
    return outcome


def _told(
    work: Work,
    plan: Plan,
    results: list[Result],
    tested: list[float],
    chosen: int,
    remarks: list[str],
    ships: list[Shipped],
) -> dict[str, Any]:
    rounds = [
        msgspec.to_builtins(result) | {"test_loss": test, "ships": msgspec.to_builtins(own)}
        for result, test, own in zip(results, tested, ships, strict=True)
    ]
    told = {"name": work.out.name, "folder": str(work.out), "report": str(work.report), "shipped_round": chosen}
    return {**told, "plan": msgspec.to_builtins(plan), "rounds": rounds, "remarks": remarks}


def _conclude(options: argparse.Namespace, work: Work, told: dict[str, Any], say: Say) -> None:
    if options.json:
        tell(json.dumps(told, indent=1))
        return
    dense, kept = told["rounds"][0], told["rounds"][told["shipped_round"]]
    for remark in told["remarks"]:
        say(remark)
    say(
        f"{work.out} is finished: {kept['parameters']} of {dense['parameters']} parameters, "
        f"{kept['macs_per_s'] / 1e6:.3g} of {dense['macs_per_s'] / 1e6:.3g} MMAC/s, "
        f"test loss {kept['test_loss']:.4g}, dense {dense['test_loss']:.4g}; report in {work.report}; "
        f"measure it with `neurorack evaluate {work.out}`"
    )


def _say(text: str) -> None:
    with tqdm.external_write_mode():  # the bar makes room
        for line in text.splitlines():
            tell(plain(line))
