"""Measures a bundle on programs it has never heard, through nothing but its exported graphs.

    python -m neurorack.learn.evaluate models/fluid

Knobs: the latent is frozen in the body of a held-out note, the pitch is set anywhere from C2 to C8, and one knob goes
from 0 to 1 in two seconds while the others stand at ½. Descriptors are averaged over 21 ms. *Spearman* is the rank
correlation of knob and measurement; *slope* is how far the measurement travelled between the 5th and the 95th
percentile of the ramp, as a share of how far the scale says it should. Figures are medians over programs and pitches.
*Pearson, all moving*: all five knobs wander anywhere at once; correlation of asked and measured within each clip.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from neurorack.bundle import Bundle, load, write_card
from neurorack.ears import descriptors
from neurorack.engine.decoder import Decoder
from neurorack.engine.excitation import Excitation
from neurorack.learn import gestures, levels
from neurorack.learn.sounds import Notes, render_split
from neurorack.learn.tuning import measure_f0
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, DESCRIPTORS, HOP, SAMPLE_RATE_HZ

OCTAVES = (-2, -1, 0, 1, 2, 3, 4)
"""C2 … C8."""
RAMP_HOPS = 1504
_SETTLE_HOPS = 32
_AVERAGE_HOPS = 16


class Instrument:
    """A bundle as a function from frames to sound."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.scales = Scales.from_card(bundle.card)
        self._decoders: dict[int, Decoder] = {}

    def play(
        self, pitch_oct: np.ndarray, targets: np.ndarray, latent: np.ndarray, *, frames: int = 0, noisy: bool = True
    ) -> np.ndarray:
        """pitch [hops], targets [hops, 5] in the card's units, latent [hops, latent] → [hops · HOP] float32.

        `frames` per call of the decoder, by default all at once.
        """
        hops = len(pitch_oct)
        frames = frames or hops
        excitation = Excitation(hops, seed=1, noisy=noisy)
        excitation.render(C4_HZ * np.exp2(pitch_oct))
        if frames not in self._decoders:
            self._decoders[frames] = Decoder(self.bundle, frames)
        decoder = self._decoders[frames]
        decoder.reset()
        controls = np.column_stack([pitch_oct, targets, latent]).astype(np.float32)
        out = np.empty((hops, HOP), np.float32)
        for begin in range(0, hops, frames):
            part = slice(begin, begin + frames)
            decoder.controls[:] = controls[part]
            decoder.harmonics[:] = excitation.harmonics[part]
            decoder.pulse[:] = excitation.pulse[part]
            decoder.noise[:] = excitation.noise[part]
            out[part] = decoder.run().reshape(-1, HOP)
        return out.reshape(-1)

    def play_knobs(self, pitch_oct: float, knobs: np.ndarray, latent: np.ndarray, **how: bool) -> np.ndarray:
        """Steady pitch and latent [latent], knobs [hops, 5] in 0…1."""
        pitches = np.full(len(knobs), pitch_oct)
        held = np.tile(latent, (len(knobs), 1))
        return self.play(pitches, self.scales.physical_frames(pitches, knobs), held, **how)


@dataclass(frozen=True)
class Sweep:
    """One knob's ramp: positions [points], what was asked and what was measured, in the card's unit."""

    knob: int
    octave: float
    program: int
    position: np.ndarray
    asked: np.ndarray
    measured: np.ndarray

    @property
    def spearman(self) -> float:
        return rank_correlation(self.position, self.measured)

    @property
    def slope(self) -> float:
        """Both ends are means over a tenth of the ramp, centred on the 5th and 95th percentile."""
        tenth = len(self.position) // 10
        return float(
            (self.measured[-tenth:].mean() - self.measured[:tenth].mean())
            / (self.asked[-tenth:].mean() - self.asked[:tenth].mean())
        )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, ties in order of place."""
    first, second = (np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (a, b))
    return float(np.corrcoef(first, second)[0, 1])


def sweep(instrument: Instrument, knob: int, octave: float, latent: np.ndarray, program: int) -> Sweep:
    """Ramp one knob at a pitch."""
    knobs = np.full((_SETTLE_HOPS + RAMP_HOPS, len(DESCRIPTORS)), 0.5)
    knobs[:, knob] = np.concatenate([np.zeros(_SETTLE_HOPS), np.linspace(0, 1, RAMP_HOPS)])
    audio = instrument.play_knobs(octave, knobs, latent)
    asked = instrument.scales.physical_frames(np.full(len(knobs), float(octave)), knobs)
    measured = descriptors.describe(audio)

    def mean(values: np.ndarray) -> np.ndarray:
        inner: np.ndarray = values[_SETTLE_HOPS:].reshape(-1, _AVERAGE_HOPS).mean(axis=1)
        return inner

    return Sweep(knob, octave, program, mean(knobs[:, knob]), mean(asked[:, knob]), mean(measured[:, knob]))


def body_latents(bundle: Bundle, notes: Notes) -> dict[int, dict[float, np.ndarray]]:
    """Latent at the middle of the body of each program's note nearest to each octave: {program: {octave: [latent]}}."""
    assert bundle.card.encoder is not None
    encode = gestures.Encode(str(bundle.folder / bundle.card.encoder.file))
    gains = levels.matched(notes)
    pitches = levels.pitch_octaves(notes.f0_hz)
    latents: dict[int, dict[float, np.ndarray]] = {}
    for program in sorted({int(p) for p in notes.program}):
        rows = np.nonzero((notes.program == program) & (notes.velocity > 80))[0]
        for octave in OCTAVES:
            i = rows[np.abs(pitches[rows] - octave).argmin()]
            latent = gestures.latent_by_hop(encode, notes.audio[i] * (gains[i] / 32768.0))
            middle = round(0.35 * SAMPLE_RATE_HZ / HOP)
            latents.setdefault(program, {})[octave] = latent[middle]
    return latents


def all_at_once(instrument: Instrument, latents: dict[int, dict[float, np.ndarray]], seed: int = 0) -> np.ndarray:
    """Pearson's correlation of asked and measured [clips, 5] while all five knobs wander anywhere, a clip per latent.

    Within a clip pitch and latent stand still, so no difference between clips flatters the figure.
    """
    random = np.random.default_rng(seed)
    hops, corners = 1024, 9
    rows = []
    for by_octave in latents.values():
        for octave, latent in by_octave.items():
            points = random.random((corners, len(DESCRIPTORS)))
            at = np.linspace(0, corners - 1, hops)
            knobs = np.column_stack([np.interp(at, np.arange(corners), column) for column in points.T])
            asked = instrument.scales.physical_frames(np.full(hops, float(octave)), knobs)
            measured = descriptors.describe(instrument.play_knobs(octave, knobs, latent))
            means = [x.reshape(-1, _AVERAGE_HOPS, len(DESCRIPTORS)).mean(axis=1) for x in (asked, measured)]
            rows.append([np.corrcoef(a, b)[0, 1] for a, b in zip(means[0].T, means[1].T, strict=True)])
    return np.array(rows)


def off_harmonic_db(audio: np.ndarray, f0_hz: float) -> float:
    """Energy that is not within a few bins of a harmonic, relative to all, of the last 1.4 s."""
    part = audio[-(1 << 16) :].astype(np.float64)
    n = np.arange(len(part)) / len(part)
    window = sum(c * np.cos(2 * np.pi * k * n) for k, c in enumerate((0.35875, -0.48829, 0.14128, -0.01168)))
    power = np.abs(np.fft.rfft(part * window)) ** 2
    f_hz = np.arange(len(power)) * (SAMPLE_RATE_HZ / len(part))
    away = np.abs(f_hz - f0_hz * np.maximum(np.rint(f_hz / f0_hz), 1))
    return float(10 * np.log10(power[away > 6 * SAMPLE_RATE_HZ / len(part)].sum() / power.sum() + 1e-20))


def resynthesis_error_db(instrument: Instrument, notes: Notes, encode: gestures.Encode) -> float:
    """Mean distance of log-mel bands, within 50 dB of the loudest, between notes and the decoder playing them again."""
    gains = levels.matched(notes)
    errors = []
    for i in range(0, len(notes), max(1, len(notes) // 60)):
        note = notes.audio[i] * (gains[i] / 32768.0)
        again = resynthesise(instrument, note, float(levels.pitch_octaves(notes.f0_hz[i])), encode)
        a, b = (10 * np.log10(descriptors.spectra(x, 512) @ levels.mel_bank() + 1e-12) for x in (note, again))
        ceiling = a.max()
        a, b = (np.maximum(x, ceiling - 50) for x in (a, b))
        errors.append(np.abs(a - b).mean())
    return float(np.mean(errors))


def resynthesise(instrument: Instrument, note: np.ndarray, pitch_oct: float, encode: gestures.Encode) -> np.ndarray:
    """The decoder says a note [samples] again from its pitch, descriptors and latent."""
    targets = descriptors.describe(note)
    latent = gestures.latent_by_hop(encode, note)
    return instrument.play(np.full(len(targets), pitch_oct), targets, latent)


def evaluate(
    bundle: Bundle, notes: Notes, octaves: tuple[float, ...] = OCTAVES
) -> tuple[dict[str, float], list[Sweep]]:
    """(figures for the card, all sweeps) on the notes of held-out programs."""
    from tqdm import tqdm

    instrument = Instrument(bundle)
    latents = body_latents(bundle, notes)
    sweeps = [
        sweep(instrument, knob, octave, latents[program][octave], program)
        for program in tqdm(latents, desc="sweeping knobs", unit="program")
        for octave in octaves
        for knob in range(len(DESCRIPTORS))
    ]
    figures: dict[str, float] = {"held_out_programs": len(latents)}
    for knob, name in enumerate(DESCRIPTORS):
        own = [s for s in sweeps if s.knob == knob]
        figures[f"{name}_spearman"] = float(np.median([s.spearman for s in own]))
        figures[f"{name}_slope"] = float(np.median([s.slope for s in own]))
        by_octave = [[s for s in own if s.octave == octave] for octave in octaves]
        figures[f"{name}_spearman_worst_octave"] = min(
            float(np.median([s.spearman for s in part])) for part in by_octave
        )
        figures[f"{name}_slope_worst_octave"] = min(float(np.median([s.slope for s in part])) for part in by_octave)
    middle = np.full((RAMP_HOPS, len(DESCRIPTORS)), 0.5)
    impure, off_cents, level = [], [], []
    for octave in octaves:
        for program in latents:
            f0_hz = C4_HZ * 2.0**octave
            audio = instrument.play_knobs(octave, middle, latents[program][octave], noisy=False)
            impure.append(off_harmonic_db(audio, f0_hz))
            off_cents.append(abs(measure_f0(audio, f0_hz, held_s=1.9)[1]))
            level.append(10 * np.log10(np.mean(audio[len(audio) // 2 :] ** 2) + 1e-12))
    figures["off_harmonic_db_worst"] = max(impure)
    figures["pitch_error_cents_worst"] = max(off_cents)
    figures["level_at_half_dbfs"] = float(np.median(level))
    together = all_at_once(instrument, latents)
    for knob, name in enumerate(DESCRIPTORS):
        figures[f"{name}_pearson_all_moving"] = float(np.median(together[:, knob]))
    figures["streaming_difference"] = streaming_difference(instrument)
    assert bundle.card.encoder is not None
    encode = gestures.Encode(str(bundle.folder / bundle.card.encoder.file))
    figures["resynthesis_mel_db"] = resynthesis_error_db(instrument, notes, encode)
    return {name: round(value, 8 if value and abs(value) < 1e-3 else 4) for name, value in figures.items()}, sweeps


def streaming_difference(instrument: Instrument, hops: int = 480, seed: int = 0) -> float:
    """Largest difference between one pass and calls of 1, 2, 4 and 8 frames, controls wandering everywhere."""
    random = np.random.default_rng(seed)
    corners = np.linspace(0, hops - 1, 12)
    walk = np.column_stack([np.interp(np.arange(hops), corners, random.random(12)) for _ in range(6)])
    pitch_oct = -2 + 6 * walk[:, 0]
    targets = instrument.scales.physical_frames(pitch_oct, walk[:, 1:])
    latent = random.standard_normal((hops, instrument.bundle.card.latent))
    whole = instrument.play(pitch_oct, targets, latent)
    return max(float(np.abs(instrument.play(pitch_oct, targets, latent, frames=n) - whole).max()) for n in (1, 2, 4, 8))


def table(sweeps: list[Sweep]) -> str:
    """Spearman / slope per knob (rows) and octave (columns), medians over programs."""
    octaves = sorted({s.octave for s in sweeps})
    lines = [f"{'':10s}" + "".join(f"{'C%g' % (4 + octave):>13s}" for octave in octaves)]
    for knob, name in enumerate(DESCRIPTORS):
        cells = []
        for octave in octaves:
            own = [s for s in sweeps if s.knob == knob and s.octave == octave]
            cells.append(f"{np.median([s.spearman for s in own]):6.3f}/{np.median([s.slope for s in own]):5.2f} ")
        lines.append(f"{name:10s}" + "".join(f"{cell:>13s}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m neurorack.learn.evaluate",
        description="Measure a bundle on held-out programs of FluidR3.",
        epilog="example: python -m neurorack.learn.evaluate models/fluid --write",
    )
    parser.add_argument("bundle", help="name or folder")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/learn"), help="where notes are kept (default out/learn)"
    )
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--write", action="store_true", help="write the figures into the card")
    parser.add_argument("--json", action="store_true", help="figures only, as JSON")
    arguments = parser.parse_args()
    bundle = load(arguments.bundle)
    figures, sweeps = evaluate(bundle, render_split(arguments.split, arguments.cache))
    if arguments.write:
        trained = {name: value for name, value in bundle.card.quality.items() if name.startswith("training_")}
        write_card(bundle.folder, msgspec.structs.replace(bundle.card, quality=figures | trained))
    print(json.dumps(figures, indent=1) if arguments.json else f"{table(sweeps)}\n{json.dumps(figures, indent=1)}")


if __name__ == "__main__":
    main()
