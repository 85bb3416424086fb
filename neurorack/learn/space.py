"""A space of gestures: from those of a whole corpus to `space.onnx`, which finds new ones near a chosen one.

    points [frames, P]  of gestures (`patch.found`)      steps [frames, D]  in the space
    → changes [frames, P]: what decoding says after the step, less what it says before

A gesture's points, weighed by what is heard of them, go onto COMPONENTS principal axes; a small variational
auto-encoder makes COORDINATES of those. Its noise is that which is left (sigma-VAE, Rybkin et al., ICML 2021), so
nothing is tuned by hand. Coordinates are sorted by how much decoding moves with each. A coordinate is bent at
BEND before it is decoded, so that no step leaves what was learnt from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from neurorack.bundle import Gesture
from neurorack.learn.corpus import Corpus
from neurorack.learn.export import GraphWriter
from neurorack.learn.gestures import Cut, Encode, cut
from neurorack.patch.found import points
from neurorack.patch.gestures import Trajectory
from neurorack.patch.knobs import Scales
from neurorack.words import KNOTS, STAGES

FIGURES = "space_"
"""What the names of a space's figures begin with."""
SOUNDS, LEAST = 300, 48
"""Cut into gestures, 60 ms each; with fewer there is no space."""
COMPONENTS, COORDINATES, WIDTH = 24, 8, 64
STEPS, BATCH, RATE = 1500, 128, 2e-3
"""Some ten seconds of one core."""
BEND = 3.0

HEARD = np.array([0.4, 3.0, 0.1, 0.1, 0.1, 0.1])
"""Differences of pitch, level and knobs that weigh the same; a melody or a tail must not outweigh a timbre."""
HEARD_LATENT, HEARD_LENGTH_OCT, HEARD_PARTIAL_OCT = 0.5, 0.1, 0.15


def gathered(corpus: Corpus, scales: Scales, encode: Encode, count: int = SOUNDS) -> np.ndarray:
    """Points [gestures, P] of up to `count` sounds, evenly from the corpus."""
    sounds, count = corpus.sounds, min(count, len(corpus))
    chosen = [sounds[i * len(sounds) // count] for i in range(count)]
    return np.stack([points_of(as_gesture(cut("", sound, corpus.kind, scales, encode))) for sound in chosen])


def as_gesture(made: Cut) -> Gesture:
    """A cut gesture as a bundle gives it."""
    start, end = (int(mark) for mark in made.marks)
    return Gesture(made.name, made.latent, made.descriptors, made.median, start, end, made.pitch, made.partials)


def points_of(gesture: Gesture) -> np.ndarray:
    """[P] float32."""
    played = Trajectory(gesture)
    return points(played.rows, played.stages, played.partials)


def heard_of(latent: int, partials: int) -> np.ndarray:
    """[P]: differences of points that weigh the same."""
    row = np.concatenate([HEARD, np.full(latent, HEARD_LATENT)])
    return np.concatenate([np.tile(row, KNOTS), [HEARD_LENGTH_OCT] * STAGES, [HEARD_PARTIAL_OCT] * partials])


class Coder(nn.Module):
    """Scores [n, COMPONENTS] → coordinates [n, COORDINATES] → scores."""

    def __init__(self, components: int, coordinates: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(components, WIDTH), nn.ELU(), nn.Linear(WIDTH, 2 * coordinates))
        self.decode = nn.Sequential(nn.Linear(coordinates, WIDTH), nn.ELU(), nn.Linear(WIDTH, components))

    def said(self, coordinates: torch.Tensor) -> torch.Tensor:
        bent: torch.Tensor = self.decode(BEND * torch.tanh(coordinates / BEND))
        return bent


@dataclass(frozen=True, eq=False)
class Space:
    """`axes` [components, P] in units of `heard` about `mean`, both [P]; scores are divided by `scale`."""

    mean: np.ndarray
    heard: np.ndarray
    axes: np.ndarray
    scale: float
    coder: Coder

    def scores(self, of: np.ndarray) -> torch.Tensor:
        """[n, components] of points [n, P]."""
        return torch.tensor((of - self.mean) / self.heard @ self.axes.T / self.scale, dtype=torch.float32)

    @torch.no_grad()
    def coordinates(self, of: np.ndarray) -> torch.Tensor:
        """[n, COORDINATES] of points [n, P]."""
        found: torch.Tensor = self.coder.encode(self.scores(of)).chunk(2, dim=-1)[0]
        return found

    @torch.no_grad()
    def said(self, coordinates: torch.Tensor) -> np.ndarray:
        """Points [n, P] of coordinates."""
        scores = self.coder.said(coordinates).double().numpy()
        again: np.ndarray = scores * self.scale @ self.axes * self.heard + self.mean
        return again


def train(of: np.ndarray, heard: np.ndarray, seed: int = 0) -> Space:
    """A space of points [n, P]. The random state stays as it was."""
    mean = of.mean(axis=0, dtype=np.float64)
    weighed = (of - mean) / heard
    axes = np.linalg.svd(weighed, full_matrices=False)[2][: min(COMPONENTS, len(of) - 1)]
    scale = float((weighed @ axes.T).std(axis=0).max())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        space = Space(mean, heard, axes, scale, Coder(len(axes), COORDINATES))
        _descend(space.coder, space.scores(of))
    _sort(space, of)
    return space


def _descend(coder: Coder, scores: torch.Tensor) -> None:
    optimiser = torch.optim.AdamW(coder.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        batch = scores[torch.randint(len(scores), (BATCH,))]
        mean, log_variance = coder.encode(batch).chunk(2, dim=-1)
        said = coder.said(mean + torch.randn_like(mean) * (0.5 * log_variance).exp())
        missed = ((said - batch) ** 2).mean()
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=-1).mean()
        loss = 0.5 * batch.shape[1] * missed.log() + divergence
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _sort(space: Space, of: np.ndarray) -> None:
    """Coordinates in the order of how far decoding moves along each: their variance, as it is heard."""
    coordinates = space.coordinates(of)
    moved = []
    for column in range(COORDINATES):
        without = coordinates.clone()
        without[:, column] = 0.0
        moved.append(float(((space.coder.said(coordinates) - space.coder.said(without)) ** 2).mean()))
    order = torch.tensor(np.argsort(moved)[::-1].copy())
    last, first = space.coder.encode[-1], space.coder.decode[0]
    both = torch.cat([order, order + COORDINATES])
    last.weight.copy_(last.weight[both])
    last.bias.copy_(last.bias[both])
    first.weight.copy_(first.weight[:, order])


def export_space(space: Space, path: Path) -> None:
    """Write the graph. One matrix leads onto the axes and back."""
    g = GraphWriter()
    heard, axes = space.heard * space.scale, g.constant("axes", space.axes)
    less = g.add("Sub", "points", g.constant("mean", space.mean), out="about_mean")
    weighed = g.add("Div", less, g.constant("heard", heard), out="weighed")
    across = g.add("Transpose", axes, out="axes_across", perm=[1, 0])
    x = g.add("MatMul", weighed, across, out="scores")
    first, last = space.coder.encode[0], space.coder.encode[-1]
    x = g.add("Elu", g.linear("encoded", x, *_weights(first)), out="encoded_elu")
    weight, bias = _weights(last)
    before = g.linear("coordinates", x, weight[:, :COORDINATES], bias[:COORDINATES])
    after = g.add("Add", before, "steps", out="coordinates_after")
    bend = g.constant("bend", np.array(BEND))
    layers = []
    for i, layer in enumerate((space.coder.decode[0], space.coder.decode[-1])):
        weight, bias = _weights(layer)
        layers.append((g.constant(f"decode_{i}_weight", weight), g.constant(f"decode_{i}_bias", bias)))
    said = []
    for name, x in (("before", before), ("after", after)):
        x = g.add("Tanh", g.add("Div", x, bend, out=f"{name}_unbent"), out=f"{name}_tanh")
        x = g.add("Mul", x, bend, out=f"{name}_bent")
        x = g.add("Elu", g.add("Gemm", x, *layers[0], out=f"{name}_hidden"), out=f"{name}_elu")
        said.append(g.add("Gemm", x, *layers[1], out=f"{name}_scores"))
    change = g.add("MatMul", g.add("Sub", said[1], said[0], out="scores_changed"), axes, out="changes_weighed")
    g.add("Mul", change, "heard", out="changes")
    size = len(space.mean)
    inputs: dict[str, list] = {"points": ["frames", size], "steps": ["frames", COORDINATES]}
    g.save(path, "space", inputs, {"changes": ["frames", size]})


def _weights(layer: nn.Linear) -> tuple[np.ndarray, np.ndarray]:
    """(weight [inputs, outputs], bias)."""
    return layer.weight.detach().numpy().T, layer.bias.detach().numpy()


def figures(space: Space, held_out: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    """How far what is said again is from gestures that were never seen [n, P], in steps of `heard`, root of the mean
    square; and how far the mean gesture, and of the `chosen` [m, P] the nearest, are from them."""

    def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        steps: np.ndarray = np.sqrt((((one - other) / space.heard) ** 2).mean(axis=-1))
        return steps

    again = space.said(space.coordinates(held_out))
    nearest = apart(held_out[:, None], chosen[None]).min(axis=1)
    values = {
        "space_error": apart(held_out, again),
        "space_error_of_nearest": nearest,
        "space_error_of_mean": apart(held_out, space.mean),
    }
    return {name: round(float(value.mean()), 4) for name, value in values.items()}


def write_space(
    corpus: Corpus,
    scales: Scales,
    encode: Encode,
    chosen: Sequence[Gesture],
    path: Path,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, float]:
    """The space of a corpus, in the file `path`, and its figures; none, and no file, where the corpus is too small.

    Of ten gestures nine are learnt from and the tenth is held out.
    """
    if len(corpus) < LEAST:
        say(f"no space of gestures: {len(corpus)} sounds, it takes {LEAST}")
        return {}
    known = gathered(corpus, scales, encode)
    held_out = np.arange(len(known)) % 10 == 9
    partials = 0 if chosen[0].partials is None else len(chosen[0].partials)
    space = train(known[~held_out], heard_of(chosen[0].latent.shape[1], partials), seed)
    export_space(space, path)
    return figures(space, known[held_out], np.stack([points_of(gesture) for gesture in chosen]))
