"""The instruments that ship, from nothing to a bundle: sounds, training, trimming, export, evaluation, report.

    python -m neurorack.learn.shipped fluid --out out/models/fluid

Stopped and started again it goes on where it was. The same seed gives the same weights on the same machine, with as
many threads; not on a GPU, which adds up in another order each time.
"""

from pathlib import Path
from typing import NamedTuple

import torch

from neurorack import bundle
from neurorack.arguments import folder
from neurorack.command import Parser, answered
from neurorack.learn import checkpoint, loop
from neurorack.learn.commands.ending import resumable
from neurorack.learn.commands.finish import write_figures, write_preview
from neurorack.learn.commands.options import add_device, count, whole
from neurorack.learn.evaluate import evaluate
from neurorack.learn.evaluate.report import write_report
from neurorack.learn.families.kits import About, InstrumentKit, dense_recipe
from neurorack.learn.log import read_table
from neurorack.learn.scale import choose_device
from neurorack.learn.trim import course, sounds
from neurorack.learn.trim.course import COURSES, INSTRUMENT
from neurorack.learn.trim.rounds import Lottery
from neurorack.words import SAMPLE_RATE_HZ


class Instrument(NamedTuple):
    """Of which sounds one is made."""

    title: str
    kind: str
    gestures: str
    """Names of the sounds they are cut from, a blank between: chosen once, and kept because presets name gestures."""


INSTRUMENTS = {
    "fluid": Instrument(
        "Fluid: the notes of a General MIDI orchestra",
        "pitched",
        "calliope-62-48 marimba-68-112 dulcimer-59-112 english-horn-65-48 marimba-60-48 violin-68-112 "
        "synth-brass-70-112 square-lead-68-112 pan-flute-55-48 calliope-54-48 alto-sax-69-48 nylon-guitar-64-112 "
        "guitar-harmonics-59-112 clean-guitar-55-112 sitar-64-112 english-horn-69-112",
    ),
    "skins": Instrument(
        "Skins: tabla, drums and things that ring",
        "percussive",
        "beats_01-26 ambi_glass_hum ride_via tabla_na_o beats_06-10 vinyl_scratch tabla_tas1 perc_bell perc_till "
        "sn_dub drum_splash_soft 122557__anillogic__trimo-c3 bd_zome 124382__cubix__8bit-snare drum_tom_mid_soft "
        "hat_yosh",
    ),
    "tongues": Instrument(
        "Tongues: Russian phrases, Mandarin syllables",
        "speaking",
        "phrase-0587-1 ping-0 ba-0 hong3-0 lao3-0 sun-0 long3-0 ting-0 suan4-0 mei3-0 yi3-0 bian-0 sha3-0 rui3-0 "
        "phrase-0386-6 phrase-0675-1",
    ),
}


def make(
    name: str, out: Path, cache: Path, seed: int = 0, steps: int = COURSES[INSTRUMENT].steps, device: str = "cpu"
) -> None:
    """Train an instrument of a million parameters, trim it and write its bundle; checkpoints, preview and report go
    into `cache`. `steps` are those of the dense one. BadInput where another process is at it."""
    folder = cache / f"{name}-{steps}-{seed}"
    with checkpoint.held(folder):
        _make(name, out, cache, folder, seed, steps, device)


def _make(name: str, out: Path, cache: Path, folder: Path, seed: int, steps: int, device: str) -> None:
    instrument = INSTRUMENTS[name]
    corpora = sounds.shipped(instrument.kind, cache)
    kit = InstrumentKit(dense_recipe(instrument.kind, steps), corpora, device, progress=True)
    plan = course.plan(INSTRUMENT, steps=steps, seed=seed, by="parameters")
    lottery = Lottery(kit.task, plan, timer=kit.timer, say=print)
    seconds = loop.run(lottery, folder)
    dense, kept, tested = lottery.results[0], lottery.results[-1], lottery.test()
    remarks: list[str] = []
    about = About(instrument.title, "Apache-2.0", {}, instrument.gestures.split())
    kit.pack(lottery.model(kept.round), dense.widths, out, about, remarks.append)
    made = bundle.load(out)
    write_preview(made, folder / "preview.wav")
    results = evaluate(made, corpora.test)
    sound_s = sum(len(sound.audio) for sound in corpora.train.sounds) / SAMPLE_RATE_HZ
    learnt = {"training_steps": plan.steps, "training_seconds": round(sound_s, 1)}
    learnt |= {"trimmed_loss": tested[-1], "dense_loss": tested[0]}
    write_figures(made, results.figures | learnt)
    told = {"sounds": len(corpora.train), "seed": seed, "steps": plan.steps, "curves": read_table(folder)}
    told |= {"minutes": seconds / 60, "remarks": remarks}
    write_report(folder / "report.html", made, results, told)
    print(results.table(), f"report in {folder / 'report.html'}", sep="\n")


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.shipped",
        description="Fetch the sounds of a shipped instrument, train it, export it and measure it.",
        epilog="example: python -m neurorack.learn.shipped fluid --out out/models/fluid",
    )
    parser.add_argument("instrument", choices=sorted(INSTRUMENTS))
    parser.add_argument("--out", type=folder, required=True, help="folder of the bundle; its name is the instrument's")
    parser.add_argument("--cache", type=folder, default=Path("out/learn"), help="sounds, checkpoints and report")
    parser.add_argument("--seed", type=whole, default=0)
    steps = COURSES[INSTRUMENT].steps
    parser.add_argument("--steps", type=count, default=steps, metavar="N", help=f"dense; fewer for a try ({steps})")
    add_device(parser, "cpu")
    parser.add_argument("--threads", type=count, default=2, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    def work() -> int:
        device = choose_device(options.device)
        make(options.instrument, options.out, options.cache, options.seed, options.steps, device)
        return 0

    return resumable(work, options.cache)


if __name__ == "__main__":
    raise SystemExit(main())
