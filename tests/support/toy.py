"""A network and a task that take milliseconds, for what trimming does around them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from neurorack.learn.descent import Descent
from neurorack.learn.export import GraphWriter
from neurorack.learn.trim.groups import Groups, Probe, linear, norm

COLUMNS = 6
WIDTHS = {"a": 16, "b": 12}


class Toy(torch.nn.Module):
    """[n, COLUMNS] → [n], by two hidden layers; `normed` ones have a batch norm."""

    frames_per_s = 100.0

    def __init__(self, widths=WIDTHS, normed=("a",)):
        super().__init__()
        self.widths, self.normed = dict(widths), normed
        self.first = torch.nn.Linear(COLUMNS, self.widths["a"])
        self.second = torch.nn.Linear(self.widths["a"], self.widths["b"])
        self.out = torch.nn.Linear(self.widths["b"], 1)
        self.norms = torch.nn.ModuleDict({group: torch.nn.BatchNorm1d(self.widths[group]) for group in normed})
        self.probes = torch.nn.ModuleDict({group: Probe(group, 1) for group in self.widths})

    def forward(self, x):
        for group, layer in (("a", self.first), ("b", self.second)):
            x = layer(x)
            x = self.norms[group](x) if group in self.normed else x
            x = self.probes[group](torch.relu(x))
        return self.out(x)[:, 0]

    def groups(self):
        axes = linear("first", ("a",), (COLUMNS,)) | linear("second", ("b",), ("a",)) | linear("out", (1,), ("b",))
        for group in self.normed:
            axes |= norm(f"norms.{group}", group)
        return Groups(self.widths, axes)

    def resized(self, widths):
        return Toy(widths, self.normed)

    def rates(self):
        return {"first.weight": 100.0, "second.weight": 100.0, "out.weight": 50.0}

    def other_macs_per_s(self):
        return 7.0

    def example(self, frames):
        return (torch.randn(frames, COLUMNS),)


def graph(model) -> bytes:
    """As a decoder would be exported: the rows of a hop."""
    g = GraphWriter()
    x = "controls"
    for layer in (model.first, model.second):
        x = g.add("Relu", _linear(g, x, layer), out=f"{x}_bent")
    g.add("Mul", _linear(g, x, model.out), g.constant("ones", np.ones((1, 64))), out="audio")
    with tempfile.TemporaryDirectory() as folder:
        g.save(Path(folder) / "toy.onnx", "toy", {"controls": ["frames", COLUMNS]}, {"audio": ["frames", 64]})
        return (Path(folder) / "toy.onnx").read_bytes()


def _linear(g, x, layer):
    weight, bias = (value.detach().numpy() for value in (layer.weight, layer.bias))
    return g.linear(f"{x}_{len(bias)}", x, weight.T, bias)


class Fit:
    """A run: every draw comes from (seed, step)."""

    def __init__(self, widths, steps, seed):
        torch.manual_seed(seed)
        self.network, self._seed = Toy(widths), seed
        self._descent = Descent(self.network, self.network, steps, 1e-2, (0.9, 0.99))

    @property
    def average(self):
        return self._descent.average

    @property
    def step(self):
        return self._descent.step

    def advance(self):
        self.network.train()
        loss = (self.network(x := drawn(self._seed, self.step)) - wanted(x)).square().mean()
        self._descent.take({"fit": loss})
        return {"fit": loss.item()}

    def state(self):
        return self._descent.state()

    def load_state(self, state):
        self._descent.load_state(state)


class Task:
    name = "toy"
    widths = WIDTHS

    def __init__(self):
        self.tested = 0

    def run(self, widths, steps, seed):
        return Fit(widths, steps, seed)

    def batches(self, count, seed) -> Sequence[torch.Tensor]:
        return [drawn(seed, -1 - number) for number in range(count)]

    def loss(self, model, batch):
        return (model(batch) - wanted(batch)).square().mean()

    def show(self, model, batch):
        model(batch)

    def target(self, batch):
        return wanted(batch)[:, None, None]

    def at_frames(self, units):
        return units.transpose(1, 2)

    def validation_loss(self, model):
        return self._loss(model, 1)

    def test_loss(self, model):
        self.tested += 1
        return self._loss(model, 2)

    def _loss(self, model, which):
        with torch.no_grad():
            return float(np.mean([self.loss(model, drawn(10**6, 100 * which + i)).item() for i in range(4)]))


def drawn(seed: int, step: int) -> torch.Tensor:
    random = np.random.default_rng((seed, step % 2**32))
    return torch.from_numpy(random.standard_normal((64, COLUMNS), np.float32))


def wanted(x: torch.Tensor) -> torch.Tensor:
    """What three units of one layer could say."""
    return torch.relu(x[:, 0] + x[:, 1]) - torch.relu(x[:, 2]) + 0.5 * torch.relu(-x[:, 3])


def woven(models) -> list[float]:
    """The same of a machine that multiplies: every unit of a with every one of b."""
    return [0.0005 + 5e-5 * model.widths["a"] * model.widths["b"] for model in models]


def steady(models) -> list[float]:
    """Seconds per second of audio of a machine on which a unit of b costs three times one of a."""
    return [0.002 + 1e-4 * model.widths["a"] + 3e-4 * model.widths["b"] for model in models]
