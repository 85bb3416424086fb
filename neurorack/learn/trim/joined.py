"""Several networks that are trained together, trimmed as one: their groups are named `part.group`.

For our instruments: a decoder and its encoder, which nothing but their latent joins.
"""

from collections.abc import Mapping
from typing import Any

import torch

from neurorack.learn.trim.groups import Axes, Flat, Groups, Run, Trimmable, Widths


def join(parts: Mapping[str, Trimmable]) -> Groups:
    """The groups of all parts."""
    widths: dict[str, int] = {}
    axes: dict[str, Axes] = {}
    for name, part in parts.items():
        groups = part.groups()
        widths |= {f"{name}.{group}": width for group, width in groups.widths.items()}
        for tensor, stated in groups.axes.items():
            axes[f"{name}.{tensor}"] = tuple(tuple(_renamed(run, name) for run in axis) for axis in stated)
    return Groups(widths, axes)


class Joined(torch.nn.ModuleDict):
    """Parts by their names; a frame is the first one's."""

    @property
    def widths(self) -> dict[str, int]:
        return self.groups().widths

    def groups(self) -> Groups:
        return join(self)

    def resized(self, widths: Widths) -> "Joined":
        return Joined(
            {
                name: part.resized({group: widths[f"{name}.{group}"] for group in part.widths})
                for name, part in self.items()
            }
        )

    def rates(self) -> dict[str, float]:
        return {f"{name}.{tensor}": rate for name, part in self.items() for tensor, rate in part.rates().items()}

    def other_macs_per_s(self) -> float:
        return float(sum(part.other_macs_per_s() for part in self.values()))

    @property
    def frames_per_s(self) -> float:
        rate: float = next(iter(self.values())).frames_per_s
        return rate

    def example(self, frames: int) -> tuple[tuple[torch.Tensor, ...], ...]:
        """One for each part, for as long."""
        share = frames / self.frames_per_s
        return tuple(part.example(max(1, round(share * part.frames_per_s))) for part in self.values())

    def forward(self, *examples: tuple[torch.Tensor, ...]) -> list[Any]:
        return [part(*example) for part, example in zip(self.values(), examples, strict=True)]


def _renamed(run: Run, part: str) -> Run:
    if isinstance(run, int):
        return run
    return f"{part}.{run}" if isinstance(run, str) else Flat(f"{part}.{run.group}", run.entries)
