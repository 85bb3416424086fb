"""Options of the commands that need the offline part. Light: what a command works with is imported when it runs."""

import argparse
import importlib
import math
import os
import signal
from pathlib import Path

from neurorack.arguments import file, folder, instrument
from neurorack.errors import BadInput
from neurorack.words import KINDS


def add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sounds", type=folder, metavar="FOLDER", help="recordings, 30 s of sound or more, of any format"
    )
    parser.add_argument(
        "--out", type=folder, required=True, metavar="BUNDLE", help="folder of the instrument, which gets its name"
    )
    parser.add_argument("--kind", choices=KINDS, help="what the sounds are (default: found out)")
    parser.add_argument(
        "--minutes", type=positive, default=45.0, metavar="M", help="length of training on two cores (default 45)"
    )
    parser.add_argument("--steps", type=count, metavar="N", help="length of training in steps, e.g. on a GPU")
    parser.add_argument("--batch", type=count, metavar="N", help="clips a step, shared by all processes")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of all that is random (default 0)")
    parser.add_argument("--title", type=_text, help="what the card calls the instrument (default: its name)")
    parser.add_argument("--licence", type=_text, default="not stated", help="of the weights, for the card")
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=count, default=cores, metavar="N", help="processes that prepare sounds (default: one a core)"
    )
    parser.add_argument("--ray", action="store_true", help="prepare sounds on a Ray cluster")
    add_device(parser, "auto")
    parser.add_argument("--force", action="store_true", help="replace a bundle that was not made here")


def add_device(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default=default, help=f"what to train on ({default})"
    )


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundle", type=instrument, metavar="BUNDLE|CHECKPOINT", help="an instrument's name or folder, or a checkpoint"
    )
    parser.add_argument(
        "--sounds",
        type=folder,
        metavar="FOLDER",
        help="recordings to measure on (default: what training left out)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer of everything: some 10 s")
    parser.add_argument("--write", action="store_true", help="write the figures into the instrument's card")
    parser.add_argument("--report", type=file, metavar="FILE.html", help="write a page with pictures")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        type=instrument,
        metavar="CHECKPOINT|BUNDLE",
        help="a checkpoint, or an instrument's name or folder",
    )
    parser.add_argument(
        "--out", type=folder, required=True, metavar="BUNDLE", help="folder of the instrument, which gets its name"
    )
    parser.add_argument("--title", type=_text, help="what the card calls the instrument")
    parser.add_argument("--licence", type=_text, help="of the weights, for the card")
    parser.add_argument("--random", action="store_true", help="of random weights, to measure what a width costs")
    parser.add_argument("--width", type=count, default=192, metavar="N", help="with --random: width of the layers")
    parser.add_argument("--force", action="store_true", help="replace the bundle that is there")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


CRITERIA = ("gradient", "magnitude", "activation", "norm", "random", "information", "published")
BY = ("macs", "parameters", "time")
BEGINNINGS = ("rewind", "reinitialise", "fine-tune")
TRIMMED = ("instrument", "ddsp", "sing", "wavenet")


def add_trim(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=instrument,
        metavar="BUNDLE|CHECKPOINT",
        help="an instrument made by `neurorack train`, or a shipped one, or the checkpoint of a run: whose sounds are "
        "learned from, and whose recipe is followed",
    )
    parser.add_argument(
        "--out", type=folder, required=True, metavar="BUNDLE", help="folder of the instrument, which gets its name"
    )
    parser.add_argument(
        "--keep", type=_share, default=0.05, metavar="SHARE", help="of the cost, what the last round keeps (0.05)"
    )
    parser.add_argument("--by", choices=BY, default="macs", help="the cost: macs (default), parameters, or time here")
    parser.add_argument(
        "--rounds", type=count, metavar="N", help="each takes the same share (default: of an instrument 2)"
    )
    parser.add_argument(
        "--criterion",
        choices=CRITERIA,
        default="gradient",
        help="what a unit is worth (gradient); norm takes networks with a batch norm in every group: none of these",
    )
    parser.add_argument(
        "--local",
        action=argparse.BooleanOptionalAction,
        help="keep the same share of every layer (default: of instrument and wavenet)",
    )
    parser.add_argument(
        "--begin",
        choices=BEGINNINGS,
        default="fine-tune",
        help="how a round begins: with the weights there are (default), early ones, or new ones",
    )
    parser.add_argument("--floor", type=count, default=1, metavar="N", help="units that every layer keeps (default 1)")
    parser.add_argument(
        "--worse",
        type=_worse,
        metavar="SHARE",
        help="ship the smallest round whose validation loss is at most so much above the dense one's, e.g. 0.02 "
        "(default: the last round, whatever its loss)",
    )
    parser.add_argument("--steps", type=count, metavar="N", help="of one training (default: the recipe's)")
    parser.add_argument(
        "--rewind",
        type=part,
        metavar="SHARE",
        help="of steps, that rounds do not go through again (default: by family)",
    )
    parser.add_argument(
        "--last",
        type=positive,
        metavar="TIMES",
        help="as long as others the last round is (of an instrument 2, else 1)",
    )
    parser.add_argument("--family", choices=TRIMMED, default="instrument", help="train and trim another decoder for it")
    parser.add_argument(
        "--width", type=count, metavar="N", help="of the dense instrument's hidden layers (default: the recipe's)"
    )
    parser.add_argument(
        "--int8", action="store_true", help="try int8 operator by operator; ship what is faster here and as good"
    )
    add_device(parser, "auto")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of all that is random (default 0)")
    parser.add_argument("--title", type=_text, help="what the card calls the instrument (default: its name)")
    parser.add_argument("--licence", type=_text, help="of the weights, for the card (default: the source's)")
    parser.add_argument(
        "--cache", type=folder, default=Path("out/learn"), metavar="DIR", help="where sounds of shipped instruments are"
    )
    parser.add_argument("--force", action="store_true", help="replace a bundle that was not made here")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def train(options: argparse.Namespace) -> int:
    return _offline("train", options)


def evaluate(options: argparse.Namespace) -> int:
    return _offline("evaluate", options)


def export(options: argparse.Namespace) -> int:
    return _offline("export", options)


def trim(options: argparse.Namespace) -> int:
    return _offline("trim", options)


def _offline(name: str, options: argparse.Namespace) -> int:
    """Run the command; BadInput where a package it needs is not installed."""
    try:
        # half way through torch's import an interrupt comes out as some other error: let it wait
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            command = importlib.import_module(f"neurorack.learn.commands.{name}")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        status: int = command.run(options)
        return status
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("neurorack"):
            raise
        what = f"{error.name} is not installed, which only the offline part needs"
        raise BadInput(what, f"neurorack {name}", "pip install 'neurorack[train]'") from error


def positive(text: str) -> float:
    if not 0.0 < (number := _number(text)) < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and a million")
    return number


def _text(text: str) -> str:
    """That a card may hold."""
    from neurorack.bundle import text_fault

    if fault := text_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def _share(text: str) -> float:
    if not 0.0 < (number := _number(text)) <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 1")
    return number


def part(text: str) -> float:
    if not 0.0 <= (number := _number(text)) < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to below 1")
    return number


def _worse(text: str) -> float:
    if not 0.0 <= (number := _number(text)) < 100.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 on and below 100")
    return number


def _number(text: str) -> float:
    """NaN, which lies within no bounds, where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on, of 18 digits at most")
    return int(text)


def count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999999999")
    return int(text)
