"""What a rack's TOML may say, and the sources it makes. `racks/demo.toml` shows every source, the others beside it a
feature of the module each."""

import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from neurorack.errors import BadInput
from neurorack.rack.signals import Constant, Signal
from neurorack.rack.sources import Envelope, Keyboard, Lfo, Random, Shape, StepCv, StepGate, Steps
from neurorack.rack.volts_file import VoltsFile
from neurorack.words import CV_JACKS, FIND_SEED_MAX, GATE2_TASKS, GATE_JACKS, POTS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RACKS = Path(__file__).with_name("racks")
DEMO = RACKS / "demo.toml"

INPUT_JACKS = (*CV_JACKS, *GATE_JACKS)
"""Jacks a cable from a source can go to."""

LONGEST_CHAIN = 8
"""Envelopes, each triggered by the one before: reading the last follows them all, 20 µs for eight, 60 ms at first."""

_NAME = re.compile("[a-z][a-z0-9_]{0,15}")

Volts = Annotated[float, msgspec.Meta(ge=-12.0, le=12.0)]
Unit = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
RateHz = Annotated[float, msgspec.Meta(gt=0.0, le=2_000.0)]
ShortS = Annotated[float, msgspec.Meta(ge=0.0, le=60.0)]
LagS = Annotated[float, msgspec.Meta(ge=0.0, le=0.005)]


class _Source(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """A table under `[sources]`."""


class SequencerPlan(_Source, tag="sequencer"):
    """Outputs `cv` and `gate`. `gate` is the length of all steps or of each: 0 rests, 1 ties.

    The CV comes `cv_lag_s` after its gate, as a sequencer's does, and glides for `glide_s`.
    """

    tempo_bpm: Annotated[float, msgspec.Meta(ge=10.0, le=1_000.0)]
    steps_v: Annotated[list[Volts], msgspec.Meta(min_length=1, max_length=256)]
    steps_per_beat: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    gate: Unit | Annotated[list[Unit], msgspec.Meta(min_length=1, max_length=256)] = 0.5
    gate_v: Volts = 5.0
    swing: Annotated[float, msgspec.Meta(ge=0.0, le=0.75)] = 0.0
    cv_lag_s: LagS = 0.0
    glide_s: ShortS = 0.0


class LfoPlan(_Source, tag="lfo"):
    """Output `out`."""

    rate_hz: RateHz
    shape: Shape = "sine"
    low_v: Volts = -5.0
    high_v: Volts = 5.0
    phase: Unit = 0.0


class RandomPlan(_Source, tag="random"):
    """Output `out`."""

    rate_hz: RateHz
    low_v: Volts = -5.0
    high_v: Volts = 5.0
    glide: Unit = 0.0


class EnvelopePlan(_Source, tag="envelope"):
    """Output `out`, started and held by the gate `trigger`, an output of another source."""

    trigger: str
    attack_s: ShortS = 0.01
    decay_s: ShortS = 0.2
    sustain: Unit = 0.5
    release_s: ShortS = 0.3
    peak_v: Volts = 5.0


class ConstantPlan(_Source, tag="constant"):
    """Output `out`."""

    volts: Volts


class KeyboardPlan(_Source, tag="keyboard"):
    """Outputs `cv` and `gate`, played from the terminal view."""

    gate_v: Volts = 5.0


class VoltsFilePlan(_Source, tag="volts_file"):
    """One output for each column of a volts file; `path` counts from the TOML's folder."""

    path: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+$")]


SourcePlan = SequencerPlan | LfoPlan | RandomPlan | EnvelopePlan | ConstantPlan | KeyboardPlan | VoltsFilePlan


class PresetPlan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[[module.presets]]`: how the instrument is set, in the words of `neurorack render`.

    `gesture` and `morph_to` may be recorded ones of this machine. `knob` has what `assign` does not say of a knob, in
    the words of `neurorack ctl set`:

        knob.centroid.curve = "s-curve"
        knob.morph.attenuverter.cv1 = -0.5
    """

    gesture: str | None = None
    morph_to: str | None = None
    depth: Annotated[float, msgspec.Meta(ge=0.0, le=4.0)] = 1.0
    intonation: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 1.0
    scale: str = "off"
    assign: list[str] = []
    find_seed: Annotated[int, msgspec.Meta(ge=0, le=FIND_SEED_MAX)] = 0
    knob: dict[str, dict[str, Any]] = {}


class ModulePlan(PresetPlan, kw_only=True):
    """`[module]`: how the module itself is set. Without the table it plays what it remembers.

    `presets` are those that gate 2 leads through, of the same instrument. `listens` is what is plugged into the jack
    `in` where the rack is rendered: another rack's file, as a path from this one's folder. Live it is whatever comes in
    at the sound card.
    """

    bundle: str
    gate2: str = GATE2_TASKS[0]
    presets: Annotated[list[PresetPlan], msgspec.Meta(max_length=64)] = []
    listens: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]+$")] | None = None


class WorldPlan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole TOML. `about` says what it shows; `seconds` is how long a rendering of it is."""

    name: str
    about: str = ""
    seconds: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] | None = None
    module: ModulePlan | None = None
    cables: dict[str, str] = {}
    pots: dict[str, Unit] = {}
    seed: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] = 0
    sources: dict[str, SourcePlan] = {}


@dataclass(frozen=True)
class Rack:
    """What a file makes: sources, and how they are patched at first."""

    path: Path
    name: str
    seed: int
    outputs: dict[str, Signal]  # by "source.output"
    cables: dict[str, str]  # jack → output
    pots: dict[str, float]
    duration_s: float | None = None  # where a rendering of it ends, else None
    about: str = ""
    module: ModulePlan | None = None


def packaged_racks() -> list[str]:
    """Names of those that come with the package."""
    return sorted(path.stem for path in RACKS.glob("*.toml"))


def find_rack(name: str) -> Path:
    """The file of this name; a bare word that is none is a rack of the package."""
    path = Path(name)
    return RACKS / f"{name}.toml" if not path.is_file() and name in packaged_racks() else path


def load_rack(path: Path, seed: int | None = None) -> Rack:
    """Read a TOML, or a volts file (`.csv`); `seed` replaces the TOML's own. Raises BadInput."""
    if path.suffix.lower() == ".csv":
        return volts_rack(path, seed or 0)
    plan = _read_plan(path)
    if seed is not None:
        plan = msgspec.structs.replace(plan, seed=seed)
    outputs = _Builder(plan, path).outputs()
    for pot in plan.pots:
        if pot not in POTS:
            raise BadInput(f"there is no pot {pot!r}", f"{path}, key pots", f"use {', '.join(POTS)}")
    for jack, end in plan.cables.items():
        if jack not in INPUT_JACKS:
            raise BadInput(f"there is no jack {jack!r}", f"{path}, key cables", f"use {', '.join(INPUT_JACKS)}")
        if end not in outputs:
            raise BadInput(
                f"there is no output {end!r}", f"{path}, key cables.{jack}", f"use one of {', '.join(outputs)}"
            )
    if plan.module is not None and plan.module.gate2 not in GATE2_TASKS:
        what, mend = f"gate 2 has no task {plan.module.gate2[:40]!r}", f"use one of {', '.join(GATE2_TASKS)}"
        raise BadInput(what, f"{path}, key module.gate2", mend)
    about = " ".join(plan.about.split())
    return Rack(path, plan.name, plan.seed, outputs, plan.cables, plan.pots, plan.seconds, about, plan.module)


def volts_rack(path: Path, seed: int = 0) -> Rack:
    """A volts file as a rack whose columns are plugged into the jacks of their names. Raises BadInput."""
    file = VoltsFile(path)
    outputs: dict[str, Signal] = {f"file.{jack}": track for jack, track in file.tracks.items()}
    cables = {jack: f"file.{jack}" for jack in file.tracks}
    return Rack(path, path.stem, seed, outputs, cables, {}, file.duration_s)


def _read_plan(path: Path) -> WorldPlan:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read the rack: {error.strerror}", str(path), "give another --rack FILE") from error
    except ValueError as error:  # of TOML, of UTF-8, or of a number of thousands of digits
        raise BadInput(f"the rack is not TOML: {error}", str(path), "mend that line") from error
    except RecursionError as error:
        mend = f"compare with {DEMO.name} of the package"
        raise BadInput("lists or tables lie in each other too deep", str(path), mend) from error
    tables = document.pop("sources", None)
    plan = _converted(document, WorldPlan, path, "")
    for name, table in (tables if isinstance(tables, dict) else {}).items():
        if not _NAME.fullmatch(name):
            mend = "use up to 16 small letters, digits and _"
            raise BadInput(f"{name[:40]!r} is no name for a source", f"{path}, key sources", mend)
        plan.sources[name] = _converted(table, SourcePlan, path, f"sources.{name}.")
    if not plan.sources:
        raise BadInput("there are no sources", f"{path}, key sources", f"compare with {DEMO.name} of the package")
    return plan


def _converted(table: object, kind: Any, path: Path, prefix: str) -> Any:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        key = (prefix + where.rstrip("`").lstrip(".")).rstrip(".") or "top level"
        raise BadInput(what, f"{path}, key {key}", f"compare with {DEMO.name} of the package") from error


class _Builder:
    """Makes the sources of a plan; those that need another's output come after it."""

    def __init__(self, plan: WorldPlan, path: Path) -> None:
        self._plan, self._path = plan, path
        self._made: dict[str, Signal] = {}
        self._under_way: list[str] = []
        self._links: dict[str, int] = {}  # envelopes in the chain that ends with this one

    def outputs(self) -> dict[str, Signal]:
        for name in self._plan.sources:
            self._make(name)
        return {end: self._made[end] for name in self._plan.sources for end in self._made if end.split(".")[0] == name}

    def _make(self, name: str) -> None:
        if any(end.split(".")[0] == name for end in self._made):
            return
        self._under_way.append(name)
        for output, signal in self._signals(name, self._plan.sources[name]).items():
            self._made[f"{name}.{output}"] = signal
        self._under_way.remove(name)

    def _signals(self, name: str, plan: SourcePlan) -> dict[str, Signal]:
        if isinstance(plan, SequencerPlan):
            steps = Steps(plan.tempo_bpm, plan.steps_per_beat, plan.swing)
            lengths = plan.gate if isinstance(plan.gate, list) else [plan.gate]
            return {
                "cv": StepCv(steps, plan.steps_v, plan.cv_lag_s, plan.glide_s),
                "gate": StepGate(steps, lengths, plan.gate_v),
            }
        if isinstance(plan, LfoPlan):
            return {"out": Lfo(plan.shape, plan.rate_hz, plan.low_v, plan.high_v, plan.phase)}
        if isinstance(plan, RandomPlan):
            seed = zlib.crc32(f"{name} {self._plan.seed}".encode())
            return {"out": Random(plan.rate_hz, plan.low_v, plan.high_v, plan.glide, seed)}
        if isinstance(plan, EnvelopePlan):
            trigger = self._trigger(name, plan.trigger)
            return {"out": Envelope(trigger, plan.attack_s, plan.decay_s, plan.sustain, plan.release_s, plan.peak_v)}
        if isinstance(plan, KeyboardPlan):
            return {"cv": Keyboard("cv", 0.0), "gate": Keyboard("gate", plan.gate_v)}
        if isinstance(plan, VoltsFilePlan):
            return dict(VoltsFile(self._path.parent / plan.path).tracks)
        return {"out": Constant(plan.volts)}

    def _trigger(self, name: str, end: str) -> Signal:
        source, where = end.split(".")[0], f"{self._path}, key sources.{name}.trigger"
        if source in self._under_way:
            raise BadInput(f"{end!r} leads back to {name}", where, "trigger it from another source")
        if len(self._under_way) + self._links.get(source, 0) > LONGEST_CHAIN:
            raise BadInput(f"more than {LONGEST_CHAIN} envelopes in a chain", where, "trigger it from a gate")
        if source in self._plan.sources:
            self._make(source)
        if end not in self._made:
            raise BadInput(f"there is no output {end!r}", where, "give one as source.output, e.g. seq.gate")
        self._links[name] = self._links.get(source, 0) + 1
        return self._made[end]
