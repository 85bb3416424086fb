"""The values that are remembered, and their bounds: whoever edited the file, nothing beyond them is believed."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from neurorack.errors import BadInput
from neurorack.words import FIND_SEED_MAX, POINTS_MAX

PRESETS = 64
NAME_CHARACTERS_MAX = 24
"""What a line of the display holds."""

BUNDLE_CHARACTERS_MAX = 4_095
"""Of its name or folder: the kernel takes no longer path."""

_PRINTED = "\\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*\\Z"
"""Nothing that moves a terminal's cursor, colours it, ends a line or turns its direction."""

Position = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Amount = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
Level = Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)]
Number = Annotated[int, msgspec.Meta(ge=1, le=PRESETS)]
JackName = Literal["voct", "cv1", "cv2", "cv3", "cv4"]
KnobName = Literal[
    "pitch", "rms", "centroid", "bandwidth", "sharpness", "boominess",
    "morph", "scrub", "transient", "variation", "glide", "release", "macro1", "macro2", "find1", "find2", "freeze",
    "octave", "fine",
]  # fmt: skip
Gate2Task = Literal["freeze", "retrigger", "tap", "next gesture", "next preset"]
TakeId = Annotated[str, msgspec.Meta(pattern="\\A([0-9a-f]{12})?\\Z")]
PotName = Literal["pot1", "pot2", "pot3", "pot4"]
CurveName = Literal["linear", "exponential", "logarithmic", "s-curve"]


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value: changed ones are made with `msgspec.structs.replace`."""


class Knob(_Kept, frozen=True):
    """What feeds a knob, as in `patch.matrix`: `pot`, else `base`, is where it stands without a cable.

    `base` and `offset` are volts for the pitch and positions otherwise, `attenuverter` −1…+1 by jack.
    """

    base: Level
    pot: PotName | None = None
    attenuverter: dict[JackName, Amount] = {}
    offset: Level = 0.0
    curve: CurveName = "linear"


class Find(_Kept, frozen=True):
    """A gesture that was found, kept as its difference from the chosen one: no later training of the instrument changes
    it. `at` is where `find1` and `find2` stood, `change` the numbers of `patch.found`, float16, lowest byte first."""

    at: tuple[Position, Position]
    change: Annotated[bytes, msgspec.Meta(min_length=2, max_length=2 * POINTS_MAX)]


class Sound(_Kept, frozen=True):
    """All that a preset brings back. `pots` is where the knobs of the pots stand, None where the pots themselves do.

    `morph_to` is the gesture at the far end of `morph`, −1 the next one. `enveloped` are jacks without a cable: their
    attenuverters get the gesture's envelope. `scale` has a bit for each note the pitch may take, bit 0 is C; 0: any.
    `find_seed` says where `find1` and `find2` lead, `found` what they had found of this gesture when it was stored.

    `take` and `morph_take` are ids of gestures recorded live; `gesture` and `morph_to` are then where those stand.
    """

    bundle: Annotated[str, msgspec.Meta(min_length=1, max_length=BUNDLE_CHARACTERS_MAX, pattern=_PRINTED)]
    gesture: Annotated[int, msgspec.Meta(ge=0, le=0x7FFFFFFF)] = 0
    depth: Annotated[float, msgspec.Meta(ge=0.0, le=4.0)] = 1.0
    intonation: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 1.0
    knobs: dict[KnobName, Knob] = {}
    pots: tuple[Position, Position, Position, Position] | None = None
    morph_to: Annotated[int, msgspec.Meta(ge=-1, le=0x7FFFFFFF)] = -1
    gate2: Gate2Task = "freeze"
    enveloped: Annotated[tuple[JackName, ...], msgspec.Meta(max_length=5)] = ()
    scale: Annotated[int, msgspec.Meta(ge=0, le=0xFFF)] = 0
    find_seed: Annotated[int, msgspec.Meta(ge=0, le=FIND_SEED_MAX)] = 0
    found: Find | None = None
    take: TakeId = ""
    morph_take: TakeId = ""


class Preset(_Kept, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARACTERS_MAX, pattern=_PRINTED)]
    sound: Sound


class Settings(_Kept, frozen=True):
    """`playing` is None in a module just out of its box. Presets are numbered from 1. `encoder_swapped`: it turns the
    other way than the board says. `before_panic` is what played when panic put it aside."""

    playing: Sound | None = None
    presets: dict[Number, Preset] = {}
    encoder_swapped: bool = False
    before_panic: Sound | None = None

    def preset(self, number: int) -> Preset:
        """Raises BadInput where there is none."""
        check_number(number)
        if number not in self.presets:
            raise BadInput(
                "that preset is empty", f"preset {number}", "store one there, or see `neurorack presets list`"
            )
        return self.presets[number]

    def store(self, number: int, name: str | None = None) -> "Settings":
        """With what plays as preset `number`, in place of one that is there; its name stays unless another is given."""
        check_number(number)
        if self.playing is None:
            raise BadInput("nothing has been played yet", f"preset {number}", "start the module first")
        before = self.presets.get(number)
        if name is None:
            name = before.name if before else f"preset {number}"
        return self.with_preset(number, Preset(name=named(name), sound=self.playing))

    def rename(self, number: int, name: str) -> "Settings":
        return self.with_preset(number, Preset(name=named(name), sound=self.preset(number).sound))

    def recall(self, number: int) -> "Settings":
        """With preset `number` as what plays."""
        return msgspec.structs.replace(self, playing=self.preset(number).sound)

    def clear(self, number: int) -> "Settings":
        self.preset(number)
        return self.with_preset(number, None)

    def with_preset(self, number: int, preset: Preset | None) -> "Settings":
        """With this as preset `number`, or with none there."""
        presets = {n: p for n, p in self.presets.items() if n != number}
        if preset is not None:
            presets[number] = preset
        return msgspec.structs.replace(self, presets=dict(sorted(presets.items())))


def check_number(number: int) -> None:
    """Raise BadInput where there is no such preset."""
    if not 1 <= number <= PRESETS:
        raise BadInput("there is no such preset", f"preset {number}", f"use 1 to {PRESETS}")


def named(name: str) -> str:
    """A preset's or a gesture's name with single spaces. Raises BadInput where no display could hold it."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        mend = f"use 1 to {NAME_CHARACTERS_MAX} printable characters"
        raise BadInput("that cannot be a name", repr(name[:40]), mend)
    return name


Document = dict[str, Any]
"""JSON as it was read, of any schema."""


def _as_it_was(document: Document) -> Document:
    """Schema 2 adds knobs of performance, gate 2, scale and envelope, schema 3 gestures recorded live and found, and
    the encoder's direction, schema 4 what played before a panic: all have defaults that play as before."""
    return document


MIGRATIONS: tuple[Callable[[Document], Document], ...] = (_as_it_was, _as_it_was, _as_it_was)
"""The first makes a document of schema 2 of one of schema 1, the next one of schema 3 of that, and so on."""


def schema() -> int:
    """Of what `encode` writes. Raised by every change that an older `decode` would refuse or misread."""
    return 1 + len(MIGRATIONS)


def encode(settings: Settings) -> bytes:
    """Readable JSON. ValueError where `decode` would refuse it: what cannot be read back must not be written."""
    raw = msgspec.json.format(msgspec.json.encode(settings), indent=1) + b"\n"
    decode(raw, schema())
    return raw


def decode(raw: bytes, of_schema: int) -> Settings:
    """Settings of this or an older schema, migrated forward. ValueError where they are not within bounds."""
    try:
        if of_schema == schema():
            return msgspec.json.decode(raw, type=Settings)
        document = msgspec.json.decode(raw, type=Document)
        for migrate in MIGRATIONS[of_schema - 1 :]:
            document = migrate(document)
        return msgspec.convert(document, Settings, str_keys=True)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:  # of a migration, too
        raise ValueError(f"not settings of schema {of_schema}: {error}") from error
