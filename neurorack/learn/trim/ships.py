"""The rounds of a trimming as they would ship: what each graph takes, and the largest that fits a microcontroller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from neurorack.engine.footprint import footprint
from neurorack.learn.trim.microcontroller import SIZES, Bounds, bounds, largest

SOUGHT = ("256 KB", "1 MB")
"""Memories for which the largest round is written out."""


class Ships(Protocol):
    """What becomes of a network (`families.kits.Kit`)."""

    def graph(self, model: Any) -> bytes: ...
    def apart(self, model: Any, graph: bytes) -> float: ...


@dataclass(frozen=True)
class Shipped:
    """A round's decoder."""

    nodes: int
    """That ONNX Runtime runs in a call at block 64."""
    file_bytes: int
    memory_bytes: int
    """By which a process that opens and calls it grows at most."""
    bounds: Bounds


@dataclass(frozen=True)
class Fit:
    """The largest round that fits a memory in float32."""

    memory: str
    round: int
    file: str
    free: float
    """Share of the memory."""
    apart: float
    """Of its graph, as ONNX Runtime plays it, from the network in torch."""


def shipped(graph: bytes) -> Shipped:
    """Measured in a process of its own, about 2 s."""
    taken = footprint(graph)
    return Shipped(taken.nodes, taken.file_bytes, taken.memory_bytes, bounds(graph))


def fitting(
    kit: Ships, model: Callable[[int], Any], graphs: Sequence[bytes], taken: Sequence[Shipped], folder: Path
) -> list[Fit]:
    """For every memory of SOUGHT in which one of the rounds fits: that round, written into `folder`, and played.
    `model` gives the network of a round, `graphs` are theirs, `taken` is what these take."""
    found = []
    for memory in SOUGHT:
        number = largest([each.bounds for each in taken], SIZES[memory])
        if number is not None:
            graph, file = graphs[number], f"largest-{memory.replace(' ', '')}.onnx"
            (folder / file).write_bytes(graph)
            free = 1.0 - taken[number].bounds.total() / SIZES[memory]
            found.append(Fit(memory, number, file, free, kit.apart(model(number), graph)))
    return found
