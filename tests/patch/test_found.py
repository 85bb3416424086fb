"""Gestures are found by their knots, and the walk along the chosen one goes where they lie."""

import numpy as np
import pytest

from neurorack.bundle import Gesture
from neurorack.patch import found
from neurorack.patch.found import GRID, MIDDLE, NEW, Kept, Map, Stages, directions, knot_rows, points, steps
from neurorack.patch.gestures import RMS, Stage, Trajectory, Walk
from neurorack.words import HOP, KNOTS, STAGES

LATENT, WIDTH = 3, 9
LOOPED = Stages(20.0, 120.0, 180.0, turns=False, once=False)
HIT = Stages(5.0, 5.0, 400.0, turns=False, once=True)
TURNING = Stages(90.0, 90.0, 150.0, turns=True, once=False)


def gesture(start: int = 40, end: int = 140, hops: int = 220) -> Gesture:
    t = np.arange(hops, dtype=np.float32)[:, None]
    descriptors = np.float32([3.0, 0.1, 0.1, 0.1, 0.1]) * np.sin(t / 30)
    latent = np.cos(t / np.float32([11, 17, 23]))
    return Gesture("sway", latent, descriptors, np.zeros(5, np.float32), start, end, np.zeros(hops, np.float32))


def grid(change: np.ndarray) -> np.ndarray:
    """Changes that grow along the first knob."""
    share = (np.arange(GRID) - MIDDLE) / MIDDLE
    return np.repeat(share[:, None, None] * change, GRID, axis=1).astype(np.float32)


def change(level_db: float = 0.0, stage_oct: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    rows = np.zeros((KNOTS, WIDTH))
    rows[:, RMS] = level_db
    return np.concatenate([rows.ravel(), stage_oct]).astype(np.float32)


@pytest.mark.parametrize("stages", [LOOPED, HIT, TURNING], ids=["looped", "hit", "turning"])
def test_a_row_on_a_knot_is_that_knots(stages: Stages) -> None:
    held = not stages.once
    for row, (knot, _) in zip(knot_rows(stages), enumerate(range(KNOTS)), strict=True):
        if stages.loop <= row or (knot >= found.ATTACK and stages.loop == stages.attack):
            continue  # on the border of two stages
        low, high, fraction = stages.knot(row, held=held)
        assert low + fraction == pytest.approx(knot, abs=1e-4) or (high, fraction) == (knot, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("stages", "before", "after"),
    [(LOOPED, 20.0, 20.0), (LOOPED, 120.0, 20.0), (HIT, 5.0, 5.0), (TURNING, 90.0, 0.0)],
    ids=["into the loop", "round the loop", "after a hit's peak", "round a whole phrase"],
)
def test_nothing_jumps_from_one_stage_to_the_next(stages: Stages, before: float, after: float) -> None:
    random = np.random.default_rng(0).normal(size=KNOTS * WIDTH + STAGES).astype(np.float32)
    made = Map(stages, WIDTH, np.tile(random, (GRID, GRID, 1))).at(1.0, 0.5)
    assert made is not None
    held, near = not stages.once, 1e-6
    there, here = made.row(stages, before - near, held=held), made.row(stages, after + near, held=held)
    assert np.abs(there - here).max() < 0.01


def test_points_say_a_gesture_again() -> None:
    played = Trajectory(gesture())
    described = points(played.rows, played.stages, None)
    knots = described[: KNOTS * WIDTH].reshape(KNOTS, WIDTH)
    again = found.Change(knots, (1.0,) * STAGES, np.zeros(0, np.float32))
    for row in range(0, played.last):
        assert again.row(played.stages, row, held=row < played.loop_end) == pytest.approx(
            played.at(row, held=row < played.loop_end), abs=0.3
        )


def test_the_middle_and_the_room_about_it_change_nothing() -> None:
    made = Map(LOOPED, WIDTH, grid(change(6.0)))
    assert made.at(0.5, 0.5) is made.at(0.5 + found.ROOM, 0.5 - found.ROOM) is None
    assert made.at(0.52, 0.5) is not None


def test_a_knob_leads_farther_the_farther_it_is_turned() -> None:
    made = Map(LOOPED, WIDTH, grid(change(12.0)))
    levels = [0.0 if (at := made.at(x, 0.5)) is None else float(at.knots[0, RMS]) for x in np.linspace(0, 1, 41)]
    assert np.all(np.diff(levels) >= 0)
    assert (levels[0], levels[-1]) == (pytest.approx(-12.0), pytest.approx(12.0))


def test_what_is_found_stays_within_bounds() -> None:
    wild = np.full((GRID, GRID, KNOTS * WIDTH + STAGES), 1e30, np.float32)
    at = Map(LOOPED, WIDTH, wild).at(1.0, 1.0)
    assert at is not None
    assert np.abs(at.knots).max() <= 40.0
    assert all(0.25 <= rate <= 4.0 for rate in at.rates)


def test_what_is_kept_stands_where_it_was_found_and_needs_no_grid() -> None:
    kept = Kept((0.7, 0.2), change(5.0))
    with_grid, without = Map(LOOPED, WIDTH, grid(change(3.0)), kept), Map(LOOPED, WIDTH, None, kept)
    for made in (with_grid, without):
        assert np.array_equal(made.whole(0.7, 0.2), kept.change)
    assert np.array_equal(without.whole(0.1, 0.9), kept.change)
    assert not np.array_equal(with_grid.whole(0.1, 0.2), kept.change)


def test_seeds_lead_elsewhere_and_always_to_the_same_place() -> None:
    assert np.array_equal(directions(0, 8), np.eye(2, 8))
    for seed in (1, 2):
        assert directions(seed, 8) @ directions(seed, 8).T == pytest.approx(np.eye(2))
        assert np.array_equal(directions(seed, 8), directions(seed, 8))
    assert not np.allclose(directions(1, 8), directions(2, 8))


def test_places_reach_from_one_end_of_a_knob_to_the_other() -> None:
    places = steps(np.eye(2)).reshape(GRID, GRID, 2)
    assert places[0, 0].tolist() == [-1, -1]
    assert places[MIDDLE, MIDDLE].tolist() == [0, 0]
    kept = steps(np.eye(2), Kept((0.75, 0.5), NEW.change)).reshape(GRID, GRID, 2)
    assert (kept[0, 0, 0], kept[-1, 0, 0]) == (-1.5, 0.5)


def walked(way: Map | None, position: float, hops: int, released: int) -> tuple[np.ndarray, int]:
    """Rows [hops, WIDTH] of a note, and the hop at which it has ended."""
    walk, rows, ended = Walk([Trajectory(gesture())], 1), [], -1
    walk.choose(0, way=way)
    walk.find(position, 0.5)
    walk.start()
    for hop in range(hops):
        if hop == released:
            walk.release()
        if walk.advance(HOP) >= 0:
            ended = hop
        walk.mark(0)
        rows.append(walk.values()[0].copy())
        if walk.stage is Stage.ENDED:
            break
    return np.array(rows), ended


def test_in_the_middle_a_walk_is_the_chosen_gestures_by_the_bit() -> None:
    way = Map(Trajectory(gesture()).stages, WIDTH, grid(change(9.0, (1.0, 1.0, 1.0))))
    assert np.array_equal(walked(way, 0.5, 500, 260)[0], walked(None, 0.5, 500, 260)[0])


def test_a_found_gesture_lasts_longer_in_each_stage() -> None:
    stages = Trajectory(gesture()).stages
    slow = Map(stages, WIDTH, grid(change(0.0, (0.0, 0.0, 1.0))))
    _, chosen_ended = walked(None, 0.5, 900, 60)
    _, found_ended = walked(slow, 1.0, 900, 60)
    assert chosen_ended - 60 == pytest.approx(79, abs=2)
    assert found_ended - 60 == pytest.approx(158, abs=3)


def test_leaving_the_loop_of_a_found_gesture_does_not_jump() -> None:
    apart = change()
    apart[-STAGES - found.RELEASE * WIDTH : -STAGES] = 4.0  # the release lies elsewhere than the loop
    rows, _ = walked(Map(Trajectory(gesture()).stages, WIDTH, grid(apart)), 1.0, 400, 207)
    assert np.abs(np.diff(rows, axis=0))[200:215].max() < 0.5
    assert np.abs(rows[240] - walked(None, 0.5, 400, 207)[0][240])[LATENT:].max() > 3.0
