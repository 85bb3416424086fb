"""An exported graph in the place of the network it came from: judged by its task's own loss, and compared with it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx.utils import Extractor

from neurorack.bundle import DRAWS
from neurorack.engine.excitation import HARMONICS
from neurorack.learn.families import wavenet
from neurorack.learn.families.export_wavenet import DELAY, TIMES
from neurorack.learn.networks.decoder import Decoder, mix
from neurorack.learn.trim.feeds import play
from neurorack.onnx_session import open_session
from neurorack.words import HOP

FRAMES = 48
"""Of the graph, by which it is compared."""


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


def apart(model: Any, graph: bytes) -> float:
    """How far what a network's graph plays, a frame at a time from silence on, lies from what torch says in one pass:
    the most, relative to its peak or to full scale, whichever is more. `model` is a `Decoder` or a family's network.

    WaveNet's graph draws: of it, how far the worst draw lies outside the chances that torch, given the same samples
    before, gives to the step that was taken.
    """
    session = open_session(graph, None)
    random, feed = np.random.default_rng(0), dict[str, np.ndarray]()
    for port in session.get_inputs():
        shape = [FRAMES if isinstance(size, str) else size for size in port.shape]
        drawn = np.zeros(shape) if port.name.startswith("state_") else random.normal(size=shape)
        feed[port.name] = drawn.astype(np.float32)
    feed["controls"][:, 0] = np.linspace(-2.0, 3.0, FRAMES)
    if "uniform" in feed:
        feed["controls"] = np.repeat(feed["controls"][::TIMES], TIMES, 0)
        feed["uniform"][:] = random.random(feed["uniform"].shape)
        return _outside(model, feed, play(session, feed, 1))
    if "partials" in feed:
        feed["partials"][:] = np.linspace(0.0, 5.0, feed["partials"].shape[1])
    with torch.no_grad():
        wanted = _said(model, {name: torch.from_numpy(values) for name, values in feed.items()}).numpy()
    return float(np.abs(play(session, feed, 1) - wanted).max() / max(1.0, np.abs(wanted).max()))


def _said(model: Any, feed: dict[str, torch.Tensor]) -> torch.Tensor:
    """[samples] of a network."""
    controls = feed["controls"][None]
    sounds = [feed[name] for name in ("harmonics", "pulse", "noise") if name in feed]
    audio: torch.Tensor
    if not sounds:
        audio = model(controls)[0][0]
        return audio
    elements = torch.cat(sounds, 2)[None]
    if isinstance(model, Decoder):
        octaves = [feed["partials"][None]] if model.modal else []
        return mix(model(controls, *octaves), elements, torch.zeros(1, 1, model.elements))[0]
    audio = model(controls, elements)[0][0]
    return audio


def _outside(model: Any, feed: dict[str, np.ndarray], heard: np.ndarray) -> float:
    """Steps are read off the sound, a third of which are the samples at 16 kHz; hops have 22, 21 and 21 of them."""
    at_16khz = heard[DELAY::TIMES]
    hops = len(at_16khz) * TIMES // HOP // TIMES * TIMES
    steps = wavenet.to_steps(torch.from_numpy(at_16khz[: hops * HOP // TIMES].copy()))[None]
    controls = torch.from_numpy(feed["controls"][:hops:TIMES].copy())[None]
    with torch.no_grad():
        logits = model(wavenet.before(steps), controls)[0]
    below = torch.softmax(logits[0].double(), 1).cumsum(1).numpy()
    draws = np.concatenate([row[: DRAWS - (hop % TIMES > 0)] for hop, row in enumerate(feed["uniform"][:hops])])
    at, taken = np.arange(len(below)), steps[0].numpy()
    low = np.where(taken > 0, below[at, taken - 1], 0.0)
    return float(max(0.0, np.maximum(low - draws, draws - below[at, taken]).max()))


def _rows(values: torch.Tensor) -> np.ndarray:
    """[..., n] → [rows, n]."""
    return values.detach().flatten(0, -2).contiguous().numpy()
