"""Our own instrument as something to trim: decoder and encoder together, learnt as `train.Training` learns.

Of the objective's losses these count in validation, test and scores, at their weights in training:

    spectrum, copy   a sound it has not learned from, said again: what players hear first
    swap, still      any knobs, with any sound's latent: whether the instrument obeys

The others shape the latent while it learns (kl, spread, smooth, cycle), or are the opinion of networks that do not ship
and that every run draws anew (told, keep, critic, room): from run to run they cannot be compared.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn.clips import CLIP_HOPS, Clips
from neurorack.learn.networks.decoder import Decoder
from neurorack.learn.networks.encoder import Encoder
from neurorack.learn.networks.objective import Lesson, Objective, to_hops
from neurorack.learn.train import Material, Recipe, Training
from neurorack.learn.trim.groups import Widths
from neurorack.learn.trim.joined import Joined
from neurorack.learn.trim.sounds import Sounds

COUNTED = ("spectrum", "copy", "swap", "still")

HEARD = (0, 1, 2)
"""Level, centroid and bandwidth of what is said: what units may know something about."""

_VALIDATED, _TESTED = 8, 16
"""Lessons of a loss."""
_EXAM = 1 << 40
"""Seed of lessons that nobody learns from."""


class InstrumentTask:
    """Training by `recipe`, whose widths are the dense network's, on `device`. What is judged and scored is in the
    host's memory."""

    name = "instrument"

    def __init__(self, recipe: Recipe, sounds: Sounds, device: str = "cpu", *, progress: bool = False) -> None:
        self.recipe, self.sounds, self._device = recipe, sounds, device
        self._progress = progress
        self._material = Material.of(sounds.train, recipe.seed, progress=progress)
        self.knobs = self._material.knobs
        modal = recipe.kind == "percussive"
        decoder, encoder = Decoder(recipe.width, recipe.latent, modal=modal), Encoder(recipe.latent, recipe.encoder)
        self.widths: Widths = Joined({"decoder": decoder, "encoder": encoder}).widths

    def run(self, widths: Widths, steps: int, seed: int) -> Training:
        hidden = tuple(width for group, width in widths.items() if group.startswith("decoder."))
        first, second = (widths[f"encoder.layer{i}"] for i in range(2))
        recipe = replace(self.recipe, width=hidden, encoder=(first, second), steps=steps, seed=seed)
        return Training(recipe, self._material, self._device)

    def batches(self, count: int, seed: int) -> Sequence[Lesson]:
        return self._lessons(self._teacher, count, seed)

    def loss(self, model: Any, batch: Lesson) -> torch.Tensor:
        judge = self._judge
        judge.decoder, judge.encoder = model["decoder"], model["encoder"]
        losses = judge(batch, 0.0)
        return torch.stack([losses[name] for name in COUNTED if name in losses]).sum()

    def show(self, model: Any, batch: Lesson) -> torch.Tensor:
        """Gains of the clips said again."""
        latent, _ = model["encoder"](batch.features)
        known = (batch.pitch_oct, batch.said, to_hops(latent[:, BEHIND:-AHEAD]))
        gains: torch.Tensor = model["decoder"](torch.cat(known, -1), batch.octaves)
        return gains

    def target(self, batch: Lesson) -> torch.Tensor:
        return batch.said[..., HEARD]

    def at_frames(self, units: torch.Tensor) -> torch.Tensor:
        """The decoder's pass hop by hop; the encoder's every fourth hop and beyond both ends, as its latent does."""
        passed = units.transpose(1, 2)
        return passed if passed.shape[1] == CLIP_HOPS else to_hops(passed[:, BEHIND:-AHEAD])

    def validation_loss(self, model: Any) -> float:
        return self._mean_loss(model, self._validator, _VALIDATED)

    def test_loss(self, model: Any) -> float:
        return self._mean_loss(model, self._tester, _TESTED)

    @cached_property
    def _teacher(self) -> Training:
        return self._asking(self._material)

    @cached_property
    def _validator(self) -> Training:
        return self._asking(replace(self._material, clips=Clips(self.sounds.validation, progress=self._progress)))

    @cached_property
    def _tester(self) -> Training:
        return self._asking(replace(self._material, clips=Clips(self.sounds.test, progress=self._progress)))

    def _asking(self, material: Material) -> Training:
        """A training that never trains: it only draws lessons."""
        return Training(replace(self.recipe, width=(1,), encoder=(1, 1)), material)

    @cached_property
    def _judge(self) -> Objective:
        """The objective without what does not count."""
        recipe = self.recipe
        weights = replace(recipe.weights, cycle=0.0, adversary=0.0, keep=0.0, critic=0.0, room=0.0)
        return Objective(recipe.kind, 1, recipe.latent, weights, recipe.seed, 1)

    def _lessons(self, asking: Training, count: int, seed: int) -> list[Lesson]:
        return [asking.lesson(np.random.default_rng((_EXAM, seed, number))) for number in range(count)]

    def _mean_loss(self, model: Any, asking: Training, count: int) -> float:
        """Lessons are drawn one by one: a hundred MB each."""
        with torch.no_grad():
            total = sum(self.loss(model, asking.lesson(np.random.default_rng((_EXAM, n)))).item() for n in range(count))
        return total / count
