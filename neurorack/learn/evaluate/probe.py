"""What a latent gives away: can a small network read descriptors, pitch and source from it?

Descriptors and pitch should not be in it, since they are asked for beside it; the source should, since that is what it
is for. The probe is the same for every latent: two hidden layers of 64, inputs and outputs standardised on the training
half, Adam, 400 steps of 256 rows. Sounds are split, never frames: every second sound of each source is held out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neurorack.learn.evaluate.clips import Clip
from neurorack.words import DESCRIPTORS

SEEDS = (0, 1, 2)
WIDTH, STEPS, BATCH, RATE = 64, 400, 256, 3e-3
DECAY = 1e-4
FRAMES_PER_CLIP = 24


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of many sounds with all that is known of them."""

    latent: np.ndarray  # [rows, Z]
    values: np.ndarray  # [rows, n], what one may try to read
    sound: np.ndarray  # [rows] number of the sound a frame is of
    source: np.ndarray  # [sounds] number of its source


def gather(clips: Sequence[Clip]) -> Frames:
    """Up to FRAMES_PER_CLIP sounding frames of each clip, evenly; values are the five descriptors and pitch."""
    names = sorted({clip.sound.source for clip in clips})
    latent, values, sound = [], [], []
    for number, clip in enumerate(clips):
        heard = np.nonzero(clip.sounding)[0]
        rows = heard[np.linspace(0, len(heard) - 1, min(FRAMES_PER_CLIP, len(heard))).astype(int)]
        latent.append(clip.latent[rows])
        values.append(np.column_stack([clip.targets[rows], clip.pitch_oct[rows]]))
        sound.append(np.full(len(rows), number))
    source = np.array([names.index(clip.sound.source) for clip in clips])
    return Frames(np.concatenate(latent), np.concatenate(values), np.concatenate(sound), source)


def held_out(source: np.ndarray) -> np.ndarray:
    """[sounds] bool: every second sound of each source."""
    turn = np.zeros(len(source), int)
    for number in np.unique(source):
        turn[source == number] = np.arange(np.sum(source == number))
    chosen: np.ndarray = turn % 2 == 1
    return chosen


def read_values(frames: Frames, seeds: Sequence[int] = SEEDS) -> np.ndarray:
    """Held-out R² [seeds, n] of `values` read from `latent`; below 0 counts as 0: nothing is read. No seeds where every
    source has one sound only, so that there is nothing to read."""
    test = held_out(frames.source)[frames.sound]
    if not test.any():
        return np.empty((0, frames.values.shape[1]))
    z, y = _standard(frames.latent, ~test), _standard(frames.values, ~test)
    rows = []
    for seed in seeds:
        read = _train(z[~test], torch.from_numpy(y[~test]), seed, torch.nn.functional.mse_loss, y.shape[1])(z[test])
        off = ((read - y[test]) ** 2).mean(axis=0)
        rows.append(1.0 - off / np.maximum(y[test].var(axis=0), 1e-9))
    return np.maximum(np.array(rows), 0.0)


def read_source(frames: Frames, seeds: Sequence[int] = SEEDS) -> np.ndarray:
    """Accuracy [seeds] with which the source of a held-out frame is read. Sources of one sound take no part."""
    several = np.bincount(frames.source)[frames.source] > 1
    kept = several[frames.sound]
    test = held_out(frames.source)[frames.sound][kept]
    labels = frames.source[frames.sound][kept]
    if len(np.unique(labels)) < 2:
        return np.array([])
    z = _standard(frames.latent[kept], ~test)
    count = int(frames.source.max()) + 1
    found = []
    for seed in seeds:
        target = torch.from_numpy(labels[~test].astype(np.int64))
        read = _train(z[~test], target, seed, torch.nn.functional.cross_entropy, count)(z[test])
        found.append(float((read.argmax(axis=1) == labels[test]).mean()))
    return np.array(found)


def _standard(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (values - values[train].mean(axis=0)) / (values[train].std(axis=0) + 1e-6)
    return scaled.astype(np.float32)


def _train(
    z: np.ndarray, target: torch.Tensor, seed: int, loss: Callable[..., torch.Tensor], outputs: int
) -> Callable[[np.ndarray], np.ndarray]:
    """The probe after its training: latent [rows, Z] → [rows, outputs]."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = torch.nn.Sequential(
            torch.nn.Linear(z.shape[1], WIDTH),
            torch.nn.ELU(),
            torch.nn.Linear(WIDTH, WIDTH),
            torch.nn.ELU(),
            torch.nn.Linear(WIDTH, outputs),
        )
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    rows = torch.from_numpy(z)
    for _ in range(STEPS):
        some = torch.randint(len(rows), (BATCH,), generator=generator)
        value = loss(network(rows[some]), target[some])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()

    def read(latent: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            outputs: np.ndarray = network(torch.from_numpy(latent)).numpy()
        return outputs

    return read


def figures(frames: Frames, seeds: Sequence[int] = SEEDS) -> dict[str, float]:
    """Median over seeds: `probe_r2_NAME` of each descriptor and pitch, their mean over the descriptors, and
    `probe_source_accuracy` beside `probe_source_chance`, the share of the commonest source."""
    found: dict[str, float] = {}
    if len(read := read_values(frames, seeds)):
        r2 = np.median(read, axis=0)
        found |= {f"probe_r2_{name}": float(value) for name, value in zip((*DESCRIPTORS, "pitch"), r2, strict=True)}
        found["probe_r2_descriptors"] = float(r2[: len(DESCRIPTORS)].mean())
    if len(accuracy := read_source(frames, seeds)):
        found["probe_source_accuracy"] = float(np.median(accuracy))
        found["probe_source_chance"] = float(np.bincount(frames.source[frames.sound]).max() / len(frames.sound))
    return found
