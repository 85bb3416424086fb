"""The decoder's network: one control frame → one gain for every element of the excitation.

The network works frame by frame; time lives in the gestures and in the gains' glide from frame to frame, so knobs
at rest give gains at rest, and gains at rest give an exactly harmonic sound. It says how the power is shared:

    share = softmax(logit + log(mask)),   gain = 10^(rms_db/20) · sqrt(share / power of the element)

so the level knob obeys by construction and no gain can run away. `mask` takes out what the pitch leaves inaudible.
A harmonic's logit is a spectral envelope over absolute frequency, read at k·f0, plus a value of its own: brightness
learnt at one pitch holds at the others, and an odd-even balance stays one at every pitch.
"""

import itertools

import numpy as np
import torch

from neurorack.engine.excitation import F_TOP_HZ, HARMONICS
from neurorack.learn import bank
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

LATENT = 8
CONTROLS = 1 + len(DESCRIPTORS) + LATENT
RMS_COLUMN = 1

ENVELOPE = 24
ENVELOPE_LOW, ENVELOPE_STEP = float(np.log2(25.0 / C4_HZ)), 0.42
"""Envelope points: octaves from C4, 25 Hz to 20 kHz."""
MASK_FLOOR = 1e-9
LEVEL_RANGE_DB = (-100.0, 0.0)


def mask_tables() -> tuple[np.ndarray, np.ndarray]:
    """(weights [2, ELEMENTS], offset [ELEMENTS]): mask = clip([F_TOP/f, f/C4] @ weights + offset, MASK_FLOOR, 1).

    Harmonics fade as in the excitation, r − k + 1; a pulse band is there as far as harmonics above the H-th reach it.
    """
    weights, offset = np.zeros((2, bank.ELEMENTS)), np.ones(bank.ELEMENTS)
    weights[0, :HARMONICS] = 1.0
    offset[:HARMONICS] = 1.0 - np.arange(1, HARMONICS + 1)
    low, high = bank.limits_hz().T
    pulse = slice(HARMONICS, HARMONICS + bank.BANDS)
    weights[1, pulse] = -(HARMONICS + 0.5) * C4_HZ / (high - low)
    offset[pulse] = high / (high - low)
    return weights, offset


def element_scale() -> np.ndarray:
    """Amplitude [ELEMENTS] that gives an element unit power: sqrt(2) for a cosine, 1/sqrt(power) for a band."""
    band = 1.0 / np.sqrt(bank.band_power())
    return np.concatenate([np.full(HARMONICS, np.sqrt(2.0)), band, band])


class Decoder(torch.nn.Module):
    """Controls [..., CONTROLS] → gains [..., ELEMENTS]; `width` sets its size, 192 the shipped one."""

    def __init__(self, width: int = 192, layers: int = 3) -> None:
        super().__init__()
        self.width = width
        sizes = [CONTROLS, *[width] * layers]
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.out = torch.nn.Linear(width, ENVELOPE + bank.ELEMENTS)
        with torch.no_grad():
            self.out.weight *= 0.3
            self.out.bias.zero_()
            self.out.bias[:ENVELOPE] = -0.35 * torch.arange(ENVELOPE)
            self.out.bias[ENVELOPE + HARMONICS + bank.BANDS :] = -8.0
            self.out.bias[ENVELOPE + HARMONICS : ENVELOPE + HARMONICS + bank.BANDS] = -4.0
        weights, offset = mask_tables()
        constants = {
            "centre": np.zeros(CONTROLS),
            "whiten": np.eye(CONTROLS),
            "mask_weights": weights,
            "mask_offset": offset,
            "scale": element_scale(),
            "number_oct": np.log2(np.arange(1, HARMONICS + 1)),
            "point_oct": ENVELOPE_LOW + ENVELOPE_STEP * np.arange(ENVELOPE),
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)))

    def standardise(self, pitch_oct: np.ndarray, descriptors: np.ndarray) -> None:
        """Take centre and whitening from frames of data. The Cholesky factor conditions each descriptor on the ones
        before it, as the knobs' scales do, so what a knob moves is what the network sees move."""
        rows = np.column_stack([pitch_oct, descriptors])
        centre = rows.mean(axis=0)
        root = np.linalg.cholesky(np.cov(rows.T))
        n = rows.shape[1]
        self.centre[:n] = torch.from_numpy(centre.astype(np.float32))
        self.whiten[:n, :n] = torch.from_numpy(np.linalg.inv(root).T.astype(np.float32))

    def forward(self, controls: torch.Tensor) -> torch.Tensor:
        x = (controls - self.centre) @ self.whiten
        for layer in self.hidden:
            x = torch.nn.functional.elu(layer(x))
        logits = self.out(x)
        pitch = controls[..., :1]
        away = (pitch + self.number_oct)[..., None] - self.point_oct
        tent = torch.relu(1.0 - away.abs() / ENVELOPE_STEP)
        envelope = (tent @ logits[..., :ENVELOPE, None])[..., 0]
        elements = torch.cat(
            [logits[..., ENVELOPE : ENVELOPE + HARMONICS] + envelope, logits[..., ENVELOPE + HARMONICS :]], -1
        )
        ratio = torch.cat([torch.exp2(-pitch) * (F_TOP_HZ / C4_HZ), torch.exp2(pitch)], -1)
        mask = (ratio @ self.mask_weights + self.mask_offset).clamp(MASK_FLOOR, 1.0)
        level = 10 ** (controls[..., RMS_COLUMN : RMS_COLUMN + 1].clamp(*LEVEL_RANGE_DB) / 20)
        return torch.sqrt(torch.softmax(elements + torch.log(mask), -1)) * self.scale * level


def mix(gains: torch.Tensor, elements: torch.Tensor, before: torch.Tensor | None = None) -> torch.Tensor:
    """Sound [batch, hops·HOP] of gains [batch, hops, ELEMENTS] on elements [batch, hops, HOP, ELEMENTS].

    Within a hop every gain glides in a straight line from the frame before to its own frame's, reached on the last
    sample. `before` [batch, 1, ELEMENTS] are the gains ahead of the first hop; by default it stands still.
    """
    previous = torch.cat([gains[:, :1] if before is None else before, gains[:, :-1]], 1)
    ends = elements @ torch.stack([previous, gains], -1)
    up = torch.arange(1, HOP + 1, dtype=gains.dtype) / HOP
    return ((1 - up) * ends[..., 0] + up * ends[..., 1]).flatten(1)
