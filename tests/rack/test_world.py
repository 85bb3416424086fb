"""The world around the module, in memory and shared."""

from pathlib import Path

import pytest

from neurorack.errors import BadInput
from neurorack.rack.control import RackControl
from neurorack.rack.world import World

S = 1_000_000_000


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.csv"
    path.write_text("t,voct,gate1\n0,0,0\n1,2,5\n2,2,0\n")
    return path


def test_time_counts_from_the_epoch(take: Path) -> None:
    world = World.from_volts_file(take, epoch_ns=5 * S)
    assert world.volts("voct", 5 * S + S // 2) == pytest.approx(1.0)
    assert world.mean_v("voct", 5 * S, 6 * S) == pytest.approx(1.0)
    assert world.edges("gate1", 5 * S, 8 * S) == [(6 * S, 1), (7 * S, 0)]
    assert world.duration_s == 2.0


def test_any_file_name_can_hold_volts(take: Path) -> None:
    world = World.from_volts_file(take.rename(take.with_name("take.txt")))
    assert world.volts("voct", S) == 2.0
    world.refresh()
    assert world.volts("voct", S) == 2.0


def test_a_jack_without_a_cable_is_at_zero(take: Path) -> None:
    world = World.from_volts_file(take)
    assert world.volts("cv1", S) == 0.0
    assert world.edges("gate2", 0, 9 * S) == []


def test_a_level_between_the_thresholds_is_kept_where_it_is_known(take: Path) -> None:
    take.write_text("t,gate1\n0,5\n1,0.7\n2,0\n")
    world = World.from_volts_file(take)
    assert world.edges("gate1", S + 1, 3 * S, 1) == [(2 * S, 0)]
    assert world.edges("gate1", S + 1, 3 * S, 0) == []


def test_the_demo_is_there_without_a_name() -> None:
    world = World.from_toml()
    assert world.name
    assert world.duration_s == 20
    assert len(world.edges("gate1", 0, 20 * S)) > 60


def test_processes_share_a_world(tmp_path: Path) -> None:
    one, other = World.create(tmp_path, 1000), World.attach(tmp_path, 999_999)
    assert other.state.epoch_ns == 1000
    for jack in ("voct", "cv2", "cv3"):
        assert one.volts(jack, 7 * S) == other.volts(jack, 7 * S)
    RackControl(tmp_path).unplug("voct")
    assert one.refresh() and other.refresh()
    assert one.volts("voct", 7 * S) == other.volts("voct", 7 * S) == 0.0
    assert not one.refresh()


def test_the_first_to_come_begins_the_demo(tmp_path: Path) -> None:
    assert World.attach(tmp_path, 42).state.epoch_ns == 42


def test_a_new_world_takes_over_from_the_old_one(tmp_path: Path, take: Path) -> None:
    old = World.create(tmp_path, 0)
    RackControl(tmp_path).turn_encoder(1)
    World.create(tmp_path, 3 * S, path=take)
    assert old.refresh()
    assert old.volts("voct", 4 * S) == 2.0
    assert old.duration_s == 2.0
    assert old.volts("cv1", 4 * S) == 0.0, "the demo's cables are gone"
    assert old.state.contacts[-1].number == 4, "edges go on being counted"


def test_a_world_that_cannot_be_read_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the rack"):
        World.create(tmp_path, 0, path=tmp_path / "none.toml")
