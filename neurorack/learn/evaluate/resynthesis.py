"""Held-out sounds said again from their own pitch, descriptors and latent: how near is that?

*mstft*   multi-scale spectral distance, training's loss (`learn.losses`)
*mel*     mean distance in dB of log-mel bands within 50 dB of the clip's loudest
*cdpam*   a learnt perceptual distance (Manocha et al. 2021, MIT), where the package `cdpam` is installed
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from neurorack.ears import descriptors
from neurorack.ears.features import mel_bank
from neurorack.learn.evaluate import score
from neurorack.learn.evaluate.clips import Clip
from neurorack.learn.evaluate.instrument import Playable
from neurorack.learn.networks.losses import MultiScaleSpectrum
from neurorack.words import SAMPLE_RATE_HZ

_MEL_RANGE_DB = 50.0
_LONGEST = 96_000
_CDPAM_RATE_HZ, _CDPAM_S = 22_050, 1.0
CDPAM_CLIPS = 8
"""A pair takes about 2 s on one core."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A sound and the bundle's rendering of it, [samples] each."""

    name: str
    original: np.ndarray
    again: np.ndarray


def resynthesise(instrument: Playable, clip: Clip) -> Pair:
    """The decoder says a clip again."""
    again = instrument.play(clip.pitch_oct, clip.targets, clip.latent, clip.partials)
    return Pair(clip.sound.name, clip.audio, again)


def mstft(pair: Pair) -> float:
    """Of the first 2 s."""
    again, original = (torch.from_numpy(_padded(audio))[None] for audio in (pair.again, pair.original))
    with torch.no_grad():
        return float(_spectrum()(again, original))


@cache
def _spectrum() -> MultiScaleSpectrum:
    return MultiScaleSpectrum()


def _padded(audio: np.ndarray) -> np.ndarray:
    """At least as long as the longest window, at most 2 s."""
    return np.pad(audio[:_LONGEST].astype(np.float32), (0, max(0, 4096 - len(audio))))


def mel_db(pair: Pair) -> float:
    original, again = (
        10 * np.log10(descriptors.spectra(x, 512) @ mel_bank() + 1e-12) for x in (pair.original, pair.again)
    )
    floor = original.max() - _MEL_RANGE_DB
    return float(np.abs(np.maximum(original, floor) - np.maximum(again, floor)).mean())


def load_cdpam() -> Callable[[Pair], float] | None:
    """The distance, or None where the package is not installed.

    Its network and weights are taken without its own start-up code, which asks for packages and names of numpy that are
    gone. The weights are a pickle, as trusted as the package that brings them.
    """
    spec = importlib.util.find_spec("cdpam")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    models_spec = importlib.util.spec_from_file_location("cdpam_models", folder / "models.py")
    assert models_spec is not None and models_spec.loader is not None
    models = importlib.util.module_from_spec(models_spec)
    models_spec.loader.exec_module(models)
    network = models.FINnet(
        dev=torch.device("cpu"), encoder_layers=16, encoder_filters=64, ndim=[16, 6], classif_dp=0.05, classif_BN=0,
        classif_act="no", input_size=512,
    )  # fmt: skip
    weights = folder / "CDPAM_trained" / "scratchJNDdefault_best_model.pth"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=False)["state"])
    network.eval()

    def hear(audio: np.ndarray) -> torch.Tensor:
        import soxr

        length = round(_CDPAM_S * SAMPLE_RATE_HZ)
        part = np.pad(audio[:length], (0, max(0, length - len(audio))))
        part = soxr.resample(part, SAMPLE_RATE_HZ, _CDPAM_RATE_HZ)
        _, acoustic, _ = network.base_encoder(torch.from_numpy(np.round(part * 32768.0)).float()[None, None])
        return torch.nn.functional.normalize(acoustic, dim=1)

    def distance(pair: Pair) -> float:
        with torch.no_grad():
            return float(network.model_dist(hear(pair.original), hear(pair.again)))

    return distance


def figures(pairs: list[Pair], cdpam: Callable[[Pair], float] | None) -> dict[str, float]:
    """mstft, mel_db and, of the first CDPAM_CLIPS pairs, cdpam; over clips."""
    found = score.spread("mstft", [mstft(pair) for pair in pairs])
    found |= score.spread("mel_db", [mel_db(pair) for pair in pairs])
    if cdpam is not None:
        found |= score.spread("cdpam", [cdpam(pair) for pair in pairs[:: max(1, len(pairs) // CDPAM_CLIPS)]])
    return found
