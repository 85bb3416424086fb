"""The decoder's network: one control frame → one gain for every element of the excitation.

The network works frame by frame; time lives in the gestures and in the gains' glide from frame to frame, so knobs
at rest give gains at rest, and gains at rest give an exactly harmonic sound. It says how the power is shared:

    share = softmax(logit + log(mask)),   gain = 10^(rms_db/20) · sqrt(share / power of the element)

so the level knob obeys by construction and no gain can run away. `mask` takes out what the pitch leaves inaudible.
A partial's logit is a spectral envelope over absolute frequency, read where the partial is, plus a value of its own:
brightness learnt at one pitch holds at the others, and an odd-even balance stays one at every pitch.

Two flavours. Harmonic: partials at 1…H times the pitch, pulse bands above them. Modal: damped modes of a struck
sound, `octaves` above the pitch, which come with the gesture; no pulse.
"""

import itertools

import numpy as np
import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS
from neurorack.engine.modes import FADE
from neurorack.learn.corpus import MODES
from neurorack.learn.networks import bank
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

BEFORE_LATENT = 1 + len(DESCRIPTORS)
RMS_COLUMN = 1

ENVELOPE = 24
ENVELOPE_LOW, ENVELOPE_STEP = float(np.log2(25.0 / C4_HZ)), 0.42
"""Envelope points: octaves from C4, 25 Hz to 20 kHz."""
MASK_FLOOR = 1e-9
LEVEL_RANGE_DB = (-100.0, 0.0)


def mask_tables(modal: bool) -> tuple[np.ndarray, np.ndarray]:
    """(weights [2, elements], offset [elements]): mask = clip([F_TOP/f, f/C4] @ weights + offset, MASK_FLOOR, 1).

    Harmonics fade as in the excitation, r − k + 1; a pulse band is there as far as harmonics above the H-th reach it,
    in a modal instrument nowhere. Modes have a mask of their own, from where they are.
    """
    partials = MODES if modal else HARMONICS
    weights, offset = np.zeros((2, partials + 2 * bank.BANDS)), np.ones(partials + 2 * bank.BANDS)
    pulse = slice(partials, partials + bank.BANDS)
    if modal:
        offset[pulse] = 0.0
        return weights, offset
    weights[0, :partials] = 1.0
    offset[:partials] = 1.0 - np.arange(1, partials + 1)
    low, high = bank.limits_hz().T
    weights[1, pulse] = -(partials + 0.5) * C4_HZ / (high - low)
    offset[pulse] = high / (high - low)
    return weights, offset


def element_scale(partials: int) -> np.ndarray:
    """Amplitude [elements] that gives an element unit power: sqrt(2) for a cosine, 1/sqrt(power) for a band."""
    band = 1.0 / np.sqrt(bank.band_power())
    return np.concatenate([np.full(partials, np.sqrt(2.0)), band, band])


class Decoder(torch.nn.Module):
    """Controls [..., 6 + latent] → gains [..., elements]; `width` sets its size, 192 the shipped one."""

    def __init__(self, width: int = 192, latent: int = 8, *, modal: bool = False, layers: int = 3) -> None:
        super().__init__()
        self.width, self.latent, self.modal = width, latent, modal
        self.partials = MODES if modal else HARMONICS
        self.elements = self.partials + 2 * bank.BANDS
        columns = BEFORE_LATENT + latent
        sizes = [columns, *[width] * layers]
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.out = torch.nn.Linear(width, ENVELOPE + self.elements)
        with torch.no_grad():
            self.out.weight *= 0.3
            self.out.bias.zero_()
            self.out.bias[:ENVELOPE] = -0.35 * torch.arange(ENVELOPE)
            own = self.out.bias[ENVELOPE + self.partials :]
            own[: bank.BANDS] = -4.0
            own[bank.BANDS :] = -8.0
        weights, offset = mask_tables(modal)
        constants = {
            "centre": np.zeros(columns),
            "whiten": np.eye(columns),
            "mask_weights": weights,
            "mask_offset": offset,
            "scale": element_scale(self.partials),
            "octaves": np.log2(np.arange(1, self.partials + 1)),
            "point_oct": ENVELOPE_LOW + ENVELOPE_STEP * np.arange(ENVELOPE),
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)))

    def standardise(self, pitch_oct: np.ndarray, descriptors: np.ndarray) -> None:
        """Take centre and whitening from frames of data. The Cholesky factor conditions each descriptor on the ones
        before it, as the knobs' scales do, so what a knob moves is what the network sees move."""
        rows = np.column_stack([pitch_oct, descriptors])
        centre = rows.mean(axis=0)
        root = np.linalg.cholesky(np.cov(rows.T) + 1e-3 * np.eye(rows.shape[1]))
        n = rows.shape[1]
        self.centre[:n] = torch.from_numpy(centre.astype(np.float32))
        self.whiten[:n, :n] = torch.from_numpy(np.linalg.inv(root).T.astype(np.float32))

    def forward(self, controls: torch.Tensor, octaves: torch.Tensor | None = None) -> torch.Tensor:
        """`octaves` [..., MODES] of the modes above the pitch, for a modal decoder alone."""
        x = (controls - self.centre) @ self.whiten
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
            for layer in self.hidden:
                x = torch.nn.functional.elu(layer(x))
            logits = self.out(x)
        logits = logits.float()
        pitch = controls[..., :1]
        place = pitch + (self.octaves if octaves is None else octaves)
        away = place[..., None] - self.point_oct
        tent = torch.relu(1.0 - away.abs() / ENVELOPE_STEP)
        envelope = (tent @ logits[..., :ENVELOPE, None])[..., 0]
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


def mix(gains: torch.Tensor, elements: torch.Tensor, before: torch.Tensor | None = None) -> torch.Tensor:
    """Sound [batch, hops·HOP] of gains [batch, hops, elements] on elements [batch, hops, HOP, elements].

    Within a hop every gain glides in a straight line from the frame before to its own frame's, reached on the last
    sample. `before` [batch, 1, elements] are the gains ahead of the first hop; by default it stands still.
    """
    previous = torch.cat([gains[:, :1] if before is None else before, gains[:, :-1]], 1)
    ends = elements @ torch.stack([previous, gains], -1)
    up = torch.arange(1, HOP + 1, dtype=gains.dtype, device=gains.device) / HOP
    return ((1 - up) * ends[..., 0] + up * ends[..., 1]).flatten(1)
