"""What a sweep has come to: one table and one figure. Medians over seeds, lowest to highest in brackets.

Losses are those on the test set, relative to the dense network of the same seed: below 1 is better than dense. Which
round is the smallest that is no worse than dense was chosen by validation. Time is that of the exported graphs, on one
thread, that of a trimming's rounds measured in turns, that of rivals in another hour; these share a seed's number with
the dense network, not its draws. "Faster ÷ fewer" are the two columns before it, one over the other; "fall ÷ fall" is
what time fell by over what MACs fell by, as shares of dense: half is asked for. Scores and cuts are a share of their
round: 5 % are allowed.

Of the decoder alone, as exported: its weights (our own instrument has an encoder besides), the nodes that ONNX Runtime
runs in a call at block 64, its file, the memory by which a process grows that opens and calls it, and the most that it
takes of a microcontroller, with float32 and int8 weights.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from neurorack.learn.evaluate import pictures
from neurorack.learn.trim.results import RIVALS, Round, Told, gather
from neurorack.learn.trim.rounds import fall_share, scoring_share, smallest, speedup_share
from neurorack.learn.trim.ships import SOUGHT

COLUMNS = (
    *(
        "seeds",
        "parameters kept",
        "MACs kept",
        "times faster",
        "times fewer MACs",
        "faster ÷ fewer",
        "fall ÷ fall",
        "loss ÷ dense",
    ),
    *("scores and cuts", "decoder kept", "nodes", "file, kB", "memory, MB", "bound, KB", "in int8"),
)


def write(out: Path) -> str:
    """Write `table.md` and `figure.png` of all results in a folder; the table as text."""
    results = gather(out)
    text = table(results)
    (out / "table.md").write_text(text)
    if results:
        (out / "figure.png").write_bytes(draw(results))
    return text


def table(results: Sequence[Told]) -> str:
    """Markdown."""
    lines = ["# Trimming", "", *(__doc__ or "").splitlines()[2:], ""]
    for family in dict.fromkeys(each.family for each in results):
        own = [each for each in results if each.family == family]
        lines += [
            f"## {family}",
            "",
            f"| criterion | round | {' | '.join(COLUMNS)} |",
            "|---" * (2 + len(COLUMNS)) + "|",
        ]
        dense = _dense(own)
        for criterion in dict.fromkeys(each.criterion for each in own):
            runs = [each for each in own if each.criterion == criterion and each.seed in dense]
            if runs and criterion not in RIVALS:
                lines.append(_row(criterion, "smallest as good", runs, dense, lambda run: smallest(run.rounds)))
            for number in range(len(runs[0].rounds) if runs else 0):
                name = "trained so" if criterion in RIVALS else str(number)
                lines.append(_row(criterion, name, runs, dense, partial(_nth, number)))
        lines += ["", *_fits(own)]
    return "\n".join(lines)


def _nth(number: int, run: Told) -> Round:
    return run.rounds[number]


def _dense(own: Sequence[Told]) -> dict[int, Round]:
    """The dense network of every seed, for its rivals. All criteria's are the same one, trained again: the first is as
    good as any."""
    found: dict[int, Round] = {}
    for each in own:
        if each.criterion not in RIVALS:
            found.setdefault(each.seed, each.rounds[0])
    return found


def _row(
    criterion: str, name: str, runs: Sequence[Told], dense: dict[int, Round], pick: Callable[[Told], Round]
) -> str:
    pairs = [(pick(run), dense[run.seed] if criterion in RIVALS else run.rounds[0]) for run in runs]

    def over_seeds(value: Callable[[Round, Round], float], digits: str) -> str:
        values = [value(one, whole) for one, whole in pairs]
        middle, low, high = (format(of(values), digits) for of in (np.median, min, max))
        return middle if low == high else f"{middle} ({low} to {high})"

    cells = [
        str(len(pairs)),
        over_seeds(lambda one, whole: one.parameters / whole.parameters, ".1%"),
        over_seeds(lambda one, whole: one.macs_per_s / whole.macs_per_s, ".1%"),
        over_seeds(lambda one, whole: whole.time_s / one.time_s, ".2f"),
        over_seeds(lambda one, whole: whole.macs_per_s / one.macs_per_s, ".1f"),
        over_seeds(lambda one, whole: speedup_share(whole, one), ".2f"),
        over_seeds(
            lambda one, whole: fall_share(one.time_s / whole.time_s, one.macs_per_s / whole.macs_per_s),
            ".2f",
        ),
        over_seeds(lambda one, whole: one.test_loss / whole.test_loss, ".3f"),
        over_seeds(lambda one, _: scoring_share(one), ".1%") if criterion not in RIVALS else "",
        over_seeds(lambda one, whole: _weights(one) / _weights(whole), ".1%"),
        over_seeds(lambda one, _: one.ships.nodes, ".0f"),
        over_seeds(lambda one, _: one.ships.file_bytes / 1e3, ".0f"),
        over_seeds(lambda one, _: one.ships.memory_bytes / 1e6, ".1f"),
        over_seeds(lambda one, _: one.ships.bounds.total() / 1024, ".0f"),
        over_seeds(lambda one, _: one.ships.bounds.total(int8=True) / 1024, ".0f"),
    ]
    return f"| {criterion} | {name} | {' | '.join(cells)} |"


def _weights(one: Round) -> int:
    """Of the decoder."""
    return one.ships.bounds.float32 // 4


def _fits(own: Sequence[Told]) -> list[str]:
    """A table of the largest round of every trimming that fits a memory in float32."""
    rows = [(run, fit) for run in own if run.criterion not in RIVALS for fit in run.fits]
    lines = ["Largest round that fits, in float32, and how far ONNX Runtime plays it from torch:", ""]
    lines += [
        "| memory | criterion | seed | round | decoder's weights | free | apart | test loss ÷ dense |",
        "|---" * 8 + "|",
    ]
    for run, fit in sorted(rows, key=lambda pair: pair[1].memory != SOUGHT[0]):
        one, whole = run.rounds[fit.round], run.rounds[0]
        cells = (fit.memory, run.criterion, run.seed, fit.round, f"{_weights(one):,}")
        more = f"{fit.free:.0%}", f"{fit.apart:.1e}", f"{one.test_loss / whole.test_loss:.3f}"
        lines.append("| " + " | ".join(map(str, (*cells, *more))) + " |")
    return [*lines, ""] if rows else [f"No round fits {' or '.join(SOUGHT)} in float32.", ""]


def draw(results: Sequence[Told]) -> bytes:
    """Loss against the share of multiplications that is left, a panel a family, as PNG."""
    families = list(dict.fromkeys(each.family for each in results))
    figure, axes = pictures.subplots(1, len(families), 4.2 * len(families), 3.6)
    criteria = list(dict.fromkeys(each.criterion for each in results))
    for axis, family in zip(axes[0], families, strict=True):
        own = [each for each in results if each.family == family]
        dense = _dense(own)
        for criterion, colour in zip(criteria, pictures.COLOURS * len(criteria), strict=False):
            runs = [each for each in own if each.criterion == criterion and each.seed in dense]
            if not runs:
                continue
            kept, loss = (
                np.array([[getattr(one, key) / getattr(dense[run.seed], key) for one in run.rounds] for run in runs])
                for key in ("macs_per_s", "test_loss")
            )
            middle = np.median(loss, 0)
            apart = [middle - loss.min(0), loss.max(0) - middle]
            style = "s" if criterion in RIVALS else "o-"
            axis.errorbar(np.median(kept, 0), middle, apart, fmt=style, color=colour, markersize=4, label=criterion)
        axis.axhline(1.0, color="#888", linestyle=":", linewidth=1)
        axis.set(xscale="log", xlabel="multiplications left", title=family)
        axis.set_xticks([1.0, 0.1, 0.01], ["100 %", "10 %", "1 %"])
        axis.invert_xaxis()
    axes[0][0].set(ylabel="test loss ÷ dense")
    shown = {name: mark for axis in axes[0] for mark, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    if shown:
        axes[0][0].legend(shown.values(), shown.keys())
    return pictures.png(figure)
