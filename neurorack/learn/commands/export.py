"""`neurorack export`: a checkpoint or a bundle → a verified bundle under a name of its own."""

import argparse
import json
from pathlib import Path

import msgspec

from neurorack import bundle
from neurorack.bundle import Bundle, Gestures, Network, read_file, write_card
from neurorack.errors import BadInput
from neurorack.learn import checkpoint
from neurorack.learn.commands.finish import make_bundle
from neurorack.learn.commands.work import TRAIN, Work, check_place
from neurorack.learn.corpus import load_corpus
from neurorack.learn.pack import pack_random, set_aside
from neurorack.learn.train import Recipe, Training
from neurorack.terminal import plain, tell


def run(options: argparse.Namespace) -> int:
    out = Work(options.out).out
    if options.random == (options.source is not None):
        raise BadInput("give either a source or --random", "neurorack export", "see `neurorack export --help`")
    check_place(out, options.force)
    if options.random:
        pack_random(options.width, out)
    elif Path(options.source).is_file():
        export_checkpoint(Path(options.source), out, options.title or out.name, options.licence or "not stated")
    else:
        copy_bundle(bundle.load(options.source), out, options.title, options.licence)
    card = bundle.read_card(out)
    if options.json:
        tell(json.dumps({"name": card.name, "folder": str(out), "parameters": card.cost.parameters}, indent=1))
    else:
        tell(plain(f"{out}: {card.title}, {card.cost.parameters} parameters; `neurorack run --rack --bundle {out}`"))
    return 0


def export_checkpoint(path: Path, folder: Path, title: str, licence: str) -> Bundle:
    """The bundle, in `folder`, of a checkpoint and of the sounds that are kept beside it."""
    try:
        found = checkpoint.read(path)
        recipe = msgspec.json.decode(found["recipe"], type=Recipe)
    except (checkpoint.Damaged, msgspec.DecodeError) as error:
        raise BadInput(f"not a whole checkpoint: {error}", str(path), f"try {checkpoint.BEFORE} beside it") from error
    corpus = load_corpus(path.parent / TRAIN)
    training = Training(recipe, corpus)
    if msgspec.json.encode(training.knobs).decode() != found["knobs"]:
        raise BadInput("the sounds beside the checkpoint are not its own", str(path.parent), "train again")
    try:
        training.load_state(found["state"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # torch and its optimiser have one for each misfit
        raise BadInput("the checkpoint's weights do not fit its recipe", str(path), "train again") from error
    return make_bundle(training, corpus, folder, title, licence)


def copy_bundle(source: Bundle, folder: Path, title: str | None, licence: str | None) -> None:
    """A proven copy, in `folder`, whose name is the folder's."""
    card = source.card
    changes = {"name": folder.name, "title": title, "license": licence}
    with set_aside(folder) as part:
        files: list[Network | Gestures] = [card.gestures, *card.networks]
        for file in files:
            limit = max(bundle.ONNX_BYTES_MAX, bundle.GESTURES_BYTES_MAX)
            (part / file.file).write_bytes(read_file(source.folder, file.file, limit, file.sha256, file.bytes))
        write_card(part, msgspec.structs.replace(card, **{k: v for k, v in changes.items() if v is not None}))
