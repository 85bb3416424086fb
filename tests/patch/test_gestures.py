"""A gesture begins on the gate's own sample, loops without a seam and is left without a jump."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorack.bundle import Gesture
from neurorack.patch.gestures import JOIN_HOPS, TRIGGER_HOPS, Stage, Trajectory, Walk
from neurorack.words import HOP

HOPS, LOOP = 180, (20, 120)


def gesture(hops: int = HOPS, loop: tuple[int, int] = LOOP, drift_db: float = 20.0) -> Gesture:
    """Level falls by `drift_db` over the loop; the latent counts hops."""
    t = np.arange(hops, dtype=np.float32)
    descriptors = np.tile(np.float32([-20, 0.5, 0.5, 0.5, 0.5]), (hops, 1))
    descriptors[:, 0] -= drift_db * (t - loop[0]) / (loop[1] - loop[0])
    latent, still = np.column_stack([t, np.sin(t)]), np.zeros(hops, np.float32)
    return Gesture("test", latent, descriptors, np.median(descriptors, axis=0), *loop, pitch=still)


def walk(*gestures: Gesture, hops: int = 1) -> Walk:
    return Walk([Trajectory(g) for g in gestures or (gesture(),)], hops)


def step(here: Walk, samples: int = HOP) -> np.ndarray:
    """One hop on; its row."""
    here.advance(samples)
    here.mark(0)
    return here.values()[0].copy()


def latent(row: np.ndarray) -> float:
    """Hops into the gesture, as `gesture` writes it."""
    return float(row[6])


def test_in_silence_the_first_row_stands_ready() -> None:
    here = walk()
    rows = [step(here) for _ in range(10)]
    assert all(np.array_equal(row, rows[0]) for row in rows)
    assert latent(rows[0]) == 0.0


@pytest.mark.parametrize("offset", [0, 1, 17, 63])
def test_gesture_time_begins_on_the_gates_sample(offset: int) -> None:
    here = walk()
    here.advance(offset)
    here.start()
    assert latent(step(here, HOP - offset)) == pytest.approx((HOP - offset) / HOP)
    assert latent(step(here)) == pytest.approx((HOP - offset) / HOP + 1)


def test_the_loop_has_no_seam() -> None:
    here = walk(gesture(drift_db=20.0))
    here.start()
    levels = np.array([step(here, 48)[1] for _ in range(1000)])
    held = levels[40:]
    assert np.ptp(held) < 0.01  # 20 dB of drift are gone
    assert np.abs(np.diff(levels)).max() <= 20 / 100 + 0.01


def test_the_loop_comes_round_after_exactly_its_length() -> None:
    here = walk()
    here.start()
    for hops in range(1, 1500):
        here.advance(HOP)
        here.advance(23)
        passed, (start, end) = hops * (HOP + 23) / HOP, LOOP
        expected = passed if passed < end else start + (passed - start) % (end - start)
        assert here.position == pytest.approx(expected)


def test_between_the_loops_last_row_and_its_first_lies_a_straight_line() -> None:
    here = walk()
    here.start()
    last, middle, first = (step(here, samples) for samples in (119 * HOP, HOP // 2, HOP // 2))
    np.testing.assert_allclose(middle, (last + first) / 2, atol=1e-5)
    assert abs(last[7] - first[7]) > 0.01


def test_a_held_note_is_left_where_it_is_and_ends() -> None:
    here = walk(gesture(drift_db=0.0))
    here.start()
    before = [step(here) for _ in range(77)]
    here.release()
    after, ended = [], []
    while here.stage is not Stage.ENDED:
        ended.append(here.advance(HOP))
        here.mark(0)
        after.append(here.values()[0].copy())
    jump = abs(latent(after[0]) - latent(before[-1]))
    assert jump <= (LOOP[1] - LOOP[0]) / JOIN_HOPS + 1
    assert len(after) == HOPS - 1 - LOOP[1]
    assert latent(after[-1]) == pytest.approx(HOPS - 1)
    assert ended[:-1] == [-1] * (len(ended) - 1)
    assert ended[-1] == 0


@pytest.mark.parametrize("samples", [64, 40])
def test_the_end_is_told_to_the_sample(samples: int) -> None:
    here = walk()
    here.start()
    here.advance(50 * HOP)
    here.release()
    total, after = 0, -1
    while after < 0:
        after = here.advance(samples)
        total += samples
    assert total - after == (HOPS - 1 - LOOP[1]) * HOP


def test_level_is_carried_through_the_release() -> None:
    here = walk(gesture(drift_db=20.0))
    here.start()
    held = [step(here) for _ in range(400)][-1]
    here.release()
    released = [step(here) for _ in range(59)]
    fall = gesture(drift_db=20.0).descriptors[:, 0]
    assert released[0][1] - held[1] == pytest.approx(fall[LOOP[1] + 1] - fall[LOOP[1]], abs=1e-3)
    assert released[-1][1] - released[0][1] == pytest.approx(fall[179] - fall[121], abs=1e-2)


def test_a_trigger_plays_the_attack_out() -> None:
    here = walk(gesture(drift_db=0.0))
    here.start()
    step(here, 32)
    here.release()
    rows = [step(here) for _ in range(40)]
    assert latent(rows[18]) == pytest.approx(19.5)
    assert here.stage is Stage.LEFT
    assert abs(latent(rows[21]) - latent(rows[18])) < 30  # on the way from 20 to 120, not there at once


def test_a_trigger_is_left_on_the_attacks_last_sample() -> None:
    here = walk()
    here.start()
    here.release()
    here.advance(25 * HOP)
    assert here.stage is Stage.LEFT
    assert here.position == pytest.approx(LOOP[1] + 5)


def test_a_long_attack_is_cut_at_the_triggers_limit() -> None:
    here = walk(gesture(400, (300, 350)))
    here.start()
    step(here)
    here.release()
    for _ in range(TRIGGER_HOPS - 2):
        step(here)
    assert here.stage is Stage.HELD
    step(here)
    assert here.stage is Stage.LEFT


def test_one_without_a_release_ends_where_it_stands() -> None:
    here = walk(gesture(120, LOOP, drift_db=0.0))
    here.start()
    last = [step(here) for _ in range(60)][-1]
    here.release()
    assert here.advance(HOP) == HOP
    here.mark(0)
    assert here.stage is Stage.ENDED
    np.testing.assert_allclose(here.values()[0], last, atol=1e-3)


def test_a_chosen_gesture_waits_for_the_next_start() -> None:
    first, second = gesture(drift_db=0.0), gesture(60, (10, 40), drift_db=0.0)
    second.latent[:] += 1000
    here = walk(first, second)
    here.start()
    step(here)
    here.choose(1)
    assert latent(step(here)) < 1000
    here.start()
    assert latent(step(here)) == pytest.approx(1001)


def test_a_choice_in_silence_is_ready_at_once() -> None:
    first, second = gesture(), gesture(60, (10, 40))
    second.latent[:] += 1000
    here = walk(first, second)
    here.choose(3)  # counted round
    assert latent(step(here)) == 1000


@pytest.mark.parametrize("marks", [(0, 0), (90, 90), (HOPS, HOPS)])
@pytest.mark.parametrize("gate", [None, 1, 500])
def test_a_one_shot_plays_to_its_last_row_whatever_its_gate_does(marks: tuple[int, int], gate: int | None) -> None:
    here = walk(dataclasses.replace(gesture(), loop_start=marks[0], loop_end=marks[1]))
    here.start()
    rows = []
    for hop in range(1, HOPS):
        if hop == gate:
            here.release()
        assert here.stage is Stage.LEFT
        rows.append(step(here))
    np.testing.assert_allclose([latent(row) for row in rows], np.arange(1, HOPS), atol=1e-4)
    assert here.stage is Stage.ENDED


def test_a_one_shot_begins_again_at_every_start() -> None:
    here = walk(dataclasses.replace(gesture(), loop_start=0, loop_end=0))
    here.start()
    for _ in range(30):
        step(here)
    here.start()
    assert latent(step(here)) == pytest.approx(1.0)


def test_nothing_of_a_release_is_carried_into_a_one_shot() -> None:
    one_shot = dataclasses.replace(gesture(drift_db=20.0), loop_start=0, loop_end=0)
    here = walk(gesture(drift_db=20.0), one_shot)
    here.start()
    for _ in range(60):
        step(here)
    here.release()
    step(here)
    here.choose(1)
    here.start()
    np.testing.assert_allclose(step(here), Trajectory(one_shot).rows[1], atol=1e-6)


def test_pitch_loops_without_a_seam_and_is_left_without_a_jump() -> None:
    rising = dataclasses.replace(gesture(drift_db=0.0), pitch=np.linspace(0, 1, HOPS).astype(np.float32))
    here = walk(rising)
    here.start()
    held = np.array([step(here, 48)[0] for _ in range(600)])
    here.release()
    left = np.array([step(here)[0] for _ in range(JOIN_HOPS + 20)])
    slope = 1 / (HOPS - 1)
    assert np.abs(np.diff(held)).max() <= slope
    assert np.abs(np.diff(np.concatenate([held[-1:], left]))).max() < 1 / JOIN_HOPS
    np.testing.assert_allclose(np.diff(left[-10:]), slope, atol=1e-5)


@pytest.mark.parametrize("later", [1, 3])
def test_a_release_and_another_within_a_block_do_not_disturb_each_other(later: int) -> None:
    def rows(hops: int) -> np.ndarray:
        here, out = walk(gesture(drift_db=20.0), hops=hops), []
        here.start()
        here.advance(70 * HOP)
        here.release()
        for begin in range(0, 8, hops):
            for hop in range(begin, begin + hops):
                if hop == later:
                    here.start()
                    here.advance(50 * HOP)
                    here.release()
                here.advance(HOP)
                here.mark(hop - begin)
            out.append(here.values().copy())
        return np.concatenate(out)

    np.testing.assert_allclose(rows(8), rows(1), atol=1e-6)


@given(
    events=st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=30),
    loop=st.tuples(st.integers(1, 40), st.integers(0, 20)),
    tail=st.integers(0, 30),
)
def test_no_order_of_gates_leaves_the_gesture(events: list[tuple[int, bool]], loop: tuple[int, int], tail: int) -> None:
    end = loop[0] + loop[1]
    here = walk(dataclasses.replace(gesture(end + tail, (0, end + tail)), loop_start=loop[0], loop_end=end))
    for samples, level in events:
        here.advance(samples)
        if level:
            here.start()
        else:
            here.release()
        row = step(here, 0)
        assert np.isfinite(row).all()
        assert 0 <= here.position <= end + tail - 1 or here.position < end
