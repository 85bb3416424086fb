"""`report.html`: an evaluation as one page to look at and listen to, which needs no other file and no network."""

import base64
import html
import io
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurorack.bundle import Bundle
from neurorack.learn.evaluate import Results, pictures
from neurorack.learn.page import image, write_page
from neurorack.words import DESCRIPTORS, SAMPLE_RATE_HZ

SHOWN = 5
"""Sounds that are shown and to be heard."""
_HEARD_S = 2.5
_HEARD_RATE_HZ = 24_000
"""Of the sounds in the page: 120 kB each."""

AIMS: tuple[tuple[str, str, float, float], ...] = (
    ("spearman", "follows", 0.95, np.inf),
    ("slope", "travel", 0.85, 1.15),
    ("error", "error", -np.inf, 0.10),
    ("crosstalk", "crosstalk", -np.inf, 0.15),
    ("follow_spearman", "follows, all at once", 0.90, np.inf),
    ("rescaled_correlation", "(cos+1)/2", 0.90, np.inf),
)
"""A knob's figure, its heading, and between which values it is what was aimed at."""


def write_report(path: Path, bundle: Bundle, results: Results, training: Mapping[str, Any]) -> None:
    """Write the page. `training` tells how the bundle was made, as far as that is known:

    sounds, minutes, seed, steps   numbers
    skipped                        lines of text, one per file that was passed over
    remarks                        lines of text, of what else there is to know
    curves                         rows of a step and its losses, {"step": 0, "spectrum": 1.2, …}

    OSError where it cannot be written.
    """
    sections = [
        _head(bundle, results, training),
        _listen(results),
        _knobs(results),
        _latent(results),
        _clicks(results),
        _training(training),
        _gestures(bundle),
        _cost(results.figures),
        _all(results),
    ]
    write_page(path, bundle.card.title, sections)


def _head(bundle: Bundle, results: Results, training: Mapping[str, Any]) -> str:
    card, figures = bundle.card, results.figures
    facts = [("kind", card.kind), ("gestures", str(len(bundle.gestures))), ("latent", f"{card.latent} values")]
    facts += [
        (name, f"{training[key]:{form}}")
        for key, name, form in (
            ("sounds", "learned from, sounds", ",d"),
            ("minutes", "minutes of training", ".3g"),
            ("steps", "steps", ",d"),
            ("seed", "seed", "d"),
        )
        if key in training
    ]
    facts.append(("held-out sounds", f"{figures['held_out_sounds']:.0f}"))
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts)
    sources = "".join(
        f"<li>{html.escape(source.name)} ({html.escape(source.license)}): {html.escape(source.what)}</li>"
        for source in card.sources
    )
    skipped = [str(line) for line in training.get("skipped", ())]
    passed = f"<details><summary>{len(skipped)} files were passed over</summary>{_list(skipped)}</details>"
    remarks = [*training.get("remarks", ()), *results.notes]
    notes = "".join(f'<p class="soft">{html.escape(note)}</p>' for note in remarks)
    return (
        f"<h1>{html.escape(card.title)}</h1><p class=soft>{html.escape(card.name)} {html.escape(card.version)}, "
        f"{html.escape(card.license)}</p><dl>{cells}</dl>{f'<ul>{sources}</ul>' if sources else ''}"
        f"{passed if skipped else ''}{notes}"
    )


def _listen(results: Results) -> str:
    step = max(1, len(results.pairs) // SHOWN)
    pairs = results.pairs[::step][:SHOWN]
    rows = "".join(
        f'<div class="pair"><span>{html.escape(pair.name)}</span>{_audio(pair.original)}{_audio(pair.again)}</div>'
        for pair in pairs
    )
    figures = results.figures
    known = [
        f"{name} {figures[key]:.2f}{unit}"
        for key, name, unit in (
            ("mstft", "multi-scale spectral distance", ""),
            ("mel_db", "mel bands off by", " dB"),
            ("cdpam", "CDPAM", ""),
        )
        if key in figures
    ]
    return (
        "<h2>Sounds it has never heard, said again</h2><p>Each was described by its pitch, five descriptors and the "
        "latent, and played from these alone. Left or above the recording, right or below what the instrument makes of "
        f"it. Median over {len(results.pairs)}: {', '.join(known)}.</p>{image(pictures.spectrograms(pairs))}{rows}"
    )


def _knobs(results: Results) -> str:
    figures = results.figures
    rows = "".join(
        f"<tr><td>{knob}</td>" + "".join(_cell(figures.get(f"{knob}_{key}"), low, high) for key, _, low, high in AIMS)
        for knob in DESCRIPTORS
    )
    heads = "".join(f"<th>{html.escape(heading)}</th>" for _, heading, _, _ in AIMS)
    return (
        f"<h2>What every knob does</h2><p>One knob goes from 0 to 1, the others stand at ½, the latent is a held-out "
        f"sound's. Lines are clips (dark low, bright high), the black one their median; the dotted one is what was "
        f"asked. Rank correlation and travel are 1 where a knob obeys; errors are in knob positions.</p>"
        f"{image(pictures.responses(results.sweeps))}"
        f'<div class="scroll"><table><tr><th>knob</th>{heads}</tr>{rows}</table></div>'
        "<h2>Which knob moves what</h2><p>How far each descriptor moves while one knob goes from 5 % to 95 %, "
        "in knob positions. The diagonal should be 0.8; what else moves more than 0.15 is red.</p>"
        f"{image(pictures.control_matrix(results.matrix))}"
    )


def _latent(results: Results) -> str:
    return (
        "<h2>What the latent gives away</h2><p>A small network tries to read each descriptor, the pitch and the source "
        "of the sound from the latent. Descriptors and pitch should be low, they have knobs; the source should be "
        f"high, it is what the latent is for. Dotted: by chance.</p>{image(pictures.probe(results.figures))}"
    )


def _clicks(results: Results) -> str:
    figures = results.figures
    return (
        f"<h2>Jumps</h2><p>Every knob was made to jump anywhere, {len(results.jumps)} times. A dot is by how much the "
        "level left what lies between before and after; up to 3 dB is no click. "
        f"{100 * figures['clicks_share']:.1f} % were beyond.</p>{image(pictures.jumps(results.jumps))}"
    )


def _training(training: Mapping[str, Any]) -> str:
    rows: Sequence[dict[str, float]] = training.get("curves", ())
    if not rows or len(rows[0]) < 2:
        return ""
    return f"<h2>Training</h2><p>Losses against steps.</p>{image(pictures.curves(rows))}"


def _gestures(bundle: Bundle) -> str:
    return (
        "<h2>Gestures</h2><p>Grey is the level, lines are the first three values of the latent, the shaded part is "
        f"gone round in while a gate is held.</p>{image(pictures.gestures(bundle.gestures))}"
    )


def _cost(figures: Mapping[str, float]) -> str:
    facts = [("parameters", f"{figures['parameters']:,.0f}")]
    facts.append(("MACs a second", f"{figures['macs_per_s'] / 1e6:,.0f} M"))
    facts += [
        (f"of real time, block {block}", f"{100 * figures[f'realtime_{block}']:.1f} %")
        for block in (64, 128)
        if f"realtime_{block}" in figures
    ]
    facts += [
        (f"from a sound's {part} to its own", f"{figures[f'transfer_{part}_ms']:.0f} ms")
        for part in ("onset", "level", "timbre")
        if f"transfer_{part}_ms" in figures
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return f"<h2>Cost</h2><p>One thread of the machine that measured, excitation included.</p><dl>{cells}</dl>"


def _all(results: Results) -> str:
    rows = "".join(f"<tr><td>{html.escape(n)}</td><td>{v:.4g}</td></tr>" for n, v in results.figures.items())
    return f'<details><summary>All figures</summary><div class="scroll"><table>{rows}</table></div></details>'


def _cell(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "<td>–</td>"
    return f'<td class="{"good" if low <= value <= high else "bad"}">{value:.2f}</td>'


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def _audio(sound: np.ndarray) -> str:
    """A player of the sound's beginning, as a WAV file of half the rate in the page itself."""
    part = sound[: round(_HEARD_S * SAMPLE_RATE_HZ)].astype(np.float64)
    part = np.convolve(part, np.hanning(9)[1:-1] / 4.0, "same")[::2]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_HEARD_RATE_HZ)
        file.writeframes((np.clip(part, -1, 1) * 32767).astype("<i2").tobytes())
    coded = base64.b64encode(out.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/wav;base64,{coded}"></audio>'
