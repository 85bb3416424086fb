"""From nothing to a bundle: sounds, training, export, evaluation, pictures.

    python -m neurorack.learn.recipe --out models/fluid --minutes 45

Stopped and started again it goes on where it was. The same seed and minutes give the same weights on the same machine.
"""

import argparse
import dataclasses
import os
import zlib
from pathlib import Path

import msgspec

from neurorack.bundle import load, write_card
from neurorack.learn.evaluate import evaluate, table
from neurorack.learn.figures import draw_knobs, draw_notes
from neurorack.learn.pack import pack
from neurorack.learn.sounds import render_split
from neurorack.learn.train import STEPS_PER_MINUTE, Recipe, Training, run


def make(recipe: Recipe, folder: Path, cache: Path, title: str) -> None:
    """Train by `recipe`, write the bundle into `folder`, print and keep its figures; pictures go into `cache`."""
    notes = render_split("train", cache)
    training = Training(recipe, notes)
    name = "-".join(f"{value:g}" for value in dataclasses.astuple(recipe))
    scales = zlib.crc32(msgspec.json.encode(training.knobs))  # a run on other sounds or other knobs is another run
    run(training, cache / f"checkpoint-{name}-{scales:08x}.pt")
    average = training.average
    pack(average["decoder"], average["encoder"], training.knobs, notes, folder, title)
    bundle = load(folder)
    held_out = render_split("test", cache)
    figures, sweeps = evaluate(bundle, held_out)
    figures |= {"training_steps": recipe.steps, "training_notes": len(notes)}
    write_card(folder, msgspec.structs.replace(bundle.card, quality=figures))
    print(table(sweeps), msgspec.json.format(msgspec.json.encode(figures), indent=1).decode(), sep="\n")
    draw_knobs(sweeps, cache / f"{folder.name}-knobs.png")
    draw_notes(bundle, held_out, cache / f"{folder.name}-notes.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.learn.recipe",
        description="Render the sounds, train, export and evaluate an instrument.",
        epilog="example: python -m neurorack.learn.recipe --out models/fluid --minutes 45",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle; its name is the instrument's")
    parser.add_argument("--minutes", type=float, default=45.0, help="length of training on two cores (default 45)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=Recipe.width, help="width of the decoder's layers")
    parser.add_argument("--cache", type=Path, default=Path("out/learn"), help="sounds, checkpoints and pictures")
    parser.add_argument("--title", default="Fluid: the notes of a General MIDI orchestra")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    recipe = Recipe(max(1, round(arguments.minutes * STEPS_PER_MINUTE)), arguments.seed, width=arguments.width)
    make(recipe, arguments.out, arguments.cache, arguments.title)


if __name__ == "__main__":
    main()
