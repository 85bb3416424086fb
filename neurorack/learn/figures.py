"""Pictures of a bundle: how every knob answers, and notes beside the decoder's rendering of them."""

from pathlib import Path

import matplotlib
import numpy as np

from neurorack.bundle import Bundle
from neurorack.ears import descriptors
from neurorack.learn import gestures, levels
from neurorack.learn.evaluate import Instrument, Sweep, resynthesise
from neurorack.learn.scales import UNITS
from neurorack.learn.sounds import Notes
from neurorack.words import DESCRIPTORS, SAMPLE_RATE_HZ

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw_knobs(sweeps: list[Sweep], path: Path) -> None:
    """Measured against asked, a panel per knob, a colour per octave, a line per program."""
    octaves = sorted({s.octave for s in sweeps})
    figure, axes = plt.subplots(1, len(DESCRIPTORS), figsize=(20, 4.2), layout="constrained")
    for knob, (name, unit, axis) in enumerate(zip(DESCRIPTORS, UNITS, axes, strict=True)):
        for s in (s for s in sweeps if s.knob == knob):
            colour = plt.colormaps["viridis"](octaves.index(s.octave) / max(1, len(octaves) - 1))
            axis.plot(s.asked, s.measured, color=colour, alpha=0.35, linewidth=0.8)
        low, high = (
            min(s.asked.min() for s in sweeps if s.knob == knob),
            max(s.asked.max() for s in sweeps if s.knob == knob),
        )
        axis.plot([low, high], [low, high], "k:", linewidth=1)
        axis.set(title=f"{name} ({unit})", xlabel="asked")
    axes[0].set_ylabel("measured")
    figure.suptitle(f"Each knob from 0 to 1, others at ½: C{4 + octaves[0]:g} (dark) to C{4 + octaves[-1]:g} (bright)")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_notes(bundle: Bundle, notes: Notes, path: Path, count: int = 6) -> None:
    """Spectrograms of held-out notes (above) and of the decoder saying them again (below)."""
    assert bundle.card.encoder is not None
    instrument, encode = Instrument(bundle), gestures.Encode(str(bundle.folder / bundle.card.encoder.file))
    gains, pitches = levels.matched(notes), levels.pitch_octaves(notes.f0_hz)
    programs = sorted({int(p) for p in notes.program})[:: max(1, len(set(notes.program.tolist())) // count)][:count]
    figure, axes = plt.subplots(2, len(programs), figsize=(3.4 * len(programs), 6), layout="constrained", squeeze=False)
    for column, program in enumerate(programs):
        rows = np.nonzero((notes.program == program) & (notes.velocity > 80))[0]
        i = rows[np.abs(pitches[rows] - (column % 4 - 1)).argmin()]
        note = notes.audio[i] * (gains[i] / 32768.0)
        for axis, sound in zip(
            axes[:, column], (note, resynthesise(instrument, note, float(pitches[i]), encode)), strict=True
        ):
            db = 10 * np.log10(descriptors.spectra(sound, 128).T + 1e-9)
            extent = (0, len(sound) / SAMPLE_RATE_HZ, 0, SAMPLE_RATE_HZ / 2000)
            axis.imshow(db, origin="lower", aspect="auto", extent=extent, vmin=-60, vmax=40, cmap="magma")
            axis.set_ylim(0, 12)
        axes[0, column].set_title(f"program {program}, {notes.f0_hz[i]:.0f} Hz")
    axes[0, 0].set_ylabel("note (kHz)")
    axes[1, 0].set_ylabel("decoder (kHz)")
    figure.savefig(path, dpi=80)
    plt.close(figure)
