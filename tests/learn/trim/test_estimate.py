"""A sweep says how long it is going to take: steps of the cells that are not done, at the pace that was measured."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from toy import Task, steady  # noqa: E402

from neurorack.errors import BadInput  # noqa: E402
from neurorack.learn.trim import estimate  # noqa: E402
from neurorack.learn.trim.estimate import Pace, seconds, told  # noqa: E402
from neurorack.learn.trim.results import SCRATCH  # noqa: E402
from neurorack.learn.trim.sweep import cells  # noqa: E402

STEPS, ROUNDS, KEEP = 40, 3, 0.125


@pytest.fixture
def wanted():
    return cells(
        ["sing", "ddsp"], ["gradient", SCRATCH], [0, 1], "any", steps=STEPS, rewind=0.05, keep=KEEP, rounds=ROUNDS
    )


class Kit:
    def __init__(self) -> None:
        self.task, self.timer = Task(), steady


def test_rounds_cost_what_lies_between_dense_and_smallest(wanted):
    trimmed, scratch = wanted[0], wanted[1]
    pace = Pace(1.0, 0.125)  # a step costs what its share of the dense network says
    later = STEPS - trimmed.plan.begin(1)
    assert seconds(trimmed, pace) == pytest.approx(STEPS + later * (0.5 + 0.25 + 0.125))
    longer = replace(trimmed, plan=replace(trimmed.plan, last=3.0))
    assert seconds(longer, pace) == pytest.approx(STEPS + later * (0.5 + 0.25 + 3 * 0.125))
    assert seconds(scratch, pace) == pytest.approx((STEPS + ROUNDS * later) * 0.125)


def test_every_family_is_timed_once_and_told_with_the_sum(wanted, monkeypatch):
    asked = []
    monkeypatch.setattr(estimate, "measured", lambda kit, plan: asked.append(plan.task) or Pace(90.0, 90.0))
    *families, total = told(wanted, lambda cell: Kit())
    assert asked == ["ddsp", "sing"]
    steps = 4 * wanted[0].plan.steps
    assert families[0] == f"ddsp: 4 cells, {steps:,} steps of 90.000 s dense to 90.000 s: {steps / 40:.1f} h"
    assert total == f"in all {2 * steps / 40:.1f} h of one core, steps alone"


def test_a_family_that_cannot_be_is_told_and_the_others_are_timed(wanted, monkeypatch):
    monkeypatch.setattr(estimate, "measured", lambda kit, plan: Pace(90.0, 90.0))

    def kit(cell):
        if cell.plan.task == "ddsp":
            raise BadInput("ddsp plays no struck sounds", "skins", "give a pitched one")
        return Kit()

    first, second, total = told(wanted, kit)
    assert first.startswith("ddsp: ddsp plays no struck sounds") and second.startswith("sing: 4 cells")
    assert total == f"in all {wanted[0].plan.steps / 10:.1f} h of one core, steps alone"


def test_the_pace_is_that_of_steps_after_a_slow_first_one(wanted, monkeypatch):
    clock = SimpleNamespace(now_s=0.0, steps=0)

    class Run:
        def advance(self) -> None:
            clock.now_s += 0.25 if clock.steps else 5.0
            clock.steps += 1

    class Timed(Task):
        def run(self, widths, steps, seed):
            clock.steps = 0
            made = super().run(widths, steps, seed)
            made.advance = Run().advance
            return made

    kit = Kit()
    kit.task = Timed()
    monkeypatch.setattr(estimate, "time", SimpleNamespace(monotonic=lambda: clock.now_s))
    before = torch.get_num_threads()
    assert estimate.measured(kit, wanted[0].plan) == Pace(0.25, 0.25)
    torch.set_num_threads(before)
