"""Heat, a weak supply and too much current are told, and nothing of it goes to and fro."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sysfs import orin, zone

from neurorack.panel.machine import COOL_C, ENOUGH_V, HOT_C, LOOK_S, LOW_V, TOLD_S, Machine

Make = Callable[..., None]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_hot_at_one_threshold_and_cool_at_a_lower_one(machine: Machine, tmp_path: Path) -> None:
    told = []
    for look, warm_c in enumerate([84.9, HOT_C, 80.1, 84.0, COOL_C - 0.1, 84.9, HOT_C + 9]):
        zone(tmp_path, 0, str(round(warm_c * 1000)))
        told.append(machine.look(look * LOOK_S))
    assert [health.hot for health in told] == [False, True, True, True, False, False, True]
    assert [bool(health.notices) for health in told] == [health.hot for health in told]
    assert told[-1].notices == ("hot, 94 °C: display slowed. Give it air",)


def test_low_at_one_threshold_and_enough_at_a_higher_one(machine: Machine, tmp_path: Path) -> None:
    told = []
    for look, volts in enumerate([5.0, LOW_V, LOW_V - 0.01, LOW_V + 0.01, ENOUGH_V, 12.0]):
        orin(tmp_path, round(volts * 1000))
        told.append(machine.look(look * LOOK_S))
    assert [health.low for health in told] == [False, False, True, True, False, False]
    assert told[2].notices == ("supply low: 4.74 V",) and told[2].supply_v == 4.74


def test_dips_are_told_for_a_minute_and_those_before_the_start_never(machine: Machine, tmp_path: Path) -> None:
    orin(tmp_path, dips=40)
    assert machine.look(0.0).notices == ()
    orin(tmp_path, dips=41)
    assert machine.look(10.0).notices == ("supply dipped 1×: use a stronger one",)
    orin(tmp_path, dips=43)
    assert machine.look(40.0).notices == ("supply dipped 3×: use a stronger one",)
    assert machine.look(40.0 + TOLD_S - 0.1).notices != ()
    assert machine.look(40.0 + TOLD_S + LOOK_S).notices == ()
    orin(tmp_path, dips=44)
    assert machine.look(200.0).notices == ("supply dipped 1×: use a stronger one",)


def test_too_much_current_is_told_while_it_flows_and_a_minute_after(machine: Machine, tmp_path: Path) -> None:
    orin(tmp_path, overloads=5)
    assert machine.look(0.0).notices == ()
    orin(tmp_path, overloads=5, alarm=1)
    assert machine.look(10.0).notices == ("too much current: the machine slows itself",)
    orin(tmp_path, overloads=6)
    assert machine.look(20.0).notices == ("too much current: the machine slows itself",)
    assert machine.look(20.0 + TOLD_S + LOOK_S).notices == ()


def test_it_is_asked_every_two_seconds_at_most(machine: Machine, tmp_path: Path) -> None:
    zone(tmp_path, 0, "50000")
    machine.look(0.0)
    zone(tmp_path, 0, "90000")
    assert machine.look(LOOK_S - 0.1).temperature_c == 50.0
    assert machine.look(LOOK_S).temperature_c == 90.0
