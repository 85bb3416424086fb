"""A bundle as a function: frames in, sound out; sound in, latent out. Nothing of it but its exported graphs is used."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import msgspec
import numpy as np

from neurorack.bundle import Bundle, Knob
from neurorack.ears.features import FEATURE_HOP, features
from neurorack.engine.decoder import Decoder
from neurorack.engine.draws import Draws
from neurorack.engine.excitation import Excitation
from neurorack.engine.modes import Modes
from neurorack.engine.source import source_for
from neurorack.errors import BadInput
from neurorack.onnx_session import open_session
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, HOP, KNOBS

FRAMES = 32
"""Hops a call: the excitation's work stays inside a core's cache."""
_LEAD_FRAMES, _TAIL_FRAMES = 8, 2


class Positions:
    """Knob positions from descriptors, as `patch.knobs.Scales` has them but going on beyond 0…1.

    Each table is lengthened on both sides by its own span in even steps, so a knob that goes too far is seen to.
    """

    def __init__(self, knobs: Sequence[Knob]) -> None:
        longer = []
        for knob in knobs:
            table = np.array(knob.quantiles)
            step = (table[-1] - table[0]) / (len(table) - 1)
            beyond = step * np.arange(1, len(table))
            wide = np.concatenate([table[0] - beyond[::-1], table, table[-1] + beyond])
            longer.append(msgspec.structs.replace(knob, quantiles=wide.tolist()))
        self._scales = Scales(longer)

    def of(self, pitch_oct: np.ndarray, descriptors: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
        """pitch [rows], descriptors [rows, 5] in the card's units → positions [rows, 5], within −1…2.

        A knob's scale depends on the knobs before it. With `asked` [rows, 5] it stands where the knobs put it: then a
        centroid that is off is the centroid's error alone, and not the sharpness' as well.
        """
        return 3.0 * self._scales.position_frames(pitch_oct, descriptors, asked) - 1.0


class Playable(Protocol):
    """What can be scored: knobs with scales, a decoder, and an encoder that says what the knobs do not."""

    scales: Scales
    positions: Positions

    def play(
        self, pitch_oct: np.ndarray, targets: np.ndarray, latent: np.ndarray, partials: np.ndarray | None = None
    ) -> np.ndarray:
        """pitch [hops], targets [hops, 5] in the knobs' units, latent [hops, Z] → [hops · HOP]."""
        ...

    def latent(self, audio: np.ndarray) -> np.ndarray:
        """[hops, Z] of a sound [samples] with silence around it."""
        ...


class Instrument:
    """Plays any frames. `modal` where partials are given by the gesture and not harmonic."""

    def __init__(self, bundle: Bundle) -> None:
        card = bundle.card
        self.bundle = bundle
        self.scales = Scales.from_card(card)
        self.positions = Positions(card.knobs)
        self.modal = any(tensor.name == "partials" for tensor in card.decoder.inputs)
        self._engines: dict[tuple[int, bool], tuple[Decoder, Excitation | Modes | Draws | None]] = {}

    @cached_property
    def _encoder(self) -> Any:
        bundle = self.bundle
        if bundle.encoder_onnx is None:
            raise BadInput("the bundle has no encoder", str(bundle.folder), "export it with its encoder to evaluate it")
        session = open_session(bundle.encoder_onnx, None)
        if [port.name for port in session.get_inputs()] != ["features"]:
            raise BadInput("the bundle's encoder hears no features", str(bundle.folder), "train the bundle again")
        return session

    def play(
        self,
        pitch_oct: np.ndarray,
        targets: np.ndarray,
        latent: np.ndarray,
        partials: np.ndarray | None = None,
        *,
        frames: int = FRAMES,
        noisy: bool = True,
    ) -> np.ndarray:
        """pitch [hops], targets [hops, 5] in the card's units, latent [hops, Z] → [hops · HOP] float32.

        `partials` [H] in octaves above the pitch, of a modal bundle. `frames` per call of the decoder. Without noise
        what remains is exactly periodic where the partials are harmonic.
        """
        hops = len(pitch_oct)
        decoder, excitation = self._engine(frames, noisy)
        controls = np.column_stack([pitch_oct, targets, latent]).astype(np.float32)
        f0_hz = C4_HZ * np.exp2(np.asarray(pitch_oct, np.float64))
        if isinstance(excitation, Modes):
            assert partials is not None, "a modal bundle is played with partials"
            excitation.strike(0, partials)
        out = np.empty((hops, HOP), np.float32)
        for begin in range(0, hops, frames):
            rows = np.minimum(np.arange(begin, begin + frames), hops - 1)
            decoder.controls[:] = controls[rows]
            if excitation is not None:
                excitation.render(f0_hz[rows])
            out[begin : begin + frames] = decoder.run().reshape(-1, HOP)[: hops - begin]
        return out.reshape(-1)

    def _engine(self, frames: int, noisy: bool) -> tuple[Decoder, Excitation | Modes | Draws | None]:
        """A decoder and the excitation that writes into its inputs, both as new."""
        if (frames, noisy) not in self._engines:
            decoder = Decoder(self.bundle, frames)
            self._engines[frames, noisy] = decoder, source_for(decoder, 1, noisy=noisy)
        decoder, excitation = self._engines[frames, noisy]
        decoder.reset()
        if excitation is not None:
            excitation.reset()
        return decoder, excitation

    def play_knobs(
        self,
        pitch_oct: float,
        knobs: np.ndarray,
        latent: np.ndarray,
        partials: np.ndarray | None = None,
        *,
        noisy: bool = True,
    ) -> np.ndarray:
        """Steady pitch and latent [Z], knobs [hops, 5] in 0…1 → [hops · HOP]."""
        pitches = np.full(len(knobs), float(pitch_oct))
        held = np.tile(latent, (len(knobs), 1))
        return self.play(pitches, self.scales.physical_frames(pitches, knobs), held, partials, noisy=noisy)

    def latent(self, audio: np.ndarray) -> np.ndarray:
        """[hops, Z] of a sound [samples] with silence around it, in straight lines between the encoder's frames."""
        lead = _LEAD_FRAMES * FEATURE_HOP
        padded = np.pad(audio, (lead, _TAIL_FRAMES * FEATURE_HOP))
        frames = self.encode(features(padded))
        ends = (np.arange(len(frames)) + 1) * FEATURE_HOP - lead
        at = (np.arange(len(audio) // HOP) + 1) * HOP
        return np.column_stack([np.interp(at, ends, column) for column in frames.T]).astype(np.float32)

    def encode(self, heard: np.ndarray) -> np.ndarray:
        """Features [frames, FEATURES] → latent [frames, Z]."""
        frames: np.ndarray = self._encoder.run(None, {"features": heard.astype(np.float32)})[0]
        return frames


def streaming_difference(instrument: Instrument, partials: np.ndarray | None = None, hops: int = 480) -> float:
    """Largest difference between one pass and calls of 1, 2, 4 and 8 frames, controls wandering everywhere."""
    random = np.random.default_rng(0)
    corners = np.linspace(0, hops - 1, 12)
    walk = np.column_stack([np.interp(np.arange(hops), corners, random.random(12)) for _ in KNOBS])
    pitch_oct = -2 + 6 * walk[:, 0]
    targets = instrument.scales.physical_frames(pitch_oct, walk[:, 1:])
    latent = random.standard_normal((hops, instrument.bundle.card.latent))
    whole = instrument.play(pitch_oct, targets, latent, partials, frames=hops)
    pieces = (instrument.play(pitch_oct, targets, latent, partials, frames=n) for n in (1, 2, 4, 8))
    return max(float(np.abs(piece - whole).max()) for piece in pieces)
