"""What the families are trained for: to say a clip again from what the module's gestures hold of it.

A frame's controls are its pitch, its descriptors and its latent, as they stand at the end of the frame's first hop: so
much is known when the frame begins to sound. The latent is that of an encoder that has learned already and stays as it
is, an instrument's own. So a family's task is its decoder's alone, and what comes of it plays that instrument's
gestures.

    ddsp, sing   multi-scale spectrum of clips of 0.256 s
    wavenet      cross-entropy of each sample's step of µ-law, in nats, given those before it, at 16 kHz
"""

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import soxr
import torch

from neurorack.ears.descriptors import WINDOW
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.learn import scales
from neurorack.learn.clips import CLIP_HOPS, Batch, Clips
from neurorack.learn.corpus import Corpus
from neurorack.learn.descent import Descent
from neurorack.learn.families import ddsp, sing, wavenet
from neurorack.learn.gestures import Encode
from neurorack.learn.networks.excite import Elements
from neurorack.learn.networks.losses import MultiScaleSpectrum
from neurorack.learn.networks.objective import to_hops
from neurorack.learn.trim.groups import Trimmable, Widths
from neurorack.learn.trim.sounds import Sounds
from neurorack.words import C4_HZ, HOP, SAMPLE_RATE_HZ

TRAINED, HELD_OUT = 480, 120
"""Sounds to learn from, and in each of the other splits: what is heard, described and kept in half a minute."""

_HEARD = (0, 1, 2)
"""Level, centroid and bandwidth of what is said: what units may know something about."""
_VALIDATED, _TESTED = 24, 48
"""Lessons of a loss: 48 clips or more, and 96."""
_EXAM = 1 << 40
"""Seed of lessons that nobody learns from."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """Clips to be said again: n of them."""

    controls: torch.Tensor  # [n, frames, 6 + latent]
    given: torch.Tensor | None  # what the network takes beside its controls
    wanted: torch.Tensor  # [n, samples], or steps of µ-law
    bandwidth_hz: torch.Tensor  # [n]

    def on(self, device: str) -> "Lesson":
        parts = (getattr(self, field.name) for field in fields(self))
        return Lesson(*(part if part is None else part.to(device) for part in parts))


@cache
def _elements(device: str) -> Elements:
    return Elements(CLIP_HOPS, device=device)


@cache
def _spectrum(device: str) -> MultiScaleSpectrum:
    return MultiScaleSpectrum().to(device)


class FamilyTask(abc.ABC):
    """A family's decoder. `dense` widths, where they are not the family's own. It learns on `device`; what is judged
    and scored is in the host's memory."""

    name: str
    batch: int
    """Clips of a step."""
    frame_hops: int
    """Hops of one of its frames."""
    rate: float
    """Of Adam: of 1e-3 and its multiples by 3, 6 and 12 as far as each went on falling, the best on the validation set
    after a fifth to a half of a dense training's steps."""

    def __init__(
        self,
        sounds: Sounds,
        encode: Encode,
        latent: int,
        dense: Widths | None = None,
        device: str = "cpu",
        *,
        progress: bool = False,
    ) -> None:
        self.latent, self._encode, self._device, self._progress = latent, encode, device, progress
        self._sounds = sounds.thinned(TRAINED, HELD_OUT)
        self.widths: Widths = dict(dense or self.make(None).widths)
        self.clips = Clips(self._sounds.train, progress=progress)
        self._frames = scales.sample(self._sounds.train)

    @abc.abstractmethod
    def make(self, widths: Widths | None) -> Any:
        """The family's network, of its dense widths by default."""

    def given(self, clips: Batch, random: np.random.Generator, device: str) -> torch.Tensor | None:
        return None

    def wanted(self, clips: Batch) -> torch.Tensor:
        return torch.from_numpy(clips.audio[:, WINDOW // 2 : -WINDOW // 2].copy())

    @abc.abstractmethod
    def loss(self, model: Any, batch: Lesson) -> torch.Tensor: ...

    @abc.abstractmethod
    def show(self, model: Any, batch: Lesson) -> torch.Tensor: ...

    def target(self, batch: Lesson) -> torch.Tensor:
        return batch.controls[..., 1:][..., _HEARD]

    def at_frames(self, units: torch.Tensor) -> torch.Tensor:
        """As it is where a frame is a position, its root mean square over the frame where it is many."""
        frames = CLIP_HOPS // self.frame_hops
        if units.shape[2] != frames:
            units = torch.nn.functional.adaptive_avg_pool1d(units.square(), frames).sqrt()
        return units.transpose(1, 2)

    def run(self, widths: Widths, steps: int, seed: int) -> "FamilyRun":
        torch.manual_seed(seed)
        network = self.make(widths)
        network.standard.take(*self._frames)
        network.to(self._device)
        return FamilyRun(network, self.loss, partial(self.lesson, device=self._device), steps, seed, self.rate)

    def batches(self, count: int, seed: int) -> Sequence[Lesson]:
        return [self.lesson(np.random.default_rng((_EXAM, seed, number))) for number in range(count)]

    def validation_loss(self, model: Any) -> float:
        return self._mean_loss(model, self._validation, _VALIDATED)

    def test_loss(self, model: Any) -> float:
        return self._mean_loss(model, self._test, _TESTED)

    def lesson(self, random: np.random.Generator, clips: Clips | None = None, device: str = "cpu") -> Lesson:
        drawn = (clips or self.clips).draw(self.batch, random)
        latent = np.stack([self._encode(shown)[BEHIND:-AHEAD] for shown in drawn.features])
        pitch_oct = np.log2(drawn.f0_hz[..., None] / C4_HZ)
        known = np.concatenate([pitch_oct, drawn.said, to_hops(torch.from_numpy(latent)).numpy()], 2)
        controls = torch.from_numpy(known[:, :: self.frame_hops].astype(np.float32))
        given, bandwidth_hz = self.given(drawn, random, device), torch.from_numpy(drawn.bandwidth_hz.copy())
        return Lesson(controls, given, self.wanted(drawn), bandwidth_hz).on(device)

    @cached_property
    def _validation(self) -> Clips:
        return self._hear(self._sounds.validation)

    @cached_property
    def _test(self) -> Clips:
        return self._hear(self._sounds.test)

    def _hear(self, corpus: Corpus) -> Clips:
        return Clips(corpus, progress=self._progress)

    def _mean_loss(self, model: Any, clips: Clips, count: int) -> float:
        with torch.no_grad():
            lessons = (self.lesson(np.random.default_rng((_EXAM, number)), clips) for number in range(count))
            return sum(self.loss(model, lesson).item() for lesson in lessons) / count


class _SpectralTask(FamilyTask):
    """Of a network that gives 48 kHz of sound."""

    def loss(self, model: Any, batch: Lesson) -> torch.Tensor:
        judge = _spectrum(str(batch.wanted.device))
        loss: torch.Tensor = judge(self.show(model, batch), batch.wanted, batch.bandwidth_hz).mean()
        return loss


class DdspTask(_SpectralTask):
    name, frame_hops, rate = "ddsp", 1, 3e-3
    batch = 4
    """A step of 12 took 0.29 s of one core, half of it in a recurrent layer of 192 steps, a fifth in the harmonics."""

    def make(self, widths: Widths | None) -> ddsp.Ddsp:
        return ddsp.Ddsp(widths, self.latent)

    def given(self, clips: Batch, random: np.random.Generator, device: str) -> torch.Tensor:
        return ddsp.heard(_elements(device).harmonic(clips.f0_hz, random))

    def show(self, model: Any, batch: Lesson) -> torch.Tensor:
        audio: torch.Tensor = model(batch.controls, batch.given)[0]
        return audio


class SingTask(_SpectralTask):
    name, frame_hops, rate = "sing", sing.HOP // HOP, 3e-3
    batch = 6

    def make(self, widths: Widths | None) -> sing.Sing:
        return sing.Sing(widths, self.latent)

    def show(self, model: Any, batch: Lesson) -> torch.Tensor:
        audio: torch.Tensor = model(batch.controls)[0]
        return audio


class WaveNetTask(FamilyTask):
    name, frame_hops = "wavenet", wavenet.HOP * SAMPLE_RATE_HZ // wavenet.SAMPLE_RATE_HZ // HOP
    rate = 1.2e-2
    batch = 2
    """Each step of it costs as much as several of the others'."""

    def make(self, widths: Widths | None) -> wavenet.WaveNet:
        return wavenet.WaveNet(widths, self.latent)

    def given(self, clips: Batch, random: np.random.Generator, device: str) -> torch.Tensor:
        return wavenet.before(self.wanted(clips))

    def wanted(self, clips: Batch) -> torch.Tensor:
        times = SAMPLE_RATE_HZ // wavenet.SAMPLE_RATE_HZ
        margin = WINDOW // 2 // times
        around = slice(WINDOW // 2 - margin * times, margin * times - WINDOW // 2)
        low = soxr.resample(clips.audio[:, around].T, SAMPLE_RATE_HZ, wavenet.SAMPLE_RATE_HZ)
        return wavenet.to_steps(torch.from_numpy(np.ascontiguousarray(low[margin : len(low) - margin].T)))

    def loss(self, model: Any, batch: Lesson) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.show(model, batch).flatten(0, 1), batch.wanted.flatten())

    def show(self, model: Any, batch: Lesson) -> torch.Tensor:
        logits: torch.Tensor = model(batch.given, batch.controls)[0]
        return logits


TASKS: dict[str, type[FamilyTask]] = {task.name: task for task in (DdspTask, SingTask, WaveNetTask)}


class FamilyRun:
    """One training; every draw comes from (seed, step)."""

    def __init__(
        self,
        network: Trimmable,
        loss: Callable[[Any, Lesson], torch.Tensor],
        lesson: Callable[[np.random.Generator], Lesson],
        steps: int,
        seed: int,
        rate: float,
    ) -> None:
        self.network: Any = network
        self._loss, self._lesson, self._seed = loss, lesson, seed
        self._descent = Descent(self.network, self.network, steps, rate, (0.9, 0.99))

    @property
    def average(self) -> Any:
        return self._descent.average

    @property
    def step(self) -> int:
        return self._descent.step

    def advance(self) -> dict[str, float]:
        """FloatingPointError where the loss is no number."""
        self.network.train()
        loss = self._loss(self.network, self._lesson(np.random.default_rng((self._seed, self.step))))
        said: float = loss.item()
        if not math.isfinite(said):
            raise FloatingPointError("the loss")
        self._descent.take({"loss": loss})
        return {"loss": said}

    def state(self) -> dict[str, Any]:
        return self._descent.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from the state of a run of the same network."""
        self._descent.load_state(state)
