"""`python -m neurorack.learn.trim`: families × criteria × seeds, as one table and one figure."""

import argparse
import os
from pathlib import Path

from neurorack.arguments import folder
from neurorack.command import Parser, answered
from neurorack.errors import BadInput
from neurorack.learn.commands.ending import resumable
from neurorack.learn.commands.options import add_device, count, part, positive, whole
from neurorack.learn.scale import choose_device
from neurorack.learn.trim import estimate, results, sweep, table
from neurorack.learn.trim.cost import BY
from neurorack.learn.trim.course import COURSES
from neurorack.learn.trim.criteria import CRITERIA
from neurorack.learn.trim.rounds import BEGINNINGS
from neurorack.terminal import complain, tell

EPILOG = """\
example: python -m neurorack.learn.trim --out out/trim --families sing ddsp --criteria gradient random scratch

Stopped and started again it goes on where it was: timeout 3h python -m neurorack.learn.trim --out out/trim --ray,
again and again, until nothing is left. The table and the figure are written anew after each cell.
"""


def main() -> int:
    return answered(_main)


def _main() -> int:
    parser = Parser(
        prog="python -m neurorack.learn.trim",
        description="Trim families by criteria, seed by seed; the table and figure of what came of it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=folder, required=True, metavar="DIR", help="checkpoints, results, table, figure")
    parser.add_argument("--families", nargs="+", choices=results.FAMILIES, default=results.FAMILIES, metavar="NAME")
    criteria = ("gradient", results.SCRATCH)
    parser.add_argument(
        "--criteria",
        nargs="+",
        choices=(*CRITERIA, *results.RIVALS),
        default=criteria,
        metavar="NAME",
        help=f"{', '.join(CRITERIA)} (norm takes none of these families); for as many steps and not trimmed, "
        f"{results.SCRATCH}: a small network, {results.LONGER}: the dense one (default {' '.join(criteria)})",
    )
    parser.add_argument("--seeds", type=whole, nargs="+", default=(0, 1, 2), metavar="N")
    parser.add_argument(
        "--keep", type=part, metavar="SHARE", help=f"that the last round keeps (default: {_each('keep')})"
    )
    parser.add_argument("--by", choices=BY, default="parameters", help="the cost that --keep is of")
    parser.add_argument("--rounds", type=count, metavar="N", help=f"of cuts (default: {_each('rounds')})")
    parser.add_argument("--begin", choices=BEGINNINGS, default="fine-tune", help="how a round begins (fine-tune)")
    parser.add_argument(
        "--rewind", type=part, metavar="SHARE", help=f"of steps, that rounds go back to (default: {_each('rewind')})"
    )
    parser.add_argument(
        "--last",
        type=positive,
        metavar="TIMES",
        help=f"as long as the others the last round is (default: {_each('last')})",
    )
    alike = ", ".join(name for name, course in COURSES.items() if course.local)
    parser.add_argument(
        "--local", action=argparse.BooleanOptionalAction, help=f"keep the same share of every layer (default: {alike})"
    )
    parser.add_argument("--steps", type=count, metavar="N", help="of one training (default: the family's)")
    parser.add_argument("--source", default="fluid", metavar="BUNDLE", help="whose encoder families use (fluid)")
    parser.add_argument("--cache", type=folder, default=Path("out/learn"), metavar="DIR", help="where sounds are kept")
    add_device(parser, "cpu")
    parser.add_argument("--table", action="store_true", help="train nothing: only what DIR holds, as table and figure")
    parser.add_argument("--ray", action="store_true", help="a cell a core; a cluster must see --out and --cache")
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=count, default=cores, metavar="N", help="cores that Ray takes of this machine"
    )
    options = parser.parse_args()
    return resumable(lambda: (_table if options.table else _run)(options), options.out)


def _each(setting: str) -> str:
    """Families' own settings, as words."""
    return ", ".join(f"{name} {getattr(course, setting):g}" for name, course in COURSES.items())


def _table(options: argparse.Namespace) -> int:
    if not results.gather(options.out):
        raise BadInput("no results of a sweep", str(options.out), "give the folder that was its --out")
    tell(table.write(options.out))
    return 0


def _run(options: argparse.Namespace) -> int:
    wanted = sweep.cells(
        options.families,
        options.criteria,
        options.seeds,
        options.source,
        steps=options.steps,
        rewind=options.rewind,
        keep=options.keep,
        rounds=options.rounds,
        local=options.local,
        last=options.last,
        by=options.by,
        beginning=options.begin,
    )
    if options.ray and options.device == "cuda":
        raise BadInput("on Ray a cell takes one core, and no GPU", "--device cuda", "leave --ray or --device away")
    device = "cpu" if options.ray else choose_device(options.device)
    status = 0
    options.out.mkdir(parents=True, exist_ok=True)
    results.gather(options.out)  # what is none is better told now than after a training
    if not options.ray:  # there it depends on the cluster
        left = sweep.left(wanted, options.out)
        for line in estimate.told(left, lambda cell: sweep.kit_of(cell, options.cache, device), device):
            tell(line)
    made = sweep.run(wanted, options.out, options.cache, ray=options.ray, workers=options.workers, device=device)
    for cell, fault in made:
        table.write(options.out)
        if fault:
            complain(f"neurorack: {cell.name}: {fault}")
            status = 2
        else:
            tell(f"{cell.name} is done")
    tell(table.write(options.out))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
