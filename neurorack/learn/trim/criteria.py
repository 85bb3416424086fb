"""How much a network needs each of its units, by different lights.

    magnitude     mean |w| of all that belongs to the unit (Li et al. 2017 sum it over one filter)
    gradient      E[(Σ w · ∂L/∂w)²] over batches: the change of the loss without it, squared, to first order (Molchanov
                  et al. 2019)
    activation    mean |a| where the unit passes (Molchanov et al. 2017 compare it)
    norm          |γ| of the unit's batch norm (Liu et al. 2017); refused where a group has none
    random        seeded: what every other one must beat
    information   of the unit about the target, in nats, and nothing for what chance alone would show (`information`)
    published     the same as it was published (Esling et al. 2020), which chance saturates in many dimensions

Magnitudes, activations and norms are divided by their group's root mean square (Molchanov et al. 2017), or layers of
other scales could not be compared; losses and nats mean the same everywhere and stay as they are.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from neurorack.errors import BadInput
from neurorack.learn.trim import information
from neurorack.learn.trim.groups import Groups, Probe, Trimmable


class Evidence(Protocol):
    """What scores rest on."""

    def loss(self, model: Any, batch: Any) -> torch.Tensor:
        """[] of a network on a batch."""
        ...

    def show(self, model: Any, batch: Any) -> Any:
        """Have a network say, once, what `target` is about: what its units do meanwhile is looked at."""
        ...

    def target(self, batch: Any) -> torch.Tensor:
        """[rows, frames, dimensions] of what units may know something about: at most 3 dimensions."""
        ...

    def at_frames(self, units: torch.Tensor) -> torch.Tensor:
        """What passed a probe [rows, units, positions] while a batch was shown, at the target's frames
        [rows, frames, units]."""
        ...


Scores = dict[str, np.ndarray]
"""Of every group [units], each at least 0."""
Criterion = Callable[[Trimmable, Evidence, Sequence[Any], int], Scores]
"""(network, evidence, batches, seed) → scores."""


def score(name: str, model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int = 0) -> Scores:
    """Scores by the criterion of this name; BadInput where there is none. (What is no number, `select` refuses.)"""
    if name not in CRITERIA:
        raise BadInput(f"no criterion {name!r}", "trimming", f"one of {', '.join(CRITERIA)}")
    with _settled(model):
        return CRITERIA[name](model, evidence, batches, seed)


def check(name: str, model: Trimmable) -> None:
    """BadInput where a criterion has nothing to say of a network, which is known before it is trained."""
    if name == "norm":
        _gains(model)


def magnitude(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    groups = Groups.of(model)
    weights = {name: value.detach().abs() for name, value in model.named_parameters() if value.dim() > 1}
    count = groups.sums({name: torch.ones_like(value) for name, value in weights.items()})
    return _level({group: (total / count[group]).numpy() for group, total in groups.sums(weights).items()})


def gradient(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    groups, parameters = Groups.of(model), dict(model.named_parameters())
    total = {group: np.zeros(width) for group, width in groups.widths.items()}
    for batch in batches:
        slopes = torch.autograd.grad(evidence.loss(model, batch), list(parameters.values()), allow_unused=True)
        change = {
            name: value.detach() * slope
            for (name, value), slope in zip(parameters.items(), slopes, strict=True)
            if slope is not None
        }
        for group, sums in groups.sums(change).items():
            total[group] += sums.numpy() ** 2
    return {group: values / len(batches) for group, values in total.items()}


def activation(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    seen: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        for group, passed in watch(model, evidence, batch).items():
            means = [part.abs().mean((0, 2)).double().numpy() for part in passed]
            seen.setdefault(group, []).append(np.mean(means, 0))
    return _level({group: np.mean(values, 0) for group, values in seen.items()})


def norm(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    return _level({group: total.numpy() for group, total in Groups.of(model).sums(_gains(model)).items()})


def _gains(model: Trimmable) -> dict[str, torch.Tensor]:
    """|γ| of all norms; BadInput where a group has none."""
    groups = Groups.of(model)
    gains = {
        f"{name}.weight": module.weight.detach().abs()
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.BatchNorm1d)
    }
    for group in groups.widths:
        if not any(place.tensor in gains for place in groups.places(group)):
            raise BadInput(f"group {group!r} has no norm", "trimming", "choose another criterion")
    return gains


def random(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    draw = np.random.default_rng(seed)
    return {group: draw.random(width) for group, width in Groups.of(model).widths.items()}


def corrected_information(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    def estimate(units: np.ndarray, target: np.ndarray, frames: int) -> np.ndarray:
        return information.corrected(units, target, frames, seed)

    return _informed(model, evidence, batches, estimate)


def published_information(model: Trimmable, evidence: Evidence, batches: Sequence[Any], seed: int) -> Scores:
    return _informed(model, evidence, batches, lambda units, target, _: information.published(units, target))


CRITERIA: dict[str, Criterion] = {
    "magnitude": magnitude,
    "gradient": gradient,
    "activation": activation,
    "norm": norm,
    "random": random,
    "information": corrected_information,
    "published": published_information,
}


def watch(model: Trimmable, evidence: Evidence, batch: Any) -> dict[str, list[torch.Tensor]]:
    """What passes the probes of every group [rows, units, positions] while a batch is shown, one tensor for each time;
    BadInput where a group has no probe."""
    passed: dict[str, list[torch.Tensor]] = {group: [] for group in model.widths}

    def listen(probe: Probe, seen: list[torch.Tensor]) -> Any:
        def note(_: Probe, __: object, value: torch.Tensor) -> None:
            units = value.detach().float().movedim(probe.axis, 1)
            seen.append(units.reshape(*units.shape[:2], -1).cpu())

        return probe.register_forward_hook(note)

    hooks = [listen(probe, passed[group]) for group, probe in _probes(model)]
    try:
        with torch.no_grad():
            evidence.show(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    for group, found in passed.items():
        if not found:
            raise BadInput(f"no probe sees the units of {group!r}", type(model).__name__, "put one where they pass")
    return passed


def _probes(model: Trimmable) -> Iterator[tuple[str, Probe]]:
    """With their groups' names, which begin with the part's where the model is of several (`joined`)."""
    for path, module in model.named_modules():
        if isinstance(module, Probe):
            above = path.split(".")
            names = [".".join([*above[:depth], module.group]) for depth in range(len(above))]
            yield from ((name, module) for name in names if name in model.widths)


def _informed(
    model: Trimmable,
    evidence: Evidence,
    batches: Sequence[Any],
    estimate: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
) -> Scores:
    """By an estimate from units [n, units], the target [n, dimensions] and the frames of a clip. A unit that passes
    several times counts by the time it knows most."""
    targets: list[np.ndarray] = []
    units: dict[str, list[list[np.ndarray]]] = {}
    for batch in batches:
        target = evidence.target(batch).detach().cpu().double()
        targets.append(target.flatten(0, 1).numpy())
        for group, passed in watch(model, evidence, batch).items():
            times = units.setdefault(group, [[] for _ in passed])
            for seen, part in zip(times, passed, strict=True):
                seen.append(evidence.at_frames(part).flatten(0, 1).double().numpy())
    about = np.concatenate(targets)
    found = {}
    for group, times in units.items():
        found[group] = np.max([estimate(np.concatenate(seen), about, target.shape[1]) for seen in times], 0)
    return found


def _level(scores: Scores) -> Scores:
    """A group of nothing but zeros stays so."""
    return {group: values / (float(np.sqrt(np.mean(values**2))) or 1.0) for group, values in scores.items()}


@contextlib.contextmanager
def _settled(model: Trimmable) -> Iterator[None]:
    """In training, as recurrent layers of some devices must be to have slopes, but for norms, which use their running
    means and leave them as they are."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.train()
        for module, _ in modes:
            if isinstance(module, torch.nn.BatchNorm1d):
                module.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
