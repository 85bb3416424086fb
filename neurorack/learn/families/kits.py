"""What can be trimmed, and all that belongs to it: its task, the graphs that time it, and how it becomes a bundle."""

import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from neurorack.bundle import Bundle, Cost
from neurorack.ears.features import FEATURE_HOP
from neurorack.ears.latent import AHEAD, BEHIND
from neurorack.engine.footprint import footprint
from neurorack.errors import BadInput
from neurorack.learn.choose import COUNT
from neurorack.learn.export import export_decoder, export_encoder
from neurorack.learn.families.export import DELAYS, EXPORTS
from neurorack.learn.families.instrument import InstrumentTask
from neurorack.learn.families.played import Gains, Sound, apart
from neurorack.learn.families.tasks import TASKS
from neurorack.learn.gestures import Encode
from neurorack.learn.pack import pack, revoice
from neurorack.learn.train import LATENT, Recipe
from neurorack.learn.trim import cost
from neurorack.learn.trim.cost import Timer
from neurorack.learn.trim.course import COURSES, INSTRUMENT
from neurorack.learn.trim.groups import Widths
from neurorack.learn.trim.rounds import Task
from neurorack.learn.trim.sounds import Sounds
from neurorack.learn.trim.streaming import OnnxTimer, Stream
from neurorack.onnx_graph import read_graph
from neurorack.words import HOP, SAMPLE_RATE_HZ

DENSE, DENSE_ENCODER = (680, 680, 680), (256, 256)
"""Of our own instrument before it is trimmed: a decoder of 1.00 M parameters, an encoder of 0.15 M."""

LIVE_SHARE = 0.5
"""Of real time, as this machine takes it: a decoder that takes more is rendered ahead in the module."""


def dense_recipe(kind: str, steps: int = COURSES[INSTRUMENT].steps) -> Recipe:
    """Of a shipped instrument, before it is trimmed."""
    return Recipe(kind, steps, latent=LATENT[kind], width=DENSE, encoder=DENSE_ENCODER)


@dataclass(frozen=True)
class About:
    """What the card of a trimmed bundle says."""

    title: str
    licence: str
    quality: dict[str, float]
    gestures: int | Sequence[str] = COUNT
    """Of our own instrument, as `pack` takes them: a family plays those that there are."""


class Kit(Protocol):
    @property
    def task(self) -> Task: ...

    @property
    def timer(self) -> Timer:
        """What measures its networks as they run in the module."""
        ...

    def pack(self, model: Any, dense: Widths, folder: Path, about: About, say: Callable[[str], None]) -> None:
        """Write a trained network as a bundle that is proven. `dense` is how wide it was."""
        ...

    def graph(self, model: Any) -> bytes:
        """A network's decoder, as it ships."""
        ...

    def apart(self, model: Any, graph: bytes) -> float:
        """How far what a graph plays lies from what the network's decoder says (`played.apart`)."""
        ...

    def judge(self, model: Any) -> Callable[[bytes], float] | None:
        """The validation loss with another graph for the network's decoder; None where nothing but the network itself
        can be judged."""
        ...

    def examine(self, model: Any, graph: bytes) -> float:
        """The same on the test set: of what ships, where it can be judged."""
        ...


class InstrumentKit:
    """Our own instrument: decoder and encoder."""

    def __init__(self, recipe: Recipe, sounds: Sounds, device: str = "cpu", *, progress: bool = False) -> None:
        self.task, self._train = InstrumentTask(recipe, sounds, device, progress=progress), sounds.train

    @property
    def timer(self) -> Timer:
        return OnnxTimer(self._streams)

    def graph(self, model: Any) -> bytes:
        return _written(export_decoder, model["decoder"])

    def apart(self, model: Any, graph: bytes) -> float:
        return apart(model["decoder"], graph)

    def judge(self, model: Any) -> Callable[[bytes], float]:
        return lambda graph: self.task.validation_loss(_with(model, graph))

    def examine(self, model: Any, graph: bytes) -> float:
        return self.task.test_loss(_with(model, graph))

    def _streams(self, model: Any) -> list[Stream]:
        return [
            Stream(self.graph(model), 1, HOP / SAMPLE_RATE_HZ),
            Stream(_written(export_encoder, model["encoder"]), BEHIND + 1 + AHEAD, FEATURE_HOP / SAMPLE_RATE_HZ),
        ]

    def pack(self, model: Any, dense: Widths, folder: Path, about: About, say: Callable[[str], None]) -> None:
        trimmed = copy.deepcopy(model)
        with torch.random.fork_rng(devices=[]):
            whole = _cost(trimmed.resized(dense)["decoder"], export_decoder)
            pack(
                trimmed["decoder"],
                trimmed["encoder"],
                self.task.knobs,
                self._train,
                folder,
                about.title,
                about.licence,
                about.quality,
                gestures=about.gestures,
                say=say,
                dense=whole,
            )


class FamilyKit:
    """The decoder of a published family, which plays the gestures of `source` and hears with its encoder."""

    def __init__(
        self,
        family: str,
        source: Bundle,
        sounds: Sounds,
        dense: Widths | None = None,
        device: str = "cpu",
        *,
        progress: bool = False,
    ) -> None:
        card = source.card
        if card.encoder is None:
            raise BadInput("the bundle has no encoder", str(source.folder), "give one that has: see `neurorack models`")
        if card.kind == "percussive":
            mend = "give a pitched or a speaking one"
            raise BadInput(f"{family} plays no struck sounds", str(source.folder), mend)
        encode = Encode(source.folder / card.encoder.file)
        self.task = TASKS[family](sounds, encode, card.latent, dense, device, progress=progress)
        self._family, self._source = family, source

    @property
    def timer(self) -> Timer:
        return OnnxTimer(self._streams)

    def graph(self, model: Any) -> bytes:
        return _written(EXPORTS[self._family], model)

    def apart(self, model: Any, graph: bytes) -> float:
        return apart(model, graph)

    def judge(self, model: Any) -> Callable[[bytes], float] | None:
        """WaveNet's graph draws by itself: no teacher can force it, so there is no loss."""
        if self._family == "wavenet":
            return None
        return lambda graph: self.task.validation_loss(Sound(graph))

    def examine(self, model: Any, graph: bytes) -> float:
        return self.task.test_loss(Sound(graph))

    def _streams(self, model: Any) -> list[Stream]:
        """One of the network's frames at a time, which may be several of the graph's."""
        onnx, samples = self.graph(model), self.task.frame_hops * HOP
        of_graph = next(int(port.shape[1]) for port in read_graph(onnx).outputs if port.name == "audio")
        return [Stream(onnx, samples // of_graph, samples / SAMPLE_RATE_HZ)]

    def pack(self, model: Any, dense: Widths, folder: Path, about: About, say: Callable[[str], None]) -> None:
        export = EXPORTS[self._family]
        own, whole = _cost(model, export), _cost(model.resized(dense), export)
        sizes = own.parameters, own.macs_per_s, whole.parameters, whole.macs_per_s
        changes = {
            "title": about.title,
            "license": about.licence,
            "quality": about.quality | {n: v for n, v in self._source.card.quality.items() if n.startswith("space_")},
            "cost": Cost(*sizes, own.measured, whole.measured),
            "delay_samples": DELAYS.get(self._family, 0),
            "ahead": self.timer([model])[0] > LIVE_SHARE,
        }
        revoice(self._source, lambda path: export(model, path), folder, changes)


def _with(model: Any, graph: bytes) -> dict[str, Any]:
    """An instrument, whose decoder is a graph."""
    return {**model, "decoder": Gains(graph, model["decoder"])}


def _cost(model: Any, export: Callable[[Any, Path], None]) -> Cost:
    parameters, macs = cost.parameters(model)(model.widths), cost.macs_per_s(model)(model.widths)
    return Cost(round(parameters), macs, measured=footprint(_written(export, model.eval())))


def _written(export: Callable[[Any, Path], None], model: Any) -> bytes:
    with tempfile.TemporaryDirectory(prefix="neurorack-") as folder:
        path = Path(folder) / "network.onnx"
        export(model, path)
        return path.read_bytes()
