"""The decoder's network: one control frame → one gain for every element of the excitation.

The network works frame by frame; time lives in the gestures and in the gains' glide from frame to frame, so knobs
at rest give gains at rest, and gains at rest give an exactly harmonic sound. It says how the power is shared:

    share = softmax(logit + log(mask)),   gain = 10^(rms_db/20) · sqrt(share / mean square of the element)

so the level knob obeys by construction and no gain can run away. `mask` takes out what the pitch leaves inaudible.
A partial's logit is a spectral envelope over absolute frequency, read where the partial is, plus a value of its own:
brightness learnt at one pitch holds at the others, and an odd-even balance stays one at every pitch.

Two flavours. Harmonic: partials at 1…H times the pitch, bands of pulse above them, bands of noise. Modal: damped modes
of a struck sound, `octaves` above the pitch, which come with the gesture, and bands of noise.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS
from neurorack.engine.modes import FADE
from neurorack.learn.corpus import MODES
from neurorack.learn.trim.groups import Groups, Probe, Widths, linear
from neurorack.words import BAND_EDGES_HZ, BANDS, C4_HZ, DESCRIPTORS, HOP, SAMPLE_RATE_HZ

BEFORE_LATENT = 1 + len(DESCRIPTORS)
RMS_COLUMN = 1

WIDTH = 112
"""Of the hidden layers: a hundred times fewer multiplications than the published decoder's leave room for no more."""

ENVELOPE = 24
ENVELOPE_LOW, ENVELOPE_STEP = float(np.log2(25.0 / C4_HZ)), 0.42
"""Envelope points: octaves from C4, 25 Hz to 20 kHz."""
MASK_FLOOR = 1e-9
LEVEL_RANGE_DB = (-100.0, 0.0)


def mask_tables(modal: bool) -> tuple[np.ndarray, np.ndarray]:
    """(weights [2, elements], offset [elements]): mask = clip([F_TOP/f, f/C4] @ weights + offset, MASK_FLOOR, 1).

    Harmonics fade as in the excitation, r − k + 1; a pulse band is there as far as harmonics above the H-th reach it.
    Modes have a mask of their own, from where they are.
    """
    elements = MODES + BANDS if modal else HARMONICS + 2 * BANDS
    weights, offset = np.zeros((2, elements)), np.ones(elements)
    if not modal:
        weights[0, :HARMONICS] = 1.0
        offset[:HARMONICS] = 1.0 - np.arange(1, HARMONICS + 1)
        pulse = slice(HARMONICS, HARMONICS + BANDS)
        low, high = np.array(BAND_EDGES_HZ[:-1]), np.array(BAND_EDGES_HZ[1:])
        weights[1, pulse] = -(HARMONICS + 0.5) * C4_HZ / (high - low)
        offset[pulse] = high / (high - low)
    return weights, offset


class Decoder(torch.nn.Module):
    """Controls [..., 6 + latent] → gains [..., elements]; `width` sets its size, of all `layers` or of each."""

    frames_per_s = SAMPLE_RATE_HZ / HOP

    def __init__(
        self, width: int | Sequence[int] = WIDTH, latent: int = 8, *, modal: bool = False, layers: int = 3
    ) -> None:
        super().__init__()
        hidden = [width] * layers if isinstance(width, int) else list(width)
        self.widths = {f"hidden{i}": units for i, units in enumerate(hidden)}
        self.latent, self.modal = latent, modal
        self.partials = MODES if modal else HARMONICS
        self.elements = self.partials + (BANDS if modal else 2 * BANDS)
        columns = BEFORE_LATENT + latent
        sizes = [columns, *hidden]
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.probes = torch.nn.ModuleList(Probe(group, -1) for group in self.widths)
        self.out = torch.nn.Linear(sizes[-1], ENVELOPE + self.elements)
        with torch.no_grad():
            self.out.weight *= 0.3
            self.out.bias.zero_()
            self.out.bias[:ENVELOPE] = -0.35 * torch.arange(ENVELOPE)
            self.out.bias[ENVELOPE + self.partials : -BANDS] = -4.0
            self.out.bias[-BANDS:] = -8.0
        weights, offset = mask_tables(modal)
        scale = np.ones(self.elements)
        scale[: self.partials] = np.sqrt(2.0)  # amplitudes of unit power; bands have it
        constants = {
            "centre": np.zeros(columns),
            "whiten": np.eye(columns),
            "mask_weights": weights,
            "mask_offset": offset,
            "scale": scale,
            "octaves": np.log2(np.arange(1, self.partials + 1)),
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)))

    def standardise(self, pitch_oct: np.ndarray, descriptors: np.ndarray) -> None:
        """Take centre and whitening from frames of data."""
        centre, whiten = whitening(pitch_oct, descriptors)
        n = len(centre)
        self.centre[:n], self.whiten[:n, :n] = torch.from_numpy(centre), torch.from_numpy(whiten)

    def groups(self) -> Groups:
        columns, last = BEFORE_LATENT + self.latent, f"hidden{len(self.hidden) - 1}"
        axes = linear("hidden.0", ("hidden0",), (columns,))
        for i in range(1, len(self.hidden)):
            axes |= linear(f"hidden.{i}", (f"hidden{i}",), (f"hidden{i - 1}",))
        axes |= linear("out", (ENVELOPE + self.elements,), (last,))
        constants = {name: tuple((length,) for length in value.shape) for name, value in self.named_buffers()}
        return Groups(self.widths, axes | constants)

    def resized(self, widths: Widths) -> "Decoder":
        return Decoder([widths[group] for group in self.widths], self.latent, modal=self.modal)

    def rates(self) -> dict[str, float]:
        return {name: self.frames_per_s for name, _ in self.named_parameters() if name.endswith("weight")}

    def other_macs_per_s(self) -> float:
        """Of reading the envelope, and of the mix."""
        return self.elements * ENVELOPE * self.frames_per_s + 2.0 * self.elements * SAMPLE_RATE_HZ

    def example(self, frames: int) -> tuple[torch.Tensor, ...]:
        octaves = (torch.linspace(0.0, 5.0, self.partials).expand(frames, -1),) if self.modal else ()
        return torch.randn(frames, BEFORE_LATENT + self.latent), *octaves

    def forward(self, controls: torch.Tensor, octaves: torch.Tensor | None = None) -> torch.Tensor:
        """`octaves` [..., MODES] of the modes above the pitch, for a modal decoder alone."""
        x = (controls - self.centre) @ self.whiten
        for layer, probe in zip(self.hidden, self.probes, strict=True):
            x = probe(torch.nn.functional.elu(layer(x)))
        logits = self.out(x)
        pitch = controls[..., :1]
        place = pitch + (self.octaves if octaves is None else octaves)
        envelope = _read_envelope(logits[..., :ENVELOPE], (place - ENVELOPE_LOW) / ENVELOPE_STEP)
        own = logits[..., ENVELOPE:]
        elements = torch.cat([own[..., : self.partials] + envelope, own[..., self.partials :]], -1)
        ratio = torch.cat([torch.exp2(-pitch) * (F_TOP_HZ / C4_HZ), torch.exp2(pitch)], -1)
        mask = ratio @ self.mask_weights + self.mask_offset
        if octaves is not None:
            fade = (1.0 - torch.exp2(place) * (C4_HZ / F_TOP_HZ)) / FADE
            mask = torch.cat([fade, mask[..., self.partials :]], -1)
        level = 10 ** (controls[..., RMS_COLUMN : RMS_COLUMN + 1].clamp(*LEVEL_RANGE_DB) / 20)
        share = torch.softmax(elements + torch.log(mask.clamp(MASK_FLOOR, 1.0)), -1)
        return torch.sqrt(share + 1e-12) * self.scale * level


def whitening(pitch_oct: np.ndarray, descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(centre [6], whiten [6, 6]) float32 of frames of data: (frame − centre) @ whiten is even. The Cholesky factor
    conditions each descriptor on the ones before it, as the knobs' scales do, so what a knob moves is what the network
    sees move."""
    rows = np.column_stack([pitch_oct, descriptors])
    root = np.linalg.cholesky(np.cov(rows.T) + 1e-3 * np.eye(rows.shape[1]))
    return rows.mean(axis=0).astype(np.float32), np.linalg.inv(root).T.astype(np.float32)


def _read_envelope(points: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """`points` [..., ENVELOPE] read in straight lines at places [..., n] between 0 and ENVELOPE − 1; beyond its ends it
    falls to 0 within a step."""
    at = at.clamp(-1.0, ENVELOPE)
    below = at.floor().clamp(max=ENVELOPE - 1.0)
    padded, first = torch.nn.functional.pad(points, (1, 1)), below.long() + 1
    return torch.lerp(padded.gather(-1, first), padded.gather(-1, first + 1), at - below)


def mix(gains: torch.Tensor, elements: torch.Tensor, before: torch.Tensor | None = None) -> torch.Tensor:
    """Sound [batch, hops·HOP] of gains [batch, hops, elements] on elements [batch, hops, HOP, elements].

    Within a hop every gain glides in a straight line from the frame before to its own frame's, reached on the last
    sample. `before` [batch, 1, elements] are the gains ahead of the first hop; by default it stands still.
    """
    previous = torch.cat([gains[:, :1] if before is None else before, gains[:, :-1]], 1)
    ends = torch.stack([previous, gains], -2) @ elements.mT  # a third of the time of the other way round
    up = torch.arange(1, HOP + 1, dtype=gains.dtype, device=gains.device) / HOP
    return ((1 - up) * ends[..., 0, :] + up * ends[..., 1, :]).flatten(1)
