"""What cells of a sweep came to, as it lies in their folders (`result.json`)."""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from neurorack.errors import BadInput
from neurorack.learn.trim.course import COURSES
from neurorack.learn.trim.criteria import CRITERIA
from neurorack.learn.trim.microcontroller import Bounds
from neurorack.learn.trim.ships import Fit

FILE = "result.json"
SCRATCH, LONGER = RIVALS = ("scratch", "longer")
"""In place of a criterion (`sweep`)."""
FAMILIES = tuple(COURSES)

_Above0 = Annotated[float, msgspec.Meta(ge=1e-12, lt=1e30)]
"""Not "> 0.0": msgspec makes of that the least number above it, which is 0 where torch flushes such numbers."""
_From0 = Annotated[float, msgspec.Meta(ge=0.0, lt=1e30)]


class Ships(msgspec.Struct, frozen=True):
    """As `ships.Shipped`."""

    nodes: _From0
    file_bytes: _From0
    memory_bytes: _From0
    bounds: Bounds


class Round(msgspec.Struct, frozen=True):
    """As `rounds.Result`; a rival's only one has no scores."""

    parameters: _Above0
    macs_per_s: _Above0
    time_s: _Above0
    validation_loss: _Above0
    test_loss: _Above0
    ships: Ships
    training_s: _From0 = 0.0
    scoring_s: _From0 = 0.0


class Told(msgspec.Struct, frozen=True):
    """Of a cell."""

    family: str
    criterion: str
    """Or one of RIVALS."""
    seed: int
    plan: dict[str, Any]
    source: str
    rounds: Annotated[list[Round], msgspec.Meta(min_length=1)]
    fits: list[Fit]

    @property
    def settings(self) -> dict[str, Any]:
        """What cells of a family must share to be compared."""
        return settings(self.plan, self.source)


def settings(plan: dict[str, Any], source: str) -> dict[str, Any]:
    own = {name: value for name, value in plan.items() if name not in ("criterion", "seed")}
    return {**own, "source": source}


def gather(out: Path) -> list[Told]:
    """All results there are, sorted, rivals last. BadInput where one is none, or two of a family are of other
    settings."""
    first: dict[str, tuple[Path, Told]] = {}
    results = []
    for path in sorted(out.glob(f"*/{FILE}")):
        told = read(path)
        like, other = first.setdefault(told.family, (path, told))
        if told.settings != other.settings:
            what = f"a result of other settings than that in {like.parent.name}"
            raise BadInput(what, str(path), "move one of them away: they cannot be compared")
        results.append(told)
    return sorted(results, key=_rank)


def read(path: Path) -> Told:
    """One result. BadInput where it is none."""
    mend = "move it away, and give the sweep's command again where you want it anew"
    try:
        if not path.is_file():
            raise BadInput("not a file", str(path), mend)
        told = msgspec.json.decode(path.read_bytes(), type=Told)
    except OSError as error:
        raise BadInput(f"a result that cannot be read, {error.strerror}", str(path), mend) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not a whole result, or of another version: {error}", str(path), mend) from error
    if told.family not in FAMILIES or told.criterion not in (*CRITERIA, *RIVALS):
        what = f"a result of {told.family[:40]!r} by {told.criterion[:40]!r}, of which one is not known here"
        raise BadInput(what, str(path), mend)
    if any(not 0 <= fit.round < len(told.rounds) for fit in told.fits):
        raise BadInput("a result that tells of a round it has not", str(path), mend)
    return told


def _rank(told: Told) -> tuple[Any, ...]:
    return FAMILIES.index(told.family), told.criterion in RIVALS, told.criterion, told.seed
