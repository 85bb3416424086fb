"""One training run: networks, optimiser, and the step it has come to.

Every draw comes from (seed, step), so a run that was stopped and resumed ends bit for bit where one that was not, and
processes that share the clips of every step see what one would. They learn nearly the same: some small losses are
statistics of a batch, and each process knows its own rows.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from neurorack.bundle import Knob
from neurorack.ears.descriptors import WINDOW
from neurorack.errors import BadInput
from neurorack.learn import scales
from neurorack.learn.clips import CLIP_HOPS, COARSE, FRAMES, Batch, Clips
from neurorack.learn.corpus import Corpus
from neurorack.learn.descent import Descent
from neurorack.learn.heard import as_heard, ripple_hops
from neurorack.learn.networks.decoder import WIDTH
from neurorack.learn.networks.encoder import WIDTH as ENCODER_WIDTH
from neurorack.learn.networks.excite import Elements
from neurorack.learn.networks.objective import Lesson, Objective, Weights
from neurorack.learn.networks.still import nearest
from neurorack.learn.trim.joined import Joined
from neurorack.patch.knobs import Scales
from neurorack.words import C4_HZ, HOP, KINDS

STEPS_PER_MINUTE = 300
"""What two cores do; turns minutes into steps, so that a run depends on its seed and not on the machine's mood."""

LATENT = {"pitched": 8, "percussive": 8, "speaking": 16}

_GROUPS = 4
"""One, two or four processes share the very same clips and draws."""
_CURVES = 0.3
"""Share of the swaps that are asked to go where another clip's descriptors go."""
_GLANCES = 128
"""Frames that the adversary reads for each clip of a step."""
STILLS = 40
"""Knob positions at rest that are asked for at the pitch of each clip of a step."""
_LIKELY_JUMP = 0.25
_NEAR = 0.12
"""Deviation of a resting knob from ½."""
_PITCHES_OCT = {"pitched": (-3.0, 4.0), "percussive": (-2.0, 2.0), "speaking": (-2.0, 2.0)}
"""Pitches a swap is played at: of a pitched instrument anywhere, of the others so far from the sound's own."""
_OWN_PITCH = 0.3
_OCTAVES_MAX = 4.5


@dataclass(frozen=True)
class Recipe:
    """What a run is made of."""

    kind: str
    steps: int
    seed: int = 0
    batch: int = 12
    width: int | tuple[int, ...] = WIDTH
    """Of the decoder's hidden layers: of all, or of each."""
    encoder: int | tuple[int, int] = ENCODER_WIDTH
    """Of the encoder's."""
    latent: int = 8
    rate: float = 2e-3
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        """ValueError where no training could be made of it: a recipe may come out of a stranger's file."""
        widths = [width for of in (self.width, self.encoder) for width in ((of,) if isinstance(of, int) else of)]
        sizes = self.steps >= 1 and 1 <= self.batch <= 4096 and 1 <= self.latent <= 64
        sizes = sizes and self.width != () and len(widths) <= 64 and all(1 <= width <= 4096 for width in widths)
        if self.kind not in KINDS or not sizes or self.seed < 0 or not 0.0 < self.rate < 1.0:
            raise ValueError("a recipe of impossible numbers")


@dataclass(frozen=True, eq=False)
class Material:
    """What runs learn from, made once for all of them."""

    kind: str
    clips: Clips
    pitch_oct: np.ndarray
    """[rows] of frames of the sounds, and of what they would be at other pitches."""
    descriptors: np.ndarray
    """[rows, 5] of the same frames."""
    knobs: list[Knob]

    @classmethod
    def of(cls, corpus: Corpus, seed: int, *, progress: bool = False) -> "Material":
        clips = Clips(corpus, progress=progress)
        pitch_oct, descriptors = scales.sample(corpus, seed)
        return cls(corpus.kind, clips, pitch_oct, descriptors, scales.fit(pitch_oct, descriptors))


class Training:
    """`advance` step by step. `world` processes share every step's clips; `rank` is this one's number."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus | Material,
        device: str = "cpu",
        world: int = 1,
        rank: int = 0,
        *,
        progress: bool = False,
    ) -> None:
        if recipe.batch % math.lcm(_GROUPS, world):
            mend = f"use a batch that is a multiple of {math.lcm(_GROUPS, world)}"
            raise BadInput(f"{world} processes cannot share a batch of {recipe.batch}", "training", mend)
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        material = corpus if isinstance(corpus, Material) else Material.of(corpus, recipe.seed, progress=progress)
        self.clips, self.knobs = material.clips, material.knobs
        self.scales = Scales(self.knobs)
        self.objective = Objective(
            recipe.kind, recipe.width, recipe.latent, recipe.weights, recipe.seed, recipe.encoder
        )
        self.objective.decoder.standardise(material.pitch_oct, material.descriptors)
        self.objective.adversary.standardise(np.column_stack([material.pitch_oct, material.descriptors]))
        self.objective.to(device)
        shipped = Joined({"decoder": self.objective.decoder, "encoder": self.objective.encoder})
        self._descent = Descent(self.objective, shipped, recipe.steps, recipe.rate, (0.9, 0.99))
        self._world, self._rows = world, slice(rank, None, world)
        self._elements = Elements(CLIP_HOPS, recipe.seed, device)
        self._spread: torch.nn.Module = self.objective
        if world > 1:
            self._spread = torch.nn.parallel.DistributedDataParallel(self.objective)

    @property
    def step(self) -> int:
        return self._descent.step

    @property
    def network(self) -> Objective:
        """All that learns."""
        return self.objective

    @property
    def average(self) -> Joined:
        """Decoder and encoder, their weights averaged over the last steps: these are shipped."""
        average: Joined = self._descent.average
        return average

    def advance(self) -> dict[str, float]:
        """One step; its weighted losses, over all processes. FloatingPointError names one that is no number."""
        random = np.random.default_rng((self.recipe.seed, self.step))
        losses = self._spread(self.lesson(random), self._descent.ramp)
        said = self._said(losses)
        self._descent.take(losses)
        return said

    def _said(self, losses: dict[str, torch.Tensor]) -> dict[str, float]:
        values = torch.stack([loss.detach() for loss in losses.values()])
        if self._world > 1:
            torch.distributed.all_reduce(values)
            values /= self._world
        said = dict(zip(losses, values.tolist(), strict=True))
        for name, value in said.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss {name!r}")
        return said

    def lesson(self, random: np.random.Generator) -> Lesson:
        """What one step learns from, drawn for all processes and cut down to this one's clips."""
        count, recipe = self.recipe.batch, self.recipe
        clips = self.clips.draw(count, random)
        orders = self._orders(random)
        swap_f0_hz = self._swap_pitch(clips, orders[0], random)
        swap_octaves = clips.octaves[orders[0]]
        modal = self.objective.modal
        if modal:
            struck = -random.integers(0, 24_000, count)
            elements = self._elements.modal(clips.f0_hz, clips.octaves, clips.strike, random)
            swap_elements = self._elements.modal(swap_f0_hz, swap_octaves, struck, random)
        else:
            elements = self._elements.harmonic(clips.f0_hz, random)
            swap_elements = self._elements.harmonic(swap_f0_hz, random)
        asked = self._ask(clips, orders[1], swap_f0_hz, random)
        wanted, travel = self._want(swap_f0_hz, asked)
        blend = random.random((count, 1, 1)) * (random.random((count, 1, 1)) < 0.5)
        held = np.where(random.random(count) < 0.5, random.integers(0, FRAMES + 1, count), -1)
        glances, glanced = self.clips.glances.draw(_GLANCES * count, random)
        draw = random.standard_normal((count, FRAMES + 1, recipe.latent), np.float32)
        still_oct, still_asked, still_travel = self._ask_still(clips, orders[0], random)
        rows = self._rows

        def tensor(values: np.ndarray) -> torch.Tensor:
            kind = np.float32 if values.dtype.kind == "f" else np.int64
            return torch.from_numpy(np.ascontiguousarray(values[rows], kind)).to(self.device)

        return Lesson(
            audio=tensor(clips.audio),
            features=tensor(clips.features),
            pitch_oct=tensor(_octaves(clips.f0_hz)[..., None]),
            said=tensor(clips.said),
            glances=tensor(glances),
            glanced=tensor(glanced),
            bandwidth_hz=tensor(clips.bandwidth_hz),
            octaves=tensor(clips.octaves[:, None]) if modal else None,
            strike=tensor(clips.strike),
            elements=elements[rows],
            draw=tensor(draw),
            swap_pitch_oct=tensor(_octaves(swap_f0_hz)[..., None]),
            swap_octaves=tensor(swap_octaves[:, None]) if modal else None,
            swap_elements=swap_elements[rows],
            asked=tensor(asked),
            wanted=tensor(wanted),
            travel=tensor(travel),
            still_pitch_oct=tensor(still_oct[:, None, None]),
            still_octaves=tensor(swap_octaves[:, None]) if modal else None,
            still_asked=tensor(still_asked),
            still_travel=tensor(still_travel),
            orders=torch.from_numpy(orders[:, rows] // self._world).to(self.device),
            blend=tensor(blend),
            held=tensor(held),
        )

    def _orders(self, random: np.random.Generator) -> np.ndarray:
        """[2, n]: clips that lend each clip their latents, always from within one of a step's groups, so that no
        process needs what another one has."""
        groups = math.lcm(_GROUPS, self._world)
        members = np.arange(self.recipe.batch).reshape(-1, groups)
        return np.stack([random.permuted(members, axis=0).reshape(-1) for _ in range(2)])

    def _swap_pitch(self, clips: Batch, order: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Pitches [n, hops] of the swaps, in Hz."""
        own = clips.f0_hz[order]
        low, high = _PITCHES_OCT[self.recipe.kind]
        drawn = random.uniform(low, high, (len(own), 1))
        keep = random.random((len(own), 1)) < _OWN_PITCH
        if self.recipe.kind == "pitched":
            played = np.broadcast_to(C4_HZ * np.exp2(drawn), own.shape)
        else:
            played = own * np.exp2(drawn)
        limits = C4_HZ * np.exp2([-_OCTAVES_MAX, _OCTAVES_MAX])
        return np.clip(np.where(keep, own, played), *limits)

    def _ask(self, clips: Batch, order: np.ndarray, f0_hz: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Descriptors [n, hops, 5] of random knob positions or, of some clips, of where those of another clip go."""
        pitch_oct = _octaves(f0_hz)
        knobs = draw_knobs(len(f0_hz), random)
        asked = self.scales.physical_frames(pitch_oct.reshape(-1), _rows(knobs)).reshape(knobs.shape)
        curve = random.random(len(f0_hz)) < _CURVES
        if curve.any():
            own = order[curve]
            there = _octaves(clips.f0_hz[own])
            said = np.stack([as_heard(clips.said[i], ripple_hops(float(np.median(clips.f0_hz[i])))) for i in own])
            places = self.scales.position_frames(there.reshape(-1), _rows(said))
            curves = self.scales.physical_frames(pitch_oct[curve].reshape(-1), places, said[..., 0].reshape(-1))
            asked[curve] = curves.reshape(said.shape)
        return asked

    def _want(self, f0_hz: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a window should hear of what is asked [n, frames, 5], and how far each knob travels there."""
        wanted = as_heard(asked, WINDOW // HOP)[:, COARSE - 1 :: COARSE]
        places = _octaves(f0_hz)[:, COARSE - 1 :: COARSE].reshape(-1)
        travel = self.scales.travel(places, _rows(wanted))
        return wanted, travel.reshape(wanted.shape)

    def _ask_still(self, clips: Batch, order: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """(pitches [n] in octaves from C4, descriptors asked [n, STILLS, 5], how far each knob travels there)."""
        pitch_oct = nearest(_octaves(self._swap_pitch(clips, order, random)[:, CLIP_HOPS // 2]))
        each = np.repeat(pitch_oct, STILLS)
        asked = self.scales.physical_frames(each, _draw_ends(1, len(each), random)[0])
        shape = (len(pitch_oct), STILLS, -1)
        return pitch_oct, asked.reshape(shape), self.scales.travel(each, asked).reshape(shape)

    def state(self) -> dict[str, object]:
        return self._descent.state()

    def load_state(self, state: dict) -> None:
        """Go on from the state of a run by the same recipe."""
        self._descent.load_state(state)


def draw_knobs(count: int, random: np.random.Generator) -> np.ndarray:
    """Knob positions [count, CLIP_HOPS, 5]. In half of the clips all are anywhere, the ends included; in the others all
    but one rest near ½, as a player's do. In more than a third of the clips some of them move, along a line or, one
    time in four, in a jump."""
    ends = _draw_ends(2, count, random)
    still = random.random((count, 5)) < np.where(random.random((count, 1)) < 0.5, 1.0, 0.5)
    ends[1] = np.where(still, ends[0], ends[1])
    line = np.broadcast_to(np.arange(1, CLIP_HOPS + 1) / CLIP_HOPS, (count, CLIP_HOPS))
    jump = np.arange(CLIP_HOPS) >= random.integers(1, CLIP_HOPS, (count, 1))
    way = np.where(random.random((count, 1)) < _LIKELY_JUMP, jump, line)[..., None]
    knobs: np.ndarray = ends[0][:, None] + (ends[1] - ends[0])[:, None] * way
    return knobs


def _draw_ends(ends: int, count: int, random: np.random.Generator) -> np.ndarray:
    """[ends, count, 5] where knobs start from and go to; what rests near ½ stays there."""
    anywhere = np.clip(random.uniform(-0.1, 1.1, (ends, count, 5)), 0, 1)
    near = np.clip(0.5 + _NEAR * random.standard_normal((count, 5)), 0, 1)
    alone = np.arange(5) == random.integers(0, 5, (count, 1))
    resting = (random.random((count, 1)) < 0.5) & ~alone
    return np.where(resting, near, anywhere)


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _octaves(f0_hz: np.ndarray) -> np.ndarray:
    return np.log2(f0_hz / C4_HZ)
