import numpy as np
import pytest

from neurorack.engine.timeline import ExactTimeline, GateSchedule, LockedTimeline

RATE_HZ = 48_000


def entries_ns(
    blocks: int, block: int, *, rate_hz: float = RATE_HZ, wander_s: float = 0.0003, seed: int = 1
) -> np.ndarray:
    """Moments at which callbacks enter: due times plus an exponential lateness and now and then 5 ms."""
    rng = np.random.default_rng(seed)
    late_s = rng.exponential(wander_s, blocks) + (rng.random(blocks) < 0.01) * 0.005
    due_s = np.arange(blocks) * block / rate_hz
    return (5_000_000_000_000 + (due_s + late_s) * 1e9).astype(np.int64)


@pytest.mark.parametrize("block", [64, 128, 512])
def test_wandering_entries_become_a_straight_line(block):
    timeline = LockedTimeline(block)
    errors = []
    entries = entries_ns(RATE_HZ * 8 // block, block)
    for n, t_ns in enumerate(entries):
        timeline.tick(int(t_ns))
        probe_ns = 5_000_000_000_000 + n * block * 1_000_000_000 // RATE_HZ
        errors.append(timeline.sample_at(probe_ns) - n * block)
    settled = np.array(errors[len(errors) // 4 :]) / RATE_HZ
    raw = np.std(np.diff(entries)) * 1e-9
    assert np.std(settled) < 0.05e-3
    assert np.std(settled) < raw / 8
    assert timeline.lost == 0


def test_it_is_of_use_from_the_first_second():
    timeline = LockedTimeline(128)
    errors = []
    for n, t_ns in enumerate(entries_ns(375, 128)):
        timeline.tick(int(t_ns))
        errors.append(timeline.sample_at(5_000_000_000_000 + n * 128 * 1_000_000_000 // RATE_HZ) - n * 128)
    assert np.std(errors[60:]) / RATE_HZ < 0.15e-3


def test_a_card_that_begins_with_a_burst_is_soon_forgiven():
    timeline = LockedTimeline(128)
    entries = entries_ns(750, 128, wander_s=0.00005)
    entries[:4] = entries[4] - 100_000
    errors = []
    for n, t_ns in enumerate(entries):
        timeline.tick(int(t_ns))
        errors.append(timeline.sample_at(5_000_000_000_000 + n * 128 * 1_000_000_000 // RATE_HZ) - n * 128)
    assert np.abs(errors[75:]).max() / RATE_HZ < 0.2e-3, "0.2 s after the start"
    assert timeline.lost == 0


def test_it_follows_a_card_whose_rate_is_off():
    true_hz = RATE_HZ * (1 + 200e-6)
    timeline = LockedTimeline(128)
    for t_ns in entries_ns(375 * 20, 128, rate_hz=true_hz, wander_s=0.0001):
        timeline.tick(int(t_ns))
    assert timeline.period_s == pytest.approx(128 / true_hz, rel=10e-6)
    assert timeline.lost == 0


def test_skipped_blocks_are_counted_and_the_line_is_found_again():
    timeline = LockedTimeline(128)
    entries = entries_ns(2000, 128, wander_s=0.00005)
    entries[1000:] += 7 * 128 * 1_000_000_000 // RATE_HZ
    for t_ns in entries:
        timeline.tick(int(t_ns))
    assert timeline.lost == 7
    assert abs(timeline.sample_at(int(entries[-1])) - timeline.start) < 20


def test_a_delay_that_is_caught_up_is_no_loss():
    timeline = LockedTimeline(128)
    due = entries_ns(2000, 128, wander_s=0.00005)
    entries = due.copy()
    entries[1000:1008] = np.maximum(entries[1000:1008], due[1008])
    for t_ns in entries:
        timeline.tick(int(t_ns))
    assert timeline.lost == 0


def test_a_stop_of_a_second_costs_a_second():
    timeline = LockedTimeline(128)
    entries = entries_ns(1500, 128, wander_s=0.00005)
    entries[700:] += 1_000_000_000
    for t_ns in entries:
        timeline.tick(int(t_ns))
    assert timeline.lost == 375
    assert abs(timeline.lateness_s) < 0.006


def test_entries_in_bursts_give_one_steady_line():
    timeline = LockedTimeline(128)
    starts = []
    for n in range(3000):
        period = 1024 * 1_000_000_000 // RATE_HZ
        timeline.tick(10**12 + n // 8 * period + n % 8 * 20_000)
        starts.append(timeline.sample_at(10**12 + n * 128 * 1_000_000_000 // RATE_HZ) - timeline.start)
    assert timeline.lost == 0
    assert np.std(starts[1500:]) < 30


def test_the_exact_timeline_gives_every_moment_its_sample():
    timeline = ExactTimeline(128, start_ns=1_000)
    for n in range(1000):
        timeline.tick()
        assert timeline.start == n * 128
        assert timeline.sample_at(timeline.block_ns()) == n * 128


def gates(schedule: GateSchedule, start: int) -> list[tuple[int, str, int]]:
    return list(schedule.take(start))


def test_an_edge_acts_a_constant_time_after_it_happened():
    timeline, schedule = ExactTimeline(128), GateSchedule(128, 288)
    heard = []
    moments = np.sort(np.random.default_rng(3).integers(0, 1_000_000_000, 200)).tolist()
    waiting = list(moments)
    for _ in range(400):
        timeline.tick()
        while waiting and waiting[0] < timeline.block_ns():
            schedule.add(timeline.sample_at(waiting.pop(0)), "gate1", 1)
        heard += [timeline.start + offset for offset, _, _ in schedule.take(timeline.start)]
    delays = np.array(heard) - np.array(moments) * 48 / 1e6
    assert len(heard) == 200
    assert np.ptp(delays) < 1.0
    assert delays.mean() == pytest.approx(128 + 288, abs=1)
    assert schedule.late == 0


def test_a_late_edge_acts_at_once_and_is_counted():
    schedule = GateSchedule(64, 0)
    schedule.add(100, "gate1", 1)
    assert gates(schedule, 640) == [(0, "gate1", 1)]
    assert schedule.late == 1


def test_edges_come_in_the_order_of_time():
    schedule = GateSchedule(64, 10)
    schedule.add(30, "gate2", 0)
    schedule.add(20, "gate1", 1)
    schedule.add(20, "gate1", 0)
    assert gates(schedule, 0) == []
    assert gates(schedule, 64) == [(30, "gate1", 1), (30, "gate1", 0), (40, "gate2", 0)]


def test_noise_at_a_jack_cannot_fill_the_memory():
    schedule = GateSchedule(64, 0)
    for n in range(GateSchedule.SLOTS + 5):
        schedule.add(n, "gate1", n % 2)
    assert schedule.refused == 5
