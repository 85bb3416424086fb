"""How a family is trimmed where nothing else is asked for: a sweep, the instruments that ship, and, but for the share
that is kept and what it is of, `neurorack trim`."""

from dataclasses import dataclass, replace
from typing import Any

from neurorack.learn.trim.rounds import Plan

INSTRUMENT = "instrument"

REWIND = 0.05
"""Of a training's steps, what rounds that rewind go back to: early weights, as Frankle et al. (2020) have it."""


@dataclass(frozen=True)
class Course:
    steps: int
    """Of one dense training: minutes, at 0.5, 0.10, 0.04 and 0.28 s of one core a step."""
    keep: float
    rounds: int
    rewind: float
    """Of `steps`, what a round does not go through again: its rates begin so far down."""
    local: bool = False
    last: float = 1.0


COURSES = {
    INSTRUMENT: Course(1500, keep=0.05, rounds=2, rewind=0.0, local=True, last=2.0),
    "ddsp": Course(3000, keep=0.01, rounds=6, rewind=0.6),
    "sing": Course(6000, keep=0.01, rounds=6, rewind=0.6),
    "wavenet": Course(3000, keep=0.1, rounds=3, rewind=0.3, local=True),
}
"""DDSP and SING lose next to nothing with short rounds and units compared across all layers. WaveNet would keep one
gate in all layers but the first two, since far dilations are learnt last; our instrument, 9 and 22 units of its
encoder, where one from scratch does better with 38 in each layer. So these keep the same share of every layer, and as
they are short of weights, their rounds are longer."""


def plan(family: str, *, beginning: str = "fine-tune", rewind: float | None = None, **asked: Any) -> Plan:
    """By the family's course, but for what is asked for and is not None: `rewind` and other settings of a course, and
    further fields of a plan. BadInput where it is impossible."""
    own = COURSES[family]
    course = replace(own, **{name: asked[name] for name in vars(own) if asked.get(name) is not None})
    further = {name: value for name, value in asked.items() if name not in vars(own)}
    share = rewind if rewind is not None else REWIND if beginning == "rewind" else own.rewind
    return Plan(
        family,
        course.steps,
        round(course.steps * share),
        course.keep,
        course.rounds,
        local=course.local,
        last=course.last,
        beginning=beginning,
        **further,
    )
