"""Knob scales: conditioned quantiles, both ways, for one hop and for many."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorack import bundle
from neurorack.bundle import Condition, Knob
from neurorack.patch.knobs import Scales

FLUID = Path(__file__).resolve().parents[2] / "models" / "fluid"
UNIT = st.floats(0, 1)
PITCH = st.floats(-5, 6)


def plain(name: str, low: float, high: float) -> Knob:
    return Knob(name, "", low, high, [], [[]], [low], [high - low], 1e-3, [0.0, 1.0])


def knobs() -> list[Knob]:
    """A centroid that rises with pitch and a sharpness that spreads with level; the rest are plain."""
    centroid = Knob(
        "centroid", "", 5, 15, [Condition("pitch", -3, 4)], [[0], [1], [2]], [10, 2, 0.5], [1, 0, 0], 0.1, [-1, 0, 3]
    )
    sharpness = Knob(
        "sharpness",
        "",
        0,
        5,
        [Condition("rms", -60, 0), Condition("centroid", 5, 15)],
        [[0, 0], [1, 0], [1, 1]],
        [2, 0, 0.5],
        [1, 0.9, 0],
        0.4,
        [-1, 1],
    )
    return [plain("rms", -60, 0), centroid, plain("bandwidth", 8, 12), sharpness, plain("boominess", 0, 4)]


@pytest.fixture(scope="module")
def scales() -> Scales:
    return Scales(knobs())


def test_a_plain_knob_goes_evenly_from_low_to_high(scales):
    assert [scales.physical(0, [u] * 5)[0] for u in (0, 0.25, 1)] == pytest.approx([-60, -45, 0])


def test_a_condition_shifts_the_scale(scales):
    low, middle, high = (scales.physical(p, [0.5] * 5)[1] for p in (-3, 0.5, 4))
    assert (low, middle, high) == pytest.approx((10 - 2 + 0.5, 10, 10 + 2 + 0.5))


def test_conditions_are_clamped(scales):
    assert scales.physical(40, [0.5] * 5)[1] == scales.physical(4, [0.5] * 5)[1]


def test_spread_never_falls_below_its_floor(scales):
    quiet = [scales.physical(0, [0, 0.5, 0.5, u, 0.5])[3] for u in (0, 1)]
    assert quiet[1] - quiet[0] == pytest.approx(2 * 0.4)


def test_quantiles_between_table_points_lie_on_a_line(scales):
    ends = [scales.physical(0.5, [0, u, 0, 0, 0])[1] for u in (0.5, 0.75, 1)]
    assert ends == pytest.approx([10, 11.5, 13])


def test_positions_beyond_the_ends_are_the_ends(scales):
    assert scales.physical(0, [-3.0, 1.4, 0, 0, 0]) == scales.physical(0, [0, 1, 0, 0, 0])


def test_the_level_in_force_can_be_given_instead_of_the_knob(scales):
    knob = scales.physical(0, [0.5] * 5)
    given_db = scales.physical(0, [0.0, 0.5, 0.5, 0.5, 0.5], rms_db=knob[0])
    assert given_db == knob


@pytest.mark.parametrize("instrument", ["small", "fluid"])
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(PITCH, st.tuples(UNIT, UNIT, UNIT, UNIT, UNIT)), min_size=1, max_size=20))
def test_many_hops_are_the_same_as_one_by_one(instrument, rows):
    scales = Scales(knobs()) if instrument == "small" else Scales.from_card(bundle.read_card(FLUID))
    pitch, u = np.array([p for p, _ in rows]), np.array([u for _, u in rows])
    one_by_one = [scales.physical(p, list(row)) for p, row in zip(pitch, u, strict=True)]
    np.testing.assert_allclose(scales.physical_frames(pitch, u), one_by_one, rtol=1e-12, atol=1e-9)
    levels = np.linspace(-70, 0, len(pitch))
    with_level = [scales.physical(p, list(row), rms_db=db) for p, row, db in zip(pitch, u, levels, strict=True)]
    np.testing.assert_allclose(scales.physical_frames(pitch, u, levels), with_level, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("instrument", ["small", "fluid"])
@settings(max_examples=60, deadline=None)
@given(pitch=PITCH, u=st.tuples(UNIT, UNIT, UNIT, UNIT, UNIT))
def test_position_undoes_physical(instrument, pitch, u):
    scales = Scales(knobs()) if instrument == "small" else Scales.from_card(bundle.read_card(FLUID))
    assert scales.position(pitch, scales.physical(pitch, list(u))) == pytest.approx(list(u), abs=1e-6)


def test_travel_is_the_middle_nine_tenths(scales):
    y = np.array(scales.physical(0, [0.5] * 5))
    travel = scales.travel(np.zeros(1), y[None])[0]
    assert travel[0] == pytest.approx(54)
    assert travel[1] == pytest.approx(0.9 * 1 + 0.9 * 3)


def test_every_knob_of_the_shipped_instrument_moves_at_every_pitch():
    scales = Scales.from_card(bundle.read_card(FLUID))
    for pitch in np.linspace(-2, 4, 13):
        for knob in range(5):
            u = np.full((21, 5), 0.5)
            u[:, knob] = np.linspace(0, 1, 21)
            path = scales.physical_frames(np.full(21, pitch), u)[:, knob]
            steps = np.diff(path)
            assert (steps > 0).all()
            assert steps.min() > 0.1 * steps.mean()


def test_knobs_survive_the_card(tmp_path):
    card = bundle.read_card(FLUID)
    again = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(card, knobs=knobs())), type=bundle.Card)
    assert Scales.from_card(again).physical(1.5, [0.2] * 5) == Scales(knobs()).physical(1.5, [0.2] * 5)
