"""Which entries of which tensors belong to which hidden channel, and how they are cut out together.

A *unit* is a hidden channel with all that belongs to it wherever it passes; a *group* is the units of one width. A
model states for every axis of every tensor what lies along it, from the first entry to the last, in runs:

    "a"            one entry for each unit of group a
    Flat("a", n)   n entries in a row for each unit: a flattened [channels, n]
    n              n entries that stay

    tensor                                  axes
    a convolution from a to b               ("b",), ("a",), (3,)
    its two halves gated                    ("b", "b"), ("a",), (3,)
    a GRU's input side                      ("b", "b", "b"), ("a",)
    a layer behind a concatenation          ("b",), (6, "a")
    a layer behind a flattened [3, a]       ("b",), ("a", "a", "a")
    every layer of a residual path          the same group, again and again

Nothing is guessed from a graph: what is not stated is refused by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from neurorack.errors import BadInput


@dataclass(frozen=True)
class Flat:
    """A run in which every unit of `group` has `entries` in a row."""

    group: str
    entries: int


Run = str | Flat | int
Axis = tuple[Run, ...]
Axes = tuple[Axis, ...]
Widths = Mapping[str, int]
"""Units of every group."""
Keep = Mapping[str, np.ndarray]
"""Numbers of the units that stay, rising; a group that is missing stays whole."""
State = Mapping[str, torch.Tensor]


class Trimmable(Protocol):
    """What trimming needs of a network, beside what every torch module has."""

    training: bool

    @property
    def widths(self) -> dict[str, int]: ...
    def groups(self) -> "Groups": ...

    def resized(self, widths: Widths) -> "Trimmable":
        """The same network of other widths, its weights drawn anew."""
        ...

    def rates(self) -> dict[str, float]:
        """How often each weight multiplies in a second of audio; what is missing never does."""
        ...

    def other_macs_per_s(self) -> float:
        """Multiply-accumulates beside those of the weights."""
        ...

    def example(self, frames: int) -> tuple[Any, ...]:
        """Something to call it with, to time it."""
        ...

    @property
    def frames_per_s(self) -> float: ...

    def __call__(self, *args: Any) -> Any: ...
    def cpu(self) -> Any: ...
    def eval(self) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...
    def modules(self) -> Iterator[Any]: ...
    def named_modules(self) -> Iterator[tuple[str, Any]]: ...
    def named_parameters(self) -> Iterator[tuple[str, torch.Tensor]]: ...
    def state_dict(self) -> dict[str, torch.Tensor]: ...
    def load_state_dict(self, state: State) -> Any: ...


Model = TypeVar("Model", bound=Trimmable)


class Probe(torch.nn.Identity):
    """Where the units of a group pass, along `axis`: criteria look here. It changes nothing."""

    def __init__(self, group: str, axis: int) -> None:
        super().__init__()
        self.group, self.axis = group, axis


@dataclass(frozen=True, eq=False)
class Place:
    """Where a group's units lie along one axis of one tensor."""

    tensor: str
    axis: int
    index: np.ndarray  # [units, entries of each]


class Groups:
    """The units of a network: `widths`, and `axes` of every tensor of its state."""

    def __init__(self, widths: Widths, axes: Mapping[str, Axes]) -> None:
        self.widths, self.axes = dict(widths), dict(axes)

    @classmethod
    def of(cls, model: Any) -> "Groups":
        """Those of `model`; BadInput where they leave something of it open, or do not fit it."""
        groups = model.groups()
        groups._check(model.state_dict(), type(model).__name__)
        return groups

    def _check(self, state: State, model: str) -> None:
        def refuse(what: str) -> BadInput:
            return BadInput(what, model, "state in groups() what lies along every axis of every tensor")

        for name, tensor in state.items():
            if name not in self.axes:
                raise refuse(f"tensor {name!r} is in no group and not said to be fixed")
            if len(self.axes[name]) < tensor.dim():
                raise refuse(f"axis {len(self.axes[name])} of {name!r} is in no group and not said to be fixed")
            for run in (run for axis in self.axes[name] for run in axis if not isinstance(run, int)):
                if _group(run) not in self.widths:
                    raise refuse(f"{name!r} is of group {_group(run)!r}, which has no width")
            stated = self.shape(name, self.widths)
            if stated != tuple(tensor.shape):
                raise refuse(f"{name!r} has the shape {tuple(tensor.shape)}, its groups {stated}")
        for name in self.axes:
            if name not in state:
                raise refuse(f"groups are stated for {name!r}, which there is not")
        for group in self.widths:
            if not self.places(group):
                raise refuse(f"group {group!r} is in no tensor")

    def shape(self, tensor: str, widths: Widths) -> tuple[int, ...]:
        """Of a tensor at other widths."""
        return tuple(sum(_length(run, widths) for run in axis) for axis in self.axes[tensor])

    def places(self, group: str) -> list[Place]:
        """Every place where units of `group` lie."""
        found = []
        for name, axes in self.axes.items():
            for number, axis in enumerate(axes):
                parts, at = [], 0
                for run in axis:
                    length = _length(run, self.widths)
                    if not isinstance(run, int) and _group(run) == group:
                        parts.append(np.arange(at, at + length).reshape(self.widths[group], -1))
                    at += length
                if parts:
                    found.append(Place(name, number, np.concatenate(parts, 1)))
        return found

    def kept_widths(self, keep: Keep) -> dict[str, int]:
        """Widths once only `keep` is left; BadInput where a layer would be empty, or for units that there are not."""
        for group, units in keep.items():
            if group not in self.widths:
                raise BadInput(f"there is no group {group!r}", "trimming", f"one of {', '.join(self.widths)}")
            if len(units) < 1:
                raise BadInput(
                    f"nothing of {group!r} would be left", "trimming", "keep at least one unit of each group"
                )
            if units[0] < 0 or units[-1] >= self.widths[group] or (np.diff(units) < 1).any():
                mend = f"give different ones of 0 to {self.widths[group] - 1}, rising"
                raise BadInput(f"units {units} of {group!r} cannot be kept", "trimming", mend)
        return {group: len(keep[group]) if group in keep else width for group, width in self.widths.items()}

    def kept_entries(self, tensor: str, keep: Keep) -> list[np.ndarray | None]:
        """Along each axis of a tensor the entries that stay, rising; None where all do."""
        out: list[np.ndarray | None] = []
        for axis in self.axes[tensor]:
            parts, at, touched = [], 0, False
            for run in axis:
                length = _length(run, self.widths)
                entries = np.arange(at, at + length)
                if not isinstance(run, int) and _group(run) in keep:
                    units = keep[_group(run)]
                    entries = entries.reshape(self.widths[_group(run)], -1)[units].ravel()
                    touched = True
                parts.append(entries)
                at += length
            out.append(np.concatenate(parts) if touched else None)
        return out

    def sums(self, values: State) -> dict[str, torch.Tensor]:
        """For every group [units]: the sum of `values`, shaped as the tensors of these names, over all that belongs to
        a unit. (Where a unit meets itself in a square matrix, the entry counts as a producer's and as a consumer's.)"""
        out = {}
        for group, width in self.widths.items():
            total = torch.zeros(width, dtype=torch.float64)
            for place in self.places(group):
                if place.tensor in values:
                    value = values[place.tensor].double().movedim(place.axis, 0)
                    along = value.reshape(len(value), -1).sum(1)
                    total += along.cpu()[torch.from_numpy(place.index)].sum(1)
            out[group] = total
        return out


def _group(run: str | Flat) -> str:
    return run if isinstance(run, str) else run.group


def _length(run: Run, widths: Widths) -> int:
    if isinstance(run, int):
        return run
    return widths[run] if isinstance(run, str) else run.entries * widths[run.group]


def cut(state: State, groups: Groups, keep: Keep) -> dict[str, torch.Tensor]:
    """Only what belongs to kept units, of any tensors that have the names and shapes of a model's: its weights and
    buffers, their average, a snapshot to rewind to, an optimiser's moments."""
    groups.kept_widths(keep)
    out = {}
    for name, tensor in state.items():
        for axis, entries in enumerate(groups.kept_entries(_known(name, groups), keep)):
            if entries is not None:
                tensor = tensor.index_select(axis, torch.from_numpy(entries).to(tensor.device))
        out[name] = tensor.clone()
    return out


def masked(state: State, groups: Groups, keep: Keep) -> dict[str, torch.Tensor]:
    """The same shapes, with zeros in all that belongs to units that are not kept."""
    groups.kept_widths(keep)
    out = {}
    for name, tensor in state.items():
        tensor = tensor.clone()
        for axis, entries in enumerate(groups.kept_entries(_known(name, groups), keep)):
            if entries is not None:
                gone = np.setdiff1d(np.arange(tensor.shape[axis]), entries)
                tensor.index_fill_(axis, torch.from_numpy(gone).to(tensor.device), 0)
        out[name] = tensor
    return out


def _known(name: str, groups: Groups) -> str:
    if name not in groups.axes:
        raise BadInput(f"tensor {name!r} is in no group and not said to be fixed", "trimming", "state it in groups()")
    return name


def cut_run(state: Mapping[str, Any], groups: Groups, keep: Keep, parameters: list[str]) -> dict[str, Any]:
    """The state of a `descent.Descent` for kept units alone: networks, average and Adam's moments. `parameters` are the
    network's, in the optimiser's order."""
    optimiser = state["optimiser"]
    moments = {
        number: {
            name: cut({parameters[number]: value}, groups, keep)[parameters[number]] if value.dim() else value.clone()
            for name, value in of.items()
        }
        for number, of in optimiser["state"].items()
    }
    return {
        "step": state["step"],
        "networks": cut(state["networks"], groups, keep),
        "average": cut(state["average"], groups, keep),
        "optimiser": {**optimiser, "state": moments},
    }


def trimmed(model: Model, keep: Keep) -> Model:
    """A smaller network that says what `model` would without the units that are not kept."""
    groups = Groups.of(model)
    small = model.resized(groups.kept_widths(keep))
    small.load_state_dict(cut(model.state_dict(), groups, keep))
    small.train(model.training)
    return small  # type: ignore[return-value]


# --- The axes of usual layers, to put together in a model's groups() -----------------------------------------------


def linear(name: str, out: Axis, into: Axis) -> dict[str, Axes]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def conv(name: str, out: Axis, into: Axis, taps: int) -> dict[str, Axes]:
    """A one-dimensional convolution."""
    return {f"{name}.weight": (out, into, (taps,)), f"{name}.bias": (out,)}


def recurrent(name: str, gates: int, units: str, into: Axis) -> dict[str, Axes]:
    """A layer of torch's GRU (3 gates) or LSTM (4), which stacks its gates along the first axis."""
    stacked = (units,) * gates
    return {
        f"{name}.weight_ih_l0": (stacked, into),
        f"{name}.weight_hh_l0": (stacked, (units,)),
        f"{name}.bias_ih_l0": (stacked,),
        f"{name}.bias_hh_l0": (stacked,),
    }


def norm(name: str, units: str) -> dict[str, Axes]:
    """A batch norm: the one that leaves channels to themselves, so that one may go without moving the others."""
    each: Axes = ((units,),)
    vectors = dict.fromkeys((f"{name}.{of}" for of in ("weight", "bias", "running_mean", "running_var")), each)
    return {**vectors, f"{name}.num_batches_tracked": ()}


def fixed(module: torch.nn.Module, prefix: str = "") -> dict[str, Axes]:
    """Of a part of a model that keeps its shape."""
    return {prefix + name: tuple((length,) for length in value.shape) for name, value in module.state_dict().items()}
