"""A bundle: one instrument as a folder with a card, a decoder and gestures.

    models/NAME/card.json  decoder.onnx  [encoder.onnx]  [space.onnx]  gestures.safetensors

`load` reads everything once, into memory, and proves it before anything of it is used: a bundle from a stranger can be
wrong, never dangerous. Sizes are bounded, files stay inside the folder and are plain files, sha256 must agree, nothing
is unpickled, and the decoder's graph is walked (`onnx_graph`) before a runtime sees it.
"""

import hashlib
import math
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from neurorack.errors import BadInput
from neurorack.onnx_graph import Graph, Port, Refused, read_graph
from neurorack.statedir import SERVICE
from neurorack.words import BANDS, BLOCKS, DESCRIPTORS, HOP, KINDS, KNOTS, SAMPLE_RATE_HZ, STAGES

SCHEMA = 2
CARD = "card.json"
CARD_BYTES_MAX = 1 << 20
ONNX_BYTES_MAX = 32 << 20
GESTURES_BYTES_MAX = 32 << 20
STATE_FLOATS_MAX = 1 << 20
"""All states of a decoder together."""

NAME_CHARACTERS_MAX, TEXT_CHARACTERS_MAX = 64, 1_000
"""Of the names that displays and folders carry, and of any other text of a card."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, colours it, ends a line or turns its direction."""

CONTROLS_BEFORE_LATENT = 1 + len(DESCRIPTORS)
"""Columns of the decoder's `controls` before the latent: pitch in octaves re C4, then the descriptors."""

ENCODER_COLUMNS = 65
"""What an encoder is shown: the features of `ears.features`."""

COORDINATES_MAX = 64
"""Of a space of gestures; two at least."""

DRAWS = -(-HOP // 3)
"""Of a hop, by a decoder that draws its samples one by one, at 16 kHz: 22; two hops in three leave one over."""

PITCH_MAX_OCT = 8.0
"""How far from C4 a gesture's pitch may lie; an excitation plays from 8 Hz to 8 kHz, five octaves either way."""

PARTIALS_OCT = (-1.0, 12.0)
"""Where a struck sound's partials may lie, in octaves above its pitch."""


class Source(msgspec.Struct, frozen=True):
    """Where sounds the bundle has learned from came from."""

    name: str
    license: str
    what: str


class Tensor(msgspec.Struct, frozen=True):
    """An input or output of a network. The one symbolic axis is called `frames`."""

    name: str
    shape: list[int | str]
    dtype: str


class Network(msgspec.Struct, frozen=True):
    """An ONNX file: stateless, each state an input `state_*` and an output `next_*`."""

    file: str
    sha256: str
    bytes: int
    inputs: list[Tensor]
    outputs: list[Tensor]
    states: list[tuple[str, str]]


class Gestures(msgspec.Struct, frozen=True):
    """A safetensors file with `NAME/latent`, `NAME/descriptors`, `NAME/median` and `NAME/marks` for every name.

    `NAME/pitch` may be there too, and `NAME/partials` is where the decoder takes `partials`.
    """

    file: str
    sha256: str
    bytes: int
    names: list[str]


class Condition(msgspec.Struct, frozen=True):
    """What a knob's scale depends on, clamped to low…high and then taken to −1…+1 for the polynomials.

    `name` is `pitch` (octaves re C4) or a descriptor before this one (in its own unit).
    """

    name: str
    low: float
    high: float


class Knob(msgspec.Struct, frozen=True):
    """A descriptor knob and its scale: y = location(x) + spread(x) · Q(u), u = 0…1.

    `terms` [n][conditions] are exponents; location(x) = Σ location[j] · Π x_i^terms[j][i], and spread(x) likewise but
    never below `spread_floor`. `quantiles` is Q at equal steps of u, rising. Without conditions, as rms must be, there
    is one term, [].
    """

    name: str
    unit: str
    low: float
    high: float
    conditions: list[Condition]
    terms: list[list[int]]
    location: list[float]
    spread: list[float]
    spread_floor: float
    quantiles: list[float]


class Footprint(msgspec.Struct, frozen=True):
    """What a decoder's graph took where it was measured, on one thread (`engine.footprint`)."""

    nodes: int
    """Run in a call at block 64, constants folded and operators fused."""
    file_bytes: int
    memory_bytes: int
    """By which a process that has loaded nothing else grows at most, when it opens and calls it."""
    share_64: float
    """Of real time, at block 64."""
    share_128: float
    machine: str
    """Processor and runtime."""

    def __str__(self) -> str:
        return (
            f"{self.nodes} nodes a call, a file of {self.file_bytes / 1e3:.0f} kB, {self.memory_bytes / 1e6:.1f} MB of "
            f"memory, {self.share_64:.2%} of real time at block 64, {self.share_128:.2%} at 128 ({self.machine})"
        )


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of the decoder, per second of audio; where it was trimmed, also of the dense one it comes from."""

    parameters: int
    macs_per_s: float
    dense_parameters: int | None = None
    dense_macs_per_s: float | None = None
    measured: Footprint | None = None
    dense_measured: Footprint | None = None


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """card.json. Fields that this version does not know are passed over. `harmonics` are 0 where the decoder makes its
    waves by itself."""

    schema: int
    name: str
    title: str
    version: str
    license: str
    sources: list[Source]
    sample_rate_hz: int
    hop: int
    latent: int
    harmonics: int
    delay_samples: int
    decoder: Network
    gestures: Gestures
    knobs: list[Knob]
    cost: Cost
    quality: dict[str, float]
    encoder: Network | None = None
    space: Network | None = None
    kind: str = "pitched"
    ahead: bool = False
    """Its decoder is too slow to play live: gestures are rendered before they are played."""

    @property
    def networks(self) -> list[Network]:
        """Every ONNX file of the bundle."""
        return [network for network in (self.decoder, self.encoder, self.space) if network is not None]


Ports = dict[str, tuple[int | str, ...]]
"""Name → shape."""


@dataclass(frozen=True, eq=False)
class Gesture:
    """A recorded trajectory: one row a hop. Attack up to `loop_start`, loop up to `loop_end`, release to the end.

    One without a loop, `loop_start` = `loop_end`, is a one-shot: whatever its gate does, it plays to its end.
    """

    name: str
    latent: np.ndarray  # [N, latent] float32
    descriptors: np.ndarray  # [N, 5] float32: rms in dB, the others as knob positions 0…1
    median: np.ndarray  # [5] float32, of the descriptors over the gesture
    loop_start: int
    loop_end: int
    pitch: np.ndarray  # [N] float32: octaves re C4 of a strike or of speech, octaves about 0 of a note's vibrato
    partials: np.ndarray | None = None  # [harmonics] float32: octaves of a strike's modes above its pitch, rising


@dataclass(frozen=True, eq=False)
class Bundle:
    """One instrument, proven whole, in memory."""

    folder: Path
    card: Card
    decoder_onnx: bytes
    encoder_onnx: bytes | None
    gestures: tuple[Gesture, ...]
    space_onnx: bytes | None = None

    @property
    def name(self) -> str:
        return self.card.name


def folders() -> list[Path]:
    """Where bundles are looked for by name: $NEURORACK_MODELS, else `models/` beside or inside the package. On the
    module, where each version brings its own, those the player has installed lie with the state and come first."""
    if given := os.environ.get("NEURORACK_MODELS"):
        return [Path(given)]
    shipped = Path(sys.prefix) / "models"
    if shipped.is_dir():
        return [SERVICE / "models", shipped]
    package = Path(__file__).resolve().parent
    return [package.parent / "models", package / "models"]


def installed() -> list[Path]:
    """Folders of all bundles that have a card, sorted by name."""
    return sorted((p.parent for f in folders() for p in f.glob(f"*/{CARD}")), key=lambda folder: folder.name)


def find(name: str | Path) -> Path:
    """The folder of a bundle, given its name or the folder itself."""
    direct = Path(name)
    if os.path.isdir(direct):  # False, not an error, where the name is too long to be one
        return direct
    if len(direct.parts) == 1 and str(name) not in (".", ".."):
        for folder in folders():
            if os.path.isdir(folder / direct):
                return folder / direct
    known = ", ".join(folder.name for folder in installed()) or "none is installed"
    raise BadInput(f"no bundle {str(name)!r}", ", ".join(map(str, folders())), f"give a folder or one of: {known}")


def load(name: str | Path) -> Bundle:
    """The bundle of that name or in that folder, every part of it checked. BadInput says what is wrong where."""
    folder = find(name)
    card = read_card(folder)
    decoder = read_file(folder, card.decoder.file, ONNX_BYTES_MAX, card.decoder.sha256, card.decoder.bytes)
    _check_decoder(card, card.decoder, decoder, folder)
    encoder = None
    if card.encoder is not None:
        encoder = read_file(folder, card.encoder.file, ONNX_BYTES_MAX, card.encoder.sha256, card.encoder.bytes)
        _check_encoder(card, card.encoder, encoder, folder)
    space = None
    if card.space is not None:
        space = read_file(folder, card.space.file, ONNX_BYTES_MAX, card.space.sha256, card.space.bytes)
        _check_space(card, card.space, space, folder)
    held = read_file(folder, card.gestures.file, GESTURES_BYTES_MAX, card.gestures.sha256, card.gestures.bytes)
    names = {name: name for name in card.gestures.names}
    gestures = read_gestures(card, held, folder / card.gestures.file, names)
    return Bundle(folder, card, decoder, encoder, gestures, space)


def read_card(folder: Path) -> Card:
    """The card alone: parsed and plausible, the files it names not looked at."""
    path = folder / CARD
    raw = read_file(folder, CARD, CARD_BYTES_MAX)
    try:
        card = msgspec.json.decode(raw, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the card is damaged: {error}", str(path), "install the bundle again") from error
    _check_card(card, path)
    return card


def write_card(folder: Path, card: Card) -> None:
    """Write card.json, readable and with a line per field; a card that `read_card` would refuse is a BadInput."""
    _check_card(card, folder / CARD)
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")


def describe_network(path: Path) -> Network:
    """What the card says of the ONNX file at `path`, taken from the file itself."""
    data = path.read_bytes()
    graph = _graph(data, path)
    inputs, outputs = (
        [Tensor(p.name, list(p.shape), p.dtype) for p in ports] for ports in (graph.inputs, graph.outputs)
    )
    states = [(t.name, "next_" + t.name[len("state_") :]) for t in inputs if t.name.startswith("state_")]
    return Network(path.name, hashlib.sha256(data).hexdigest(), len(data), inputs, outputs, states)


def describe_gestures(path: Path, names: Sequence[str]) -> Gestures:
    """What the card says of the gestures file at `path`."""
    data = path.read_bytes()
    return Gestures(path.name, hashlib.sha256(data).hexdigest(), len(data), list(names))


def read_file(folder: Path, file: str, limit: int, sha256: str | None = None, size: int | None = None) -> bytes:
    """A plain file of the folder, whole, at most `limit` bytes, with the size and sha256 the card gives."""
    where, again = str(folder / file), "install the bundle again"
    if not file or file != os.path.basename(file) or file in (".", "..") or "\0" in file or "\\" in file:
        raise BadInput(
            f"the card names a file outside the bundle, {file[:60]!r}",
            str(folder / CARD),
            "use file names without folders",
        )
    try:
        # Neither a link out of the folder nor a pipe that would hold us up.
        fd = os.open(folder / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BadInput("a file of the bundle is missing", where, again) from error
    except OSError as error:
        link = os.path.islink(folder / file)
        what = "a file of the bundle is a link" if link else f"cannot read the bundle: {error.strerror}"
        raise BadInput(what, where, "put the file itself there" if link else again) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise BadInput("not a plain file", where, again)
    with open(fd, "rb") as stream:
        if status.st_size > limit:
            raise BadInput(f"too big: {status.st_size} bytes, at most {limit}", where, again)
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise BadInput(f"too big: more than {limit} bytes", where, again)
    if size is not None and len(data) != size:
        kind = "truncated" if len(data) < size else "longer than the card says"
        raise BadInput(f"{kind}: {len(data)} bytes of {size}", where, again)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256.lower():
        raise BadInput("its sha256 is not the card's: the file was changed", where, again)
    return data


def _check_card(card: Card, path: Path) -> None:
    def fail(what: str, mend: str = "install the bundle again") -> None:
        raise BadInput(what, str(path), mend)

    if wrong := text_fault(msgspec.to_builtins(card)):
        fail(wrong)
    if not 1 <= len(card.name) <= NAME_CHARACTERS_MAX:
        fail(f"the bundle's name must be of 1…{NAME_CHARACTERS_MAX} characters")
    if card.schema != SCHEMA:
        fail(f"the card is of schema {card.schema}, this is {SCHEMA}", "update neurorack or the bundle")
    if card.sample_rate_hz != SAMPLE_RATE_HZ or card.hop != HOP:
        fail(f"made for {card.sample_rate_hz} Hz and hops of {card.hop}, not {SAMPLE_RATE_HZ} and {HOP}")
    if card.kind not in KINDS:
        fail(f"an instrument is {', '.join(KINDS)}, not {card.kind!r}", "update neurorack or the bundle")
    if not (1 <= card.latent <= 64 and 0 <= card.harmonics <= 128 and 0 <= card.delay_samples <= 48 * 3):
        fail("latent must be 1…64, harmonics 0…128 and the delay at most 3 ms")
    if [knob.name for knob in card.knobs] != list(DESCRIPTORS):
        fail(f"the knobs must be {', '.join(DESCRIPTORS)}, in this order")
    for index, knob in enumerate(card.knobs):
        before = ("pitch", *DESCRIPTORS[:index]) if index else ()  # a level is the same level at every pitch
        wrong = _knob_fault(knob, before)
        if wrong:
            fail(f"knob {knob.name}: {wrong}")
    names = card.gestures.names
    if (
        not 1 <= len(names) <= 256
        or len(set(names)) != len(names)
        or not all(1 <= len(name) <= NAME_CHARACTERS_MAX for name in names)
    ):
        fail("there must be 1…256 gestures with different, short names")
    if not all(map(math.isfinite, card.quality.values())):
        fail("a quality figure is not finite")


def text_fault(part: Any) -> str:
    """What is wrong with the texts in a part of a card, keys included, or ''."""
    if isinstance(part, str):
        if len(part) > TEXT_CHARACTERS_MAX:
            return f"a text of {len(part)} characters, at most {TEXT_CHARACTERS_MAX}: {part[:40]!r}…"
        return f"a control character in {part[:40]!r}" if _UNPRINTABLE.search(part) else ""
    if isinstance(part, dict):
        part = [*part.keys(), *part.values()]
    return next(filter(None, map(text_fault, part)), "") if isinstance(part, (list, tuple)) else ""


def _knob_fault(knob: Knob, before: tuple[str, ...]) -> str:
    """What is wrong with a knob's scale, or ''."""
    numbers = [knob.low, knob.high, knob.spread_floor, *knob.location, *knob.spread, *knob.quantiles]
    numbers += [edge for condition in knob.conditions for edge in (condition.low, condition.high)]
    if not all(math.isfinite(number) and abs(number) < 1e6 for number in numbers):
        return "a number in its tables is not finite or far too big"
    if not knob.low < knob.high or knob.spread_floor <= 0:
        return "low must be below high and spread_floor above 0"
    if [c.name for c in knob.conditions if c.name not in before] or not all(c.low < c.high for c in knob.conditions):
        return f"conditions must be among {', '.join(before)}, each with low < high"
    if len({c.name for c in knob.conditions}) != len(knob.conditions):
        return "the same condition twice"
    if not 1 <= len(knob.terms) <= 64 or not len(knob.terms) == len(knob.location) == len(knob.spread):
        return "terms, location and spread must be equally many, 1…64"
    if not all(len(term) == len(knob.conditions) and all(0 <= power <= 8 for power in term) for term in knob.terms):
        return "every term needs one power 0…8 for each condition"
    table = np.array(knob.quantiles)
    if not 2 <= len(table) <= 1025 or np.any(np.diff(table) < 0) or table[0] == table[-1]:
        return "its quantiles must rise, 2…1025 of them"
    return ""


def _graph(data: bytes, path: Path) -> Graph:
    try:
        return read_graph(data)
    except Refused as refusal:
        raise BadInput(f"the network is refused: {refusal}", str(path), "use a bundle you trust") from refusal


def _check_decoder(card: Card, network: Network, data: bytes, folder: Path) -> None:
    """The decoder's graph says what the card says, and both what the engine will bind.

    One without harmonics makes its waves by itself, from `controls` alone, and may do so several hops at a time; or it
    draws its samples, and is given the draws.
    """
    fail, inputs, outputs = _ports(network, data, folder)
    expected_in: Ports = {"controls": ("frames", CONTROLS_BEFORE_LATENT + card.latent)}
    expected_out: Ports = {"audio": ("frames", HOP)}
    if card.harmonics:
        expected_in |= {"harmonics": ("frames", HOP, card.harmonics), "noise": ("frames", HOP, BANDS)}
        if "partials" in inputs:
            expected_in["partials"] = ("frames", card.harmonics)
        elif "pulse" in inputs:
            expected_in["pulse"] = ("frames", HOP, BANDS)
    elif "uniform" in inputs:
        expected_in["uniform"] = ("frames", DRAWS)
    elif outputs.get("audio") in [("frames", block) for block in BLOCKS]:
        expected_out["audio"] = outputs["audio"]
    total = 0
    for state, following in network.states:
        shape = inputs.get(state)
        if shape is None or not state.startswith("state_") or following != "next_" + state[len("state_") :]:
            fail(f"state {state!r} must be an input state_* with an output next_*")
        elif not all(isinstance(size, int) and size > 0 for size in shape):
            fail(f"state {state!r} must have a fixed shape")
        else:
            expected_in[state] = expected_out[following] = shape
            total += math.prod(int(size) for size in shape)
    if total > STATE_FLOATS_MAX:
        fail(f"its states hold {total} numbers, at most {STATE_FLOATS_MAX}")
    _compare(fail, inputs, expected_in, outputs, expected_out)


def _check_encoder(card: Card, network: Network, data: bytes, folder: Path) -> None:
    """The encoder's graph says what the card says: frames of features in, frames of the latent out."""
    fail, inputs, outputs = _ports(network, data, folder)
    shown: Ports = {"features": ("frames", ENCODER_COLUMNS)}
    _compare(fail, inputs, shown, outputs, {"latent": ("frames", card.latent)})


def _check_space(card: Card, network: Network, data: bytes, folder: Path) -> None:
    """The space's graph says what the card says: gestures as `patch.found` describes them, a step in the space for
    each, and out the change that makes."""
    fail, inputs, outputs = _ports(network, data, folder)
    modal = any(tensor.name == "partials" for tensor in card.decoder.inputs)
    described = KNOTS * (CONTROLS_BEFORE_LATENT + card.latent) + STAGES + (card.harmonics if modal else 0)
    steps = inputs.get("steps", ())
    if len(steps) != 2 or not isinstance(steps[1], int) or not 2 <= steps[1] <= COORDINATES_MAX:
        fail(f"a step in it must have 2…{COORDINATES_MAX} coordinates")
    shown: Ports = {"points": ("frames", described), "steps": ("frames", *steps[1:])}
    _compare(fail, inputs, shown, outputs, {"changes": ("frames", described)})


def _ports(network: Network, data: bytes, folder: Path) -> tuple[Callable[[str], None], Ports, Ports]:
    """(what to call with a fault, inputs, outputs) of a network whose graph is as the card says."""
    path = folder / network.file
    graph = _graph(data, path)

    def fail(what: str) -> None:
        raise BadInput(what, str(path), "export the bundle again")

    for kind, ports, tensors in (("inputs", graph.inputs, network.inputs), ("outputs", graph.outputs, network.outputs)):
        if {_as_tensor(port) for port in ports} != {(t.name, tuple(t.shape), t.dtype) for t in tensors}:
            fail(f"its {kind} are not the card's")
        if any(t.dtype != "float32" for t in tensors):
            fail(f"its {kind} must be float32")
    inputs, outputs = ({t.name: tuple(t.shape) for t in tensors} for tensors in (network.inputs, network.outputs))
    return fail, inputs, outputs


def _compare(fail: Callable[[str], None], inputs: Ports, takes: Ports, outputs: Ports, gives: Ports) -> None:
    for kind, got, expected in (("input", inputs, takes), ("output", outputs, gives)):
        for name in sorted(got.keys() | expected.keys()):
            if got.get(name) != expected.get(name):
                fail(f"{kind} {name!r} has shape {got.get(name)}, expected {expected.get(name)}")


def _as_tensor(port: Port) -> tuple[str, tuple[int | str, ...], str]:
    return port.name, port.shape, port.dtype


def read_gestures(card: Card, data: bytes, path: Path, names: Mapping[str, str]) -> tuple[Gesture, ...]:
    """The gestures that a safetensors file holds for this bundle, every number of them checked. `names` has for each,
    as its tensors call it, what it is called. Raises BadInput."""
    import safetensors  # a module that only lists bundles does without
    import safetensors.numpy

    try:
        arrays = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"the gestures are damaged: {error}", str(path), "install the bundle again") from error

    def fault(name: str, what: str) -> BadInput:
        return BadInput(f"gesture {name!r}: {what}", str(path), "export the bundle again")

    def part(name: str, what: str, shape: tuple[int | None, ...], kind: str) -> np.ndarray:
        array = arrays.get(f"{name}/{what}")
        fits = array is not None and array.ndim == len(shape) and array.dtype == np.dtype(kind)
        if array is None or not fits or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
            raise fault(name, f"{what} is missing or of another shape or type")
        if not np.isfinite(array).all():
            raise fault(name, f"{what} holds a number that is not finite")
        return array

    modal = any(port.name == "partials" for port in card.decoder.inputs)
    lowest, highest = PARTIALS_OCT
    gestures = []
    for name, called in names.items():
        latent = part(name, "latent", (None, card.latent), "f4")
        descriptors = part(name, "descriptors", (len(latent), len(DESCRIPTORS)), "f4")
        median = part(name, "median", (len(DESCRIPTORS),), "f4")
        start, end = (int(mark) for mark in part(name, "marks", (2,), "i4"))
        if not 0 <= start <= end <= len(latent) or not len(latent):
            raise fault(name, f"its loop {start}…{end} does not lie in its {len(latent)} hops")
        moves = f"{name}/pitch" in arrays
        pitch = part(name, "pitch", (len(latent),), "f4") if moves else np.zeros(len(latent), np.float32)
        if np.abs(pitch).max() > PITCH_MAX_OCT:
            raise fault(name, f"its pitch is more than {PITCH_MAX_OCT:g} octaves from C4")
        partials = part(name, "partials", (card.harmonics,), "f4") if modal else None
        if partials is not None and not (
            np.all(np.diff(partials) >= 0) and lowest <= partials[0] and partials[-1] <= highest
        ):
            raise fault(name, f"its partials must rise within {lowest:g}…{highest:g} octaves")
        gestures.append(Gesture(called, latent, descriptors, median, start, end, pitch, partials))
    return tuple(gestures)
