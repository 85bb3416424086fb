"""Pictures of an evaluation, each a PNG in bytes: on white, legible on a dark page as well."""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from neurorack.bundle import Gesture
from neurorack.ears import descriptors
from neurorack.learn.evaluate.clicks import ALLOWED_DB, Jump
from neurorack.learn.evaluate.resynthesis import Pair
from neurorack.learn.evaluate.sweeps import Sweep
from neurorack.words import DESCRIPTORS, HOP, KNOBS, SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from matplotlib.figure import Figure

matplotlib.use("Agg")

COLOURS = ("#3366cc", "#cc5533", "#2f8f5b", "#8f5bb5", "#b58900")
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}
_MARK_ABOVE = 0.15
_TOP_HZ = 16_000
_LONGEST_S = 3.0


def subplots(rows: int, columns: int, width: float, height: float) -> tuple["Figure", np.ndarray]:
    """A figure with axes [rows, columns], in inches, in the style of all pictures here."""
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # names in scripts the font lacks; the page has them
        figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def spectrograms(pairs: Sequence[Pair]) -> bytes:
    """Originals above, the bundle's renderings below; frequency on a logarithmic axis from 60 Hz."""
    figure, axes = subplots(2, len(pairs), 2.6 * len(pairs), 4.4)
    for column, pair in enumerate(pairs):
        top_db = None
        for axis, sound in zip(axes[:, column], (pair.original, pair.again), strict=True):
            part = sound[: round(_LONGEST_S * SAMPLE_RATE_HZ)]
            db = 10 * np.log10(descriptors.spectra(part, 4 * HOP).T + 1e-9)
            top_db = float(db.max()) if top_db is None else top_db
            t_s = np.arange(db.shape[1]) * 4 * HOP / SAMPLE_RATE_HZ
            axis.pcolormesh(
                t_s, descriptors.BIN_HZ[1:], db[1:], vmin=top_db - 80, vmax=top_db, cmap="magma", shading="nearest"
            )
            axis.set(yscale="log", ylim=(60, _TOP_HZ))
            axis.set_yticks([100, 1_000, 10_000], ["100", "1k", "10k"] if column == 0 else [])
        axes[0, column].set_title(pair.name[:24])
        axes[0, column].set_xticks([])
        axes[1, column].set_xlabel("s")
    axes[0, 0].set_ylabel("recorded, Hz")
    axes[1, 0].set_ylabel("played, Hz")
    return png(figure)


def responses(sweeps: Sequence[Sweep]) -> bytes:
    """What was heard against the knob's position: a thin line per clip, the median bold, the diagonal asked for."""
    figure, axes = subplots(1, len(DESCRIPTORS), 13.0, 2.9)
    for knob, (name, axis) in enumerate(zip(DESCRIPTORS, axes[0], strict=True)):
        own = [s for s in sweeps if s.knob == knob]
        low, high = (f([s.pitch_oct for s in own]) for f in (min, max))
        for s in own:
            colour = matplotlib.colormaps["viridis"](0.9 * (s.pitch_oct - low) / max(high - low, 1e-9))
            axis.plot(s.asked, s.heard[:, knob], color=colour, alpha=0.35, linewidth=0.6)
        axis.plot(own[0].asked, np.median([s.heard[:, knob] for s in own], axis=0), color="#111", linewidth=1.8)
        axis.plot([0, 1], [0, 1], color="#cc5533", linestyle=":", linewidth=1.4)
        axis.set(title=name, xlabel="knob", xlim=(0, 1), ylim=(-0.25, 1.25))
    axes[0, 0].set_ylabel("heard")
    return png(figure)


def control_matrix(matrix: np.ndarray) -> bytes:
    """Which knob moves which descriptor, in positions."""
    figure, axes = subplots(1, 1, 4.8, 3.6)
    axis = axes[0, 0]
    image = axis.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(DESCRIPTORS)), DESCRIPTORS, rotation=30, ha="right")
    axis.set_yticks(range(len(DESCRIPTORS)), DESCRIPTORS)
    axis.set(xlabel="descriptor heard", ylabel="knob moved")
    for (row, column), value in np.ndenumerate(matrix):
        loud = row != column and value > _MARK_ABOVE
        colour = "#cc3311" if loud else "white" if value > 0.55 else "#222"
        axis.text(
            column, row, f"{value:.2f}", ha="center", va="center", color=colour, weight="bold" if loud else "normal"
        )
    figure.colorbar(image, ax=axis, shrink=0.8)
    return png(figure)


def probe(figures: dict[str, float]) -> bytes:
    """R² of each descriptor and pitch, and the source's accuracy beside its chance."""
    figure, axes = subplots(1, 1, 5.6, 2.8)
    names = [*DESCRIPTORS, "pitch"]
    values = [figures.get(f"probe_r2_{name}", 0.0) for name in names]
    axis = axes[0, 0]
    axis.bar(names, values, color=COLOURS[0])
    if "probe_source_accuracy" in figures:
        axis.bar("source", figures["probe_source_accuracy"], color=COLOURS[2])
        chance = figures["probe_source_chance"]
        axis.plot([len(names) - 0.4, len(names) + 0.4], [chance, chance], color="#111", linestyle=":")
    axis.set(ylim=(0, 1), ylabel="R², or share right")
    axis.tick_params(axis="x", rotation=25)
    return png(figure)


def jumps(found: Sequence[Jump]) -> bytes:
    """Excess over the steady states' span, a dot per jump."""
    figure, axes = subplots(1, 1, 5.6, 2.8)
    axis = axes[0, 0]
    for knob in range(len(KNOBS)):
        own = [jump.excess_db for jump in found if jump.knob == knob]
        axis.plot(knob + np.linspace(-0.3, 0.3, len(own)), own, "o", markersize=3, alpha=0.6, color=COLOURS[0])
    axis.axhline(ALLOWED_DB, color=COLOURS[1], linestyle=":")
    axis.set_xticks(range(len(KNOBS)), KNOBS)
    axis.set(ylabel="dB beyond", ylim=(-0.2, max(4.0, 1.1 * max((jump.excess_db for jump in found), default=0.0))))
    return png(figure)


def curves(rows: Sequence[dict[str, float]]) -> bytes:
    """Every loss of a training against its step, smoothed, each on its own scale."""
    names = [name for name in rows[0] if name != "step"]
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    figure, axes = subplots(lines, columns, 3.2 * columns, 2.1 * lines)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for name, axis in zip(names, axes.flat, strict=False):
        known = [(row.get("step", i), row[name]) for i, row in enumerate(rows) if np.isfinite(row.get(name, np.nan))]
        if not known:
            continue
        steps, values = np.array(known, np.float64).T
        span = max(1, len(values) // 60)
        middle = np.convolve(values, np.ones(span) / span, "valid")
        axis.plot(steps, values, color=COLOURS[0], alpha=0.25, linewidth=0.6)
        axis.plot(steps[span - 1 :], middle, color=COLOURS[0], linewidth=1.4)
        axis.set(title=name)
    return png(figure)


def gestures(found: Sequence[Gesture]) -> bytes:
    """Level of every gesture in grey, its first latents in colour, its loop shaded."""
    columns = 4
    lines = -(-len(found) // columns)
    figure, axes = subplots(lines, columns, 13.0, 1.7 * lines)
    for axis in axes.flat[len(found) :]:
        axis.set_axis_off()
    for gesture, axis in zip(found, axes.flat, strict=False):
        t_s = np.arange(len(gesture.latent)) * HOP / SAMPLE_RATE_HZ
        level = np.clip((gesture.descriptors[:, 0] + 70) / 60, 0, 1)
        axis.fill_between(t_s, -2, -2 + 4 * level, color="#bbb", linewidth=0)
        for column in range(min(3, gesture.latent.shape[1])):
            axis.plot(t_s, np.clip(gesture.latent[:, column], -2, 2), color=COLOURS[column], linewidth=0.8)
        if gesture.loop_end > gesture.loop_start:
            begin_s, end_s = (mark * HOP / SAMPLE_RATE_HZ for mark in (gesture.loop_start, gesture.loop_end))
            axis.axvspan(begin_s, end_s, color=COLOURS[4], alpha=0.18, linewidth=0)
        axis.set(title=gesture.name[:24], ylim=(-2.1, 2.1), xlim=(0, max(t_s[-1], HOP / SAMPLE_RATE_HZ)))
        axis.set_yticks([])
    return png(figure)
