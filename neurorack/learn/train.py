"""Trains encoder and decoder together: half on saying a note again, half on obeying the knobs.

Every step takes one batch of clips at their measured pitch and makes its excitation once. On it the decoder plays
- the clip itself: its measured descriptors, its latent from the encoder; judged by multi-scale spectra;
- the same pitch under *swapped* controls: knobs anywhere in 0…1, at rest or moving, and the latent of another
  note, at rest or moving; judged by the descriptors of what comes out against what was asked, each in units of its
  knob's local travel. This is what makes the knobs obey where no recording shows how.

Every draw comes from (seed, step), so a run that was stopped and resumed ends bit for bit where one that was not.
"""

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from neurorack.ears.descriptors import WINDOW
from neurorack.learn import levels, scales
from neurorack.learn.decoder import LATENT, Decoder, mix
from neurorack.learn.encoder import REACH, Encoder
from neurorack.learn.excite import Elements
from neurorack.learn.losses import MultiScaleSpectrum
from neurorack.learn.sounds import Notes
from neurorack.learn.twins import Descriptors
from neurorack.patch.knobs import Scales
from neurorack.words import HOP

CLIP_HOPS = 192
"""0.256 s."""
STEPS_PER_MINUTE = 240
"""What two cores do; turns minutes into steps, so that a run depends on its seed and not on the machine's mood."""

_COARSE = levels.MEL_HOP // HOP
_FRAMES = CLIP_HOPS // _COARSE
_CLIP = CLIP_HOPS * HOP
_LEAD = 2048
"""Samples of silence ahead of every note, so that attacks are learnt from before they begin."""
_POOL = 4  # coarse frames averaged before descriptors are compared: 21 ms, a low note's ripple


@dataclass(frozen=True)
class Recipe:
    """What a run is made of."""

    steps: int
    seed: int = 0
    batch: int = 16
    width: int = 192
    rate: float = 2e-3
    swap_weight: float = 1.0
    latent_noise: float = 0.2


class Clips:
    """Draws batches of clips from a split."""

    def __init__(self, notes: Notes) -> None:
        self.f0_hz = notes.f0_hz
        self.pitch_oct = levels.pitch_octaves(notes.f0_hz)
        self._gain = levels.matched(notes) / 32768.0
        self._audio = np.pad(notes.audio, ((0, 0), (_LEAD, _LEAD)))
        mel = [
            levels.log_mel(note * gain).astype(np.float16) for note, gain in zip(self._audio, self._gain, strict=True)
        ]
        self._mel = np.pad(np.stack(mel), ((0, 0), (REACH + 1, REACH + 1), (0, 0)))

    def draw(self, count: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """`audio` [count, WINDOW + clip] with half a window to each side, `mel` [count, frames, bands] with REACH + 1
        ahead and REACH behind, `f0_hz` and `pitch_oct` [count]. A third of the clips begin before their note."""
        index = random.integers(0, len(self.f0_hz), count)
        last = (self._audio.shape[1] - _CLIP - WINDOW // 2) // levels.MEL_HOP
        first = WINDOW // 2 // levels.MEL_HOP
        onset = random.integers(first, _LEAD // levels.MEL_HOP, count)
        begin = np.where(random.random(count) < 1 / 3, onset, random.integers(first, last, count))
        gain = self._gain[index] * 10 ** (random.uniform(-12, 3, count) / 20)
        audio = np.empty((count, WINDOW + _CLIP), np.float32)
        mel = np.empty((count, 2 * REACH + 1 + _FRAMES, levels.MEL_BANDS), np.float32)
        for row, (i, frame) in enumerate(zip(index, begin, strict=True)):
            at = frame * levels.MEL_HOP - WINDOW // 2
            audio[row] = self._audio[i, at : at + WINDOW + _CLIP] * gain[row]
            mel[row] = self._mel[i, frame : frame + mel.shape[1]]
        return {"audio": audio, "mel": mel, "f0_hz": self.f0_hz[index], "pitch_oct": self.pitch_oct[index]}


def to_hops(coarse: torch.Tensor) -> torch.Tensor:
    """[batch, 1 + frames, n], the first one frame ahead → [batch, frames·4, n] on straight lines between them."""
    before, after = coarse[:, :-1, None], coarse[:, 1:, None]
    part = torch.arange(1, _COARSE + 1)[:, None] / _COARSE
    return (before + (after - before) * part).flatten(1, 2)


def draw_knobs(count: int, random: np.random.Generator) -> np.ndarray:
    """Knob positions [count, CLIP_HOPS, 5]: anywhere, the ends included; in half of the clips some of them move."""
    ends = np.clip(random.uniform(-0.1, 1.1, (2, count, 5)), 0, 1)
    still = random.random((count, 5)) < np.where(random.random((count, 1)) < 0.5, 1.0, 0.5)
    ends[1] = np.where(still, ends[0], ends[1])
    way = np.arange(1, CLIP_HOPS + 1)[:, None] / CLIP_HOPS
    knobs: np.ndarray = ends[0][:, None] + (ends[1] - ends[0])[:, None] * way
    return knobs


class Training:
    """One run: the networks, their optimiser and the step they have come to."""

    def __init__(self, recipe: Recipe, notes: Notes) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.clips = Clips(notes)
        pitch_oct, frames = levels.scale_frames(notes, recipe.seed)
        self.knobs = scales.fit(pitch_oct, frames)
        self.scales = Scales(self.knobs)
        self.decoder = Decoder(recipe.width)
        self.decoder.standardise(pitch_oct, frames)
        self.encoder = Encoder()
        self.average = copy.deepcopy(self.networks())
        """Weights averaged over the last steps: these are shipped."""
        self.step = 0
        self._elements = Elements(CLIP_HOPS, recipe.seed)
        self._spectrum = MultiScaleSpectrum()
        self._fine, self._coarse = Descriptors(2 * HOP), Descriptors(levels.MEL_HOP)
        self._optimiser = torch.optim.Adam(self.networks().parameters(), recipe.rate, betas=(0.9, 0.99))

    def networks(self) -> torch.nn.ModuleDict:
        return torch.nn.ModuleDict({"decoder": self.decoder, "encoder": self.encoder})

    def advance(self) -> dict[str, float]:
        """One step; its losses."""
        recipe = self.recipe
        random = np.random.default_rng((recipe.seed, self.step))
        fall = 0.01 + 0.99 * math.cos(math.pi / 2 * self.step / recipe.steps) ** 2
        rate = recipe.rate * min(1.0, (self.step + 1) / 100) * fall
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        losses = self._losses(random)
        total = torch.stack([weight * loss for weight, loss in losses.values()]).sum()
        self._optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.networks().parameters(), 2.0)
        self._optimiser.step()
        keep = min(0.998, self.step / (self.step + 20.0))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.networks().parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        self.step += 1
        return {name: loss.item() for name, (_, loss) in losses.items()}

    def _losses(self, random: np.random.Generator) -> dict[str, tuple[float, torch.Tensor]]:
        recipe = self.recipe
        clips = self.clips.draw(recipe.batch, random)
        elements = self._elements.make(clips["f0_hz"], random)
        pitch = torch.from_numpy(clips["pitch_oct"].astype(np.float32))[:, None, None].expand(-1, CLIP_HOPS, 1)
        audio = torch.from_numpy(clips["audio"])
        half = WINDOW // 2
        target = audio[:, half:-half]
        with torch.no_grad():
            skip = half // (2 * HOP)
            described = self._fine(audio)[:, skip - 1 : skip + CLIP_HOPS // 2]
            said = torch.lerp(
                described[:, :-1, None], described[:, 1:, None], torch.tensor([0.5, 1.0])[:, None]
            ).flatten(1, 2)
        latent_frames = self.encoder(torch.from_numpy(clips["mel"]))[:, REACH:-REACH]
        noise = torch.from_numpy(random.standard_normal((recipe.batch, 1, LATENT), np.float32))
        latent = to_hops(latent_frames) + recipe.latent_noise * noise
        again = mix(self.decoder(torch.cat([pitch, said, latent], -1)), elements)

        asked, travel = self._ask(clips["pitch_oct"], random)
        swapped = torch.cat([pitch, asked, self._swap(latent.detach(), random)], -1)
        obeyed = mix(self.decoder(swapped), elements)

        wanted = asked[:, _COARSE - 1 :: _COARSE]
        inner = slice(2, _FRAMES - 2)  # the outer frames see beyond the clip
        off = _pooled(((self._coarse(obeyed) - wanted) / travel)[:, inner]).abs()
        heard = said[:, _COARSE - 1 :: _COARSE]
        audible = (heard[:, inner, :1] > -60).float()
        copy_off = (((self._coarse(again) - heard) / travel.mean((0, 1)))[:, inner] * audible).abs().clamp(max=3.0)
        return {
            "spectrum": (1.0, self._spectrum(again, target)),
            "swap": (recipe.swap_weight, off.mean()),
            "copy": (0.1, copy_off.mean()),
            "latent": (
                0.02,
                (latent_frames[:, 1:] - latent_frames[:, :-1]).abs().mean() + 0.1 * latent_frames.square().mean(),
            ),
        }

    def _ask(self, pitch_oct: np.ndarray, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Descriptors of random knob positions [batch, hops, 5] and each knob's travel there [batch, frames, 5]."""
        knobs = draw_knobs(len(pitch_oct), random).reshape(-1, 5)
        pitches = np.repeat(pitch_oct, CLIP_HOPS)
        asked = self.scales.physical_frames(pitches, knobs).reshape(-1, CLIP_HOPS, 5)
        coarse = asked[:, _COARSE - 1 :: _COARSE]
        travel = self.scales.travel(np.repeat(pitch_oct, _FRAMES), coarse.reshape(-1, 5)).reshape(coarse.shape)
        return torch.from_numpy(asked.astype(np.float32)), torch.from_numpy(travel.astype(np.float32))

    def _swap(self, latent: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        """Latents of other clips [batch, hops, LATENT]: whole, mixed in pairs, or one frame held."""
        one, other = (latent[torch.from_numpy(random.permutation(len(latent)))] for _ in range(2))
        blend = torch.from_numpy(
            (random.random((len(latent), 1, 1)) * (random.random((len(latent), 1, 1)) < 0.5)).astype(np.float32)
        )
        mixed = torch.lerp(one, other, blend)
        held = torch.from_numpy(random.random((len(latent), 1, 1)) < 0.5)
        return torch.where(held, mixed[:, random.integers(CLIP_HOPS)][:, None], mixed)

    def state(self) -> dict[str, object]:
        return {
            "step": self.step,
            "networks": self.networks().state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load(self, path: Path) -> None:
        """Take up a checkpoint of the same recipe."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.networks().load_state_dict(state["networks"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part")
        torch.save(self.state(), part)
        part.replace(path)


def _pooled(frames: torch.Tensor) -> torch.Tensor:
    whole = frames.shape[1] // _POOL * _POOL
    return frames[:, :whole].unflatten(1, (-1, _POOL)).mean(2)


def run(training: Training, checkpoint: Path, *, every: int = 500) -> None:
    """Train to the recipe's last step, from `checkpoint` where there is one."""
    if checkpoint.is_file():
        training.load(checkpoint)
    smooth: dict[str, float] = {}
    with tqdm(total=training.recipe.steps, initial=training.step, desc="training", unit="step", mininterval=5.0) as bar:
        while training.step < training.recipe.steps:
            for name, loss in training.advance().items():
                smooth[name] = loss if name not in smooth else 0.98 * smooth[name] + 0.02 * loss
            bar.update()
            bar.set_postfix({name: f"{loss:.3f}" for name, loss in smooth.items()}, refresh=False)
            if training.step % every == 0 or training.step == training.recipe.steps:
                training.save(checkpoint)
