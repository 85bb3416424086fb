"""A trimming as a page: what every round cost and lost, and which layers shrank."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurorack.learn.evaluate import pictures
from neurorack.learn.page import image, write_page
from neurorack.learn.trim import int8, microcontroller
from neurorack.learn.trim.int8 import Outcome
from neurorack.learn.trim.rounds import Plan, Result, fall_share, scoring_share, speedup_share
from neurorack.learn.trim.ships import SOUGHT, Fit, Shipped

COSTS = {"parameters": "parameters", "macs_per_s": "MACs a second", "time_s": "s per second of audio"}
"""Field of a result → its heading."""


def write_report(
    path: Path,
    title: str,
    plan: Plan,
    results: Sequence[Result],
    tested: Sequence[float],
    chosen: int,
    remarks: Sequence[str],
    ships: Sequence[Shipped],
    fits: Sequence[Fit],
    in_int8: Outcome | None = None,
) -> None:
    """Write the page. `tested` are the rounds' losses on the test set, `chosen` the round that ships; `ships` are the
    rounds' graphs, `fits` those that were sought for a microcontroller, `in_int8` what came of trying it. OSError where
    it cannot be written."""
    dense, kept = results[0], results[chosen]
    facts = {
        "parameters": f"{dense.parameters:,} → {kept.parameters:,}",
        "MACs a second": f"{dense.macs_per_s / 1e6:,.1f} → {kept.macs_per_s / 1e6:,.1f} M",
        "of real time": f"{100 * dense.time_s:.2f} → {100 * kept.time_s:.2f} %",
        "time falls": f"{_fall(dense, kept):.2f} of what MACs fall by (half is asked for)",
        "times faster ÷ times fewer MACs": f"{speedup_share(dense, kept):.2f}",
        "scores and cuts": f"{max(map(scoring_share, results)):.1%} of a round at most (5 % are allowed)",
        "loss on the test set": f"{tested[0]:.4g} → {tested[chosen]:.4g}",
        "criterion": plan.criterion,
        "cut by": f"{plan.by}: {_left(plan.by, dense, results[-1]):.1%} left in the end, {plan.keep:.1%} asked for",
        "steps": ", ".join(f"{plan.end(number) - plan.begin(number):,}" for number in range(plan.rounds + 1)),
        "begun by": plan.beginning,
        "seed": str(plan.seed),
    }
    cells = "".join(f"<div><dt>{html.escape(n)}</dt><dd>{html.escape(value)}</dd></div>" for n, value in facts.items())
    notes = "".join(f'<p class="soft">{html.escape(remark)}</p>' for remark in remarks if remark)
    write_page(
        path,
        title,
        [
            f"<h1>{html.escape(title)}</h1><dl>{cells}</dl>{notes}",
            "<h2>Quality against cost</h2><p>A point is a round, the ring the one that ships. Dotted is the dense "
            "network. Rounds were chosen by validation; the test set was opened once, at the end.</p>"
            f"{image(draw_losses(results, tested, chosen))}{_table(results, tested, chosen)}",
            "<h2>Which layers shrank</h2><p>Units that each group keeps, round by round, as a share of the dense "
            f"network's.</p>{image(draw_widths(results))}{_widths(results)}",
            "<h2>What ships, and where it would fit</h2><p>Nodes are those that ONNX Runtime runs in a call. Memory is "
            "bounded from above for a microcontroller: weights, states, and all that is alive at once.</p>"
            f"{_ships(ships)}{_fits(fits)}",
            *([] if in_int8 is None else [_int8(in_int8)]),
        ],
    )


def draw_losses(results: Sequence[Result], tested: Sequence[float], chosen: int) -> bytes:
    """Loss against each cost as PNG."""
    figure, axes = pictures.subplots(1, len(COSTS), 12.5, 3.4)
    losses = {"validation": [result.validation_loss for result in results], "test": list(tested)}
    for axis, (field, heading) in zip(axes[0], COSTS.items(), strict=True):
        costs = [getattr(result, field) for result in results]
        for colour, (name, values) in zip(pictures.COLOURS, losses.items(), strict=False):
            axis.plot(costs, values, "o-", color=colour, markersize=4, label=name)
            axis.axhline(values[0], color=colour, linestyle=":", linewidth=1)
            axis.plot(costs[chosen], values[chosen], "o", color=colour, markersize=10, fillstyle="none")
        axis.set(xscale="log", xlabel=heading)
    axes[0][0].set(ylabel="loss")
    axes[0][0].legend()
    return pictures.png(figure)


def draw_widths(results: Sequence[Result]) -> bytes:
    """Share of every group's units that each round keeps, as PNG."""
    groups = list(results[0].widths)
    shares = np.array([[result.widths[group] / results[0].widths[group] for group in groups] for result in results])
    figure, axes = pictures.subplots(1, 1, max(5.0, 0.9 + 0.5 * len(groups)), 1.6 + 0.32 * len(results))
    axis = axes[0][0]
    axis.imshow(shares, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
    for row, result in enumerate(results):
        for column, group in enumerate(groups):
            shade = "white" if shares[row, column] > 0.6 else "black"
            axis.text(column, row, result.widths[group], ha="center", va="center", fontsize=7, color=shade)
    axis.set_xticks(range(len(groups)), groups, rotation=40, ha="right")
    axis.set_yticks(range(len(results)), [f"round {result.round}" for result in results])
    return pictures.png(figure)


def _table(results: Sequence[Result], tested: Sequence[float], chosen: int) -> str:
    heads = ("round", *COSTS.values(), "training loss", "validation loss", "test loss", "training, s")
    heads = (*heads, "scores and cuts, s", "of the round", "fall of time ÷ of MACs", "times faster ÷ fewer")
    rows = []
    for result, test in zip(results, tested, strict=True):
        cells = [
            f"{result.round}{' ◂' if result.round == chosen else ''}",
            f"{result.parameters:,}",
            f"{result.macs_per_s / 1e6:,.2f} M",
            f"{result.time_s:.4f}",
            *(f"{loss:.4f}" for loss in (result.training_loss, result.validation_loss, test)),
            f"{result.training_s:.0f}",
            f"{result.scoring_s:.1f}",
            f"{scoring_share(result):.1%}",
            f"{_fall(results[0], result):.2f}",
            f"{speedup_share(results[0], result):.2f}",
        ]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    return _rows(heads, rows)


def _left(by: str, dense: Result, result: Result) -> float:
    field = next(field for field in COSTS if field.startswith(by))
    share: float = getattr(result, field) / getattr(dense, field)
    return share


def _fall(dense: Result, result: Result) -> float:
    return fall_share(result.time_s / dense.time_s, result.macs_per_s / dense.macs_per_s)


def _ships(ships: Sequence[Shipped]) -> str:
    rows = []
    for number, each in enumerate(ships):
        sizes = f"{each.file_bytes / 1e3:.0f}", f"{each.memory_bytes / 1e6:.1f}"
        cells = (str(number), str(each.nodes), *sizes, *microcontroller.described(each.bounds))
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    return _rows(("round", "nodes", "file, kB", "memory, MB", *microcontroller.HEADS), rows)


def _fits(fits: Sequence[Fit]) -> str:
    if not fits:
        return f"<p>No round fits {' or '.join(SOUGHT)} in float32.</p>"
    lines = (
        f"<li>{fit.memory}: round {fit.round}, {fit.free:.0%} free, {html.escape(fit.file)}; played by ONNX Runtime it "
        f"differs from torch by {fit.apart:.1e}</li>"
        for fit in fits
    )
    return f"<p>The largest that fits, in float32:</p><ul>{''.join(lines)}</ul>"


def _int8(outcome: Outcome) -> str:
    heads, *rows = int8.described(outcome)
    told = "None was: the decoder is float32." if outcome.graph is None else ""
    return (
        "<h2>In int8, operator by operator</h2><p>Kept only where it is faster here, its loss on the validation set as "
        f"good, and streaming as exact. {told}</p>"
        + _rows(heads, ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows])
    )


def _widths(results: Sequence[Result]) -> str:
    heads = ("group", *(f"round {result.round}" for result in results))
    rows = [
        f"<td>{html.escape(group)}</td>" + "".join(f"<td>{result.widths[group]}</td>" for result in results)
        for group in results[0].widths
    ]
    return f"<details><summary>All widths</summary>{_rows(heads, rows)}</details>"


def _rows(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
