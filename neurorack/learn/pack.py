"""Puts a bundle together: graphs, gestures, card."""

from pathlib import Path

import numpy as np
import safetensors.numpy

from neurorack import __version__
from neurorack.bundle import SCHEMA, Card, Cost, Knob, Source, describe_gestures, describe_network, write_card
from neurorack.engine.excitation import HARMONICS
from neurorack.learn import gestures, levels, scales
from neurorack.learn.decoder import LATENT, Decoder
from neurorack.learn.encoder import Encoder
from neurorack.learn.export import export_decoder, export_encoder, macs_per_s
from neurorack.learn.sounds import HELD_S, TRAIN, Notes
from neurorack.patch.knobs import Scales
from neurorack.words import DESCRIPTORS, HOP, SAMPLE_RATE_HZ

GESTURES = {
    "piano": 0, "violin": 40, "cello": 42, "trumpet": 56, "horn": 60, "alto-sax": 65, "english-horn": 69,
    "bassoon": 70, "pan-flute": 75, "choir": 54, "strings": 48, "organ": 17, "accordion": 21, "nylon-guitar": 24,
    "slap-bass": 36, "harp": 46, "marimba": 12, "kalimba": 108, "sitar": 104, "square-lead": 80,
}  # fmt: skip
"""Gesture → General MIDI program of the training split it is cut from."""
GESTURE_MIDI, GESTURE_VELOCITY = 62, 112

SOURCES = [
    Source("FluidR3 GM", "MIT", f"notes of {len(TRAIN)} programs rendered with fluidsynth: weights and gestures")
]


def pack(decoder: Decoder, encoder: Encoder, knobs: list[Knob], notes: Notes, folder: Path, title: str) -> Card:
    """Write the bundle into `folder`, whose name becomes its name. The card's quality is still empty."""
    folder.mkdir(parents=True, exist_ok=True)
    export_encoder(encoder, folder / "encoder.onnx")
    encode = gestures.Encode(str(folder / "encoder.onnx"))
    gains = levels.matched(notes)
    cuts = []
    for name, program in GESTURES.items():
        candidates = np.nonzero((notes.program == program) & (notes.velocity == GESTURE_VELOCITY))[0]
        if len(candidates):
            i = candidates[np.abs(notes.midi[candidates] - GESTURE_MIDI).argmin()]
            note = notes.audio[i] * (gains[i] / 32768.0)
            pitch = float(levels.pitch_octaves(notes.f0_hz[i]))
            cuts.append(gestures.cut(name, note, pitch, Scales(knobs), encode, HELD_S))
    return _write(decoder, knobs, cuts, folder, title, with_encoder=True)


def pack_random(width: int, seed: int, folder: Path) -> Card:
    """A bundle whose decoder has random weights, for measuring cost: no data, no training, one flat gesture."""
    import torch

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    rows = random.standard_normal((500, len(DESCRIPTORS))) * [8, 1, 0.6, 0.5, 1] + [-20, 10.5, 11, 1.3, 0]
    knobs = scales.fit(random.uniform(-3, 4, len(rows)), rows)
    flat = np.tile(np.array([-15, 0.5, 0.5, 0.5, 0.5], np.float32), (200, 1))
    cut = gestures.Cut("flat", np.zeros((200, LATENT), np.float32), flat, flat[0].copy(), np.array([50, 150], np.int32))
    folder.mkdir(parents=True, exist_ok=True)
    return _write(Decoder(width), knobs, [cut], folder, f"Random weights, width {width}", with_encoder=False)


def _write(
    decoder: Decoder, knobs: list[Knob], cuts: list[gestures.Cut], folder: Path, title: str, *, with_encoder: bool
) -> Card:
    export_decoder(decoder, folder / "decoder.onnx")
    arrays = {name: array for cut in cuts for name, array in cut.arrays().items()}
    (folder / "gestures.safetensors").write_bytes(safetensors.numpy.save(arrays))
    card = Card(
        schema=SCHEMA,
        name=folder.name,
        title=title,
        version=__version__,
        license="Apache-2.0",
        sources=SOURCES if with_encoder else [],
        sample_rate_hz=SAMPLE_RATE_HZ,
        hop=HOP,
        latent=LATENT,
        harmonics=HARMONICS,
        delay_samples=0,  # gains act behind the filter bank: what a frame asks for sounds at once
        decoder=describe_network(folder / "decoder.onnx"),
        gestures=describe_gestures(folder / "gestures.safetensors", [cut.name for cut in cuts]),
        knobs=knobs,
        cost=Cost(sum(p.numel() for p in decoder.parameters()), macs_per_s(decoder)),
        quality={},
        encoder=describe_network(folder / "encoder.onnx") if with_encoder else None,
    )
    write_card(folder, card)
    return card
