"""Puts a bundle together: graphs, gestures, card. It is there whole or not at all.

Everything is written and proven in a folder aside, `.packing/` beside the bundle, and then moved into its place.
"""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy

from neurorack import __version__
from neurorack.bundle import (
    CARD,
    CONTROLS_BEFORE_LATENT,
    GESTURES_BYTES_MAX,
    SCHEMA,
    Bundle,
    Card,
    Cost,
    Knob,
    Network,
    Source,
    describe_gestures,
    describe_network,
    load,
    read_file,
    write_card,
)
from neurorack.engine.footprint import footprint
from neurorack.engine.proof import prove
from neurorack.errors import BadInput
from neurorack.learn import scales
from neurorack.learn.choose import COUNT, choose, named
from neurorack.learn.corpus import Corpus
from neurorack.learn.export import export_decoder, export_encoder, macs_per_s
from neurorack.learn.gestures import Cut, Encode, cut
from neurorack.learn.loudness import even_medians
from neurorack.learn.networks.decoder import Decoder
from neurorack.learn.networks.encoder import Encoder
from neurorack.learn.space import as_gesture, write_space
from neurorack.patch.knobs import Scales
from neurorack.place import put_in_place
from neurorack.words import DESCRIPTORS, HOP, SAMPLE_RATE_HZ

DECODER, ENCODER, SPACE, GESTURES = "decoder.onnx", "encoder.onnx", "space.onnx", "gestures.safetensors"


def pack(
    decoder: Decoder,
    encoder: Encoder,
    knobs: list[Knob],
    corpus: Corpus,
    folder: Path,
    title: str,
    licence: str = "Apache-2.0",
    quality: dict[str, float] | None = None,
    gestures: int | Sequence[str] = COUNT,
    say: Callable[[str], None] = lambda _: None,
    dense: Cost | None = None,
) -> Card:
    """Write the bundle into `folder`, whose name becomes its name, with up to so many gestures cut from `corpus`, or
    those of its sounds of these names, and a space of all that it has; `say` is told why there are fewer, or no space.
    `dense` is what the decoder did cost before it was trimmed.

    A bundle that is there is replaced once the new one plays; what else lies beside its files stays. BadInput where it
    cannot be written or does not play.
    """
    with set_aside(folder) as part:
        export_encoder(encoder, part / ENCODER)
        encode = Encode(part / ENCODER)
        chosen = choose(corpus, encode, gestures) if isinstance(gestures, int) else named(corpus, gestures)
        if chosen.reason:
            say(chosen.reason)
        own = Scales(knobs)
        cuts = [
            cut(name, sound, corpus.kind, own, encode) for name, sound in zip(chosen.names, chosen.sounds, strict=True)
        ]
        export_decoder(decoder, part / DECODER)
        name = folder.resolve().name
        found = write_space(corpus, own, encode, [as_gesture(each) for each in cuts], part / SPACE, say=say)
        figures = (quality or {}) | found
        cost = _cost(decoder) if dense is None else _beside(_cost(decoder), part / DECODER, dense)
        about = _About(name, title, licence, corpus.kind, corpus.origins, figures, cost)
        _write(part, about, knobs, cuts)
        made = load(part)
        prove(made)
        medians = even_medians(made)
        cuts = [dataclasses.replace(each, median=median) for each, median in zip(cuts, medians, strict=True)]
        return _write(part, about, knobs, cuts)


def revoice(source: Bundle, write: Callable[[Path], None], folder: Path, changes: dict[str, Any]) -> Card:
    """A bundle in `folder` that has the knobs, gestures and encoder of `source`, and the decoder that `write` writes
    where it is told to; `changes` are further ones of its card. BadInput as for `pack`."""
    with set_aside(folder) as part:
        write(part / DECODER)
        if source.encoder_onnx is not None:
            (part / ENCODER).write_bytes(source.encoder_onnx)
        if source.space_onnx is not None:
            (part / SPACE).write_bytes(source.space_onnx)
        about = source.card.gestures
        held = read_file(source.folder, about.file, GESTURES_BYTES_MAX, about.sha256, about.bytes)
        (part / GESTURES).write_bytes(held)
        network = describe_network(part / DECODER)
        card = msgspec.structs.replace(
            source.card,
            name=folder.resolve().name,
            version=__version__,
            decoder=network,
            harmonics=_harmonics(network),
            encoder=_described(part / ENCODER),
            space=_described(part / SPACE),
            gestures=describe_gestures(part / GESTURES, about.names),
            **changes,
        )
        write_card(part, card)
        made = load(part)
        prove(made)
        arrays = safetensors.numpy.load(held)
        arrays |= {f"{name}/median": median for name, median in zip(about.names, even_medians(made), strict=True)}
        (part / GESTURES).write_bytes(safetensors.numpy.save(arrays))
        card = msgspec.structs.replace(card, gestures=describe_gestures(part / GESTURES, about.names))
        write_card(part, card)
        return card


def pack_random(width: int, folder: Path) -> Card:
    """A bundle whose decoder has random weights, for measuring cost: no data, no training, one flat gesture."""
    import torch

    torch.manual_seed(0)
    random = np.random.default_rng(0)
    rows = random.standard_normal((500, len(DESCRIPTORS))) * [8, 1, 0.6, 0.5, 1] + [-20, 10.5, 11, 1.3, 0]
    knobs = scales.fit(random.uniform(-3, 4, len(rows)), rows)
    decoder = Decoder(width)
    flat = np.tile(np.array([-15, 0.5, 0.5, 0.5, 0.5], np.float32), (200, 1))
    latent = np.zeros((200, decoder.latent), np.float32)
    held = Cut("flat", latent, flat, flat[0].copy(), np.array([50, 150], np.int32), np.zeros(200, np.float32))
    with set_aside(folder) as part:
        export_decoder(decoder, part / DECODER)
        title, name = f"Random weights, width {width}", folder.resolve().name
        about = _About(name, title, "Apache-2.0", "pitched", [], {}, _cost(decoder))
        return _write(part, about, knobs, [held])


@dataclasses.dataclass(frozen=True)
class _About:
    """What the card says of the instrument as a whole."""

    name: str
    title: str
    licence: str
    kind: str
    sources: list[Source]
    quality: dict[str, float]
    cost: Cost


def _cost(decoder: Decoder) -> Cost:
    return Cost(sum(p.numel() for p in decoder.parameters()), macs_per_s(decoder))


def _beside(cost: Cost, graph: Path, dense: Cost) -> Cost:
    """With what the graph takes here, and the same of the dense one."""
    before = {"dense_parameters": dense.parameters, "dense_macs_per_s": dense.macs_per_s}
    measured = {"measured": footprint(graph.read_bytes()), "dense_measured": dense.measured}
    return msgspec.structs.replace(cost, **before, **measured)


def _described(path: Path) -> Network | None:
    return describe_network(path) if path.exists() else None


def _harmonics(decoder: Network) -> int:
    return next((int(tensor.shape[2]) for tensor in decoder.inputs if tensor.name == "harmonics"), 0)


def _write(part: Path, about: _About, knobs: list[Knob], cuts: list[Cut]) -> Card:
    """Gestures and card, beside the graphs that lie in `part` already."""
    arrays = {name: array for each in cuts for name, array in each.arrays().items()}
    (part / GESTURES).write_bytes(safetensors.numpy.save(arrays))
    network = describe_network(part / DECODER)
    shapes = {tensor.name: tensor.shape for tensor in network.inputs}
    card = Card(
        schema=SCHEMA,
        name=about.name,
        title=about.title,
        version=__version__,
        license=about.licence,
        sources=about.sources,
        sample_rate_hz=SAMPLE_RATE_HZ,
        hop=HOP,
        latent=int(shapes["controls"][1]) - CONTROLS_BEFORE_LATENT,
        harmonics=_harmonics(network),
        delay_samples=0,  # what a frame asks for sounds at once
        decoder=network,
        gestures=describe_gestures(part / GESTURES, [each.name for each in cuts]),
        knobs=knobs,
        cost=about.cost,
        quality=about.quality,
        encoder=_described(part / ENCODER),
        space=_described(part / SPACE),
        kind=about.kind,
    )
    write_card(part, card)
    return card


@contextmanager
def set_aside(folder: Path) -> Iterator[Path]:
    """An empty folder to write a bundle into: proven and moved to `folder` in the end, gone after an error."""
    folder = folder.resolve()
    aside = folder.parent / ".packing" / str(os.getpid())
    try:
        if folder.exists() and not (folder / CARD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput("there is something else than a bundle", str(folder), "give a folder of its own")
        shutil.rmtree(aside, ignore_errors=True)  # a crashed process of this number left it
        aside.mkdir(parents=True)
        try:
            try:
                yield aside
                prove(load(aside))
            except BadInput as error:
                raise BadInput(error.what, error.where.replace(str(aside), str(folder)), error.mend) from error
            _move(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            with suppress(OSError):  # another one is being packed there
                aside.parent.rmdir()
    except OSError as error:
        where = str(error.filename or folder)
        raise BadInput(f"cannot write the bundle: {error.strerror}", where, "check space and permissions") from error


def _move(aside: Path, folder: Path) -> None:
    """Put a bundle in its place. What lies beside the former one's files, pictures or a report, moves over to it."""
    former = put_in_place(aside, folder)
    if former is None:
        return
    for name in (CARD, DECODER, ENCODER, SPACE, GESTURES):
        (former / name).unlink(missing_ok=True)
    for other in former.iterdir():
        other.rename(folder / other.name)
    former.rmdir()
