"""What an instrument's own gestures ask of its decoder: inputs to calibrate a graph with, and to compare it by."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurorack.bundle import Bundle, Gesture
from neurorack.engine.decoder import Decoder
from neurorack.engine.modes import Modes
from neurorack.engine.player import Player
from neurorack.engine.source import source_for
from neurorack.words import C4_HZ, DESCRIPTORS, HOP

Feed = dict[str, np.ndarray]
"""Of a call over many frames, its states at zero, by the names of the graph's inputs."""

HOPS = 192
"""Of every gesture: 0.26 s."""
PITCHES_OCT = (-1.0, 0.0, 1.5)
"""Re C4, in turn: with knobs in the middle."""


def feeds(bundle: Bundle, hops: int = HOPS) -> list[Feed]:
    """One of each gesture, `hops` long, as the module plays it from its gate on; not of a bundle that plays ahead."""
    return [_feed(bundle, each, rows) for each, rows in zip(bundle.gestures, _asked(bundle, hops), strict=True)]


def play(session: Any, feed: Feed, rows: int) -> np.ndarray:
    """[samples] of a session whose frames are open, so many at a time; every state goes on into the next call."""
    names = [port.name for port in session.get_outputs()]
    states = {name: values for name, values in feed.items() if name.startswith("state_")}
    flowing = {name: values for name, values in feed.items() if name not in states}
    parts = []
    for at in range(0, len(feed["controls"]), rows):
        given = {name: values[at : at + rows] for name, values in flowing.items()}
        said = dict(zip(names, session.run(names, {**given, **states}), strict=True))
        states = {name: said[f"next_{name.removeprefix('state_')}"] for name in states}
        parts.append(said["audio"].ravel())
    return np.concatenate(parts)


def _asked(bundle: Bundle, hops: int) -> Iterator[np.ndarray]:
    """Controls [hops, columns] of every gesture."""
    player, out = Player(bundle, HOP), np.zeros(HOP, np.float32)
    columns = 1 + len(DESCRIPTORS) + bundle.card.latent
    for number in range(len(bundle.gestures)):
        player.reset()
        player.set_gesture(number, 1.0)
        player.set_targets(C4_HZ * 2.0 ** PITCHES_OCT[number % len(PITCHES_OCT)], np.full(len(DESCRIPTORS), 0.5))
        player.gate(0, "gate1", 1)
        rows = np.empty((hops, columns), np.float32)
        for row in rows:
            player.render(out)
            row[:] = player.frames()["controls"][0, :columns]
        yield rows


def _feed(bundle: Bundle, gesture: Gesture, controls: np.ndarray) -> Feed:
    network = bundle.card.decoder
    samples = next(int(tensor.shape[1]) for tensor in network.outputs if tensor.name == "audio")
    states = {state for state, _ in network.states}
    decoder = Decoder(bundle, max(1, samples // HOP))
    source = source_for(decoder)
    if isinstance(source, Modes) and gesture.partials is not None:
        source.strike(0, gesture.partials)
    others = [tensor.name for tensor in network.inputs if tensor.name not in states and tensor.name != "controls"]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in others}
    for at in range(0, len(controls), decoder.frames):
        if source is not None:
            source.render(C4_HZ * np.exp2(controls[at : at + decoder.frames, 0].astype(np.float64)))
        for name, held in parts.items():
            held.append(getattr(decoder, name).copy())
    feed = {name: np.concatenate(held) for name, held in parts.items()}
    silent = {t.name: np.zeros([int(n) for n in t.shape], np.float32) for t in network.inputs if t.name in states}
    return {"controls": np.ascontiguousarray(controls[:: decoder.frames]), **feed, **silent}
