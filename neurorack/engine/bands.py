"""The bands in which pulse and noise reach the decoder: it weighs 18 of each, and no filter is needed behind it.

A band of the pulse is the sum of the harmonics within it, which a difference of two Dirichlet kernels gives at any
pitch (see `excitation`). A band of the noise is a recording of noise, cut in one spectrum of 2.7 s, where edges can be
as sharp as one likes, that goes round without a seam. Every third band goes round together, and the three loops in
times of their own: all of it comes round again after 7.7 hours. Neighbours are strangers to each other, so they cross
over at equal power, and equal gains give a flat spectrum.

Every band has a mean square of 1. The bands below 300 Hz are level, too: noise so narrow swells and fades by 3 dB from
one 21 ms to the next, and boominess with it, which hears no more of it at high pitch than that. Its envelope is evened
out again and again, the spectrum put back each time ("low-noise noise": Pumplin 1985; Kohlrausch et al. 1997), until
0.1 dB are left (0.6 of the lowest).
"""

from functools import cache

import numpy as np

from neurorack.words import BAND_EDGES_HZ, SAMPLE_RATE_HZ

WIDTHS_HZ = np.diff(np.array(BAND_EDGES_HZ, np.float64))

LOOPS = (131_072, 129_600, 128_000)
"""Samples of the three loops: products of 2, 3 and 5, which a Fourier transform likes, and hardly of the same."""
_MARGIN = 2_048
"""Every loop goes on beyond its end by so much, so that a block is read without a look at the end."""
_LEVEL = 3
"""Bands, from the bottom, whose envelope is even."""
_EVENINGS = 20

_CROSSING = 0.25
"""Half the width of a crossing, as a share of the narrower band; at the very top a quarter of that."""


def noise_shape(f_hz: np.ndarray) -> np.ndarray:
    """Amplitudes [BANDS, …] of the noise's bands at f_hz […]. Their squares sum to 1, but beyond the
    outermost edges and their crossings."""
    edges = np.array(BAND_EDGES_HZ, f_hz.dtype)
    half = _CROSSING * np.minimum(np.append(WIDTHS_HZ[0], WIDTHS_HZ), np.append(WIDTHS_HZ, WIDTHS_HZ[-1]))
    half[-1] /= 4
    half = half.astype(f_hz.dtype)
    column = (slice(None), *[None] * np.ndim(f_hz))
    passed = np.clip((f_hz - edges[column]) / (2 * half[column]) + 0.5, 0.0, 1.0) * (np.pi / 2)
    shape: np.ndarray = np.sin(passed[:-1]) * np.cos(passed[1:])
    return shape


@cache
def _loops() -> list[np.ndarray]:
    """[samples + _MARGIN, BANDS / 3] float32 each, 9 MB in all. The same on every machine but for rounding."""
    random = np.random.default_rng(0)
    made = []
    for first, length in enumerate(LOOPS):
        f_hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ).astype(np.float32)
        shape = noise_shape(f_hz)[first :: len(LOOPS)]
        drawn = random.standard_normal((2, len(f_hz)), np.float32)
        spectra = shape * (drawn[0] + np.complex64(1j) * drawn[1])
        for spectrum in spectra[: -(-(_LEVEL - first) // len(LOOPS))]:
            _even_out(spectrum)
        loop = np.fft.irfft(spectra, length)
        loop /= np.sqrt(np.mean(loop**2, axis=1, keepdims=True))
        made.append(np.concatenate([loop, loop[:, :_MARGIN]], axis=1).T.astype(np.float32, order="C"))
    return made


def _even_out(spectrum: np.ndarray) -> None:
    """Of a low band, in place: its envelope becomes level, and nothing comes to lie outside of it."""
    magnitudes = np.abs(spectrum)
    band = magnitudes > 1e-3 * magnitudes.max()
    few = int(np.flatnonzero(band)[-1]) + 1
    samples = 2 ** int(np.ceil(np.log2(2.5 * few)))  # to see the envelope a rate just above the band will do
    for _ in range(_EVENINGS):
        analytic = np.fft.ifft(np.where(band, spectrum, 0.0)[:few], samples)
        spectrum[:few] = np.fft.fft(analytic / (np.abs(analytic) + 1e-12))[:few]
    spectrum *= band


class Hiss:
    """White noise in bands, read on and on; a seed says where the loops begin. No allocation in `read`."""

    def __init__(self, seed: int = 0) -> None:
        self._loops = _loops()
        self._first = [int(at) for at in np.random.default_rng(seed).integers(0, LOOPS)]
        self.reset()

    def reset(self) -> None:
        """Back to where the seed begins."""
        self._at = list(self._first)

    def read(self, out: np.ndarray) -> None:
        """The next samples into `out` [samples, BANDS] float32."""
        for begin in range(0, len(out), _MARGIN):
            piece = out[begin : begin + _MARGIN]
            for third, loop in enumerate(self._loops):
                at = self._at[third]
                piece[:, third :: len(LOOPS)] = loop[at : at + len(piece)]
                self._at[third] = (at + len(piece)) % LOOPS[third]
