"""What the graphs of all families have in common."""

from pathlib import Path
from typing import Any

import numpy as np

from neurorack.learn.export import GraphWriter

Weights = dict[str, np.ndarray]


def save(g: GraphWriter, path: Path, name: str, inputs: dict[str, list], audio: list, states: dict[str, list]) -> None:
    """Write a decoder; every state is an input `state_*` and an output `next_*`."""
    before = {f"state_{state}": shape for state, shape in states.items()}
    after = {f"next_{state}": shape for state, shape in states.items()}
    g.save(path, name, inputs | before, {"audio": audio} | after)


def weights(model: Any) -> Weights:
    """Everything that a network holds, in float64."""
    return {name: value.detach().double().numpy() for name, value in model.state_dict().items()}


def folded(weight: np.ndarray, bias: np.ndarray, of: Weights) -> tuple[np.ndarray, np.ndarray]:
    """A layer [inputs, outputs] on standardised controls as one on controls as they are."""
    weight = of["standard.whiten"] @ weight
    return weight, bias - of["standard.centre"] @ weight
