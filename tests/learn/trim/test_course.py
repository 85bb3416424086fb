"""Every family has a course of its own, which gives way to whatever is asked for."""

import pytest

pytest.importorskip("torch")

from neurorack.errors import BadInput
from neurorack.learn.trim.course import COURSES, REWIND, plan


def test_every_family_is_trimmed_as_far_as_is_worth_knowing():
    plans = [plan(family) for family in COURSES]
    assert [(each.task, each.round_steps, each.keep, each.rounds) for each in plans] == [
        ("instrument", 1500, 0.05, 2),
        ("ddsp", 3000, 0.01, 6),
        ("sing", 6000, 0.01, 6),
        ("wavenet", 3000, 0.1, 3),
    ]
    assert [each.rewind_step / each.round_steps for each in plans] == [0.0, 0.6, 0.6, 0.3]
    assert [(each.local, each.last) for each in plans] == [(True, 2.0), (False, 1.0), (False, 1.0), (True, 1.0)]
    assert {each.beginning for each in plans} == {"fine-tune"}


def test_what_is_asked_for_goes_before_and_what_is_none_does_not():
    asked = plan("instrument", steps=10, rewind=0.1, keep=0.5, rounds=5, local=False, last=3.0, by="time", seed=4)
    assert (asked.round_steps, asked.rewind_step, asked.keep, asked.rounds) == (10, 1, 0.5, 5)
    assert (asked.local, asked.last, asked.by, asked.seed) == (False, 3.0, "time", 4)
    nothing = dict.fromkeys(("steps", "rewind", "keep", "rounds", "local", "last"))
    assert plan("sing", **nothing) == plan("sing")


def test_rounds_that_rewind_go_back_to_early_weights_unless_others_are_asked_for():
    assert plan("sing", beginning="rewind").rewind_step == round(REWIND * COURSES["sing"].steps)
    assert plan("sing", beginning="rewind", rewind=0.5).rewind_step == COURSES["sing"].steps // 2


def test_an_impossible_course_is_refused():
    with pytest.raises(BadInput, match="times as long as the others"):
        plan("sing", last=0.5)
