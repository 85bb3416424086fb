"""What a series has come to: tables for people and programs, and a figure. Median over seeds, lowest to highest."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.learn.baselines.recipes import NAMES, STRICTER
from neurorack.words import DESCRIPTORS

Runs = Mapping[str, list[dict[str, Any]]]
"""Recipe → one result per seed: name, seed, steps, minutes, parameters, and figures by name."""
Pick = Callable[[dict[str, Any]], float | None]
"""What one result says, if it does."""

TABLES = (
    ("One knob moved: rank correlation, median over clips (goal 0.95)", "{}_spearman"),
    ("One knob moved: the same, 10th percentile of clips (goal 0.85)", "{}_spearman_p10"),
    ("One knob moved: slope in the knob's own units (goal 0.85 to 1.15)", "{}_slope"),
    ("One knob moved: mean error in positions (goal 0.10)", "{}_error"),
    ("One knob moved: the descriptor that moves most along, in positions (goal 0.15)", "{}_crosstalk"),
    ("All five on another clip's curves: rank correlation, median over clips (goal 0.90)", "{}_follow_spearman"),
    (
        "All five on another clip's curves: rescaled correlation as published (0.5 means none)",
        "{}_rescaled_correlation",
    ),
)
LATENT = {
    "R² of descriptors": "probe_r2_descriptors",
    "R² of pitch": "probe_r2_pitch",
    "source read": "probe_source_accuracy",
    "chance": "probe_source_chance",
    "mSTFT": "mstft",
    "mel, dB": "mel_db",
    "CDPAM": "cdpam",
}
NOTES = """\
Backbones are given pitch only through their latent, so knobs are swept at each clip's own pitch, along its own latent.
`tilt` is gain and a tilt filter on the recording itself: it has no latent and need not say the clip again. Published
backbones train for a million steps and then against a discriminator; here all have about the same minutes.
"""


def gather(folder: Path, split: str) -> Runs:
    """All results of a series on a split, recipes in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    results = [json.loads(path.read_text()) for path in sorted(folder.glob(f"*/result-{split}.json"))]
    for name in NAMES:
        runs = [result for result in results if result["name"] == name]
        if runs:
            found[name] = sorted(runs, key=lambda run: int(run["seed"]))
    return found


def write(folder: Path, split: str) -> str:
    """Write `table-SPLIT.md`, `table-SPLIT.json` and `figure-SPLIT.png`; the table as text."""
    runs = gather(folder, split)
    text = table(runs, split)
    (folder / f"table-{split}.md").write_text(text)
    names = sorted({figure for own in runs.values() for run in own for figure in run["figures"]})
    spreads = {
        name: {figure: s for figure in names if (s := spread(own, _figure(figure))) is not None}
        for name, own in runs.items()
    }
    (folder / f"table-{split}.json").write_text(json.dumps({"split": split, "recipes": spreads}, indent=1))
    _draw(runs, folder / f"figure-{split}.png")
    return text


def _figure(name: str) -> Pick:
    return lambda run: run["figures"].get(name)


def _fact(name: str) -> Pick:
    return lambda run: run.get(name)


def spread(own: list[dict[str, Any]], pick: Pick) -> dict[str, float] | None:
    """Median, lowest and highest over seeds; None where no run has it."""
    known = [found for run in own if (found := pick(run)) is not None]
    if not known:
        return None
    return {"median": float(np.median(known)), "low": min(known), "high": max(known)}


def table(runs: Runs, split: str) -> str:
    """Markdown."""
    seeds = max((len(own) for own in runs.values()), default=0)
    lines = [f"# Baselines on the {split} split", "", f"Up to {seeds} seeds: median (lowest to highest).", "", NOTES]
    lines += _rows("Cost of training", {k: k for k in ("steps", "minutes", "parameters")}, runs, _fact)
    for title, figure in TABLES:
        names = {knob: figure.format(knob) for knob in DESCRIPTORS}
        lines += _rows(title, names, runs, _figure)
    lines += _rows("Latent and reconstruction", LATENT, runs, _figure)
    return "\n".join(lines)


def _rows(title: str, columns: Mapping[str, str], runs: Runs, pick: Callable[[str], Pick]) -> list[str]:
    """One table: heading of each column and name of what stands in it."""
    lines = [f"## {title}", "", f"| recipe | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name, own in runs.items():
        cells = [_cell(spread(own, pick(what))) for what in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _cell(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    middle, low, high = (f"{found[k]:.0f}" if abs(found[k]) >= 100 else f"{found[k]:.2f}" for k in found)
    return middle if low == high else f"{middle} ({low} to {high})"


def _draw(runs: Runs, path: Path) -> None:
    """Obedience of every recipe per knob, and what its latent gives away against what it keeps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, kind, title in zip(
        axes, ("{}_spearman", "{}_follow_spearman"), ("one knob moved", "on another clip's curves"), strict=False
    ):
        for row, (name, own) in enumerate(runs.items()):
            at = np.arange(len(DESCRIPTORS)) + (row - (len(runs) - 1) / 2) * 0.8 / len(runs)
            found = [spread(own, _figure(kind.format(knob))) for knob in DESCRIPTORS]
            low, middle, high = (np.array([s[k] if s else np.nan for s in found]) for k in ("low", "median", "high"))
            axis.errorbar(at, middle, [middle - low, high - middle], fmt="o", ms=4, label=name, color=f"C{row % 10}")
        axis.set_xticks(range(len(DESCRIPTORS)), DESCRIPTORS, rotation=20)
        axis.set_title(title, loc="left")
        axis.set_ylabel("rank correlation")
        axis.grid(axis="y", alpha=0.3)
    for row, (name, own) in enumerate(runs.items()):
        if len(points := _told(own)):
            axes[2].plot(*points.T, "o", color=f"C{row % 10}", label=name)
    curve = [np.median(points, axis=0) for name in STRICTER if len(points := _told(runs.get(name, [])))]
    if len(curve) > 1:
        axes[2].plot(*np.array(curve).T, color="0.6", zorder=0)
    axes[2].set_title("what the latent says", loc="left")
    axes[2].set_xlabel("R² of descriptors read from it")
    axes[2].set_ylabel("share of sources read from it")
    axes[2].set_xlim(0.0, 1.0)
    axes[2].set_ylim(0.0, 1.0)
    axes[2].grid(alpha=0.3)
    if runs:
        axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def _told(own: list[dict[str, Any]]) -> np.ndarray:
    """[runs, 2] what the latent of each tells of the descriptors, and of the source."""
    figures = [run["figures"] for run in own if "probe_source_accuracy" in run["figures"]]
    return np.array([(of["probe_r2_descriptors"], of["probe_source_accuracy"]) for of in figures]).reshape(-1, 2)
