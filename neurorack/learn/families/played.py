"""An exported graph in the place of the network it came from, so that a task judges what ships by its own loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx.utils import Extractor

from neurorack.engine.excitation import HARMONICS
from neurorack.learn.networks.decoder import Decoder
from neurorack.onnx_session import open_session


class Gains(torch.nn.Module):
    """Our own decoder's graph as `Decoder`: controls [..., columns] (and octaves) → gains [..., elements]. Only what
    leads to the gains is run: the mix is the task's."""

    def __init__(self, graph: bytes, decoder: Decoder) -> None:
        super().__init__()
        names = ["controls", *(["partials"] if decoder.modal else [])]
        shaped = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph))
        part = Extractor(shaped).extract_model(names, ["gains"])
        self._session, self.scale = open_session(part.SerializeToString(), None), decoder.scale

    def forward(self, controls: torch.Tensor, octaves: torch.Tensor | None = None) -> torch.Tensor:
        shape = controls.shape[:-1]
        given = {"controls": _rows(controls)}
        if octaves is not None:
            given["partials"] = _rows(octaves.expand(*shape, -1))
        (gains,) = self._session.run(["gains"], given)
        return torch.from_numpy(gains).unflatten(0, shape)


class Sound(torch.nn.Module):
    """A family's graph as its network: (controls [n, frames, columns], elements or nothing) → (sound [n, samples],),
    each row from silence on."""

    def __init__(self, graph: bytes) -> None:
        super().__init__()
        self._session = open_session(graph, None)
        ports = self._session.get_inputs()
        self._states = {port.name: np.zeros(port.shape, np.float32) for port in ports if port.name.startswith("state_")}

    def forward(self, controls: torch.Tensor, elements: torch.Tensor | None = None) -> tuple[torch.Tensor]:
        rows = [None] * len(controls) if elements is None else elements
        return (torch.stack([self._row(*each) for each in zip(controls, rows, strict=True)]),)

    def _row(self, controls: torch.Tensor, elements: torch.Tensor | None) -> torch.Tensor:
        given: dict[str, Any] = {"controls": controls.numpy(), **self._states}
        if elements is not None:
            parts: Sequence[torch.Tensor] = elements.split([HARMONICS, elements.shape[-1] - HARMONICS], -1)
            given |= {name: part.numpy() for name, part in zip(("harmonics", "noise"), parts, strict=True)}
        (audio,) = self._session.run(["audio"], given)
        return torch.from_numpy(audio).flatten()


def _rows(values: torch.Tensor) -> np.ndarray:
    """[..., n] → [rows, n]."""
    return values.detach().flatten(0, -2).contiguous().numpy()
