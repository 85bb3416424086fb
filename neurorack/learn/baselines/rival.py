"""Trains the backbone: `conditioned` with descriptors beside its latent, `fader` with an adversary as well.

Held equal to ours: sounds, spectral loss, the price of a nat a second, the falling rate, averaged weights. As
published: a loss of loudness beside the spectrum's (without it silence is where such a decoder ends up), Adam's β, that
the price of nats rises slowly, what the adversary is and that its weight rises to 0.5, and that the decoder hears of no
descriptors but the piece's own: nothing is swapped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neurorack.bundle import Knob
from neurorack.ears.features import FEATURE_HOP
from neurorack.learn import scales
from neurorack.learn.baselines.backbone import FRAME, SMALL, Decoder, Encoder, Size, draw_noise
from neurorack.learn.baselines.pieces import PIECE_FRAMES, Pieces
from neurorack.learn.baselines.pqmf import Bank
from neurorack.learn.corpus import Corpus
from neurorack.learn.descent import Descent
from neurorack.learn.evaluate.instrument import Positions
from neurorack.learn.networks.losses import MultiScaleSpectrum
from neurorack.learn.networks.objective import Weights
from neurorack.learn.networks.twins import Descriptors
from neurorack.patch.knobs import Scales
from neurorack.words import DESCRIPTORS, HOP

ADVERSARY_WEIGHT = 0.5
CLASSES = 16
"""Equally filled ones of each descriptor, among which the adversary guesses."""

_KL = Weights.kl * FRAME / FEATURE_HOP
_AUDIBLE_DB = -60.0
_FARTHEST = 4.0
"""Deviations from the mean that a descriptor is held within."""
_SURVEYED = 256
_HOPS = FRAME // HOP


@dataclass(frozen=True)
class RivalRecipe:
    """What a run is made of."""

    steps: int
    seed: int = 0
    fader: bool = False
    kind: str = "pitched"
    batch: int = 4
    rate: float = 1e-3
    size: Size = SMALL


class Reader(torch.nn.Module):
    """The adversary: latent [n, latent, frames] → log probabilities [n, frames, 5, CLASSES]."""

    def __init__(self, latent: int, width: int = 96) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(latent, width, 3, padding=1),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv1d(width, width, 3, padding=1),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Conv1d(width, len(DESCRIPTORS) * CLASSES, 1),
        )
        self.register_buffer("edges", torch.zeros(len(DESCRIPTORS), CLASSES - 1))

    def fill_equally(self, values: np.ndarray) -> None:
        """Class edges from frames of data [rows, 5]."""
        edges = np.quantile(values, np.arange(1, CLASSES) / CLASSES, axis=0).T
        self.edges.copy_(torch.from_numpy(edges.astype(np.float32)))

    def error(self, latent: torch.Tensor, values: torch.Tensor, *, held: bool = False) -> torch.Tensor:
        """Cross-entropy [] in units of pure guessing of `values` [n, frames, 5] where they sound; with its own weights
        held, for the encoder."""
        own = {name: value.detach() if held else value for name, value in self.layers.named_parameters()}
        logits = torch.func.functional_call(self.layers, own, (latent,)).transpose(1, 2)
        logs = torch.log_softmax(logits.unflatten(-1, (len(DESCRIPTORS), CLASSES)), -1)
        truth = (values[..., None] > self.edges).sum(-1)
        missed = -logs.gather(-1, truth[..., None])[..., 0].mean(-1)
        audible = values[..., 0] > _AUDIBLE_DB
        return (missed * audible).sum() / (audible.sum() + 1) / math.log(CLASSES)


class Rival(torch.nn.Module):
    """Bank, encoder and decoder, and what descriptors are like. Descriptors are [n, frames, 5] in their units."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.bank, self.encoder, self.decoder = Bank(), Encoder(size), Decoder(size)
        self.describe = Descriptors(FEATURE_HOP)
        self.register_buffer("centre", torch.zeros(len(DESCRIPTORS)))
        self.register_buffer("spread", torch.ones(len(DESCRIPTORS)))

    def described(self, audio: torch.Tensor) -> torch.Tensor:
        """Means over every latent frame."""
        with torch.no_grad():
            found: torch.Tensor = self.describe(audio).unflatten(1, (-1, FRAME // FEATURE_HOP)).mean(2)
        return found

    def standardise(self, values: np.ndarray) -> None:
        """From frames of data [rows, 5]."""
        self.centre.copy_(torch.from_numpy(values.mean(axis=0).astype(np.float32)))
        self.spread.copy_(torch.from_numpy(values.std(axis=0).astype(np.float32)))

    def encode(self, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, frames · FRAME] → mean and log variance [n, latent, frames]."""
        mean, log_variance = self.encoder(self.bank.split(audio))
        return mean, log_variance

    def decode(self, latent: torch.Tensor, descriptors: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """[n, latent, frames] → [n, frames · FRAME]."""
        said = ((descriptors - self.centre) / self.spread).clamp(-_FARTHEST, _FARTHEST).transpose(1, 2)
        sound: torch.Tensor = self.bank.join(self.decoder(torch.cat([latent, said], 1), noise))
        return sound


class RivalTraining:
    """One run; goes on bit for bit where it was stopped, as `learn.train.Training` does."""

    def __init__(self, recipe: RivalRecipe, corpus: Corpus) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.knobs: list[Knob] = scales.fit(*scales.sample(corpus, recipe.seed))
        self._pieces = Pieces(corpus)
        self.rival = Rival(recipe.size)
        self._reader = Reader(recipe.size.latent) if recipe.fader else None
        surveyed = torch.from_numpy(self._pieces.draw(_SURVEYED, np.random.default_rng(recipe.seed)))
        values = self.rival.described(surveyed).flatten(0, 1).numpy()
        values = values[values[:, 0] > _AUDIBLE_DB]
        self.rival.standardise(values)
        networks = [self.rival]
        if self._reader is not None:
            self._reader.fill_equally(values)
            networks.append(self._reader)
        self._descent = Descent(torch.nn.ModuleList(networks), self.rival, recipe.steps, recipe.rate, (0.5, 0.9))
        self._spectrum = MultiScaleSpectrum()

    @property
    def step(self) -> int:
        return self._descent.step

    @property
    def average(self) -> torch.nn.Module:
        """The backbone, its weights averaged over the last steps: these are scored."""
        return self._descent.average

    def advance(self) -> dict[str, float]:
        """One step; its weighted losses."""
        losses = self._losses(self._descent.ramp)
        self._descent.take(losses)
        return {name: loss.item() for name, loss in losses.items()}

    def _losses(self, ramp: float) -> dict[str, torch.Tensor]:
        recipe = self.recipe
        random = np.random.default_rng((recipe.seed, self.step))
        generator = torch.Generator().manual_seed(int(random.integers(1 << 62)))
        audio = torch.from_numpy(self._pieces.draw(recipe.batch, random))
        descriptors = self.rival.described(audio)
        mean, log_variance = self.rival.encode(audio)
        latent = mean + torch.exp(0.5 * log_variance) * torch.randn(mean.shape, generator=generator)
        again = self.rival.decode(latent, descriptors, draw_noise(recipe.batch, PIECE_FRAMES, generator))
        losses = {
            "spectrum": self._spectrum(again, audio).mean(),
            "loudness": ((_level(again) - _level(audio)) ** 2).mean(),
            "kl": _KL * ramp * 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(1).mean(),
        }
        if self._reader is not None:
            losses["reader"] = self._reader.error(latent.detach(), descriptors)
            losses["hidden"] = -ADVERSARY_WEIGHT * ramp * self._reader.error(latent, descriptors, held=True)
        return losses

    def state(self) -> dict[str, object]:
        return self._descent.state()

    def load_state(self, state: dict) -> None:
        """Go on from the state of a run by the same recipe."""
        self._descent.load_state(state)


def _level(audio: torch.Tensor) -> torch.Tensor:
    """Of every latent frame, in units of 20 dB above silence."""
    return 0.5 * torch.log10(audio.unflatten(1, (-1, FRAME)).square().mean(-1) + 1e-6)


class RivalInstrument:
    """The backbone as something to be scored. It knows of pitch only what its latent holds; descriptors reach it every
    21 ms, as means over its frame."""

    def __init__(self, rival: Rival, knobs: Sequence[Knob]) -> None:
        self._rival = rival.eval()
        self.scales, self.positions = Scales(knobs), Positions(knobs)

    def play(
        self, pitch_oct: np.ndarray, targets: np.ndarray, latent: np.ndarray, partials: np.ndarray | None = None
    ) -> np.ndarray:
        """Pitch is not listened to."""
        hops = len(targets)
        rows = np.minimum(np.arange(-(-hops // _HOPS) * _HOPS), hops - 1)
        descriptors = targets[rows].reshape(-1, _HOPS, len(DESCRIPTORS)).mean(axis=1)
        middles = latent[rows][_HOPS // 2 :: _HOPS]
        z, said = (torch.from_numpy(np.ascontiguousarray(x, np.float32))[None] for x in (middles, descriptors))
        noise = draw_noise(1, len(middles), torch.Generator().manual_seed(1))
        with torch.no_grad():
            sound: np.ndarray = self._rival.decode(z.transpose(1, 2), said, noise)[0, : hops * HOP].numpy()
        return sound

    def latent(self, audio: np.ndarray) -> np.ndarray:
        """[hops, Z], each frame's for all of its hops."""
        padded = np.pad(audio.astype(np.float32), (0, -len(audio) % FRAME))
        with torch.no_grad():
            mean, _ = self._rival.encode(torch.from_numpy(padded)[None])
        frames: np.ndarray = np.repeat(mean[0].T.numpy(), _HOPS, axis=0)[: len(audio) // HOP]
        return frames
